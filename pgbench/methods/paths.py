"""Dotted paths into an algorithm, such as `advantage.lam`: list them, set values there, compare two algorithms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from pgbench.methods.algorithm import Algorithm


def leaves(specification: BaseModel | Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each leaf of a specification as (dotted path, value), in the order of declaration.

    Args:
        specification: a model, or the mapping that it dumps.
        prefix: text in front of every path.
    """
    fields = specification.model_dump() if isinstance(specification, BaseModel) else specification
    for name, value in fields.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from leaves(value, f"{path}.")
        else:
            yield path, value


def settable_paths(algorithm: Algorithm) -> list[str]:
    """All paths that `with_values` accepts here: the slots, and the parameters of the components in them."""

    def walk(fields: Mapping[str, Any], prefix: str) -> Iterator[str]:
        for name, value in fields.items():
            if name != "kind":
                yield f"{prefix}{name}"
                if isinstance(value, Mapping):
                    yield from walk(value, f"{prefix}{name}.")

    return list(walk(algorithm.model_dump(), ""))


def with_values(algorithm: Algorithm, values: Mapping[str, Any]) -> Algorithm:
    """The algorithm with other values at some dotted paths, validated as a whole.

    Args:
        algorithm: the algorithm to start from; it does not change.
        values: the new value at each path. A path names a slot (`baseline`) or a parameter of the component there
            (`advantage.lam`). A component is a model, a mapping with its `kind`, or its bare name.

    Raises:
        KeyError: if a path does not exist; the path is the error's argument.
        pydantic.ValidationError: if a value is not allowed at its path, or if the choices do not go together.
    """
    fields = algorithm.model_dump()
    for path, value in values.items():
        *slots, last = path.split(".")
        parameters: Any = fields
        for slot in slots:
            parameters = parameters.get(slot) if isinstance(parameters, dict) else None
        if not isinstance(parameters, dict) or last not in parameters or last == "kind":
            raise KeyError(path)
        parameters[last] = value.model_dump() if isinstance(value, BaseModel) else value
    return Algorithm.model_validate(fields)


def difference(algorithm: Algorithm, other: Algorithm) -> dict[str, tuple[Any, Any]]:
    """Where two algorithms differ: each shortest path with its values in the first and in the second.

    If two components of a slot differ in kind, the slot counts as one difference and its values are the components.
    """

    def walk(first: Mapping[str, Any], second: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
        for name in first:
            one, two = first[name], second[name]
            are_mappings = isinstance(one, Mapping) and isinstance(two, Mapping)
            if are_mappings and one.keys() == two.keys() and one.get("kind") == two.get("kind"):
                yield from walk(one, two, f"{prefix}{name}.")
            elif one != two:
                yield f"{prefix}{name}", (one, two)

    return dict(walk(algorithm.model_dump(mode="json"), other.model_dump(mode="json"), ""))
