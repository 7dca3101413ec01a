"""Scores that replicas have only together: their definitions, and what their errors promise, by simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pgbench.analysis import variant_scores

READINGS = ["normalised_by_best_run", "normalised_by_best_setting"]


def test_the_numbers_of_a_mean_are_the_replicas_own():
    values = np.random.default_rng(0).normal(size=7)
    left_out = (values.sum() - values) / 6
    np.testing.assert_allclose(variant_scores.jackknifed(values.mean(), left_out), values)


def test_the_mean_curve_comes_before_its_maximum():
    curves = np.array([[0.0, 4.0, 2.0], [0.0, 0.0, 4.0], [0.0, 2.0, 0.0]])
    values = variant_scores.maximum_of_mean_curve(curves)
    assert values.mean() == pytest.approx(2.0)  # of the maxima it would be 10 / 3
    np.testing.assert_allclose(values, 2.0 + 2 * (8 / 3 - np.array([2.0, 3.0, 3.0])))
    assert variant_scores.maximum_of_mean_curve(curves[:1]).tolist() == [4.0]


@pytest.mark.parametrize("seeds", [5, 10])
@pytest.mark.parametrize("noise", [0.05, 0.2])
@pytest.mark.parametrize("shape", [lambda t: 1 - np.exp(-3 * t), np.ones_like, lambda t: 1 - (t - 0.6) ** 2])
def test_the_error_of_a_maximum_of_a_mean_curve_keeps_its_level(seeds, noise, shape):
    """33 evaluations, seeds that differ by a quarter. What is estimated is the statistic of that many seeds."""
    rng = np.random.default_rng(0)
    levels = shape(np.linspace(0, 1, 33)) * rng.normal(1, 0.25, (2000, seeds, 1))
    studies = levels + noise * rng.standard_normal((2000, seeds, 33))
    numbers = np.array([variant_scores.maximum_of_mean_curve(curves) for curves in studies])
    estimates, errors = numbers.mean(axis=1), stats.sem(numbers, axis=1)
    outside = np.abs(estimates - estimates.mean()) > stats.t.ppf(0.975, seeds - 1) * errors
    assert 0.015 < outside.mean() < 0.06


def table_1(gains, untrained=0.0):
    """A table of scores in one environment, from gains `[seeds, variants]`."""
    rows = [
        {"seed": seed, "variant": f"{variant:02}", "last_100": untrained + gain}
        for (seed, variant), gain in np.ndenumerate(gains)
    ]
    return pd.DataFrame(rows).assign(environment="E", status="scored", untrained=untrained)


def normalised(gains, untrained=0.0):
    """The readings of the first variant, `[seeds, 2]`."""
    found = variant_scores.normalised(table_1(gains, untrained))
    return found.loc[found["variant"] == "00", READINGS].to_numpy()


def test_ten_seeds_are_scaled_as_a_table_of_three_seeds_is():
    """The best grows with noise, so a score of ten seeds is another measurement than one of three."""
    rng = np.random.default_rng(0)
    truth = np.array([0.82, 0.76, 0.74, 0.72, 0.71, 0.71, 0.70, 0.69, 0.68, 0.62, 0.6, -0.39]) / 0.82

    def study(seeds, studies):
        return truth + 0.3 * rng.standard_normal((studies, seeds, len(truth)))

    three = study(3, 20_000)
    best = np.array([three.max(axis=(1, 2)), three.mean(axis=1).max(axis=1)])
    published = (three.mean(axis=1)[:, 0] / best).mean(axis=1)
    np.testing.assert_allclose(published, [0.67, 0.865], atol=0.01)
    ours = np.array([normalised(gains) for gains in study(10, 200)])
    np.testing.assert_allclose(ours.mean(axis=(0, 1)), published, atol=0.015)
    # The jackknife's error is what the estimate scatters by.
    errors = np.sqrt((ours.var(axis=1, ddof=1) / 10).mean(axis=0))
    np.testing.assert_allclose(errors, ours.mean(axis=1).std(axis=0), rtol=0.2)


def test_many_seeds_are_scaled_by_random_choices():
    gains = np.random.default_rng(0).normal(1.0, 0.1, (60, 4))
    few = variant_scores._choices(60)
    assert 0.9 * variant_scores.MOST_CHOICES < len(few) <= variant_scores.MOST_CHOICES
    assert len(variant_scores._choices(10)) == 120
    assert (np.diff(few) > 0).all()
    settings = gains[few].mean(axis=1)
    assert normalised(gains)[:, 1].mean() == pytest.approx((settings[:, 0] / settings.max(axis=1)).mean())


def test_the_untrained_policy_has_zero():
    gains = np.random.default_rng(0).normal(1.0, 0.1, (5, 4))
    np.testing.assert_allclose(normalised(gains, untrained=40.0), normalised(gains))


@pytest.mark.parametrize("gains", [np.full((5, 2), -1.0), np.full((3, 2), 1.0)])
def test_nothing_is_normalised_where_nothing_was_learned_or_seeds_are_few(gains):
    assert np.isnan(normalised(gains)).all()


def test_a_seed_that_lacks_a_score_is_left_out_and_a_variant_that_lacks_all_does_not_count():
    gains = np.random.default_rng(0).normal(1.0, 0.1, (6, 3))
    gaps = table_1(gains)
    gaps.loc[(gaps["seed"] == 5) & (gaps["variant"] == "01"), "last_100"] = np.nan
    gaps.loc[gaps["variant"] == "02", "last_100"] = np.nan
    found = variant_scores.normalised(gaps).query("variant == '00'")[READINGS].to_numpy()
    np.testing.assert_allclose(found, [*normalised(gains[:5, :2]), [np.nan, np.nan]])


def test_a_replica_that_diverged_counts():
    gains = np.random.default_rng(0).normal(1.0, 0.1, (5, 2))
    scores = table_1(gains).assign(status=["diverged", *["scored"] * 9])
    scores = scores.assign(last_episodes=scores["last_100"])
    scores.loc[0, "last_100"] = np.nan
    gains[0, 0] = 0.0  # the untrained policy's
    found = variant_scores.normalised(scores).query("variant == '00'")[READINGS].to_numpy()
    np.testing.assert_allclose(found, normalised(gains))
