"""Baselines against their definitions, and optimal ones against the variance that they minimise."""

import pytest
import torch

from pgbench.functional.control_variates import (
    leave_one_out,
    optimal_components,
    optimal_constant,
    timestep_average,
    trajectory_average,
)

T, S, E, P = 12, 3, 40, 5


@pytest.fixture
def trajectories():
    """Scores whose mean is exactly zero, as in expectation, so that no baseline changes the mean gradient."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(S, E, P, generator=generator, dtype=torch.float64) * torch.arange(1, P + 1)
    scores -= scores.mean(1, keepdim=True)
    noise = torch.randn(S, E, generator=generator, dtype=torch.float64)
    return scores, 3.0 + noise + scores.square().sum(-1) / 20.0


@pytest.fixture
def estimates():
    return torch.randn(T, S, E, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def active():
    lengths = torch.randint(1, T - 1, (S, E), generator=torch.Generator().manual_seed(1))
    return torch.arange(T)[:, None, None] < lengths


def total_variance(scores, returns, b):
    """Trace of the covariance of ∇log p (R − b), `[S]`; b is `[S, 1]` or `[S, P]`."""
    return (scores * (returns.unsqueeze(-1) - b.unsqueeze(1))).var(1, correction=0).sum(-1)


def test_timestep_average_is_the_mean_over_the_trajectories_still_active(estimates, active):
    fast = timestep_average(estimates, active)
    assert fast.shape == (T, S, 1)
    for t in range(T):
        for s in range(S):
            going = estimates[t, s][active[t, s]]
            assert fast[t, s, 0].item() == pytest.approx(going.mean().item() if len(going) else 0.0)


def test_timestep_average_does_not_read_idle_rows(estimates, active):
    poisoned = estimates.masked_fill(~active, torch.nan)
    assert torch.equal(timestep_average(poisoned, active), timestep_average(estimates, active))


def test_timestep_average_of_a_replica_does_not_know_its_block(estimates, active):
    estimates = estimates.float()
    together = timestep_average(estimates, active)
    assert together.dtype == torch.float32
    for s in range(S):
        assert torch.equal(
            timestep_average(estimates[:7, s : s + 1], active[:7, s : s + 1]), together[:7, s : s + 1]
        )


def test_the_last_survivor_is_credited_with_nothing(estimates):
    alone = torch.zeros(T, S, E, dtype=torch.bool)
    alone[..., 3] = True
    assert torch.equal(
        (estimates - timestep_average(estimates, alone))[..., 3], torch.zeros_like(estimates[..., 3])
    )


def test_leave_one_out_is_the_mean_of_the_other_trajectories_means(estimates, active):
    fast = leave_one_out(estimates, active)
    assert fast.shape == (S, E)
    for s in range(S):
        means = [estimates[:, s, e][active[:, s, e]].mean().item() for e in range(E)]
        for e in range(E):
            others = means[:e] + means[e + 1 :]
            assert fast[s, e].item() == pytest.approx(sum(others) / len(others))


def test_a_trajectory_is_no_part_of_its_own_baseline(estimates, active):
    changed = estimates.clone()
    changed[:, :, 3] += 100.0
    before, after = leave_one_out(estimates, active), leave_one_out(changed, active)
    assert torch.equal(before[:, 3], after[:, 3])
    assert (before != after).sum(1).tolist() == [E - 1] * S


def test_of_total_returns_leaving_one_out_only_lengthens_the_advantages(active):
    totals = torch.randn(S, E, generator=torch.Generator().manual_seed(2), dtype=torch.float64).expand(
        T, S, E
    )
    plain = (totals - trajectory_average(totals, active)) * E / (E - 1)
    torch.testing.assert_close(totals - leave_one_out(totals, active), plain)


def test_leave_one_out_of_a_replica_does_not_know_its_block(estimates, active):
    estimates = estimates.float()
    together = leave_one_out(estimates, active)
    for s in range(S):
        alone = leave_one_out(estimates[:, s : s + 1], active[:, s : s + 1])
        assert torch.equal(alone, together[s : s + 1])


def test_optimal_constant_has_the_least_variance_on_a_grid(trajectories):
    scores, returns = trajectories
    best = optimal_constant(scores.square().sum(-1), returns)
    assert best.shape == (S, 1)
    least = total_variance(scores, returns, best)
    for offset in torch.linspace(-3.0, 3.0, 61, dtype=torch.float64):
        assert (total_variance(scores, returns, best + offset) >= least).all()


def test_at_the_optimal_constant_the_variance_has_no_slope(trajectories):
    scores, returns = trajectories
    best = optimal_constant(scores.square().sum(-1), returns).requires_grad_()
    total_variance(scores, returns, best).sum().backward()
    torch.testing.assert_close(best.grad, torch.zeros_like(best.grad), atol=1e-10, rtol=0)


def test_the_average_return_is_not_optimal_where_scores_and_returns_go_together(trajectories):
    scores, returns = trajectories
    best = optimal_constant(scores.square().sum(-1), returns)
    mean = returns.mean(1, keepdim=True)
    assert (total_variance(scores, returns, mean) > 1.01 * total_variance(scores, returns, best)).all()


def test_optimal_components_have_the_least_variance_each(trajectories):
    scores, returns = trajectories
    best = optimal_components(scores, returns)
    assert best.shape == (S, P)
    slopes = best.clone().requires_grad_()
    total_variance(scores, returns, slopes).sum().backward()
    torch.testing.assert_close(slopes.grad, torch.zeros_like(best), atol=1e-10, rtol=0)
    least = total_variance(scores, returns, best)
    for p in range(P):
        for offset in (-1.0, -0.01, 0.01, 1.0):
            moved = best.clone()
            moved[:, p] += offset
            assert (total_variance(scores, returns, moved) > least).all()
    assert (
        least <= total_variance(scores, returns, optimal_constant(scores.square().sum(-1), returns))
    ).all()


def test_one_component_is_the_constant(trajectories):
    scores, returns = trajectories
    first = scores[..., :1]
    torch.testing.assert_close(
        optimal_components(first, returns), optimal_constant(first.squeeze(-1).square(), returns)
    )


def test_equal_returns_are_their_own_optimum(trajectories):
    scores, _ = trajectories
    returns = torch.full((S, E), 7.0, dtype=torch.float64)
    best = optimal_components(scores, returns)
    torch.testing.assert_close(best, torch.full_like(best, 7.0))


def test_without_scores_the_baseline_is_zero(trajectories):
    scores, returns = trajectories
    scores[..., 2] = 0.0
    assert (optimal_components(scores, returns)[:, 2] == 0.0).all()
    assert (optimal_constant(torch.zeros(S, E), returns.float()) == 0.0).all()


def test_optima_of_a_replica_do_not_know_its_block(trajectories):
    scores, returns = (tensor.float() for tensor in trajectories)
    together = optimal_components(scores, returns)
    assert together.dtype == torch.float32
    for s in range(S):
        assert torch.equal(optimal_components(scores[s : s + 1], returns[s : s + 1]), together[s : s + 1])
