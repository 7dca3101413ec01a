"""Weights along trajectories against the products that define them, and against exact expectations."""

import itertools

import pytest
import torch

from pgbench.functional import returns
from pgbench.functional.ratios import (
    causal_log_ratios,
    effective_sample_size,
    per_decision_returns,
    trajectory_log_ratios,
)

T, B = 30, (3, 2)
GAMMA = 0.95


@pytest.fixture(params=range(3))
def data(request):
    generator = torch.Generator().manual_seed(request.param)
    draw = lambda: torch.randn(T, *B, dtype=torch.float64, generator=generator)  # noqa: E731
    coin = lambda p: torch.rand(T, *B, generator=generator) < p  # noqa: E731
    terminated = coin(0.1)
    return {
        "rewards": draw(),
        "log_ratios": 0.3 * draw(),
        "terminated": terminated,
        "truncated": coin(0.1) & ~terminated,
    }


def flags(data):
    return data["terminated"], data["truncated"]


def episodes(data):
    """Every episode as a column and the range of its rows."""
    ended = data["terminated"] | data["truncated"]
    for b in itertools.product(range(B[0]), range(B[1])):
        start = 0
        for t in range(T):
            if ended[(t, *b)] or t == T - 1:
                yield b, range(start, t + 1)
                start = t + 1


def test_causal_ratios_are_the_products_up_to_and_with_the_row(data):
    fast = causal_log_ratios(data["log_ratios"], *flags(data)).exp()
    for b, rows in episodes(data):
        for t in rows:
            naive = 1.0
            for k in range(rows[0], t + 1):
                naive *= data["log_ratios"][(k, *b)].exp().item()
            assert fast[(t, *b)].item() == pytest.approx(naive, rel=1e-10)


def test_trajectory_ratios_are_the_products_over_whole_episodes(data):
    fast = trajectory_log_ratios(data["log_ratios"], *flags(data)).exp()
    for b, rows in episodes(data):
        naive = 1.0
        for k in rows:
            naive *= data["log_ratios"][(k, *b)].exp().item()
        for t in rows:
            assert fast[(t, *b)].item() == pytest.approx(naive, rel=1e-10)


def test_per_decision_returns_weigh_each_reward_by_the_ratios_after_the_row(data):
    fast = per_decision_returns(**data, gamma=GAMMA)
    for b, rows in episodes(data):
        for t in rows:
            naive = 0.0
            for k in range(t, rows[-1] + 1):
                product = 1.0
                for j in range(t + 1, k + 1):
                    product *= data["log_ratios"][(j, *b)].exp().item()
                naive += GAMMA ** (k - t) * data["rewards"][(k, *b)].item() * product
            assert fast[(t, *b)].item() == pytest.approx(naive, abs=1e-10)


def test_at_the_old_policy_per_decision_returns_are_rewards_to_go(data):
    none = torch.zeros_like(data["rewards"])
    plain = returns.rewards_to_go(data["rewards"], none, *flags(data), GAMMA)
    weighted = per_decision_returns(data["rewards"], none, *flags(data), GAMMA)
    assert torch.equal(weighted, plain)


def test_causal_and_per_decision_weights_make_the_gradient_of_the_weighted_return(data):
    """Which ratios belong inside, by differentiation; the note's range counts the row's own ratio twice."""
    ratios = data["log_ratios"].clone().requires_grad_()
    discounts = returns.derived_discounts(*flags(data), GAMMA, dtype=torch.float64)
    weights = causal_log_ratios(ratios, *flags(data)).exp()
    (weights * discounts * data["rewards"]).sum().backward()
    inside = per_decision_returns(**data, gamma=GAMMA)
    right = weights.detach() * discounts * inside
    torch.testing.assert_close(ratios.grad, right)
    assert not torch.allclose(ratios.grad, right * data["log_ratios"].exp())


def every_episode():
    """All episodes of three binary choices, `[3, 1, 8]`, with rewards and probabilities under two policies."""
    actions = torch.tensor(list(itertools.product((0, 1), repeat=3))).T.unsqueeze(1)
    rewards = torch.randn(3, 1, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    rewards[0] = rewards[0, 0, 0] + actions[0]  # each reward depends on the past alone
    rewards[1] = rewards[1, 0, 0] + 2.0 * actions[0] * actions[1]
    flags = torch.zeros(3, 1, 8, dtype=torch.bool), torch.zeros(3, 1, 8, dtype=torch.bool)
    return actions, rewards, flags


def log_probs(logits, actions):
    """Of each choice under a policy of one logit a step."""
    return torch.where(actions == 1, logits, -logits).sigmoid().log()


def test_weighted_expectations_under_the_old_policy_are_exact_under_the_new_one():
    actions, rewards, flags = every_episode()
    old = torch.tensor([0.3, -0.4, 0.9], dtype=torch.float64).reshape(3, 1, 1)
    new = torch.tensor([-0.5, 0.8, 0.2], dtype=torch.float64).reshape(3, 1, 1).requires_grad_()
    chances = log_probs(old, actions).sum(0).exp()
    exact = (log_probs(new, actions).sum(0).exp() * rewards.sum(0)).sum()
    (gradient,) = torch.autograd.grad(exact, new)
    log_ratios = (log_probs(new, actions) - log_probs(old, actions)).detach()
    causal = causal_log_ratios(log_ratios, *flags).exp()
    whole = trajectory_log_ratios(log_ratios, *flags).exp()
    assert (chances * whole[0]).sum().item() == pytest.approx(1.0)
    totals = rewards.sum(0).expand(3, 1, 8)
    per_decision = per_decision_returns(rewards, log_ratios, *flags, 1.0)
    for weights, credit in ((whole, totals), (causal, per_decision)):
        scores = log_probs(new, actions)
        estimate = (chances * weights * credit * scores).sum()
        torch.testing.assert_close(torch.autograd.grad(estimate, new)[0], gradient)


def test_rows_that_follow_change_no_bit(data):
    data = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in data.items()}
    data["terminated"][-1] = True
    longer = {name: torch.cat([tensor, tensor[:17]]) for name, tensor in data.items()}
    short, long = (
        (
            causal_log_ratios(d["log_ratios"], *flags(d)),
            trajectory_log_ratios(d["log_ratios"], *flags(d)),
            per_decision_returns(**d, gamma=GAMMA),
        )
        for d in (data, longer)
    )
    for one, other in zip(short, long, strict=True):
        assert one.dtype == torch.float32
        assert torch.equal(other[:T], one)


def test_a_long_product_neither_overflows_nor_vanishes_in_logarithms():
    ratios = torch.full((500, 1), 2.0)
    none = torch.zeros(500, 1, dtype=torch.bool)
    assert causal_log_ratios(ratios, none, none)[-1].item() == 1000.0
    assert trajectory_log_ratios(-ratios, none, none)[0].item() == -1000.0


def test_effective_sample_size_of_equal_single_and_known_weights():
    weights = torch.tensor([[5.0, 5.0, 5.0, 5.0], [1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 2.0, 0.0]])
    assert effective_sample_size(weights.log()).tolist() == pytest.approx([4.0, 1.0, 16.0 / 6.0])


@pytest.mark.parametrize("shift", [-1000.0, 1000.0])
def test_effective_sample_size_depends_on_no_scale_and_no_padding(shift):
    weights = torch.randn(3, 2, 50, generator=torch.Generator().manual_seed(0))
    size = effective_sample_size(weights)
    torch.testing.assert_close(effective_sample_size(weights + shift), size, rtol=1e-3, atol=0)
    padded = torch.cat([weights, torch.full((3, 2, 19), -torch.inf)], -1)
    assert torch.equal(effective_sample_size(padded), size)
