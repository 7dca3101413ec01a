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
    clipped = objectives.clipped_ratio(RATIOS.log(), torch.zeros_like(RATIOS), advantages, epsilon, epsilon)
    expected = [paper(ratio, advantage, epsilon) for ratio in RATIOS.tolist()]
    assert clipped.tolist() == pytest.approx(expected, abs=1e-12)


def test_a_wide_clip_is_no_clip():
    old = torch.randn(50, dtype=torch.float64)
    new, advantages = old + 0.3 * torch.randn_like(old), torch.randn_like(old)
    plain = objectives.importance_ratio(new, old, advantages)
    assert torch.equal(objectives.clipped_ratio(new, old, advantages, 1e6, 1e6), plain)


def test_at_the_old_policy_all_surrogates_have_the_policy_gradient():
    old = torch.randn(50, dtype=torch.float64)
    advantages = torch.randn_like(old)
    gradients = []
    for objective in (
        lambda new: objectives.log_likelihood(new, advantages),
        lambda new: objectives.importance_ratio(new, old, advantages),
        lambda new: objectives.clipped_ratio(new, old, advantages, 0.2, 0.2),
        lambda new: objectives.clipped_ratio_without_minimum(new, old, advantages, 0.2, 0.3),
        lambda new: objectives.clipped_log_ratio(new, old, advantages, 0.2),
        lambda new: objectives.rollback_ratio(new, old, advantages, 0.2, 0.3),
        lambda new: objectives.quadratic_penalty(new, old, advantages, 0.2),
        lambda new: objectives.truncated_ratio(new, old, advantages, 1.0),
    ):
        new = old.clone().requires_grad_()
        objective(new).sum().backward()
        gradients.append(new.grad)
    assert len(gradients) == 8
    for gradient in gradients[1:]:
        torch.testing.assert_close(gradient, gradients[0])


def test_outside_the_interval_the_clip_stops_only_what_would_go_further():
    log_ratios = torch.tensor([0.5, 0.5, -0.5, -0.5]).requires_grad_()
    advantages = torch.tensor([1.0, -1.0, 1.0, -1.0])
    objectives.clipped_ratio(log_ratios, torch.zeros(4), advantages, 0.2, 0.2).sum().backward()
    assert (log_ratios.grad != 0).tolist() == [False, True, True, False]


def test_value_loss_is_half_the_square():
    assert objectives.value_loss(torch.tensor(3.0), torch.tensor(1.0)) == 2.0


def draws(count=4):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 50, generator=generator, dtype=torch.float64).unbind()


@pytest.mark.parametrize("advantage", [-2.0, 0.5])
def test_without_the_minimum_only_the_clip_is_left(advantage):
    advantages = torch.full_like(RATIOS, advantage)
    plain = objectives.clipped_ratio_without_minimum(
        RATIOS.log(), torch.zeros_like(RATIOS), advantages, 0.2, 0.2
    )
    expected = [min(max(ratio, 0.8), 1.2) * advantage for ratio in RATIOS.tolist()]
    assert plain.tolist() == pytest.approx(expected, abs=1e-12)


def test_the_minimum_is_never_above_what_is_without_it_nor_above_the_plain_ratio():
    old, noise, advantages, _ = draws()
    new = old + 0.5 * noise
    clipped = objectives.clipped_ratio(new, old, advantages, 0.2, 0.2)
    without = objectives.clipped_ratio_without_minimum(new, old, advantages, 0.2, 0.2)
    plain = objectives.importance_ratio(new, old, advantages)
    assert torch.equal(torch.minimum(without, plain), clipped)
    assert (without > clipped).any()


def test_without_the_minimum_a_ratio_outside_finds_no_way_back():
    log_ratios = torch.tensor([0.5, 0.5, -0.5, -0.5, 0.1]).requires_grad_()
    advantages = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0])
    objectives.clipped_ratio_without_minimum(
        log_ratios, torch.zeros(5), advantages, 0.2, 0.2
    ).sum().backward()
    assert (log_ratios.grad != 0).tolist() == [False, False, False, False, True]


def test_the_penalty_is_beta_times_the_divergence_of_each_replica():
    new, old, advantages, kl = (values.reshape(5, 10) for values in draws())
    beta = torch.arange(5.0, dtype=torch.float64).unsqueeze(-1)
    penalised = objectives.kl_penalised(new, old, advantages, kl, beta)
    torch.testing.assert_close(penalised, (new - old).exp() * advantages - beta * kl)
    assert torch.equal(penalised[2], objectives.kl_penalised(new[2], old[2], advantages[2], kl[2], 2.0))
    assert torch.equal(penalised[0], objectives.importance_ratio(new, old, advantages)[0])


def test_clipped_value_loss_is_the_larger_of_two_half_squares():
    values, old, targets, _ = draws()
    expected = [
        0.5 * max((v - y) ** 2, (o + min(max(v - o, -0.2), 0.2) - y) ** 2)
        for v, o, y in zip(values.tolist(), old.tolist(), targets.tolist(), strict=True)
    ]
    assert objectives.clipped_value_loss(values, old, targets, 0.2).tolist() == pytest.approx(expected)


def test_a_wide_or_unneeded_value_clip_is_no_clip():
    values, old, targets, _ = draws()
    plain = objectives.value_loss(values, targets)
    torch.testing.assert_close(objectives.clipped_value_loss(values, old, targets, 1e6), plain)
    assert torch.equal(objectives.clipped_value_loss(values, values, targets, 0.2), plain)
    assert (objectives.clipped_value_loss(values, old, targets, 0.2) >= plain).all()


def test_a_value_that_has_moved_past_the_clip_towards_its_target_is_let_be():
    values = torch.tensor([0.5, -0.5]).requires_grad_()
    objectives.clipped_value_loss(values, torch.zeros(2), torch.ones(2), 0.2).sum().backward()
    assert (values.grad != 0).tolist() == [False, True]


def test_beta_follows_the_papers_rule_in_each_replica():
    target = 0.01
    kl = torch.tensor([0.0, 0.0066, 0.0067, 0.01, 0.0149, 0.0151, 1.0])
    beta = torch.tensor([1.0, 4.0, 3.0, 1.0, 3.0, 0.5, 1.0])
    assert objectives.adapt_beta(beta, kl, target).tolist() == [0.5, 2.0, 3.0, 1.0, 3.0, 1.0, 2.0]


def test_the_bounds_themselves_change_nothing():
    beta = torch.ones(2, dtype=torch.float64)
    kl = torch.tensor([0.03 / 1.5, 0.03 * 1.5], dtype=torch.float64)
    assert torch.equal(objectives.adapt_beta(beta, kl, 0.03), beta)


def test_halving_undoes_doubling_to_the_bit():
    beta = torch.rand(5, generator=torch.Generator().manual_seed(0))
    up = objectives.adapt_beta(beta, torch.full((5,), 1.0), 0.01)
    assert torch.equal(objectives.adapt_beta(up, torch.zeros(5), 0.01), beta)


def test_an_unknown_divergence_keeps_beta():
    assert objectives.adapt_beta(torch.tensor([3.0]), torch.tensor([torch.nan]), 0.01).tolist() == [3.0]


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("first", [1.0, 0.3, 1e-30, 1e30])
def test_no_number_of_doublings_or_halvings_loses_beta(kind, first):
    """A thousand updates one way, and a thousand back: β is finite and positive, and as quick to turn as ever."""
    beta, low, high = torch.tensor([first], dtype=kind), torch.zeros(1), torch.ones(1)
    for divergence in (low, high):
        for _ in range(1000):
            beta = objectives.adapt_beta(beta, divergence, 0.01)
        assert beta.isfinite().all()
        assert (beta > 0.0).all()
        turned = objectives.adapt_beta(beta, high if divergence is low else low, 0.01)
        assert (turned / beta).tolist() == [2.0 if divergence is low else 0.5]
