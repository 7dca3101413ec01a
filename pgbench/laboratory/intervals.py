"""Estimates with intervals over independent batches: the unit is a batch of trajectories, the level 95 %."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats  # type: ignore[import-untyped]
from torch import Tensor

from pgbench.analysis.inference import mean
from pgbench.analysis.statistics import LEVEL, Array, Estimate
from pgbench.functional.ratios import effective_sample_size


def pick(table: pd.DataFrame, **settings: Any) -> pd.DataFrame:
    """The rows in which columns have these values."""
    chosen = np.ones(len(table), dtype=bool)
    for column, value in settings.items():
        chosen &= (table[column] == value).to_numpy()
    return table[chosen]


def exactly(value: float | Tensor | Array) -> Estimate:
    """A number without sampling error: its interval has no width."""
    number = np.asarray(float(value))
    return Estimate(number, number, number)


def _deviations(estimates: Tensor) -> Array:
    """‖ĝ_s − mean‖² S / (S − 1) of each batch, `[S]`: its mean is the trace of the covariance, unbiased."""
    count = len(estimates)
    squares: Array = (estimates - estimates.mean(0)).square().sum(1).numpy()
    return squares * count / (count - 1)


def variance(estimates: Tensor) -> Estimate:
    """The trace of the covariance of gradient estimates `[S, P]`, as the mean of squared deviations."""
    return mean(_deviations(estimates))


def variance_ratio(estimates: Tensor, others: Tensor) -> Estimate:
    """How many times the variance of `others` that of `estimates` is, both of the same batches, `[S, P]` each.

    The interval is that of a ratio of means (the delta method), which uses that the batches are paired.
    """
    above, below = _deviations(estimates), _deviations(others)
    ratio = above.mean() / below.mean()
    centre = mean((above - ratio * below) / below.mean())
    return Estimate(np.asarray(ratio), ratio + centre.low, ratio + centre.high)


def effective_share(log_weights: Tensor) -> Estimate:
    """(Σ w)² / (N Σ w²), the share of a sample `[N]` of log weights that is effective.

    Kong 1992, with the delta method's interval; 1 where all weights are equal, and in the limit 1 / E[w²].
    """
    value = float(effective_sample_size(log_weights)) / len(log_weights)
    weights: Array = (log_weights - log_weights.logsumexp(0)).exp().numpy() * len(log_weights)
    second = np.mean(weights**2)
    influence = 2.0 * (weights - 1.0) / second - (weights**2 - second) / second**2
    spread = mean(influence)
    return Estimate(np.asarray(value), value + spread.low, value + spread.high)


def excess(estimates: Tensor, exact: Tensor) -> Estimate:
    """⟨ĝ, g⟩ / ‖g‖² − 1: by how much estimates `[S, P]` over- or undershoot the exact gradient `[P]` along it."""
    along: Array = (estimates @ exact / exact.square().sum()).numpy() - 1.0
    return mean(along)


def relative_bias(estimates: Tensor, exact: Tensor) -> Estimate:
    """‖E ĝ − g‖² / ‖g‖² from estimates `[S, P]`: unbiased, so that without bias it lies on either side of 0.

    The mean over pairs of different batches of ⟨ĝ_i − g, ĝ_j − g⟩; the interval from the jackknife.
    """
    errors = ((estimates - exact) / exact.norm()).numpy()
    count, total = len(errors), errors.sum(0)
    own = (errors**2).sum(1)
    pairs = total @ total - own.sum()
    value = pairs / (count * (count - 1))
    # Leaving batch i out takes away its pairs, those with i in front and those with i behind.
    left = (pairs - 2.0 * (errors @ total - own)) / ((count - 1) * (count - 2))
    pseudo = count * value - (count - 1) * left
    interval = mean(pseudo)
    return Estimate(np.asarray(value), interval.low, interval.high)


def share(outcomes: Array) -> Estimate:
    """The share of outcomes `[S]`, boolean, that are true, with Wilson's interval."""
    found = stats.binomtest(int(np.sum(outcomes)), len(outcomes))
    low, high = found.proportion_ci(LEVEL, method="wilson")
    return Estimate(np.asarray(found.statistic), np.asarray(low), np.asarray(high))


def slope(x: Array, y: Array) -> Estimate:
    """The slope of a straight line through points, with its interval: the order of a power law on logarithms."""
    fit = stats.linregress(x, y)
    half = stats.t.ppf(0.5 + LEVEL / 2, len(x) - 2) * fit.stderr
    return Estimate(np.asarray(fit.slope), np.asarray(fit.slope - half), np.asarray(fit.slope + half))


def tidy(settings: dict[str, Any], quantities: dict[str, Estimate]) -> list[dict[str, Any]]:
    """One row a quantity: the settings, then `quantity`, `estimate`, `low` and `high`."""
    return [
        settings | {"quantity": name, "estimate": float(e.value), "low": float(e.low), "high": float(e.high)}
        for name, e in quantities.items()
    ]
