"""Dotted paths into an algorithm: its leaves, replacing a value, and how two algorithms differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from pgbench.methods.algorithm import Algorithm


def leaves(specification: BaseModel | Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each leaf of a specification as (dotted path, value), in the order of declaration."""
    fields = specification.model_dump() if isinstance(specification, BaseModel) else specification
    for name, value in fields.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from leaves(value, f"{path}.")
        else:
            yield path, value


def replace(algorithm: Algorithm, overrides: Mapping[str, Any]) -> Algorithm:
    """Return the algorithm with the values at dotted paths replaced, validated as a whole.

    A path names a slot (`baseline`) or a parameter of what stands there (`advantage.lam`). A component may be
    given as a model, as a mapping with its `kind`, or as its bare name.

    Raises:
        KeyError: if a path does not exist; its message lists the paths there are.
        pydantic.ValidationError: if a value is not allowed there.
    """
    fields = algorithm.model_dump()
    for path, value in overrides.items():
        *slots, last = path.split(".")
        target: Any = fields
        for slot in slots:
            target = target.get(slot) if isinstance(target, dict) else None
        if not isinstance(target, dict) or last not in target or last == "kind":
            raise KeyError(path)
        target[last] = value.model_dump() if isinstance(value, BaseModel) else value
    return Algorithm.model_validate(fields)


def paths(algorithm: Algorithm) -> list[str]:
    """All paths that `replace` accepts on this algorithm: slots, and parameters of what stands in them."""

    def walk(fields: Mapping[str, Any], prefix: str) -> Iterator[str]:
        for name, value in fields.items():
            if name != "kind":
                yield f"{prefix}{name}"
                if isinstance(value, Mapping):
                    yield from walk(value, f"{prefix}{name}.")

    return list(walk(algorithm.model_dump(), ""))


def difference(algorithm: Algorithm, other: Algorithm) -> dict[str, tuple[Any, Any]]:
    """Where two algorithms differ: the shortest path → (value in the first, value in the second).

    A slot that holds another component counts as one difference and is given whole.
    """

    def walk(first: Mapping[str, Any], second: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
        for name in first:
            one, two = first[name], second[name]
            comparable = isinstance(one, Mapping) and isinstance(two, Mapping) and one.keys() == two.keys()
            if comparable and one.get("kind") == two.get("kind"):
                yield from walk(one, two, f"{prefix}{name}.")
            elif one != two:
                yield f"{prefix}{name}", (one, two)

    return dict(walk(algorithm.model_dump(mode="json"), other.model_dump(mode="json"), ""))
