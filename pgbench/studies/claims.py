"""Claims: what a paper says, as a comparison that can fail.

A claim has a statement, a source, a score, and a kind, which says what is compared. Every kind is translated to one
form, the `Hypothesis`: effects (a variant's score less another's, or alone, or less another effect) and the bounds
between which they must lie. `pgbench.analysis.judging` judges hypotheses.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple, assert_never

from pydantic import Field, FiniteFloat, PositiveFloat, PositiveInt

from pgbench.base.specification import Specification
from pgbench.studies.references import PublishedScore
from pgbench.studies.scores import Score

NonEmpty = Annotated[str, Field(min_length=1)]
Unit = Literal["score", "comparator", "range"]


class Source(Specification):
    """Where a claim is published."""

    paper: str = Field(description="Key of an entry in workflows/references/papers.bib.")
    where: str = Field(min_length=1, description="Section, table or figure.")


Margins = dict[Score, Annotated[dict[Unit, PositiveFloat], Field(min_length=1)]]
"""Score → unit → the smallest difference that matters, once for all claims of a study.

Environments differ in the scale of their returns, so with several environments a margin must be a fraction: of the
absolute value of the comparator's mean score, or of the environment's range. The range is the mean score of the
study's best variant in that environment, less that of the untrained policy. Claims share their margins, so two that
cannot both be true cannot both be replicated.
"""


class Margin(NamedTuple):
    """The smallest difference that matters to a claim: its size, in its unit."""

    size: float
    of: Unit


class Quote(NamedTuple):
    """A published score that a claim prints beside a variant's own, with what must be said of it; often nothing."""

    variant: str
    reference: str
    words: str


PublishedIds = NonEmpty | Annotated[tuple[NonEmpty, ...] | dict[NonEmpty, NonEmpty], Field(min_length=1)]
"""An id of a published score, several, or id → how the number is of another statistic or algorithm."""


def _with_words(ids: PublishedIds) -> dict[str, str]:
    """Id → words; empty words where there are none."""
    if isinstance(ids, str):
        ids = (ids,)
    return ids if isinstance(ids, dict) else dict.fromkeys(ids, "")


class AtLeast(Specification):
    """On some of a claim's environments, whichever these are."""

    at_least: PositiveInt = Field(description="On how many environments the claim must hold.")

    def __str__(self) -> str:
        """In words, such as "at least 3"."""
        return f"at least {self.at_least}"


class _Common(Specification):
    """What every claim says."""

    statement: str = Field(min_length=1, description="The claim as one sentence.")
    source: Source
    score: Score = Field(description="What a replica is judged by.")
    environments: Annotated[tuple[NonEmpty, ...], Field(min_length=1)] | None = Field(
        None, description="The study's environments that the claim is about; by default all."
    )
    across: Literal["mean", "each"] | AtLeast = Field(
        "mean",
        description="Whether it must hold on average over environments, on each, or on at least k of them.",
    )
    published: dict[NonEmpty, PublishedIds] = Field(
        {},
        description="Variant → ids of published scores to print beside the variant's own score. A number of "
        "another algorithm or statistic needs words that say so: id → words.",
    )
    caveat: str | None = Field(None, min_length=1, description="How this test departs from the paper's.")

    @property
    def quotes(self) -> tuple[Quote, ...]:
        """The published scores that the claim names, with the variants that they stand beside."""
        return tuple(
            Quote(variant, reference, words)
            for variant, ids in self.published.items()
            for reference, words in _with_words(ids).items()
        )


class _WithMargin(_Common):
    """What claims with a margin say."""

    unit: Unit | None = Field(
        None,
        description="Which of the study's margins for the score is meant; left out where there is one. "
        "score: in units of the score; comparator, range: a fraction of these.",
    )


class Directional(_WithMargin):
    """One variant scores higher than another, by more than the margin."""

    kind: Literal["directional"] = "directional"
    higher: NonEmpty
    lower: NonEmpty


class Equivalence(_WithMargin):
    """A variant scores as its comparator does: the difference is less than the margin in either direction."""

    kind: Literal["equivalence"] = "equivalence"
    variant: NonEmpty
    comparator: NonEmpty


class NotBetter(_WithMargin):
    """A variant is worse than its comparator, as good, or better by less than the margin."""

    kind: Literal["not_better"] = "not_better"
    variant: NonEmpty
    comparator: NonEmpty


class Effects(_WithMargin):
    """Two variants differ more than two others: |A − B| exceeds |C − D| by more than the margin."""

    kind: Literal["effects"] = "effects"
    larger: tuple[NonEmpty, NonEmpty] = Field(description="The two variants that differ more.")
    smaller: tuple[NonEmpty, NonEmpty] = Field(description="The two variants that differ less.")


class Ordering(_WithMargin):
    """Each variant scores higher than the next, by more than the margin."""

    kind: Literal["ordering"] = "ordering"
    order: Annotated[tuple[NonEmpty, ...], Field(min_length=2, description="From the highest to the lowest.")]


class Optimum(_WithMargin):
    """The best of a sweep is among some of its variants: one of these beats each of the others."""

    kind: Literal["optimum"] = "optimum"
    best: Annotated[tuple[NonEmpty, ...], Field(min_length=1, description="Where the claim finds the best.")]
    others: Annotated[tuple[NonEmpty, ...], Field(min_length=1, description="The rest of the sweep.")]


class Level(_Common):
    """A variant's mean score lies above or below a level, such as the level of a solved task."""

    kind: Literal["level"] = "level"
    variant: NonEmpty
    side: Literal["above", "below"]
    level: FiniteFloat = Field(description="In units of the score.")


class AgainstReference(_WithMargin):
    """A variant's mean score is a published one (`within`), or lies above or below it, by the margin."""

    kind: Literal["reference"] = "reference"
    variant: NonEmpty
    relation: Literal["within", "above", "below"]
    reference: NonEmpty = Field(description="Id of a row in workflows/references.")

    @property
    def quotes(self) -> tuple[Quote, ...]:
        """The published scores that the claim names; the one that it is judged by is the first."""
        words = {quote[:2]: quote.words for quote in super().quotes}
        judged_by = (self.variant, self.reference)
        first = Quote(*judged_by, words.pop(judged_by, ""))
        return (first, *(Quote(*quoted, said) for quoted, said in words.items()))


Claim = Annotated[
    Directional | Equivalence | NotBetter | Effects | Ordering | Optimum | Level | AgainstReference,
    Field(discriminator="kind"),
]


class Pair(NamedTuple):
    """An effect: a variant's mean score, less a comparator's where there is one."""

    variant: str
    comparator: str | None

    @property
    def weights(self) -> dict[str, float]:
        """Variant → the factor of its mean score."""
        return {self.variant: 1.0} | ({} if self.comparator is None else {self.comparator: -1.0})

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The differences that this is made of."""
        return (self,)

    @property
    def reverse(self) -> Pair:
        """The same two variants, subtracted the other way round."""
        assert self.comparator is not None
        return Pair(self.comparator, self.variant)


class Excess(NamedTuple):
    """One effect less another."""

    larger: Pair
    smaller: Pair

    @property
    def variant(self) -> str:
        """The first effect, in words."""
        return f"({self.larger.variant} − {self.larger.comparator})"

    @property
    def comparator(self) -> str:
        """The second effect, in words."""
        return f"({self.smaller.variant} − {self.smaller.comparator})"

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The differences that this is made of."""
        return self.larger, self.smaller

    @property
    def weights(self) -> dict[str, float]:
        """Variant → the factor of its mean score; a variant that cancels out is left out."""
        larger, smaller = self.larger.weights, self.smaller.weights
        sums = {label: larger.get(label, 0.0) - smaller.get(label, 0.0) for label in {**larger, **smaller}}
        return {label: weight for label, weight in sums.items() if weight}


Comparison = Pair | Excess


class Hypothesis(NamedTuple):
    """A claim as a test: in each group of effects, at least one effect lies between two bounds.

    Attributes:
        groups: the groups of effects.
        low: lower bound, in the unit.
        high: upper bound, in the unit.
        unit: what effects are divided by.
        published: the published score that is subtracted from each effect, if any.
    """

    groups: tuple[tuple[Comparison, ...], ...]
    low: float
    high: float
    unit: Unit
    published: PublishedScore | None = None

    @property
    def pairs(self) -> Iterator[Pair]:
        """Every difference that the effects in the groups are made of."""
        return (pair for group in self.groups for one in group for pair in one.pairs)


def margin(claim: Claim, margins: Margins) -> Margin | None:
    """The margin of a claim among those of its study; None for a claim without one.

    Raises:
        ValueError: if the study does not say which it is; the message is a clause that says what to write.
    """
    if isinstance(claim, Level):
        return None
    known = margins.get(claim.score, {})
    meant = {unit: size for unit, size in known.items() if claim.unit in (None, unit)}
    if isinstance(claim, AgainstReference):
        meant.pop("range", None)  # a published score has none
    if len(meant) > 1:
        raise ValueError(
            f"the margins of '{claim.score}' have several units; say which by 'unit: {min(meant)}'"
        )
    if not meant:
        unit = claim.unit or ("comparator" if isinstance(claim, AgainstReference) else "range")
        raise ValueError(
            f"the study has no such margin; write the smallest difference that matters under 'margins', "
            f"such as '{claim.score}: {{{unit}: 0.1}}'"
        )
    ((unit, size),) = meant.items()
    return Margin(size, unit)


def hypothesis(claim: Claim, margins: Margins, references: Mapping[str, PublishedScore]) -> Hypothesis:
    """The hypothesis that a claim stands for.

    Args:
        claim: of any kind.
        margins: those of its study.
        references: published scores by id; they must hold the score that the claim is about, if there is one.
    """
    found = margin(claim, margins)
    size, unit = found or Margin(0.0, "score")
    groups: tuple[tuple[Comparison, ...], ...]
    published: PublishedScore | None = None
    match claim:
        case Directional(higher=higher, lower=lower):
            groups, (low, high) = ((Pair(higher, lower),),), (size, math.inf)
        case Equivalence(variant=variant, comparator=comparator):
            groups, (low, high) = ((Pair(variant, comparator),),), (-size, size)
        case NotBetter(variant=variant, comparator=comparator):
            groups, (low, high) = ((Pair(variant, comparator),),), (-math.inf, size)
        case Effects(larger=larger, smaller=smaller):
            groups, (low, high) = _excesses(Pair(*larger), Pair(*smaller)), (size, math.inf)
        case Ordering(order=order):
            groups = tuple((Pair(higher, lower),) for higher, lower in pairwise(order))
            low, high = size, math.inf
        case Optimum(best=best, others=others):
            groups = tuple(tuple(Pair(one, other) for one in best) for other in others)
            low, high = size, math.inf
        case Level(variant=variant, side=side, level=level):
            groups = ((Pair(variant, None),),)
            low, high = (level, math.inf) if side == "above" else (-math.inf, level)
        case AgainstReference(variant=variant, relation=relation, reference=reference):
            groups, published = ((Pair(variant, None),),), references[reference]
            width = size * (abs(published.value) if unit == "comparator" else 1.0)
            (low, high), unit = _on_side(relation, width), "score"
        case _:
            assert_never(claim)
    return Hypothesis(groups, low, high, unit, published)


def _excesses(larger: Pair, smaller: Pair) -> tuple[tuple[Excess, ...], ...]:
    """|x| > |y| + m, without absolute values: for both y and −y, one of x − y and −x − y is above m.

    |x| is the larger of x and −x, and must exceed y + m as well as −y + m.
    """
    return tuple(
        tuple(Excess(either, other) for either in (larger, larger.reverse))
        for other in (smaller, smaller.reverse)
    )


def _on_side(relation: Literal["within", "above", "below"], width: float) -> tuple[float, float]:
    """The bounds of a difference from a published score."""
    match relation:
        case "within":
            return -width, width
        case "above":
            return width, math.inf
        case "below":
            return -math.inf, -width
        case _:
            assert_never(relation)
