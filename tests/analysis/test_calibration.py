"""Verdicts on simulated experiments whose truth is known are wrong no more often than they promise.

Every study has six claims. The worst truth is an effect a hair's breadth from its bound. On one side the claim is
true and *contradicted* is wrong, on the other it is false and *replicated* is wrong. Errors are counted a study, as
Holm's correction promises them.
"""

import math

import numpy as np
import pytest

from helpers.simulated_verdicts import alike, difference, errors, judged
from pgbench.analysis import calibration, inference

STUDIES, CLAIMS = 10_000, 6
SAMPLING = 3.3 * math.sqrt(0.05 * 0.95 / STUDIES)
"""How far the rate of an error of 5 % may come out above 5 %, once in 2000."""


@pytest.fixture(scope="module", params=calibration.DISTRIBUTIONS)
def draw(request):
    return calibration.DISTRIBUTIONS[request.param]


@pytest.fixture(scope="module", params=[3, 5, 10])
def variants(request, draw):
    """Scores of five variants with the same distribution, scaled to a standard deviation of 1."""
    return alike(draw, (request.param, STUDIES, CLAIMS), 5)


def test_directional_claims(variants):
    effects = difference(variants[0], variants[1], 0.5)
    assert errors(*judged([[[effects]]], 0.5, math.inf)) < 0.05 + SAMPLING


def test_equivalence_claims(variants):
    effects = difference(variants[0], variants[1], 1.0)
    assert errors(*judged([[[effects]]], -1.0, 1.0)) < 0.05 + SAMPLING


def test_orderings_with_one_step_on_the_margin(variants):
    steps = [[difference(variants[i], variants[i + 1], 0.5 if i == 2 else 9.0)] for i in range(3)]
    assert errors(*judged([steps], 0.5, math.inf)) < 0.05 + SAMPLING


def test_orderings_with_all_steps_on_the_margin(variants):
    steps = [[difference(variants[i], variants[i + 1], 0.5)] for i in range(3)]
    assert errors(*judged([steps], 0.5, math.inf)) < 0.05 + SAMPLING


def test_optima_among_variants_as_good_as_the_rest(variants):
    groups = [[difference(variants[b], variants[o], 0.1) for b in (0, 1)] for o in (2, 3, 4)]
    assert errors(*judged([groups], 0.1, math.inf)) < 0.05 + SAMPLING


def test_environments_of_unequal_spread(variants):
    spreads = (0.3, 1.0, 1.0, 3.0)
    pairs = zip(variants[:4], np.roll(variants, 1, axis=0)[:4], spreads, strict=True)
    effects = inference.contrast([spread * (x - y) + 0.5 for x, y, spread in pairs], [0.25] * 4)
    assert errors(*judged([[[effects]]], 0.5, math.inf)) < 0.05 + SAMPLING


def test_margins_that_are_a_share_of_a_measured_range(variants):
    # The best variant is 10 above the untrained policy, and the claimed difference a tenth of that.
    means = [variants[0].mean(axis=0) + 1.0, *(scores.mean(axis=0) for scores in variants[1:])]
    scale = np.max(means, axis=0) + 9.0
    effects = inference.contrast([(variants[0] + 1.0 - variants[1]) / scale], [1.0])
    assert errors(*judged([[[effects]]], 0.1, math.inf)) < 0.05 + SAMPLING


def test_levels_of_normal_scores():
    scores = np.random.default_rng(6).standard_normal((5, STUDIES, CLAIMS))
    assert errors(*judged([[[inference.contrast([scores], [1.0])]]], 0.0, math.inf)) < 0.05 + SAMPLING


@pytest.mark.parametrize(("effect", "verdict"), [(2.0, 0), (0.0, 1)])
def test_power_grows_with_seeds_to_certainty(effect, verdict):
    rng, rates = np.random.default_rng(7), []
    for seeds in (3, 5, 10, 20):
        scores = rng.standard_normal((seeds, 500, CLAIMS)) + effect
        right, wrong = (
            verdicts.mean()
            for verdicts in np.roll(
                judged([[[inference.contrast([scores], [1.0])]]], 1.0, math.inf), -verdict, axis=0
            )
        )
        rates.append(right)
        assert wrong < 0.01
    assert rates == sorted(rates)
    assert rates[0] < 0.2
    assert rates[-1] > 0.9


@pytest.mark.parametrize("seeds", [5, 10])
def test_intervals_of_differences_keep_their_level(draw, seeds):
    assert calibration.coverage(draw, seeds, np.random.default_rng(8), draw) > 0.94


def test_an_interval_of_a_mean_cannot_know_of_a_rare_gait():
    shares = [
        calibration.coverage(calibration.two_gaits, seeds, np.random.default_rng(9), None)
        for seeds in (5, 10, 40)
    ]
    assert shares[0] < 0.8 < shares[1] < 0.93 < shares[2]


@pytest.mark.parametrize("draw", calibration.UNEQUAL.values(), ids=lambda draw: draw.__name__)
def test_a_difference_from_a_steady_variant_cannot_know_of_it_either(draw):
    shares = [
        calibration.coverage(draw, seeds, np.random.default_rng(9), calibration.normal)
        for seeds in (5, 10, 40)
    ]
    assert shares[0] < 0.8 < shares[1] < 0.93 < shares[2]


@pytest.mark.parametrize(
    "draw",
    [*calibration.DISTRIBUTIONS.values(), *calibration.UNEQUAL.values()],
    ids=lambda draw: draw.__name__,
)
def test_distributions_have_the_mean_zero(draw):
    scores = draw(np.random.default_rng(10), (400_000,))
    assert abs(scores.mean()) < 5 * scores.std() / math.sqrt(scores.size)
