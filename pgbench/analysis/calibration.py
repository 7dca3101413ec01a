"""How often intervals and verdicts are right: simulated scores whose truth is known.

The distributions have the mean 0. Intervals for few replicas fail on two of them: on a long tail, and on a second
mode that a small sample may miss.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pgbench.analysis import inference
from pgbench.analysis.statistics import Array

Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Standard normal scores."""
    return rng.standard_normal(shape)


def skewed(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Log-normal scores, with a σ of 0.8."""
    return np.asarray(np.exp(0.8 * rng.standard_normal(shape)) - np.exp(0.32))


def two_gaits(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Scores like HalfCheetah's, in hundreds: near 17.5, but one replica in five near 30."""
    mode = np.where(rng.random(shape) < 0.2, 30.0, 17.5)
    return np.asarray(mode + 1.5 * rng.standard_normal(shape) - 20.0)


DISTRIBUTIONS: dict[str, Draw] = {
    "normal": normal,
    "skewed": skewed,
    "of two gaits, the second in one replica of five": two_gaits,
}


def coverage(draw: Draw, seeds: int, rng: np.random.Generator, paired: bool, studies: int = 4000) -> float:
    """How often Student's interval of level 1 − `inference.ALPHA` contains the truth.

    Args:
        draw: draws the scores of a variant.
        seeds: replicas of each variant.
        rng: source of the scores.
        paired: whether the interval is that of the difference of two variants with this distribution, or that of
            one variant's mean.
        studies: number of simulated studies.
    """
    scores = draw(rng, (seeds, studies))
    if paired:
        scores = scores - draw(rng, (seeds, studies))
    low, high = inference.interval(inference.contrast([scores], [1.0]))
    return float(np.mean((low <= 0.0) & (high >= 0.0)))
