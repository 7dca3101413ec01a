"""In simulations with a known true value, intervals contain it as often as their level says."""

import numpy as np
import pandas as pd
import pytest
import torch

from pgbench.analysis import inference
from pgbench.laboratory import intervals

STUDIES = 250
BATCHES = 80
ROW = np.array([1.0, 0.5, 0.0])
SCALES = np.array([1.0, 2.0, 0.5])


def estimates(rng, count=BATCHES):
    """Normally distributed gradient estimates `[S, 3]` with a known mean and covariance."""
    return torch.from_numpy(ROW + SCALES * rng.normal(size=(count, 3)))


def coverage(interval, truth):
    """The share of intervals `interval(rng)` that contain the true value."""
    held = [
        found.low <= truth <= found.high
        for found in (interval(np.random.default_rng(seed)) for seed in range(STUDIES))
    ]
    return np.mean(held)


def weights(rng):
    """Normally distributed log weights with variance 0.09, whose second moment is known."""
    return torch.from_numpy(0.3 * rng.normal(size=400))


def powers(rng):
    x = np.linspace(0.0, 1.0, 12)
    return intervals.slope(x, 1.0 + 2.0 * x + 0.1 * rng.normal(size=12))


def paired(rng):
    """The ratio of the variances of two estimators from the same batches."""
    first = estimates(rng)
    return intervals.variance_ratio(0.5 * (first - torch.from_numpy(ROW)), first)


@pytest.mark.parametrize(
    ("interval", "truth"),
    [
        (lambda rng: inference.mean(rng.normal(3.0, 2.0, size=20)), 3.0),
        (lambda rng: intervals.variance(estimates(rng)), float((SCALES**2).sum())),
        (lambda rng: intervals.excess(estimates(rng), torch.tensor([2.0, 1.0, 0.0]).double()), -0.5),
        (
            lambda rng: intervals.relative_bias(estimates(rng), torch.tensor([3.0, 0.5, 0.0]).double()),
            4.0 / 9.25,
        ),
        (lambda rng: intervals.share(rng.random(60) < 0.3), 0.3),
        (lambda rng: intervals.effective_share(weights(rng)), float(np.exp(-0.09))),
        (powers, 2.0),
    ],
    ids=["mean", "variance", "excess", "bias", "share", "effective share", "slope"],
)
def test_an_interval_covers_as_often_as_it_says(interval, truth):
    # The level is 0.95. 250 simulations leave sampling error, and the intervals are asymptotic but have 80 batches.
    assert 0.91 <= coverage(interval, truth) <= 0.98


def test_a_variance_ratio_uses_the_pairing():
    found = paired(np.random.default_rng(0))
    assert float(found.value) == pytest.approx(0.25)
    assert float(found.high - found.low) < 1e-12


def test_the_interval_of_a_variance_ratio_covers():
    def unpaired(rng):
        return intervals.variance_ratio(estimates(rng), 2.0 * estimates(rng))

    assert 0.91 <= coverage(unpaired, 0.25) <= 0.98


def test_without_bias_its_estimate_lies_on_either_side_of_zero():
    exact = torch.from_numpy(ROW)
    found = [
        intervals.relative_bias(estimates(np.random.default_rng(s)), exact).value for s in range(STUDIES)
    ]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(STUDIES)
    assert 0.2 < np.mean(np.array(found) > 0.0) < 0.8


def test_a_squared_bias_is_the_mean_over_pairs_of_different_batches():
    sample, exact = estimates(np.random.default_rng(0), 5), torch.tensor([3.0, 0.5, 0.0]).double()
    errors = (sample - exact) / exact.norm()
    pairs = [float(errors[i] @ errors[j]) for i in range(5) for j in range(5) if i != j]
    assert float(intervals.relative_bias(sample, exact).value) == pytest.approx(np.mean(pairs))


def test_an_order_is_the_exponent_of_a_power_law():
    x = np.array([0.1, 0.5, 1.0, 4.0])
    found = intervals.order(pd.DataFrame({"length": x, "estimate": 3.0 * x**2}), "length")
    assert float(found.value) == pytest.approx(2.0)
    assert float(found.low) == pytest.approx(2.0)


def test_an_estimate_comes_back_from_the_row_of_its_table():
    batches = estimates(np.random.default_rng(0))
    variance, excess = intervals.variance(batches), intervals.excess(batches, torch.from_numpy(ROW))
    table = pd.DataFrame(intervals.tidy({"world": "chain"}, {"variance": variance, "excess": excess}))
    assert list(table.columns) == ["world", "quantity", "estimate", "low", "high"]
    row = intervals.pick(table, world="chain", quantity="excess").iloc[0]
    assert intervals.from_row(row) == excess
    assert intervals.pick(table, world="cliff").empty
