"""Looks: claims are judged at a study's own number of seeds, and again at 2, 4 and 8 times as many.

Whoever adds seeds until a claim is settled tests more than once. So the looks, and what each may spend of the
level, are agreed on beforehand. A look counts the first seeds only, so its p-value is a pure function of the
results, and nothing has to be remembered. The p-value of a claim is the smallest of its looks, each divided by its
share of the level (Bonferroni). The shares add up to 1.1: the p-values of nested samples depend on each other, and
the error stays at the level (`docs/statistics.md` has the simulation). Holm's procedure then corrects for the
number of claims. A claim that was settled at a look stays as it was judged there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pgbench.analysis import inference
from pgbench.analysis.effects import Effect
from pgbench.analysis.evidence import Evidence
from pgbench.analysis.inference import Contrast
from pgbench.analysis.statistics import Array
from pgbench.studies.plans import MOST_LOOKS

SHARES = (0.8, 0.1, 0.1, 0.1)
"""What each look may spend of the level."""
assert len(SHARES) == MOST_LOOKS

FUTURES = 2000
"""Simulated results of the next look."""


class Decisions(NamedTuple):
    """What the looks so far decide about a family of claims; arrays `[…, family]`.

    Attributes:
        rejected: whether a claim is settled.
        look: the look whose evidence settled it; the latest one for an open claim. The first is 0.
        p: the p-value over all looks until then.
        adjusted: the same, corrected for the number of claims.
        level: the α of that look's one-sided p-values that agrees with the decision: a claim is settled if and
            only if its p-value at that look is at most this.
        next_level: the α of the p-values of open claims at the look after these; 0 if there is none. `[…]`
    """

    rejected: Array
    look: Array
    p: Array
    adjusted: Array
    level: Array
    next_level: Array


def decide(p: Array, alpha: float = inference.ALPHA) -> Decisions:
    """Decide at each look in turn, with Holm's procedure, and keep what was settled before.

    Args:
        p: at each look, the p-value of the stronger finding on each claim: `[looks, …, family]`.
        alpha: bound on the probability of any false rejection.
    """
    shares = np.array(SHARES[: len(p)]).reshape(-1, *[1] * (p.ndim - 1))
    until = np.minimum(1.0, np.minimum.accumulate(p / shares, axis=0))
    decision = inference.holm(until, alpha)
    # What is settled stays settled, because p-values over more looks are only smaller.
    rejected = decision.rejected[-1]
    stage = np.where(rejected, decision.rejected.argmax(axis=0), len(p) - 1)
    earlier = np.arange(len(p)).reshape(shares.shape) <= stage
    smallest = np.where(earlier, p / shares, np.inf).argmin(axis=0)
    look = np.where(rejected, smallest, len(p) - 1)

    def at_stage(array: Array) -> Array:
        """What stood at the look at which each claim was settled, or at the latest."""
        return np.asarray(np.take_along_axis(array, stage[None], axis=0)[0])

    levels = np.broadcast_to(decision.level[..., None], p.shape)
    level = at_stage(levels) * np.array(SHARES)[look]
    next_share = (*SHARES, 0.0)[len(p)]
    return Decisions(
        rejected, look, at_stage(until), at_stage(decision.adjusted), level, decision.level[-1] * next_share
    )


def chance(evidence: Evidence, seeds: int, next_seeds: int, level: float) -> float:
    """The probability that the next look settles an open claim, by what this look has found.

    Future effects are drawn from their predictive distribution: Student's, around the estimate, with the error of a
    mean that shares its first seeds with the present one. Effects of one claim are drawn independently.

    Args:
        evidence: at this look.
        seeds: of this look.
        next_seeds: of the next one.
        level: α of a p-value at the next look, its share included.
    """
    rng = np.random.default_rng(0)

    def future(effect: Effect) -> Contrast:
        """The effect as the next look may find it, once for each simulated result."""
        contrast, rest = effect.contrast, effect.published_error
        own = np.sqrt(np.maximum(contrast.error**2 - rest**2, 0.0))
        new = 1.0 - seeds / next_seeds
        drawn = rng.standard_t(float(contrast.freedom), FUTURES) * own * np.sqrt(new)
        planned = inference.planned(contrast, seeds, next_seeds, rest)
        return planned._replace(value=planned.value + drawn)

    return float(np.mean(np.minimum(*evidence.p_values(future)) <= level))
