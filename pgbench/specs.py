"""What an experiment is, as values: algorithms, made of components, and runs.

Every model is frozen, refuses unknown keys and can be written as JSON. This module imports no tensor library, so
that the workflow can plan thousands of runs in a moment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, PositiveInt, model_validator

from pgbench.compatibility import faults
from pgbench.components import (
    Advantage,
    Baseline,
    Data,
    Details,
    Fraction,
    GradientStep,
    LogLikelihood,
    Networks,
    NoBaseline,
    Specification,
    Surrogate,
    TotalReturn,
    Update,
    WholeEpisodes,
)


class Algorithm(Specification):
    """A policy-gradient method: one component a slot, and named details.

    Raises:
        ValueError: if two choices contradict each other, or one would have no effect beside the other.
    """

    data: Data = WholeEpisodes()
    gamma: Fraction = Field(0.99, description="Discount γ of rewards, in (0, 1].")
    advantage: Advantage = TotalReturn()
    baseline: Baseline = NoBaseline()
    surrogate: Surrogate = LogLikelihood()
    update: Update = GradientStep()
    networks: Networks = Networks()
    details: Details = Details()

    @model_validator(mode="after")
    def _choices_fit_together(self) -> Self:
        for fault in faults(self):
            raise ValueError(fault)
        return self


Times = Annotated[int, Field(gt=0, le=10_000)]


class Evaluation(Specification):
    """Episodes beside training, which it does not notice: they are what many published scores are made of."""

    episodes: Times = Field(description="Episodes of each replica, each time.")
    times: Times = Field(
        1, description="Evaluations, evenly spaced over the budget; the last is of the replica as it ends."
    )
    actions: Literal["mean", "sampled"] = Field(
        "mean", description="The policy's mean, or likeliest, action; or one drawn from it, as in training."
    )


class Run(Specification):
    """An algorithm on an environment for a number of steps: what one curve of a report shows, seeds aside."""

    algorithm: Algorithm
    environment: str = Field(min_length=1, description="Gymnasium id, such as HalfCheetah-v5.")
    steps: PositiveInt = Field(description="Environment steps of each replica.")
    # Left out of its JSON where there is none: such a run has the name that it had before there were evaluations.
    evaluation: Evaluation | None = Field(
        None, exclude_if=lambda value: value is None, description="Episodes beside training; none by default."
    )


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


def path_safe(text: str) -> str:
    """The text with everything but letters, digits, '_' and '-' replaced, so that it can name a file."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)
