"""Claims that compare effects, or that must hold on some environments, are wrong no more often than promised."""

import math

import numpy as np
import pytest

from pgbench.analysis import calibration, inference
from pgbench.analysis.inference import PValues
from pgbench.studies.claims import Effects, hypothesis

STUDIES, MARGIN = 20_000, 0.2
SAMPLING = 3.3 * math.sqrt(0.05 * 0.95 / STUDIES)
"""How far the rate of an error of 5 % may come out above 5 %, once in 2000."""


@pytest.fixture(scope="module", params=calibration.DISTRIBUTIONS)
def draw(request):
    return calibration.DISTRIBUTIONS[request.param]


def comparison_of_effects(variants):
    """P-values of |a − b| > |c − d| + the margin.

    Args:
        variants: name → scores, `[seeds, studies]`.
    """
    claim = Effects.model_validate(
        {
            "statement": "The first matters more.",
            "source": {"paper": "engstrom2020implementation", "where": "Table 2"},
            "score": "last_100",
            "larger": ["a", "b"],
            "smaller": ["c", "d"],
        }
    )
    tested = hypothesis(claim, {"last_100": {"score": MARGIN}}, {})
    groups = [
        [
            inference.contrast([sum(w * variants[label] for label, w in one.weights.items())], [1.0])
            for one in group
        ]
        for group in tested.groups
    ]
    return inference.combine(
        [[inference.between(one, tested.low, tested.high) for one in group] for group in groups]
    )


def simulated(draw, seeds, **means):
    rng = np.random.default_rng(3)
    scale = draw(rng, (100_000,)).std()
    return {name: mean + draw(rng, (seeds, STUDIES)) / scale for name, mean in means.items()}


@pytest.mark.parametrize("seeds", [5, 10])
@pytest.mark.parametrize(
    ("x", "y"),
    [(0.2, 0.0), (-0.2, 0.0), (1.2, 1.0), (-1.2, 1.0), (5.2, -5.0)],
)
def test_effects_that_differ_by_the_margin(draw, seeds, x, y):
    """On the bound, |x| = |y| + the margin, whatever the signs: neither finding is right."""
    found = comparison_of_effects(simulated(draw, seeds, a=x, b=0.0, c=y, d=0.0))
    assert np.mean(found.holds <= 0.025) < 0.025 + SAMPLING
    assert np.mean(found.fails <= 0.025) < 0.025 + SAMPLING


def test_effects_with_a_smaller_one_that_hardly_varies():
    """The worst case for the sign of the larger effect: both signs have the same chance to look right."""
    variants = simulated(calibration.normal, 5, a=0.0, b=0.0, c=0.0, d=0.0)
    variants["d"] = variants["c"] + 1e-6 * variants["d"]
    variants["a"], variants["b"] = 100 * variants["a"], 100 * variants["b"]
    assert np.mean(comparison_of_effects(variants).holds <= 0.025) == pytest.approx(0.025, abs=SAMPLING)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_clear_effects_are_found_whatever_their_signs(sign):
    large, small = {"a": 9.0 * sign, "b": 0.0}, {"c": -1.0, "d": 0.0}
    assert (
        np.mean(comparison_of_effects(simulated(calibration.normal, 10, **large, **small)).holds < 0.025)
        > 0.99
    )
    swapped = {"a": 1.0, "b": 0.0, "c": 9.0 * sign, "d": 0.0}
    assert np.mean(comparison_of_effects(simulated(calibration.normal, 10, **swapped)).fails < 0.025) > 0.99


def test_a_variant_in_both_effects_cancels_out():
    """|a − b| against |c − b|: of equal signs, only a and c are compared."""
    found = hypothesis(
        Effects.model_validate(
            {
                "statement": "So.",
                "source": {"paper": "p", "where": "w"},
                "score": "last_100",
                "larger": ["a", "b"],
                "smaller": ["c", "b"],
            }
        ),
        {"last_100": {"range": 0.1}},
        {},
    )
    assert [[one.weights for one in group] for group in found.groups] == [
        [{"a": 1.0, "c": -1.0}, {"b": 2.0, "a": -1.0, "c": -1.0}],
        [{"a": 1.0, "b": -2.0, "c": 1.0}, {"a": -1.0, "c": 1.0}],
    ]


def on_environments(draw, seeds, effects, together):
    """P-values of "the effect is above 0" on each environment, which may share all of their randomness."""
    rng = np.random.default_rng(4)
    scale, shape = draw(rng, (100_000,)).std(), (seeds, STUDIES)
    noise = [draw(rng, shape) - draw(rng, shape) for _ in effects]
    samples = [effect + noise[0 if together else k] / scale for k, effect in enumerate(effects)]
    return [inference.between(inference.contrast([sample], [1.0]), 0.0, math.inf) for sample in samples]


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("seeds", [5, 10])
@pytest.mark.parametrize("needed", [1, 2, 3, 4])
def test_claims_on_at_least_some_of_four_environments(draw, seeds, needed, together):
    almost = [9.0] * (needed - 1) + [0.0] * (
        5 - needed
    )  # it does not hold on one more, being on its bound there
    found = inference.at_least(needed, on_environments(draw, seeds, almost, together))
    assert np.mean(found.holds <= 0.025) < 0.025 + SAMPLING
    just = [0.0] * needed + [-9.0] * (4 - needed)
    found = inference.at_least(needed, on_environments(draw, seeds, just, together))
    assert np.mean(found.fails <= 0.025) < 0.025 + SAMPLING


def test_clear_effects_on_some_environments_are_found():
    parts = on_environments(calibration.normal, 10, [9.0, 9.0, -9.0], together=False)
    assert np.mean(inference.at_least(2, parts).holds < 0.025) > 0.99
    assert np.mean(inference.at_least(3, parts).fails < 0.025) > 0.99


def test_at_least_some_by_hand():
    p = [PValues(np.array(holds), np.array(1 - holds)) for holds in (0.3, 0.001, 0.02, 0.9)]
    found = [inference.at_least(needed, p) for needed in (1, 2, 3, 4)]
    assert [one.holds.item() for one in found] == pytest.approx([4 * 0.001, 3 * 0.02, 2 * 0.3, 0.9])
    # It fails on so many that too few are left.
    assert [one.fails.item() for one in found] == pytest.approx([0.999, 1.0, 1.0, 4 * 0.1])
