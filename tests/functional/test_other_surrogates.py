"""Surrogates beyond the PPO paper's table, by cases of the advantage's sign and of the ratio, and their slopes."""

import math

import pytest
import torch

from pgbench.functional import objectives

RATIOS = torch.tensor([0.1, 0.5, 0.79, 0.81, 0.9, 1.0, 1.1, 1.19, 1.21, 1.27, 1.29, 3.0], dtype=torch.float64)
ADVANTAGES = [-2.0, -0.5, 0.5, 2.0]


def value_and_slope(objective, advantage):
    """The objective at each ratio, and its derivative in the ratio (not in its logarithm)."""
    ratios = RATIOS.clone().requires_grad_()
    found = objective(ratios.log(), torch.zeros_like(RATIOS), torch.full_like(RATIOS, advantage))
    found.sum().backward()
    return found.tolist(), ratios.grad.tolist()


def compared(objective, definition, advantage):
    """The objective, and its slope, against a definition for single numbers and its central difference."""
    values, slopes = value_and_slope(objective, advantage)
    assert values == pytest.approx([definition(ratio, advantage) for ratio in RATIOS.tolist()], abs=1e-12)
    step = 1e-6
    differences = [
        (definition(ratio + step, advantage) - definition(ratio - step, advantage)) / (2 * step)
        for ratio in RATIOS.tolist()
    ]
    assert slopes == pytest.approx(differences, abs=1e-7)


@pytest.mark.parametrize("advantage", ADVANTAGES)
def test_each_side_of_the_clip_has_its_own_width(advantage):
    def by_hand(ratio, advantage):
        return min(ratio, 1.28) * advantage if advantage > 0 else max(ratio, 0.8) * advantage

    compared(lambda *terms: objectives.clipped_ratio(*terms, 0.2, 0.28), by_hand, advantage)


@pytest.mark.parametrize("advantage", ADVANTAGES)
def test_each_side_has_its_own_width_without_the_minimum_too(advantage):
    def by_hand(ratio, advantage):
        return min(max(ratio, 0.8), 1.28) * advantage

    compared(lambda *terms: objectives.clipped_ratio_without_minimum(*terms, 0.2, 0.28), by_hand, advantage)


@pytest.mark.parametrize("advantage", ADVANTAGES)
def test_clipping_in_log_space_clips_the_logarithm(advantage):
    def by_hand(ratio, advantage):
        logarithm = math.log(ratio)
        return min(logarithm, 0.2) * advantage if advantage > 0 else max(logarithm, -0.2) * advantage

    compared(lambda *terms: objectives.clipped_log_ratio(*terms, 0.2), by_hand, advantage)


@pytest.mark.parametrize("alpha", [0.02, 0.3, 2.0])
@pytest.mark.parametrize("advantage", ADVANTAGES)
def test_the_rollback_falls_outside_the_interval_where_the_clip_is_flat(advantage, alpha):
    def by_hand(ratio, advantage):
        if advantage > 0 and ratio > 1.2:
            return (-alpha * ratio + (1 + alpha) * 1.2) * advantage
        if advantage < 0 and ratio < 0.8:
            return (-alpha * ratio + (1 + alpha) * 0.8) * advantage
        return ratio * advantage

    compared(lambda *terms: objectives.rollback_ratio(*terms, 0.2, alpha), by_hand, advantage)


def test_the_rollback_pulls_back_exactly_what_the_clip_lets_be():
    advantages = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0])
    slopes = []
    for objective in (
        lambda new: objectives.clipped_ratio(new, torch.zeros(5), advantages, 0.2, 0.2),
        lambda new: objectives.rollback_ratio(new, torch.zeros(5), advantages, 0.2, 0.3),
    ):
        log_ratios = torch.tensor([0.5, 0.5, -0.5, -0.5, 0.1]).requires_grad_()
        objective(log_ratios).sum().backward()
        slopes.append(log_ratios.grad)
    clip, rollback = slopes
    assert (clip == 0).tolist() == [True, False, False, True, False]
    assert torch.equal(clip[[1, 2, 4]], rollback[[1, 2, 4]])
    # The clip is flat there; the rollback leads a ratio that is too large down, and one that is too small up.
    assert rollback[0] < 0 < rollback[3]
    torch.testing.assert_close(rollback[[0, 3]], torch.tensor([-0.3, 0.3]) * torch.tensor([0.5, -0.5]).exp())


@pytest.mark.parametrize("advantage", ADVANTAGES)
def test_the_quadratic_penalty_reads_as_the_paper(advantage):
    def by_hand(ratio, advantage):
        return ratio * advantage - abs(advantage) * (ratio - 1) ** 2 / (2 * 0.2)

    compared(lambda *terms: objectives.quadratic_penalty(*terms, 0.2), by_hand, advantage)


@pytest.mark.parametrize("epsilon", [0.1, 0.2])
@pytest.mark.parametrize("advantage", ADVANTAGES)
def test_the_quadratic_penaltys_best_ratio_is_the_end_of_the_interval(advantage, epsilon):
    ratios = torch.linspace(0.5, 1.5, 1001, dtype=torch.float64)
    values = objectives.quadratic_penalty(
        ratios.log(), torch.zeros_like(ratios), torch.full_like(ratios, advantage), epsilon
    )
    best = 1.0 + epsilon if advantage > 0 else 1.0 - epsilon
    assert ratios[values.argmax()].item() == pytest.approx(best)


@pytest.mark.parametrize("maximum", [1.0, 1.2, 1e6])
def test_the_truncated_ratio_weights_the_score_by_what_the_bound_leaves(maximum):
    log_ratios = RATIOS.log().requires_grad_()
    advantages = torch.linspace(-1.0, 2.0, len(RATIOS), dtype=torch.float64)
    objectives.truncated_ratio(log_ratios, torch.zeros_like(RATIOS), advantages, maximum).sum().backward()
    expected = [min(r, maximum) * a for r, a in zip(RATIOS.tolist(), advantages.tolist(), strict=True)]
    assert log_ratios.grad.tolist() == pytest.approx(expected)


def test_without_a_bound_the_truncated_ratio_has_the_gradient_of_the_ratio():
    gradients = []
    for objective in (
        lambda new: objectives.truncated_ratio(new, torch.zeros_like(RATIOS), RATIOS, 1e6),
        lambda new: objectives.importance_ratio(new, torch.zeros_like(RATIOS), RATIOS),
    ):
        log_ratios = RATIOS.log().requires_grad_()
        objective(log_ratios).sum().backward()
        gradients.append(log_ratios.grad)
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("temperature", [0.05, 1.0, 5.0])
@pytest.mark.parametrize("maximum", [None, 0.5, 20.0])
def test_exponential_weights_are_the_papers(temperature, maximum):
    advantages = torch.linspace(-3.0, 3.0, 25, dtype=torch.float64)
    found = objectives.exponential_weights(advantages, temperature, maximum)
    bound = math.inf if maximum is None else maximum
    expected = [min(math.exp(advantage / temperature), bound) for advantage in advantages.tolist()]
    assert found.tolist() == pytest.approx(expected)


def test_a_bounded_weight_does_not_overflow():
    weights = objectives.exponential_weights(torch.tensor([1e30, -1e30]), 1.0, 20.0)
    assert weights.tolist() == pytest.approx([20.0, 0.0])
    assert objectives.exponential_weights(torch.tensor([1e30]), 1.0, None).isinf().all()
