"""How often intervals and verdicts are right: simulated scores whose truth is known.

The distributions have the mean 0. Student's interval for few replicas keeps its level for a difference of two
variants whose scores have the same shape. It does not for the mean of one variant, nor for a difference of unequal
shapes, if a small sample may miss a second mode, a failure or a long tail.
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


def failing(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Scores near 20, but one replica in five fails and scores near 0; less their mean."""
    mode = np.where(rng.random(shape) < 0.2, 0.0, 20.0)
    return np.asarray(mode + rng.standard_normal(shape) - 16.0)


def at_a_ceiling(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Scores like CartPole's, in twenties: 500 in seven replicas of ten, else from 150 to 500; less their mean."""
    below = rng.uniform(7.5, 25.0, shape)
    return np.asarray(np.where(rng.random(shape) < 0.7, 25.0, below) - 22.375)


DISTRIBUTIONS: dict[str, Draw] = {
    "normal": normal,
    "skewed": skewed,
    "of two gaits, the second in one replica of five": two_gaits,
}


UNEQUAL: dict[str, Draw] = {
    "found a better gait in one replica of five": two_gaits,
    "failed in one replica of five": failing,
    "reached the highest return in seven replicas of ten": at_a_ceiling,
}
"""Scores of a variant beside a steady one; that one's are `normal`, with a quarter of the spread or less."""


def coverage(
    draw: Draw, seeds: int, rng: np.random.Generator, other: Draw | None, studies: int = 4000
) -> float:
    """How often Student's interval of level 1 − `inference.ALPHA` contains the truth.

    Args:
        draw: draws the scores of a variant.
        seeds: replicas of each variant.
        rng: source of the scores.
        other: draws the scores of the variant that it is compared with; if there is none, the interval is that of
            the mean of one variant.
        studies: number of simulated studies.
    """
    scores = draw(rng, (seeds, studies))
    if other is not None:
        scores = scores - other(rng, (seeds, studies))
    low, high = inference.interval(inference.contrast([scores], [1.0]))
    return float(np.mean((low <= 0.0) & (high >= 0.0)))
