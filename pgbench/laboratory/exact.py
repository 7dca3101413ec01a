"""Closed forms on small worlds, float64: J, ∇J, V, Q and the distribution of states.

With a finite horizon, recursions give them; policies are `[H, X, A]` and values `[H + 1, X]`. With a discount and
no horizon, linear systems give them; policies are `[X, A]`. All are differentiable in the policy. This file uses
no code of training, because it is what that code is compared with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from pgbench.laboratory.worlds import Process, check_termination

Table = Callable[[Tensor], Tensor]
"""A policy's probabilities from its parameters `[P]`."""


def gradient(row: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """∇_θ function(θ) `[P]` at parameters `[P]`, by reverse accumulation."""
    point = row.detach().clone().requires_grad_()
    return torch.autograd.grad(function(point), point)[0]


# ----------------------------------------------------------------------------------------------------------
# A finite horizon


def occupancy(process: Process, policy: Tensor) -> Tensor:
    """P(s_t = x, and the episode has not ended before t) `[H, X]`."""
    of_states = torch.eye(process.states, dtype=torch.float64)[0]
    result = []
    for policy_at_time in policy:
        result.append(of_states)
        of_actions = of_states.unsqueeze(-1) * policy_at_time
        of_states = torch.tensordot(of_actions, process.transitions, dims=2) * ~process.terminal
    return torch.stack(result)


def backup(process: Process, gamma: float, next_values: Tensor) -> Tensor:
    """r(x, a) + γ E[V(x')] `[X, A]` for values `[X]` of the next state; a terminal state has the value 0."""
    return process.expected_rewards + gamma * process.transitions @ (next_values * ~process.terminal)


def values_at_horizon(process: Process, critic: Tensor) -> Tensor:
    """Values `[X]` of the states at the horizon: the critic's `[H + 1, X]` at a time limit, otherwise 0."""
    return critic[-1] if process.cut else torch.zeros_like(critic[-1])


def lambda_values(process: Process, policy: Tensor, gamma: float, lam: float, critic: Tensor) -> Tensor:
    """E[λ-return | s_t, a_t] `[H, X, A]` with a critic `[H + 1, X]`.

    With λ = 1 this is Q, and the critic counts only at a time limit.
    """
    next_values, result = values_at_horizon(process, critic), []
    for time in reversed(range(process.steps)):
        result.append(backup(process, gamma, next_values))
        next_values = (1.0 - lam) * critic[time] + lam * (policy[time] * result[-1]).sum(-1)
    return torch.stack(result[::-1])


def n_step_values(process: Process, policy: Tensor, gamma: float, n: int, critic: Tensor) -> Tensor:
    """E[n-step return | s_t, a_t] `[H, X, A]` with a critic `[H + 1, X]`."""
    next_values = [*critic[1:-1], values_at_horizon(process, critic)]
    result = [backup(process, gamma, values) for values in next_values]
    for _ in range(n - 1):
        next_values = [(policy[t] * result[t]).sum(-1) for t in range(1, process.steps)]
        result = [*(backup(process, gamma, values) for values in next_values), result[-1]]
    return torch.stack(result)


def no_critic(process: Process) -> Tensor:
    """A critic `[H + 1, X]` that is 0 everywhere."""
    return torch.zeros(process.steps + 1, process.states, dtype=torch.float64)


def action_values(process: Process, policy: Tensor, gamma: float, critic: Tensor | None = None) -> Tensor:
    """Q `[H, X, A]`. At a time limit, the states have the critic's values; without a critic, 0."""
    return lambda_values(process, policy, gamma, 1.0, no_critic(process) if critic is None else critic)


def true_values(process: Process, policy: Tensor, gamma: float) -> Tensor:
    """V `[H + 1, X]`. It is 0 at the horizon and in terminal states."""
    values = (policy * action_values(process, policy, gamma)).sum(-1)
    return torch.cat([values, torch.zeros_like(values[:1])]).where(~process.terminal, 0.0)


def objective(process: Process, policy: Tensor, gamma: float, critic: Tensor | None = None) -> Tensor:
    """J = E[Σ_t γᵗ r_t] of a policy `[H, X, A]`, with a critic as in `action_values`."""
    return (policy[0, 0] * action_values(process, policy, gamma, critic)[0, 0]).sum()


def credited(
    process: Process,
    row: Tensor,
    table: Table,
    values: Tensor,
    weights: Tensor | None = None,
    visits: Tensor | None = None,
) -> Tensor:
    """Σ_t w_t Σ_s d_t(s) Σ_a ∇π(a|s) values_t(s, a) `[P]`: the gradient that credits actions with `values`.

    If the values are Q and w_t = γᵗ, this is the policy gradient theorem (Sutton et al. 2000).

    Args:
        process: the world.
        row: parameters `[P]` of the policy.
        table: its probabilities `[H, X, A]`.
        values: `[H, X, A]`.
        weights: w `[H]`; none: 1.
        visits: d `[H, X]`; none: the occupancy of the policy.
    """
    visits = occupancy(process, table(row)).detach() if visits is None else visits
    weights = torch.ones(process.steps, dtype=torch.float64) if weights is None else weights
    return gradient(
        row, lambda point: torch.einsum("t,tx,txa,txa", weights, visits, table(point), values.detach())
    )


def powers(process: Process, gamma: float) -> Tensor:
    """γᵗ `[H]`."""
    return gamma ** torch.arange(process.steps, dtype=torch.float64)


# ----------------------------------------------------------------------------------------------------------
# No horizon


class Discounted(NamedTuple):
    """J, V, Q and the discounted distribution of states of a policy, without a horizon.

    Attributes:
        objective: J = E[Σ_t γᵗ r_t].
        values: V `[X]`, 0 in terminal states.
        action_values: Q `[X, A]`.
        visits: `[X]`, E[Σ_t γᵗ 1(s_t = x)] over the steps of the episode. The sum is 1 / (1 − γ) if no episode
            ends.
    """

    objective: Tensor
    values: Tensor
    action_values: Tensor
    visits: Tensor

    @property
    def advantages(self) -> Tensor:
        """A = Q − V `[X, A]`."""
        return self.action_values - self.values.unsqueeze(-1)


def solve(process: Process, policy: Tensor, gamma: float) -> Discounted:
    """J, V, Q and the discounted distribution of states, from their linear systems.

    V = (I − γ P_π)⁻¹ r_π and d = (I − γ P_πᵀ)⁻¹ e₀. P_π excludes terminal states (Puterman 1994, chapter 6).

    Args:
        process: the world; its horizon is ignored.
        policy: `[X, A]`; differentiable.
        gamma: discount in (0, 1].

    Raises:
        ValueError: if γ = 1 and an episode may last for ever.
    """
    if gamma == 1.0:
        check_termination(process, policy)
    alive = (~process.terminal).double()
    rewards = process.expected_rewards
    state_to_state = torch.einsum("xa,xay->xy", policy, process.transitions) * alive * alive.unsqueeze(-1)
    system = torch.eye(process.states, dtype=torch.float64) - gamma * state_to_state
    values = torch.linalg.solve(system, (policy * rewards).sum(-1) * alive)
    start = torch.eye(process.states, dtype=torch.float64)[0]
    visits = torch.linalg.solve(system.T, start)
    action_values = (rewards + gamma * process.transitions @ values) * alive.unsqueeze(-1)
    return Discounted(values[0], values, action_values, visits)
