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
    assert statistics.probability_of_improvement(x, y) == pytest.approx(expected)


def test_probability_of_improvement_is_averaged_over_tasks():
    low, high = np.array([0.0, 1.0]), np.array([2.0, 3.0])
    assert statistics.probability_of_improvement(high, low, low, high) == 0.5
    assert statistics.probability_of_improvement(high, low, low, low) == 0.75


def test_bootstrap_of_the_mean_nears_its_normal_limit(rng):
    sample = rng.standard_normal(400)
    estimate = statistics.bootstrap(statistics.mean, [sample], rng)
    half_width = 1.96 * sample.std() / 20
    assert estimate.value == sample.mean()
    assert estimate.low == pytest.approx(sample.mean() - half_width, abs=0.1 * half_width)
    assert estimate.high == pytest.approx(sample.mean() + half_width, abs=0.1 * half_width)


def test_bootstrap_of_a_curve_treats_each_point_alone(rng):
    curves = rng.standard_normal((6, 3))
    together = statistics.bootstrap(statistics.mean, [curves], np.random.default_rng(0))
    alone = statistics.bootstrap(statistics.mean, [curves[:, 2]], np.random.default_rng(0))
    assert together.low.shape == (3,)
    assert together.low[2] == alone.low


def test_strata_are_resampled_each_for_itself():
    # Each stratum is constant, so only mixing them could make the statistic vary.
    samples = [np.full(4, 1.0), np.full(5, 0.0), np.full(4, 0.0), np.full(3, 0.0)]
    estimate = statistics.bootstrap(statistics.probability_of_improvement, samples, np.random.default_rng(0))
    assert estimate == (0.75, 0.75, 0.75)


def test_one_replica_has_no_interval(rng):
    estimate = statistics.bootstrap(statistics.mean, [np.array([3.0])], rng)
    assert estimate.value == 3.0
    assert np.isnan([estimate.low, estimate.high]).all()


def test_coverage_grows_with_replicas_to_the_nominal_level(rng):
    few, many = (statistics.simulated_coverage(replicas, rng) for replicas in (5, 50))
    assert 0.75 < few < 0.9
    assert 0.92 < many < 0.97
