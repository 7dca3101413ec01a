"""Claims: what a paper says, as a comparison that can fail.

A claim has a statement, a source, a score, and a kind, which says what is compared. Whatever its kind, it comes
down to one form, its `Hypothesis`: effects (a variant's score less another's, or alone) and the bounds between
which each must lie. `pgbench.analysis.judging` judges that. Imports no tensor library.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, NamedTuple, Self, assert_never

from pydantic import BeforeValidator, Field, FiniteFloat, PositiveFloat, model_validator

from pgbench.base.specification import Specification
from pgbench.studies.references import PublishedScore
from pgbench.studies.scores import Score

Label = Annotated[str, Field(min_length=1)]
Unit = Literal["score", "comparator", "range"]


class Source(Specification):
    """Where a claim is published."""

    paper: str = Field(description="Key of an entry in workflows/references/papers.bib.")
    where: str = Field(min_length=1, description="Section, table or figure.")


class Margin(Specification):
    """The smallest difference that matters.

    With several environments it must be a fraction, since their returns differ in scale: of the comparator's mean
    score (its absolute value), or of the environment's range, which is the mean score of the study's best variant
    there less that of the untrained policy.
    """

    size: PositiveFloat
    of: Unit = Field(description="score: in its own units; comparator, range: a fraction of that.")


def _one_or_several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class _Claim(Specification):
    """What every claim says."""

    statement: str = Field(min_length=1, description="The claim as one sentence.")
    source: Source
    score: Score = Field(description="What a replica is judged by.")
    environments: Annotated[tuple[Label, ...], Field(min_length=1)] | None = Field(
        None, description="Those of the study that the claim is about; by default all."
    )
    across: Literal["mean", "each"] = Field(
        "mean", description="Whether it must hold on average over environments, or on each of them."
    )
    published: dict[
        Label, Annotated[tuple[Label, ...], BeforeValidator(_one_or_several), Field(min_length=1)]
    ] = Field({}, description="Variant → published scores to print beside its own, by their ids.")
    caveat: str | None = Field(None, min_length=1, description="Where this test departs from the paper's.")

    @property
    def references(self) -> tuple[str, ...]:
        """Ids of the published scores that the claim names."""
        return tuple(reference for each in self.published.values() for reference in each)


class Directional(_Claim):
    """One variant scores higher than another, by more than the margin."""

    kind: Literal["directional"] = "directional"
    higher: Label
    lower: Label
    margin: Margin


class Equivalence(_Claim):
    """What distinguishes a variant from its comparator makes no difference: less than the margin, either way."""

    kind: Literal["equivalence"] = "equivalence"
    variant: Label
    comparator: Label
    margin: Margin


class Ordering(_Claim):
    """Each variant scores higher than the next, by more than the margin."""

    kind: Literal["ordering"] = "ordering"
    order: Annotated[tuple[Label, ...], Field(min_length=2, description="From the highest to the lowest.")]
    margin: Margin


class Optimum(_Claim):
    """The best of a sweep is found among some of its variants: each other one is beaten by one of these."""

    kind: Literal["optimum"] = "optimum"
    best: Annotated[tuple[Label, ...], Field(min_length=1, description="Where the claim finds the best.")]
    others: Annotated[tuple[Label, ...], Field(min_length=1, description="The rest of the sweep.")]
    margin: Margin


class Level(_Claim):
    """A variant's mean score lies above a level, such as that of a solved task, or below it."""

    kind: Literal["level"] = "level"
    variant: Label
    side: Literal["above", "below"]
    level: FiniteFloat = Field(description="In units of the score.")


class AgainstReference(_Claim):
    """A variant's mean score lies within, above or below a published interval, widened by the margin."""

    kind: Literal["reference"] = "reference"
    variant: Label
    relation: Literal["within", "above", "below"]
    reference: Label = Field(description="Id of a row in workflows/references.")
    margin: Margin | None = Field(None, description="Of the score, or of the published score (comparator).")

    @property
    def references(self) -> tuple[str, ...]:
        """Ids of the published scores that the claim names."""
        return (self.reference, *super().references)

    @model_validator(mode="after")
    def _margin_has_a_meaning(self) -> Self:
        if self.margin is not None and self.margin.of == "range":
            raise ValueError("a margin on a published score is of the score or of the comparator")
        return self


Claim = Annotated[
    Directional | Equivalence | Ordering | Optimum | Level | AgainstReference, Field(discriminator="kind")
]


class Pair(NamedTuple):
    """An effect: a variant's mean score, less a comparator's where there is one."""

    variant: str
    comparator: str | None


class Hypothesis(NamedTuple):
    """What a claim comes down to: of each group of effects, one at least lies between two bounds.

    Attributes:
        groups: each holds the effects of which one suffices.
        low: lower bound, in the unit.
        high: upper bound, in the unit.
        unit: what effects are divided by.
    """

    groups: tuple[tuple[Pair, ...], ...]
    low: float
    high: float
    unit: Unit

    @property
    def pairs(self) -> Iterator[Pair]:
        """Every effect that it mentions."""
        return (pair for group in self.groups for pair in group)


def hypothesis(claim: Claim, references: Mapping[str, PublishedScore]) -> Hypothesis:
    """Give each kind of claim its meaning.

    Args:
        claim: any.
        references: published scores by id; of these, the one that the claim is about, if any.
    """
    match claim:
        case Directional(higher=higher, lower=lower, margin=margin):
            return Hypothesis(((Pair(higher, lower),),), margin.size, math.inf, margin.of)
        case Equivalence(variant=variant, comparator=comparator, margin=margin):
            return Hypothesis(((Pair(variant, comparator),),), -margin.size, margin.size, margin.of)
        case Ordering(order=order, margin=margin):
            steps = tuple((Pair(*each),) for each in pairwise(order))
            return Hypothesis(steps, margin.size, math.inf, margin.of)
        case Optimum(best=best, others=others, margin=margin):
            groups = tuple(tuple(Pair(one, other) for one in best) for other in others)
            return Hypothesis(groups, margin.size, math.inf, margin.of)
        case Level(variant=variant, side=side, level=level):
            low, high = _on_side(side, level, level)
            return Hypothesis(((Pair(variant, None),),), low, high, "score")
        case AgainstReference(variant=variant, relation=relation, reference=reference, margin=margin):
            low, high = _on_side(relation, *_widened(references[reference], margin))
            return Hypothesis(((Pair(variant, None),),), low, high, "score")
        case _:
            assert_never(claim)


def _on_side(side: Literal["within", "above", "below"], low: float, high: float) -> tuple[float, float]:
    match side:
        case "within":
            return low, high
        case "above":
            return high, math.inf
        case "below":
            return -math.inf, low
        case _:
            assert_never(side)


def _widened(reference: PublishedScore, margin: Margin | None) -> tuple[float, float]:
    low, high = reference.interval or (reference.value, reference.value)
    if margin is None:
        return low, high
    width = margin.size * (abs(reference.value) if margin.of == "comparator" else 1.0)
    return low - width, high + width
