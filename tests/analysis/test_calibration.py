"""Verdicts on simulated experiments whose truth is known are wrong no more often than they promise.

Every study has six claims. The worst truth is an effect a hair's breadth from its bound. On one side the claim is
true and *contradicted* is wrong, on the other it is false and *replicated* is wrong. Errors are counted a study, as
Holm's correction promises them.
"""

import math

import numpy as np
import pytest

from pgbench.analysis import calibration, inference

STUDIES, CLAIMS = 10_000, 6
SAMPLING = 3.3 * math.sqrt(0.05 * 0.95 / STUDIES)
"""How far the rate of an error of 5 % may come out above 5 %, once in 2000."""


def judged(groups, low, high):
    """Verdicts, as `claims.judge` reaches them: (replicated, contradicted)."""
    found = inference.combine([[inference.between(one, low, high) for one in group] for group in groups])
    rejected = inference.holm(np.minimum(*found)).rejected
    return rejected & (found.holds < found.fails), rejected & (found.holds >= found.fails)


def errors(replicated, contradicted):
    """The share of studies with a wrong verdict, if all claims are false, if all are true, or every other one."""
    is_true = np.arange(CLAIMS) % 2 == 0
    wrong = (replicated, contradicted, np.where(is_true, contradicted, replicated))
    return max(float(np.mean(each.any(axis=-1))) for each in wrong)


@pytest.fixture(scope="module", params=calibration.DISTRIBUTIONS)
def draw(request):
    return calibration.DISTRIBUTIONS[request.param]


@pytest.fixture(scope="module", params=[3, 5, 10])
def variants(request, draw):
    """Scores of five variants with the same distribution, scaled to a standard deviation of 1."""
    rng = np.random.default_rng(5)
    scale = draw(rng, (100_000,)).std()
    return [draw(rng, (request.param, STUDIES, CLAIMS)) / scale for _ in range(5)]


def difference(one, other, shift):
    return inference.contrast([one - other + shift], [1.0])


def test_directional_claims(variants):
    effects = difference(variants[0], variants[1], 0.5)
    assert errors(*judged([[effects]], 0.5, math.inf)) < 0.05 + SAMPLING


def test_equivalence_claims(variants):
    effects = difference(variants[0], variants[1], 1.0)
    assert errors(*judged([[effects]], -1.0, 1.0)) < 0.05 + SAMPLING


def test_orderings_with_one_step_on_the_margin(variants):
    steps = [[difference(variants[i], variants[i + 1], 0.5 if i == 2 else 9.0)] for i in range(3)]
    assert errors(*judged(steps, 0.5, math.inf)) < 0.05 + SAMPLING


def test_orderings_with_all_steps_on_the_margin(variants):
    steps = [[difference(variants[i], variants[i + 1], 0.5)] for i in range(3)]
    assert errors(*judged(steps, 0.5, math.inf)) < 0.05 + SAMPLING


def test_optima_among_variants_as_good_as_the_rest(variants):
    groups = [[difference(variants[b], variants[o], 0.1) for b in (0, 1)] for o in (2, 3, 4)]
    assert errors(*judged(groups, 0.1, math.inf)) < 0.05 + SAMPLING


def test_environments_of_unequal_spread(variants):
    spreads = (0.3, 1.0, 1.0, 3.0)
    pairs = zip(variants[:4], np.roll(variants, 1, axis=0)[:4], spreads, strict=True)
    effects = inference.contrast([spread * (x - y) + 0.5 for x, y, spread in pairs], [0.25] * 4)
    assert errors(*judged([[effects]], 0.5, math.inf)) < 0.05 + SAMPLING


def test_margins_that_are_a_share_of_a_measured_range(variants):
    # The best variant is 10 above the untrained policy, and the claimed difference a tenth of that.
    means = [variants[0].mean(axis=0) + 1.0, *(scores.mean(axis=0) for scores in variants[1:])]
    scale = np.max(means, axis=0) + 9.0
    effects = inference.contrast([(variants[0] + 1.0 - variants[1]) / scale], [1.0])
    assert errors(*judged([[effects]], 0.1, math.inf)) < 0.05 + SAMPLING


def test_levels_of_normal_scores():
    scores = np.random.default_rng(6).standard_normal((5, STUDIES, CLAIMS))
    assert errors(*judged([[inference.contrast([scores], [1.0])]], 0.0, math.inf)) < 0.05 + SAMPLING


@pytest.mark.parametrize(("effect", "verdict"), [(2.0, 0), (0.0, 1)])
def test_power_grows_with_seeds_to_certainty(effect, verdict):
    rng, rates = np.random.default_rng(7), []
    for seeds in (3, 5, 10, 20):
        scores = rng.standard_normal((seeds, 500, CLAIMS)) + effect
        right, wrong = (
            verdicts.mean()
            for verdicts in np.roll(
                judged([[inference.contrast([scores], [1.0])]], 1.0, math.inf), -verdict, axis=0
            )
        )
        rates.append(right)
        assert wrong < 0.01
    assert rates == sorted(rates)
    assert rates[0] < 0.2
    assert rates[-1] > 0.9


@pytest.mark.parametrize("seeds", [5, 10])
def test_intervals_of_differences_keep_their_level(draw, seeds):
    assert calibration.coverage(draw, seeds, np.random.default_rng(8), paired=True) > 0.94


def test_an_interval_of_a_mean_cannot_know_of_a_rare_gait():
    shares = [
        calibration.coverage(calibration.two_gaits, seeds, np.random.default_rng(9), paired=False)
        for seeds in (5, 10, 40)
    ]
    assert shares[0] < 0.8 < shares[1] < 0.93 < shares[2]


@pytest.mark.parametrize("name", calibration.DISTRIBUTIONS)
def test_distributions_have_the_mean_zero(name):
    scores = calibration.DISTRIBUTIONS[name](np.random.default_rng(10), (400_000,))
    assert abs(scores.mean()) < 5 * scores.std() / math.sqrt(scores.size)
