"""Importance ratios along trajectories, as sums of logarithms.

ρ_t = π_new(a_t|s_t) / π_old(a_t|s_t). In the density of a trajectory, only the policy depends on θ. Therefore
p_new(τ) / p_old(τ) is the product of all ρ_t, and the part of the trajectory up to step t has the weight ρ_1 ⋯ ρ_t.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pgbench.functional.returns import backward_sum, first_rows


def causal_log_ratios(log_ratios: Tensor, terminated: Tensor, truncated: Tensor) -> Tensor:
    """Σ_{t'≤t} log ρ_{t'} from the first row of the episode: the log weight of the actions up to and including a_t.

    The result is differentiable. The gradient of Σ_t γ^t r_t exp(result_t) is the per-decision gradient, whose
    returns are `per_decision_returns`.

    Args:
        log_ratios: `[T, *B]`, log ρ_t, finite.
        terminated: `[T, *B]`, boolean.
        truncated: `[T, *B]`, boolean.

    Returns:
        `[T, *B]`, in nats.
    """
    # Double precision, so that the contribution of earlier episodes to the running sum cancels.
    exact = log_ratios.double()
    sums = exact.cumsum(0)
    return (sums - (sums - exact).gather(0, first_rows(terminated, truncated))).to(log_ratios.dtype)


def trajectory_log_ratios(log_ratios: Tensor, terminated: Tensor, truncated: Tensor) -> Tensor:
    """Σ_t log ρ_t over the whole episode, for each of its rows: log p_new(τ) − log p_old(τ).

    The first off-policy gradient of the note. If the rollout cuts an episode, the sum is over the rows before
    the cut.

    Args:
        log_ratios: `[T, *B]`, log ρ_t, finite.
        terminated: `[T, *B]`, boolean.
        truncated: `[T, *B]`, boolean.

    Returns:
        `[T, *B]`, in nats.
    """
    rows = torch.arange(len(log_ratios)).reshape(-1, *[1] * (log_ratios.dim() - 1)).expand_as(terminated)
    ends = terminated | truncated
    last = torch.where(ends, rows, len(rows) - 1).flip(0).cummin(0).values.flip(0)
    return causal_log_ratios(log_ratios, terminated, truncated).gather(0, last)


def per_decision_returns(
    rewards: Tensor, log_ratios: Tensor, terminated: Tensor, truncated: Tensor, gamma: float
) -> Tensor:
    """Q_t = Σ_{t'≥t} γ^(t'−t) r_{t'} Π_{t''=t+1..t'} ρ_{t''} to the end of the episode (Precup et al. 2000).

    The expectation under the old policy is Q^new(s_t, a_t). In the gradient, the term of t and t' depends on
    the first t' steps, therefore its weight is ρ_1 ⋯ ρ_{t'} = (ρ_1 ⋯ ρ_t)(ρ_{t+1} ⋯ ρ_{t'}). The first factor
    is the causal weight and contains ρ_t. The second product of the note starts at t'' = t and so counts ρ_t
    twice; this one does not.

    Args:
        rewards: `[T, *B]`.
        log_ratios: `[T, *B]`, log ρ_t; no gradient flows through them.
        terminated: `[T, *B]`, boolean.
        truncated: `[T, *B]`, boolean; nothing is bootstrapped at a cut.
        gamma: discount in (0, 1].

    Returns:
        `[T, *B]`; if all ratios are 1, the discounted reward-to-go.
    """
    ratios = torch.ones_like(log_ratios)
    ratios[:-1] = log_ratios[1:].detach().exp()
    factors = (gamma * ratios).masked_fill(terminated | truncated, 0.0)
    return backward_sum(rewards, factors, torch.zeros_like(rewards[0]))


def v_trace(
    errors: Tensor, ratios: Tensor, ended: Tensor, gamma: float, rho_max: float, c_max: float
) -> Tensor:
    """v_t − V(s_t) = Σ_{k≥0} γᵏ (c_t ⋯ c_{t+k−1}) ρ_{t+k} δ_{t+k} to the end of the episode.

    Espeholt et al. 2018, eq. 1: ρ = min(ρ̄, r) weights a TD error and c = min(c̄, r) hands it on to earlier steps. If
    all ratios are 1, it is the reward-to-go minus the value, which is GAE(1).

    Args:
        errors: `[T, *B]`, δ_t = r_t + γ V(s_{t+1}) − V(s_t).
        ratios: `[T, *B]`, r, how much likelier the present policy makes the action than the one that collected.
        ended: `[T, *B]`, boolean, whether the episode ends with the row.
        gamma: discount in (0, 1].
        rho_max: ρ̄ ≥ 1.
        c_max: c̄ ≥ 1.

    Returns:
        `[T, *B]`.
    """
    factors = (gamma * ratios.clamp(max=c_max)).masked_fill(ended, 0.0)
    return backward_sum(ratios.clamp(max=rho_max) * errors, factors, torch.zeros_like(errors[0]))


def v_trace_advantages(errors: Tensor, corrections: Tensor, ended: Tensor, gamma: float) -> Tensor:
    """r_t + γ v_{t+1} − V(s_t), the advantage of V-trace's policy gradient (Espeholt et al. 2018, section 4.2).

    Args:
        errors: `[T, *B]`, as for `v_trace`.
        corrections: `[T, *B]`, v − V from `v_trace`.
        ended: `[T, *B]`, as for `v_trace`.
        gamma: discount in (0, 1].

    Returns:
        `[T, *B]`, without the ratio of the action itself.
    """
    following = torch.cat([corrections[1:], torch.zeros_like(corrections[:1])])
    return errors + (gamma * following).masked_fill(ended, 0.0)


def effective_sample_size(log_weights: Tensor) -> Tensor:
    """(Σ_n w_n)² / Σ_n w_n² (Kong 1992).

    Args:
        log_weights: `[*B, N]`, log w_n up to a constant a row; −∞ for entries that are not in the sample. A row
            must not be all −∞.

    Returns:
        `[*B]`, a number of samples from 1 (one weight dominates) to N (all weights are equal).
    """
    weights = (log_weights.double() - log_weights.double().amax(-1, keepdim=True)).exp()
    # Running sums, as in `moments.average`: entries that are not in the sample cannot change their rounding.
    size = weights.cumsum(-1)[..., -1].square() / weights.square().cumsum(-1)[..., -1]
    return size.to(log_weights.dtype)
