import pytest
import torch

from pgbench.functional import objectives

RATIOS = torch.tensor([0.1, 0.5, 0.79, 0.81, 0.83, 1.0, 1.19, 1.21, 3.0], dtype=torch.float64)


def paper(ratio, advantage, epsilon):
    """The seventh equation of the PPO paper, read case by case as the note does."""
    if advantage >= 0:
        return min(ratio, 1 + epsilon) * advantage
    return max(ratio, 1 - epsilon) * advantage


@pytest.mark.parametrize("advantage", [-2.0, -0.5, 0.0, 0.5, 2.0])
@pytest.mark.parametrize("epsilon", [0.1, 0.2, 0.3])
def test_clipped_ratio_reads_as_the_paper(advantage, epsilon):
    advantages = torch.full_like(RATIOS, advantage)
    clipped = objectives.clipped_ratio(RATIOS.log(), torch.zeros_like(RATIOS), advantages, epsilon)
    expected = [paper(ratio, advantage, epsilon) for ratio in RATIOS.tolist()]
    assert clipped.tolist() == pytest.approx(expected, abs=1e-12)


def test_a_wide_clip_is_no_clip():
    old = torch.randn(50, dtype=torch.float64)
    new, advantages = old + 0.3 * torch.randn_like(old), torch.randn_like(old)
    plain = objectives.importance_ratio(new, old, advantages)
    assert torch.equal(objectives.clipped_ratio(new, old, advantages, 1e6), plain)


def test_at_the_old_policy_all_surrogates_have_the_policy_gradient():
    old = torch.randn(50, dtype=torch.float64)
    advantages = torch.randn_like(old)
    gradients = []
    for objective in (
        lambda new: objectives.log_likelihood(new, advantages),
        lambda new: objectives.importance_ratio(new, old, advantages),
        lambda new: objectives.clipped_ratio(new, old, advantages, 0.2),
    ):
        new = old.clone().requires_grad_()
        objective(new).sum().backward()
        gradients.append(new.grad)
    torch.testing.assert_close(gradients[1], gradients[0])
    torch.testing.assert_close(gradients[2], gradients[0])


def test_outside_the_interval_the_clip_stops_only_what_would_go_further():
    log_ratios = torch.tensor([0.5, 0.5, -0.5, -0.5]).requires_grad_()
    advantages = torch.tensor([1.0, -1.0, 1.0, -1.0])
    objectives.clipped_ratio(log_ratios, torch.zeros(4), advantages, 0.2).sum().backward()
    assert (log_ratios.grad != 0).tolist() == [False, True, True, False]


def test_value_loss_is_half_the_square():
    assert objectives.value_loss(torch.tensor(3.0), torch.tensor(1.0)) == 2.0
