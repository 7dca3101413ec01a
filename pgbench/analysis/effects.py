"""Effects: a variant's score less another's, in one unit over environments of different scales.

In each environment, the scores of equal seeds are subtracted, because replicas of equal seeds share random streams.
The difference is divided by the environment's unit: 1, the comparator's mean, or the range. An effect over several
environments is the plain mean of their effects; each environment is a stratum with its variance. Units count as
known. If two variants do not have the same seeds, they are two independent samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np
import pandas as pd

from pgbench.analysis import comparable, inference
from pgbench.analysis.inference import Contrast
from pgbench.analysis.statistics import Array
from pgbench.studies.claims import Pair, Unit
from pgbench.studies.scores import NORMALISED, Score

FEWEST_SEEDS = 3
"""Two replicas miss a second mode half of the time, even if it holds half of the probability."""


class Unjudgeable(ValueError):  # noqa: N818 - nothing went wrong: there is too little to judge by
    """There is no effect; the message says why."""


@dataclass(frozen=True)
class Stratum:
    """An effect in one environment.

    Attributes:
        environment: its id.
        samples: the differences by seed, or the scores of each variant, in units of the score.
        signs: the factor of each sample's mean.
        scale: the unit in that environment, in units of the score.
        diverged: replicas that count as the worst.
        missing: replicas without a score.
    """

    environment: str
    samples: tuple[Array, ...]
    signs: tuple[float, ...]
    scale: float
    diverged: int
    missing: int

    @property
    def seeds(self) -> int:
        """Replicas of each variant; the smaller number, if they differ."""
        return min(map(len, self.samples))

    @property
    def paired(self) -> bool:
        """Whether replicas were subtracted seed by seed."""
        return len(self.samples) == 1

    @property
    def contrast(self) -> Contrast:
        """The effect in units of the score."""
        return inference.contrast(self.samples, self.signs)


@dataclass(frozen=True)
class Effect:
    """A variant's score, less a comparator's where there is one, over environments."""

    pair: Pair
    strata: tuple[Stratum, ...]

    @property
    def seeds(self) -> int:
        """Replicas of each variant in each environment; the smallest number, if they differ."""
        return min(stratum.seeds for stratum in self.strata)

    @property
    def contrast(self) -> Contrast:
        """The mean over environments, in the unit."""
        share = 1.0 / len(self.strata)
        samples = [sample for stratum in self.strata for sample in stratum.samples]
        weights = [share * sign / stratum.scale for stratum in self.strata for sign in stratum.signs]
        return inference.contrast(samples, weights)

    @property
    def alike(self) -> bool:
        """Whether no sample varies, so that an interval says nothing about rarer outcomes."""
        return float(self.contrast.error) == 0.0


def effect(scores: pd.DataFrame, score: Score, pair: Pair, environments: Sequence[str], unit: Unit) -> Effect:
    """Measure an effect.

    Args:
        scores: one row a replica; replicas that diverged have their substitute score.
        score: the score to compare.
        pair: two variants, or one alone.
        environments: the environments of the effect.
        unit: what differences are divided by.

    Raises:
        Unjudgeable: if an environment has too few replicas with a score, or its unit is not above zero.
    """
    return Effect(pair, tuple(_stratum(scores, score, pair, name, unit) for name in environments))


def _stratum(scores: pd.DataFrame, score: Score, pair: Pair, environment: str, unit: Unit) -> Stratum:
    in_environment = scores[scores["environment"] == environment]
    labels = [label for label in pair if label is not None]
    compared = in_environment[in_environment["variant"].isin(labels)]
    columns = [
        compared.loc[compared["variant"] == label].set_index("seed")[score].dropna() for label in labels
    ]
    seeds = min(map(len, columns))
    if seeds < FEWEST_SEEDS:
        raise Unjudgeable(
            f"{seeds} replicas with the score '{score}' on {environment}; at least {FEWEST_SEEDS} are needed"
        )
    samples, signs = _samples(columns)
    return Stratum(
        environment=environment,
        samples=samples,
        signs=signs,
        scale=_scale(in_environment, score, columns[-1].to_numpy(), unit),
        diverged=int((compared["status"] == "diverged").sum()),
        missing=int(compared[score].isna().sum()),
    )


def _samples(columns: Sequence[pd.Series]) -> tuple[tuple[Array, ...], tuple[float, ...]]:
    """Differences by seed if both variants have the same seeds; else the scores of each variant."""
    if len(columns) == 2 and set(columns[0].index) == set(columns[1].index):
        return ((columns[0] - columns[1]).to_numpy(),), (1.0,)
    return tuple(column.to_numpy() for column in columns), (1.0, -1.0)[: len(columns)]


def _scale(scores: pd.DataFrame, score: Score, comparator: Array, unit: Unit) -> float:
    """The unit in one environment, in units of the score; `comparator` holds the comparator's scores."""
    environment = scores["environment"].iloc[0]
    match unit:
        case "score":
            return 1.0
        case "comparator":
            size = abs(float(comparator.mean()))
            if size == 0.0:
                raise Unjudgeable(
                    f"the comparator's mean is zero on {environment}, so nothing is a fraction of it"
                )
            return size
        case "range":
            return _range(scores, score)
        case _:
            assert_never(unit)


def _range(scores: pd.DataFrame, score: Score) -> float:
    """The best variant's mean less the untrained policy's, if the best variant certainly is better."""
    if score in NORMALISED:  # the untrained policy has 0
        scores = scores.assign(untrained=0.0)
    environment = scores["environment"].iloc[0]
    best_variant = scores.groupby("variant")[score].mean().idxmax()
    best = scores.loc[scores["variant"] == best_variant, score].dropna()
    span = float(comparable.ranges(scores, score).iloc[0])
    error = best.std(ddof=1) / np.sqrt(len(best)) if len(best) > 1 else np.inf
    low, _ = inference.interval(Contrast(np.asarray(span), np.asarray(error), np.asarray(len(best) - 1.0)))
    if not low > 0:
        raise Unjudgeable(f"no variant is certainly better than the untrained policy on {environment}")
    return span
