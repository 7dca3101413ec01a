"""Contrasts, tests, Holm's correction and power against SciPy, naive definitions and simulation."""

import numpy as np
import pytest
from scipy import stats

from pgbench.analysis import inference
from pgbench.analysis.inference import Contrast, PValues


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def test_one_sample_is_students_t(rng):
    sample = rng.standard_normal(7) + 0.3
    found = inference.contrast([sample], [1.0])
    expected = stats.ttest_1samp(sample, 0.1, alternative="greater")
    assert inference.tail(found, 0.1) == pytest.approx(expected.pvalue)
    assert inference.interval(found) == pytest.approx(
        stats.ttest_1samp(sample, 0.0).confidence_interval(0.95)
    )


def test_the_mean_of_a_sample_has_students_interval(rng):
    sample = rng.standard_normal((7, 3))
    found = inference.mean(sample)
    expected = stats.ttest_1samp(sample, 0.0).confidence_interval(0.95)
    np.testing.assert_allclose(found.value, sample.mean(axis=0))
    np.testing.assert_allclose([found.low, found.high], expected)


def test_one_replica_has_a_mean_and_no_interval():
    found = inference.mean(np.array([[3.0, 4.0]]))
    np.testing.assert_array_equal(found, [[3.0, 4.0], [np.nan] * 2, [np.nan] * 2])


def test_two_samples_have_welchs_error_and_fewer_degrees_of_freedom(rng):
    x, y = rng.standard_normal(6), 3 * rng.standard_normal(9)
    found = inference.contrast([x, y], [1.0, -1.0])
    expected = stats.ttest_ind(x, y, equal_var=False)
    assert found.value / found.error == pytest.approx(expected.statistic)
    assert found.freedom == pytest.approx((expected.df + 5) / 2)


def test_contrasts_are_elementwise(rng):
    samples = [rng.standard_normal((5, 4)), rng.standard_normal((8, 4))]
    together = inference.contrast(samples, [0.5, 2.0])
    alone = inference.contrast([sample[:, 2] for sample in samples], [0.5, 2.0])
    np.testing.assert_allclose([field[2] for field in together], alone)


@pytest.mark.parametrize(("bound", "expected"), [(0.0, 0.0), (1.0, 0.5), (2.0, 1.0)])
def test_without_variation_a_value_is_certain(bound, expected):
    found = inference.contrast([np.ones(4)], [1.0])
    assert inference.tail(found, bound) == expected


def test_between_is_the_two_one_sided_tests(rng):
    sample = 0.1 * rng.standard_normal(8)
    findings = inference.between(inference.contrast([sample], [1.0]), -0.2, 0.3)
    above = stats.ttest_1samp(sample, -0.2, alternative="greater").pvalue
    below = stats.ttest_1samp(sample, 0.3, alternative="less").pvalue
    assert findings.holds == pytest.approx(max(above, below))
    assert findings.fails == pytest.approx(min(1.0, 2 * min(1 - above, 1 - below)))


def test_between_agrees_with_the_interval(rng):
    found = inference.contrast([rng.standard_normal((6, 500))], [1.0])
    low, high = inference.interval(found, 0.1)
    findings = inference.between(found, -0.7, 0.4)
    assert ((findings.holds < 0.05) == ((low > -0.7) & (high < 0.4))).all()
    assert ((findings.fails < 0.1) == ((high < -0.7) | (low > 0.4))).all()


def test_all_groups_must_hold_and_in_each_one_suffices():
    first, second, third = (PValues(np.array(holds), np.array(1 - holds)) for holds in (0.01, 0.2, 0.004))
    found = inference.combine([[first, second], [third]])
    assert found.holds == pytest.approx(max(2 * 0.01, 0.004))
    assert found.fails == pytest.approx(min(1.0, 2 * min(max(0.99, 0.8), 0.996)))


def naive_holm(p, alpha):
    """From the smallest p-value on, reject while p ≤ α / (how many are left)."""
    rejected = np.zeros(len(p), dtype=bool)
    for step, index in enumerate(np.argsort(p)):
        if p[index] > alpha / (len(p) - step):
            break
        rejected[index] = True
    return rejected


def test_holm_is_the_step_down_procedure(rng):
    p = rng.random((200, 7)) ** 4
    decision = inference.holm(p)
    np.testing.assert_array_equal(decision.rejected, [naive_holm(row, 0.05) for row in p])
    assert 0 < decision.rejected.mean() < 1


def test_holms_level_agrees_with_every_decision(rng):
    p = rng.random((500, 5)) ** 5
    decision = inference.holm(p)
    np.testing.assert_array_equal(p <= decision.level[:, None], decision.rejected)


def test_a_truth_at_the_detectable_distance_is_found_four_times_in_five(rng):
    for seeds in (5, 10):
        error = 1 / np.sqrt(seeds)
        design = Contrast(np.zeros(()), np.asarray(error), np.asarray(seeds - 1.0))
        distance = inference.detectable(design, 0.05)
        found = inference.contrast([distance + rng.standard_normal((seeds, 20_000))], [1.0])
        power = np.mean(inference.tail(found, 0.0) <= 0.05)
        assert power == pytest.approx(inference.POWER, abs=0.04)


def test_more_seeds_shrink_our_error_and_not_a_publications():
    pilot = Contrast(*map(np.asarray, (4.0, 5.0, 9.0, 0.5, 0.25)))
    planned = inference.planned(pilot, 10, 40, others_error=3.0)
    assert planned.error == pytest.approx((16 / 4 + 9) ** 0.5)
    assert (planned.value, planned.freedom) == (4.0, 9.0 * 39 / 9)
    assert (planned.covariance, planned.unit_variance) == (0.5 / 4, 0.25 / 4)
    assert inference.planned(pilot, 10, 10, others_error=3.0) == pilot
