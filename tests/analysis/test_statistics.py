"""The statistics against SciPy, closed forms and simulated coverage."""

import numpy as np
import pytest
from scipy import stats

from pgbench.analysis import statistics


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_interquartile_mean_is_scipys_trimmed_mean(rng):
    sample = rng.standard_normal((9, 4))
    expected = stats.trim_mean(sample, 0.25, axis=0)
    np.testing.assert_allclose(statistics.interquartile_mean(sample), expected, rtol=1e-12)


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


def scipys_bootstrap(statistic, samples, seed=0):
    """The ends of SciPy's percentile interval, which draws the same resamples from the same generator."""
    interval = stats.bootstrap(
        tuple(samples),
        statistic,
        n_resamples=statistics.RESAMPLES,
        batch=statistics.BATCH,
        vectorized=True,
        confidence_level=statistics.LEVEL,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return interval.low, interval.high


@pytest.mark.parametrize(
    ("statistic", "sizes"),
    [
        (statistics.mean, [10]),
        (statistics.interquartile_mean, [7]),
        (statistics.probability_of_improvement, [10, 8]),
        (statistics.probability_of_improvement, [5, 5, 6, 7]),
    ],
)
def test_bootstrap_is_scipys(rng, statistic, sizes):
    samples = [100 * rng.standard_normal(size) for size in sizes]
    estimate = statistics.bootstrap(statistic, samples, np.random.default_rng(0))
    assert estimate[1:] == pytest.approx(scipys_bootstrap(statistic, samples), rel=1e-12)


def test_bootstrap_of_curves_is_scipys(rng):
    curves = rng.standard_normal((6, 4))
    estimate = statistics.bootstrap(statistics.mean, [curves], np.random.default_rng(0))
    np.testing.assert_allclose(estimate[1:], scipys_bootstrap(statistics.mean, [curves]), rtol=1e-12)


@pytest.mark.parametrize("shape", [(2,), (10,), (5, 3), (4, 2, 3)])
def test_bootstrap_mean_is_the_bootstrap_of_the_mean(rng, shape):
    sample = rng.standard_normal(shape)
    fast = statistics.bootstrap_mean(sample, np.random.default_rng(0))
    naive = statistics.bootstrap(statistics.mean, [sample], np.random.default_rng(0))
    assert fast.low.shape == shape[1:]
    np.testing.assert_allclose(fast, naive, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("sizes", [[10, 10], [3, 8], [4, 6, 7, 5]])
def test_bootstrap_improvement_is_the_bootstrap_of_the_improvement(rng, sizes):
    samples = [rng.integers(0, 9, size).astype(float) for size in sizes]
    fast = statistics.bootstrap_improvement(samples, np.random.default_rng(0))
    naive = statistics.bootstrap(statistics.probability_of_improvement, samples, np.random.default_rng(0))
    np.testing.assert_allclose(fast, naive, rtol=1e-12)


def test_strata_are_resampled_each_for_itself():
    # Each stratum is constant, so only mixing them could make the statistic vary.
    samples = [np.full(4, 1.0), np.full(5, 0.0), np.full(4, 0.0), np.full(3, 0.0)]
    estimate = statistics.bootstrap(statistics.probability_of_improvement, samples, np.random.default_rng(0))
    assert estimate == (0.75, 0.75, 0.75)


def test_one_replica_has_no_interval(rng):
    one = np.array([3.0])
    for estimate in (statistics.bootstrap(statistics.mean, [one], rng), statistics.bootstrap_mean(one, rng)):
        assert estimate.value == 3.0
        assert np.isnan([estimate.low, estimate.high]).all()
    improvement = statistics.bootstrap_improvement([one, np.array([1.0, 5.0])], rng)
    assert improvement.value == 0.5
    assert np.isnan([improvement.low, improvement.high]).all()


def test_pairing_removes_what_seeds_share(rng):
    shared = 100 * rng.standard_normal(10)
    after, before = shared + 1 + 0.1 * rng.standard_normal(10), shared
    paired = statistics.paired_difference(after, before, rng)
    assert 0.8 < paired.low < paired.value < paired.high < 1.2


def test_coverage_grows_with_replicas_to_the_nominal_level(rng):
    few, many = (statistics.simulated_coverage(replicas, rng) for replicas in (5, 50))
    assert 0.75 < few < 0.9
    assert 0.92 < many < 0.97
