"""Effects: a variant's score less another's, in one unit over environments of different scales.

In each environment, the scores of equal seeds are subtracted, because replicas of equal seeds share random streams.
The difference is divided by the environment's unit: 1, the comparator's mean, or the range. An effect over several
environments is the plain mean of their effects; each environment is a stratum with its variance. A unit that is
measured has an error, too: `inference.ratio` counts it, seed by seed. Which variant is best, and so defines the
range, counts as known. If not all variants have the same seeds, each is a sample of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, assert_never

import numpy as np
import pandas as pd

from pgbench.analysis import inference
from pgbench.analysis.inference import Contrast, Parts
from pgbench.studies.claims import Comparison, Unit
from pgbench.studies.references import PublishedScore
from pgbench.studies.scores import NORMALISED, Score, metric_score

FEWEST_SEEDS = 5
"""With fewer, only differences of many standard deviations are found: it would only look like a test."""
FEWEST_OF_THEIR_OWN = 3
"""Of these, replicas that did not diverge: where most did, equal substitutes would look like certainty."""


class Unjudgeable(ValueError):  # noqa: N818 - nothing went wrong: there is too little to judge by
    """There is no effect; the message says why."""


class Share(NamedTuple):
    """What a variant's mean score contributes to an effect, and to its unit, as factors."""

    variant: str
    effect: float
    unit: float
    mean: float


@dataclass(frozen=True)
class Stratum:
    """An effect in one environment.

    Attributes:
        environment: its id.
        shares: the variants that contribute to it; in the order of the samples, if each is a sample of its own.
        samples: what each seed, or each replica of each variant, contributes to the difference and to its unit, in
            units of the score.
        diverged: replicas that count as the worst.
        missing: replicas without a score.
    """

    environment: str
    shares: tuple[Share, ...]
    samples: tuple[Parts, ...]
    diverged: int
    missing: int

    @property
    def seeds(self) -> int:
        """Replicas of each variant; the smaller number, if they differ."""
        return min(len(sample.effect) for sample in self.samples)

    @property
    def paired(self) -> bool:
        """Whether replicas were subtracted seed by seed."""
        return len(self.samples) == 1

    @property
    def scale(self) -> float:
        """The unit in that environment, in units of the score."""
        return float(sum(sample.unit.mean() for sample in self.samples))

    @property
    def contrast(self) -> Contrast:
        """The effect in units of the score."""
        return inference.contrast([sample.effect for sample in self.samples], [1.0] * len(self.samples))

    def with_one_more(self, variant: str, score: float) -> Stratum:
        """The effect if there were one more seed: with this score for one variant, and their means for others."""
        for place, share in enumerate(self.shares):
            if share.variant == variant:
                at, more = 0 if self.paired else place, score - share.mean
                sample = self.samples[at]
                longer = Parts(
                    np.append(sample.effect, sample.effect.mean() + more * share.effect),
                    np.append(sample.unit, sample.unit.mean() + more * share.unit),
                )
                return replace(self, samples=(*self.samples[:at], longer, *self.samples[at + 1 :]))
        return self


@dataclass(frozen=True)
class Effect:
    """A variant's score, less a comparator's, a published one or another effect, over environments."""

    compared: Comparison
    strata: tuple[Stratum, ...]
    published: PublishedScore | None = None

    @property
    def seeds(self) -> int:
        """Replicas of each variant in each environment; the smallest number, if they differ."""
        return min(stratum.seeds for stratum in self.strata)

    @cached_property
    def contrast(self) -> Contrast:
        """The mean over environments, less the published score if there is one, in the unit."""
        if self.published is None:
            return self._own
        return inference.difference(self._own, self.published.value, self.published_error)

    @property
    def published_error(self) -> float:
        """The standard error of the published mean; 0 without one.

        Where the publication prints a smaller spread over seeds than ours, or none, ours counts: a few seeds that
        all found the same behaviour print a spread that means nothing.
        """
        if self.published is None:
            return 0.0
        printed = self.published.error or 0.0
        if self.published.seeds is None:
            return printed
        deviation = float(self._own.error) * math.sqrt(self.seeds)
        return max(printed, deviation / math.sqrt(self.published.seeds))

    @property
    def _own(self) -> Contrast:
        """The mean over environments, in the unit."""
        return inference.ratio([stratum.samples for stratum in self.strata])

    def with_one_more(self, environment: str, variant: str, score: float) -> Effect:
        """The effect if there were one more seed in an environment; see `Stratum.with_one_more`."""
        strata = tuple(
            stratum.with_one_more(variant, score) if stratum.environment == environment else stratum
            for stratum in self.strata
        )
        return replace(self, strata=strata)


def effect(
    scores: pd.DataFrame,
    score: Score,
    compared: Comparison,
    environments: Sequence[str],
    unit: Unit,
    published: PublishedScore | None = None,
) -> Effect:
    """Measure an effect.

    Args:
        scores: one row a replica; replicas that diverged have their substitute score.
        score: the score to compare.
        compared: two variants, one alone, or two differences of variants.
        environments: the environments of the effect.
        unit: what differences are divided by.
        published: what is subtracted from the mean, in the unit.

    Raises:
        Unjudgeable: if an environment has too few replicas with a score, or its unit is not above zero.
    """
    strata = tuple(_stratum(scores, score, compared, name, unit) for name in environments)
    return Effect(compared, strata, published)


def _stratum(
    scores: pd.DataFrame, score: Score, compared: Comparison, environment: str, unit: Unit
) -> Stratum:
    in_environment = scores[scores["environment"] == environment]
    weights = compared.weights
    compared_rows = in_environment[in_environment["variant"].isin(weights)]
    for label in weights:
        _check_replicas(compared_rows[compared_rows["variant"] == label], score, environment)
    in_units, rest = _unit(in_environment, score, compared, unit)
    columns = {label: _by_seed(in_environment, label, score) for label in {**weights, **in_units}}
    shares = tuple(
        Share(label, weights.get(label, 0.0), in_units.get(label, 0.0), float(column.mean()))
        for label, column in columns.items()
    )
    parts = [_parts(columns[share.variant], share.effect, share.unit) for share in shares]
    return Stratum(
        environment=environment,
        shares=shares,
        samples=_joined([*parts, _parts(rest, 0.0, 1.0)]),
        diverged=int((compared_rows["status"] == "diverged").sum()),
        missing=int(compared_rows[score].isna().sum()),
    )


def _check_replicas(replicas: pd.DataFrame, score: Score, environment: str) -> None:
    """Refuse to judge by too few replicas of a variant.

    Raises:
        Unjudgeable: if too few have the score, or too few have it by themselves and not in place of one.
    """
    scored = replicas[score].notna()
    if scored.sum() < FEWEST_SEEDS:
        raise Unjudgeable(
            f"{scored.sum()} replicas with the score '{score}' on {environment}; at least {FEWEST_SEEDS} are needed"
        )
    own = scored if metric_score(score) is not None else scored & (replicas["status"] == "scored")
    if own.sum() < FEWEST_OF_THEIR_OWN:
        raise Unjudgeable(
            f"{own.sum()} replicas with a score '{score}' of their own on {environment}, for the others diverged; "
            f"at least {FEWEST_OF_THEIR_OWN} are needed"
        )


def _by_seed(scores: pd.DataFrame, variant: str, score: Score) -> pd.Series:
    """Seed → the score of a variant in one environment, without replicas that have none."""
    return scores[scores["variant"] == variant].set_index("seed")[score].dropna().sort_index()


def _parts(column: pd.Series, effect: float, unit: float) -> pd.DataFrame:
    """Seed → what the replicas contribute to the effect and to its unit."""
    return pd.DataFrame({"effect": effect * column, "unit": unit * column})


def _joined(columns: Sequence[pd.DataFrame]) -> tuple[Parts, ...]:
    """The sums by seed, if all have the same seeds; else each column is a sample of its own."""
    paired = len({frozenset(column.index) for column in columns}) == 1
    samples = [sum(columns[1:], columns[0])] if paired else columns
    return tuple(Parts(sample["effect"].to_numpy(), sample["unit"].to_numpy()) for sample in samples)


def _unit(
    scores: pd.DataFrame, score: Score, compared: Comparison, unit: Unit
) -> tuple[dict[str, float], pd.Series]:
    """The unit in one environment: variants and the factors of their means, and what is added to these, by seed."""
    environment, last = scores["environment"].iloc[0], list(compared.weights)[-1]
    of_last = _by_seed(scores, last, score)
    match unit:
        case "score":
            return {}, pd.Series(1.0, of_last.index)
        case "comparator":
            mean = float(of_last.mean())
            if mean == 0.0:
                raise Unjudgeable(
                    f"the comparator's mean is zero on {environment}, so nothing is a fraction of it"
                )
            return {last: math.copysign(1.0, mean)}, 0.0 * of_last
        case "range":
            best, untrained = _range(scores, score)
            return {best: 1.0}, -untrained
        case _:
            assert_never(unit)


def _range(scores: pd.DataFrame, score: Score) -> tuple[str, pd.Series]:
    """The best variant, if it certainly is better than the untrained policy, and the untrained return by seed."""
    best = str(scores.groupby("variant")[score].mean().idxmax())
    of_best = _by_seed(scores, best, score)
    untrained = scores.groupby("seed")["untrained"].mean().reindex(of_best.index).dropna()
    if score in NORMALISED:  # the untrained policy has 0
        untrained = 0.0 * untrained
    gain = (of_best - untrained).dropna().to_numpy()
    if not (len(gain) and inference.mean(gain).low > 0):
        environment = scores["environment"].iloc[0]
        raise Unjudgeable(f"no variant is certainly better than the untrained policy on {environment}")
    return best, untrained
