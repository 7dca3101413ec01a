"""The statistics against SciPy, closed forms and simulated coverage."""

import numpy as np
import pytest
from scipy import stats

from pgbench.analysis import statistics


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("replicas", [1, 3, 4, 5, 8, 10, 11])
def test_interquartile_mean_is_the_mean_of_the_middle(rng, replicas):
    sample = rng.standard_normal(replicas)
    cut = replicas // 4
    assert statistics.interquartile_mean(sample) == pytest.approx(
        np.sort(sample)[cut : replicas - cut].mean()
    )


def test_interquartile_mean_ignores_an_outlier():
    assert statistics.interquartile_mean(np.array([1.0, 1.0, 1.0, 1e9])) == 1.0


def test_probability_of_improvement_is_mann_whitney_u(rng):
    x, y = rng.integers(0, 5, 9).astype(float), rng.integers(0, 5, 7).astype(float)
    expected = stats.mannwhitneyu(x, y).statistic / (9 * 7)
    assert statistics.probability_of_improvement([(x, y)]).value == pytest.approx(expected)


def test_probability_of_improvement_is_averaged_over_tasks():
    low, high = np.array([0.0, 1.0]), np.array([2.0, 3.0])
    both = statistics.probability_of_improvement([(high, low), (low, high)])
    assert both.value == 0.5
    assert both.low == pytest.approx(1 - both.high)
    assert statistics.probability_of_improvement([(high, low), (low, low)]).value == 0.75


def test_newcombes_interval_is_where_the_estimate_is_so_many_errors_away(rng):
    x, y = rng.standard_normal(6), rng.standard_normal(9) - 0.5
    estimate = statistics.probability_of_improvement([(x, y)])
    for end in (estimate.low, estimate.high):
        terms = (1 - end) / (2 - end) + end / (1 + end)
        variance = end * (1 - end) * (1 + (7.5 - 1) * terms) / 54
        assert abs(estimate.value - end) == pytest.approx(stats.norm.ppf(0.975) * variance**0.5)


def test_an_interval_of_two_tasks_is_narrower_by_the_root_of_two():
    x, y = np.arange(8.0), np.arange(8.0) - 1.5
    one, two = (statistics.probability_of_improvement([(x, y)] * count) for count in (1, 2))
    assert (two.value - two.low) == pytest.approx((one.value - one.low) / 2**0.5)
    assert (two.high - two.value) == pytest.approx((one.high - one.value) / 2**0.5)


@pytest.mark.parametrize("count", [2, 5, 10])
def test_an_interval_stays_within_zero_and_one_and_turns_round(rng, count):
    x, y = rng.standard_normal(count), rng.standard_normal(count) + 9.0
    never, always = (statistics.probability_of_improvement([pair]) for pair in ((x, y), (y, x)))
    assert (never.value, never.low) == (always.value - 1, always.high - 1) == (0.0, 0.0)
    assert 0.0 < never.high < 1.0
    assert always.low == pytest.approx(1 - never.high)


@pytest.mark.parametrize(
    ("seeds", "apart", "expected"), [(3, 0, 0.90), (5, 0, 0.94), (10, 0, 0.95), (3, 2, 0.98), (10, 2, 0.96)]
)
def test_newcombes_interval_keeps_its_level(rng, seeds, apart, expected):
    """Of two normal variants whose means are so many standard deviations apart."""
    truth, held = stats.norm.cdf(apart / 2**0.5), []
    for _ in range(1500):
        task = (rng.standard_normal(seeds) + apart, rng.standard_normal(seeds))
        estimate = statistics.probability_of_improvement([task])
        held.append(estimate.low <= truth <= estimate.high)
    assert np.mean(held) == pytest.approx(expected, abs=0.025)


def test_bootstrap_of_the_mean_nears_its_normal_limit(rng):
    sample = rng.standard_normal(400)
    estimate = statistics.bootstrap(np.mean, [sample], rng)
    half_width = 1.96 * sample.std() / 20
    assert estimate.value == sample.mean()
    assert estimate.low == pytest.approx(sample.mean() - half_width, abs=0.1 * half_width)
    assert estimate.high == pytest.approx(sample.mean() + half_width, abs=0.1 * half_width)


def test_bootstrap_of_a_curve_treats_each_point_alone(rng):
    curves = rng.standard_normal((6, 3))
    together = statistics.bootstrap(np.mean, [curves], np.random.default_rng(0))
    alone = statistics.bootstrap(np.mean, [curves[:, 2]], np.random.default_rng(0))
    assert together.low.shape == (3,)
    assert together.low[2] == alone.low


def test_strata_are_resampled_each_for_itself():
    # Each stratum is constant, so only mixing them could make the statistic vary.
    def gap(one, other, axis=0):
        return one.mean(axis=axis) - other.mean(axis=axis)

    samples = [np.full(4, 1.0), np.full(5, 0.0)]
    assert statistics.bootstrap(gap, samples, np.random.default_rng(0)) == (1.0, 1.0, 1.0)


def test_one_replica_has_no_interval(rng):
    estimate = statistics.bootstrap(np.mean, [np.array([3.0])], rng)
    assert estimate.value == 3.0
    assert np.isnan([estimate.low, estimate.high]).all()
    estimate = statistics.probability_of_improvement([(np.array([3.0]), np.array([2.0, 1.0]))])
    assert estimate.value == 1.0
    assert np.isnan([estimate.low, estimate.high]).all()


def test_coverage_grows_with_replicas_to_the_nominal_level(rng):
    few, many = (statistics.simulated_coverage(replicas, rng) for replicas in (5, 50))
    assert 0.86 < few < 0.92
    assert 0.92 < many < 0.97
