"""Closed forms on small worlds, float64: J, ∇J, V, Q and the distribution of states.

Over a finite horizon by recursion, policies being `[H, X, A]` and values `[H + 1, X]`; with a discount and no
horizon by linear systems, policies being `[X, A]`. All are differentiable in the policy. Nothing here uses the code
that trains: this is what that code is compared with.
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
    """P(s_t = x, the episode still under way) `[H, X]`."""
    now = torch.eye(process.states, dtype=torch.float64)[0]
    result = []
    for at_time in policy:
        result.append(now)
        flow = now.unsqueeze(-1) * at_time
        now = torch.tensordot(flow, process.transitions, dims=2) * ~process.terminal
    return torch.stack(result)


def expected_reward_then(process: Process, gamma: float, follows: Tensor) -> Tensor:
    """r(x, a) + γ E[follows(x')] `[X, A]` for what a next state `[X]` is worth; a terminal one is worth 0."""
    return process.expected_rewards + gamma * process.transitions @ (follows * ~process.terminal)


def at_the_end(process: Process, critic: Tensor) -> Tensor:
    """What states `[X]` are worth when the horizon is reached, to who believes this critic `[H + 1, X]`."""
    return critic[-1] if process.cut else torch.zeros_like(critic[-1])


def lambda_values(process: Process, policy: Tensor, gamma: float, lam: float, critic: Tensor) -> Tensor:
    """E[λ-return | s_t, a_t] `[H, X, A]` with a critic `[H + 1, X]`; λ = 1: Q, the critic only at a time limit."""
    follows, result = at_the_end(process, critic), []
    for time in reversed(range(process.steps)):
        result.append(expected_reward_then(process, gamma, follows))
        follows = (1.0 - lam) * critic[time] + lam * (policy[time] * result[-1]).sum(-1)
    return torch.stack(result[::-1])


def n_step_values(process: Process, policy: Tensor, gamma: float, n: int, critic: Tensor) -> Tensor:
    """E[n-step return | s_t, a_t] `[H, X, A]` with a critic `[H + 1, X]`."""
    follows = [*critic[1:-1], at_the_end(process, critic)]
    values = [expected_reward_then(process, gamma, worth) for worth in follows]
    for _ in range(n - 1):
        onwards = [(policy[t] * values[t]).sum(-1) for t in range(1, process.steps)]
        values = [*(expected_reward_then(process, gamma, worth) for worth in onwards), values[-1]]
    return torch.stack(values)


def no_critic(process: Process) -> Tensor:
    """A critic `[H + 1, X]` that says 0 everywhere."""
    return torch.zeros(process.steps + 1, process.states, dtype=torch.float64)


def action_values(process: Process, policy: Tensor, gamma: float, critic: Tensor | None = None) -> Tensor:
    """Q `[H, X, A]`, with what a critic says of the states at a time limit, if there is one."""
    return lambda_values(process, policy, gamma, 1.0, no_critic(process) if critic is None else critic)


def true_values(process: Process, policy: Tensor, gamma: float) -> Tensor:
    """V `[H + 1, X]`; 0 at the horizon."""
    values = (policy * action_values(process, policy, gamma)).sum(-1)
    return torch.cat([values, torch.zeros_like(values[:1])]).where(~process.terminal, 0.0)


def objective(process: Process, policy: Tensor, gamma: float, critic: Tensor | None = None) -> Tensor:
    """J = E[Σ_t γᵗ r_t] of a policy."""
    return (policy[0, 0] * action_values(process, policy, gamma, critic)[0, 0]).sum()


def credited(
    process: Process,
    row: Tensor,
    table: Table,
    values: Tensor,
    weights: Tensor | None = None,
    visits: Tensor | None = None,
) -> Tensor:
    """Σ_t w_t Σ_s d_t(s) Σ_a ∇π(a|s) values_t(s, a) `[P]`: what crediting actions with `values` comes to.

    The policy gradient theorem (Sutton et al. 2000) where the values are Q and w_t = γᵗ.

    Args:
        process: the world.
        row: parameters `[P]` of the policy.
        table: its probabilities `[H, X, A]`.
        values: `[H, X, A]`.
        weights: `[H]`; none: 1.
        visits: `[H, X]`, d; none: the policy's own.
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
    """What there is to know of a policy without a horizon.

    Attributes:
        objective: J = E[Σ_t γᵗ r_t].
        values: V `[X]`, 0 where terminal.
        action_values: Q `[X, A]`.
        visits: `[X]`, E[Σ_t γᵗ 1(s_t = x)] while the episode lasts; its sum is 1 / (1 − γ) if none ever ends.
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
    """J, V, Q and the discounted distribution of states from their linear systems.

    V = (I − γ P_π)⁻¹ r_π and d = (I − γ P_πᵀ)⁻¹ e₀, terminal states being left out of P_π (Puterman 1994, ch. 6).

    Args:
        process: the world; its horizon is not looked at.
        policy: `[X, A]`; differentiable.
        gamma: discount in (0, 1].

    Raises:
        ValueError: if γ = 1 and an episode may last for ever.
    """
    if gamma == 1.0:
        check_termination(process, policy)
    alive = (~process.terminal).double()
    rewards = process.expected_rewards
    onwards = torch.einsum("xa,xay->xy", policy, process.transitions) * alive * alive.unsqueeze(-1)
    system = torch.eye(process.states, dtype=torch.float64) - gamma * onwards
    values = torch.linalg.solve(system, (policy * rewards).sum(-1) * alive)
    start = torch.eye(process.states, dtype=torch.float64)[0]
    visits = torch.linalg.solve(system.T, start)
    action_values = (rewards + gamma * process.transitions @ values) * alive.unsqueeze(-1)
    return Discounted(values[0], values, action_values, visits)
