"""Effects in a unit that is measured: tests of a bound, and intervals, by simulation and by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from pgbench.analysis import inference
from pgbench.analysis.inference import Parts

STUDIES = 20_000
SAMPLING = 3.3 * math.sqrt(0.05 * 0.95 / STUDIES)
"""How far a rate of 5 % may come out from 5 %, once in 1000."""
MARGINS = (0.1, 0.5, 2.0)


@pytest.fixture
def rng():
    return np.random.default_rng(21)


def scores(rng, seeds, *means, spread=1.0):
    """Normal scores that share a part, as those of equal seeds do, `[variants, seeds, studies]`."""
    shared = rng.standard_normal((seeds, STUDIES))
    own = rng.standard_normal((len(means), seeds, STUDIES))
    return [mean + spread * (shared + one) / math.sqrt(2) for mean, one in zip(means, own, strict=True)]


def wrong(contrast, truth):
    """How often each of the two findings about a bound at the truth is made, at 5 % for both together."""
    p = inference.tail(contrast, truth)
    return np.array([np.mean(p <= 0.025), np.mean(p >= 0.975)])


def coverage(contrast, truth):
    low, high = inference.interval(contrast)
    return np.mean((low <= truth) & (truth <= high))


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("seeds", [5, 10])
def test_a_share_of_the_comparator_is_exact_at_any_margin(rng, seeds, margin):
    variant, comparator = scores(rng, seeds, 10 * (1 + margin), 10.0, spread=4.0)
    found = inference.ratio([[Parts(variant - comparator, comparator)]])
    assert wrong(found, margin) == pytest.approx([0.025, 0.025], abs=SAMPLING)


@pytest.mark.parametrize("seeds", [5, 10])
def test_a_unit_that_counts_as_known_would_be_wrong(rng, seeds):
    """Why the error of the unit counts: without it, up to twice as many findings are wrong."""
    variant, comparator = scores(rng, seeds, 30.0, 10.0, spread=4.0)
    known = inference.contrast([(variant - comparator) / comparator.mean(axis=0)], [1.0])
    assert wrong(known, 2.0).sum() > 0.07


@pytest.mark.parametrize("margin", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("seeds", [5, 10])
def test_a_share_of_the_range_keeps_its_level(rng, seeds, margin):
    """The best variant is another one; as in a study, it is found by its mean."""
    span = 10.0
    variant, comparator, best, rival, untrained = scores(
        rng, seeds, 4.0 + margin * span, 4.0, span, span / 2, 0.0
    )
    best = np.where(best.mean(axis=0) > rival.mean(axis=0), best, rival)
    found = inference.ratio([[Parts(variant - comparator, best - untrained)]])
    assert wrong(found, margin) == pytest.approx([0.025, 0.025], abs=SAMPLING)
    assert coverage(found, margin) == pytest.approx(0.95, abs=SAMPLING)


@pytest.mark.parametrize("seeds", [5, 10])
def test_a_mean_over_environments_keeps_its_level(rng, seeds):
    strata = []
    for effect, scale in ((0.1, 1.0), (0.5, 10.0), (0.9, 100.0)):
        variant, comparator = scores(rng, seeds, 10 * (1 + effect), 10.0, spread=2.0)
        strata.append([Parts(scale * (variant - comparator), scale * comparator)])
    found = inference.ratio(strata)
    assert wrong(found, 0.5).max() < 0.025 + SAMPLING
    assert coverage(found, 0.5) > 0.95 - SAMPLING


def test_samples_of_other_seeds_keep_their_level(rng):
    variant, comparator = 15 + 2 * rng.standard_normal((5, STUDIES)), 10 + rng.standard_normal((9, STUDIES))
    samples = [Parts(variant, 0 * variant), Parts(-comparator, comparator)]
    assert wrong(inference.ratio([samples]), 0.5).max() < 0.025 + SAMPLING


def test_an_interval_holds_every_value_that_is_not_rejected(rng):
    variant, comparator = scores(rng, 6, 14.0, 10.0, spread=5.0)
    found = inference.ratio([[Parts(variant - comparator, comparator)]])
    low, high = inference.interval(found)
    for bound in (-1.0, 0.0, 0.4, 1.0, 3.0):
        inside = np.abs(inference.tail(found, bound) - 0.5) < 0.475
        bounded = np.isfinite(low)
        np.testing.assert_array_equal(inside[bounded], ((low < bound) & (bound < high))[bounded])
    assert 0.9 < np.mean(np.isfinite(low)) < 1


def test_a_bound_is_tested_by_the_t_test_of_the_effect_less_so_many_units(rng):
    variant, comparator = rng.normal(12, 2, 7), rng.normal(10, 2, 7)
    found = inference.ratio([[Parts(variant - comparator, comparator)]])
    expected = stats.ttest_1samp(variant - 1.3 * comparator, 0.0, alternative="greater")
    assert inference.tail(found, 0.3) == pytest.approx(expected.pvalue)
    assert found.value == pytest.approx(variant.mean() / comparator.mean() - 1)


def test_without_variation_a_share_is_certain():
    found = inference.ratio([[Parts(np.full(4, 3.0), np.full(4, 10.0))]])
    assert inference.interval(found) == (0.3, 0.3)
    assert inference.tail(found, 0.2) == 0.0


def test_a_unit_that_may_be_zero_has_no_interval():
    found = inference.ratio([[Parts(np.array([1.0, 2.0, 3.0]), np.array([-5.0, 1.0, 6.0]))]])
    assert inference.interval(found) == (-np.inf, np.inf)
