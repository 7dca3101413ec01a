"""Estimates with 95 % intervals. The independent unit is a batch of trajectories.

A measurement's table has one row for each estimate: settings, `quantity`, `estimate`, `low` and `high`. `tidy`
makes the rows; `pick` and `from_row` read them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats  # type: ignore[import-untyped]
from torch import Tensor

from pgbench.analysis.inference import mean
from pgbench.analysis.statistics import LEVEL, Array, Estimate
from pgbench.functional.ratios import effective_sample_size


def tidy(settings: dict[str, Any], quantities: dict[str, Estimate]) -> list[dict[str, Any]]:
    """One row for each quantity: the settings, then `quantity`, `estimate`, `low` and `high`."""
    return [
        settings | {"quantity": name, "estimate": float(e.value), "low": float(e.low), "high": float(e.high)}
        for name, e in quantities.items()
    ]


def pick(table: pd.DataFrame, **settings: Any) -> pd.DataFrame:
    """The rows in which these columns have these values."""
    matches = np.ones(len(table), dtype=bool)
    for column, value in settings.items():
        matches &= (table[column] == value).to_numpy()
    return table[matches]


def from_row(row: pd.Series[Any]) -> Estimate:
    """The estimate of one row of a table."""
    return Estimate(row["estimate"], row["low"], row["high"])


# ----------------------------------------------------------------------------------------------------------
# Estimates


def exactly(value: float | Tensor | Array) -> Estimate:
    """A number without sampling error. Its interval has no width."""
    number = np.asarray(float(value))
    return Estimate(number, number, number)


def _deviations(estimates: Tensor) -> Array:
    """‖ĝ_s − mean‖² S / (S − 1) of each batch, `[S]`: its mean is the trace of the covariance, unbiased."""
    count = len(estimates)
    squares: Array = (estimates - estimates.mean(0)).square().sum(1).numpy()
    return squares * count / (count - 1)


def variance(estimates: Tensor) -> Estimate:
    """The trace of the covariance of gradient estimates `[S, P]`, with the interval of a mean over batches."""
    return mean(_deviations(estimates))


def variance_ratio(estimates: Tensor, others: Tensor) -> Estimate:
    """The variance of `estimates` divided by the variance of `others`, both `[S, P]` and from the same batches.

    The interval is that of a ratio of means by the delta method. It uses that the batches are paired.
    """
    above, below = _deviations(estimates), _deviations(others)
    ratio = above.mean() / below.mean()
    centre = mean((above - ratio * below) / below.mean())
    return Estimate(np.asarray(ratio), ratio + centre.low, ratio + centre.high)


def effective_share(log_weights: Tensor) -> Estimate:
    """(Σ w)² / (N Σ w²), the effective share of a sample `[N]` of log weights (Kong 1992).

    It is 1 if all weights are equal, and tends to 1 / E[w²] as the sample grows. The interval is by the delta
    method.
    """
    value = float(effective_sample_size(log_weights)) / len(log_weights)
    weights: Array = (log_weights - log_weights.logsumexp(0)).exp().numpy() * len(log_weights)
    second = np.mean(weights**2)
    influence = 2.0 * (weights - 1.0) / second - (weights**2 - second) / second**2
    spread = mean(influence)
    return Estimate(np.asarray(value), value + spread.low, value + spread.high)


def excess(estimates: Tensor, exact: Tensor) -> Estimate:
    """⟨ĝ, g⟩ / ‖g‖² − 1: how much longer than the exact gradient `[P]` the estimates `[S, P]` are along it."""
    along: Array = (estimates @ exact / exact.square().sum()).numpy() - 1.0
    return mean(along)


def relative_bias(estimates: Tensor, exact: Tensor) -> Estimate:
    """‖E ĝ − g‖² / ‖g‖² of estimates `[S, P]` and the exact gradient g `[P]`.

    The mean of ⟨ĝ_i − g, ĝ_j − g⟩ over pairs of different batches is unbiased, so without bias it may be
    negative. The interval is by the jackknife.
    """
    errors = ((estimates - exact) / exact.norm()).numpy()
    count, total = len(errors), errors.sum(0)
    squares = (errors**2).sum(1)
    pairs = total @ total - squares.sum()
    value = pairs / (count * (count - 1))
    # Without batch i, the pairs (i, j) and (j, i) are missing for every j.
    without_batch = (pairs - 2.0 * (errors @ total - squares)) / ((count - 1) * (count - 2))
    pseudo = count * value - (count - 1) * without_batch
    interval = mean(pseudo)
    return Estimate(np.asarray(value), interval.low, interval.high)


def share(outcomes: Array) -> Estimate:
    """The share of boolean outcomes `[S]` that are true, with Wilson's interval."""
    test = stats.binomtest(int(np.sum(outcomes)), len(outcomes))
    low, high = test.proportion_ci(LEVEL, method="wilson")
    return Estimate(np.asarray(test.statistic), np.asarray(low), np.asarray(high))


def slope(x: Array, y: Array) -> Estimate:
    """The slope of a straight line through points, with its interval."""
    fit = stats.linregress(x, y)
    half = stats.t.ppf(0.5 + LEVEL / 2, len(x) - 2) * fit.stderr
    return Estimate(np.asarray(fit.slope), np.asarray(fit.slope - half), np.asarray(fit.slope + half))


def order(points: pd.DataFrame, x: str) -> Estimate:
    """The exponent k of `estimate` ∝ xᵏ: the slope of the logarithms, over the rows of a table.

    Args:
        points: rows of one quantity.
        x: column of the positive numbers x.
    """
    return slope(*(np.log(points[column].to_numpy(float)) for column in (x, "estimate")))
