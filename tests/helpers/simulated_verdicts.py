"""Verdicts on simulated studies, as `judging.judge` reaches them, and how many of them are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pgbench.analysis import inference, looks
from pgbench.analysis.calibration import Draw
from pgbench.analysis.inference import Contrast
from pgbench.analysis.statistics import Array

Verdicts = tuple[Any, Any]
"""Whether each claim is replicated, and whether it is contradicted: `[studies, claims]` each."""


Groups = Sequence[Sequence[Contrast]]
"""In each group, any effect may lie between the bounds."""


def judged(at_looks: Sequence[Groups], low: float, high: float) -> Verdicts:
    """Verdicts on claims whose parts are the groups, as each look finds them."""
    found = [
        inference.combine([[inference.between(one, low, high) for one in group] for group in groups])
        for groups in at_looks
    ]
    decisions = looks.decide(np.stack([np.minimum(*one) for one in found]))
    holds = np.stack([one.holds < one.fails for one in found])
    is_held = np.take_along_axis(holds, decisions.look[None], axis=0)[0]
    return decisions.rejected & is_held, decisions.rejected & ~is_held


class Marked(NamedTuple):
    """Whether a verdict is wrong, and whether one more seed could overturn it; `[studies]` each."""

    wrong: Any
    fragile: Any


def marked(one: Array, other: Array, seen: Sequence[Array]) -> Marked:
    """The verdict that one variant is better, where it is just not, and the flag of `fragility`.

    Args:
        one: scores, `[seeds, studies]`.
        other: scores of its comparator.
        seen: the scores of all variants of the study.
    """
    level = inference.ALPHA * looks.SHARES[0]

    def better(differences: Array, sign: float) -> Any:
        return inference.tail(inference.contrast([sign * differences], [1.0]), 0.0) <= level

    wrong, survives = [], []
    extremes = (np.min(np.concatenate(seen), axis=0), np.max(np.concatenate(seen), axis=0))
    for sign in (1.0, -1.0):  # the claim that it is better, or that the other is
        differences = one - other
        middle = differences.mean(axis=0)
        shifts = [extreme - one.mean(axis=0) for extreme in extremes]
        shifts += [other.mean(axis=0) - extreme for extreme in extremes]
        wrong.append(better(differences, sign))
        survives.append(
            np.all([better(np.vstack([differences, middle + shift]), sign) for shift in shifts], axis=0)
        )
    worst = int(np.mean(wrong[0]) < np.mean(wrong[1]))
    return Marked(wrong[worst], ~survives[worst])


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
