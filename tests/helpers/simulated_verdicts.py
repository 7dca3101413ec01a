"""Verdicts on simulated studies, as `judging.judge` reaches them, and how many of them are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pgbench.analysis import inference
from pgbench.analysis.calibration import Draw
from pgbench.analysis.inference import Contrast
from pgbench.analysis.statistics import Array

Verdicts = tuple[Any, Any]
"""Whether each claim is replicated, and whether it is contradicted: `[studies, claims]` each."""


def judged(groups: Sequence[Sequence[Contrast]], low: float, high: float) -> Verdicts:
    """Verdicts on claims whose parts are the groups, in each of which any effect may lie between the bounds."""
    found = inference.combine([[inference.between(one, low, high) for one in group] for group in groups])
    rejected = inference.holm(np.minimum(*found)).rejected
    return rejected & (found.holds < found.fails), rejected & (found.holds >= found.fails)


def errors(replicated: Any, contradicted: Any) -> float:
    """The share of studies with a wrong verdict, if all claims are false, if all are true, or every other one."""
    is_true = np.arange(replicated.shape[-1]) % 2 == 0
    wrong = (replicated, contradicted, np.where(is_true, contradicted, replicated))
    return max(float(np.mean(each.any(axis=-1))) for each in wrong)


def difference(one: Array, other: Array, shift: float) -> Contrast:
    """The paired difference of two variants, `[seeds, …]` each, moved by a shift."""
    return inference.contrast([one - other + shift], [1.0])


def alike(draw: Draw, shape: tuple[int, ...], count: int) -> list[Array]:
    """Scores of so many variants with the same distribution, scaled to a standard deviation of 1."""
    rng = np.random.default_rng(5)
    scale = draw(rng, (100_000,)).std()
    return [draw(rng, shape) / scale for _ in range(count)]
