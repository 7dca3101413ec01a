"""Trajectories of small worlds: all of them with their probabilities, or many at random; and as rollouts.

An observation is a single number, time · X + state, which the networks of `policies` read as a one-hot vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from pgbench.laboratory.worlds import Process
from pgbench.training.experience import Rollout

MOST = 50_000
"""More trajectories than this are not listed."""


@dataclass(frozen=True)
class Trajectories:
    """K trajectories, `[K, H]`; rows after an episode's end hold its last state, and any action."""

    states: Tensor
    actions: Tensor
    rewards: Tensor
    next_states: Tensor
    active: Tensor

    def rewards_to_go(self, gamma: float) -> Tensor:
        """Σ_{t'≥t} γ^(t'−t) r_{t'}, `[K, H]`, by the definition."""
        horizon = self.rewards.shape[1]
        discounts = gamma ** torch.arange(horizon, dtype=torch.float64)
        later = [(self.rewards[:, t:] * discounts[: horizon - t]).sum(1) for t in range(horizon)]
        return torch.stack(later, 1)


@dataclass(frozen=True)
class AllTrajectories(Trajectories):
    """All trajectories that can happen.

    Attributes:
        dynamics: `[K]`, the product of the probabilities that are the world's.
    """

    dynamics: Tensor

    def probabilities(self, policy: Tensor) -> Tensor:
        """p(τ) `[K]` under a policy `[H, X, A]`; differentiable."""
        chosen = policy[torch.arange(len(policy)), self.states, self.actions]
        return self.dynamics * chosen.where(self.active, 1.0).prod(1)


@cache
def enumerate_trajectories(process: Process) -> AllTrajectories:
    """List all trajectories of a world.

    Raises:
        ValueError: if the world has no horizon, or there are too many.
    """
    if _count(process) > MOST:
        raise ValueError(f"this world has more than {MOST:,} trajectories: sample them instead")
    found: list[tuple[list[tuple[int, int, float, int, bool]], int, float]] = []

    def follow(steps: list[tuple[int, int, float, int, bool]], state: int, probability: float) -> None:
        if len(steps) == process.steps or process.terminal[state]:
            found.append((steps, state, probability))
            return
        for action in range(process.actions):
            for following in process.transitions[state, action].nonzero().flatten().tolist():
                reward = float(process.rewards[state, action, following])
                chance = float(process.transitions[state, action, following])
                step = (state, action, reward, following, True)
                follow([*steps, step], following, probability * chance)

    follow([], 0, 1.0)
    rows = [
        [*steps, *[(last, 1, 0.0, last, False)] * (process.steps - len(steps))] for steps, last, _ in found
    ]
    states, actions, following, active = (
        torch.tensor([[step[i] for step in row] for row in rows]) for i in (0, 1, 3, 4)
    )
    rewards = torch.tensor([[step[2] for step in row] for row in rows], dtype=torch.float64)
    dynamics = torch.tensor([probability for *_, probability in found], dtype=torch.float64)
    return AllTrajectories(states, actions, rewards, following, active, dynamics)


def _count(process: Process) -> float:
    """How many trajectories can happen."""
    possible = (process.transitions > 0.0).double()
    ways = torch.ones(process.states, dtype=torch.float64)
    for _ in range(process.steps):
        ways = torch.where(process.terminal, 1.0, (possible @ ways).sum(-1))
    return float(ways[0])


def sample_trajectories(
    process: Process, policy: Tensor, count: int, generator: np.random.Generator
) -> Trajectories:
    """Draw trajectories of a policy `[H, X, A]`, all of them side by side.

    Raises:
        ValueError: if the world has no horizon.
    """
    chosen = policy.detach().numpy().cumsum(-1)
    following = process.transitions.numpy().cumsum(-1)
    terminal = process.terminal.numpy()
    state, active = np.zeros(count, dtype=np.int64), np.ones(count, dtype=bool)
    columns: list[list[np.ndarray]] = [[], [], [], []]
    for time in range(process.steps):
        action = _pick(chosen[time, state], generator)
        then = np.where(active, _pick(following[state, action], generator), state)
        for column, value in zip(columns, (state, action, then, active), strict=True):
            column.append(value)
        state, active = then, active & ~terminal[then]
    states, actions, next_states, alive = (torch.from_numpy(np.stack(column, 1)) for column in columns)
    return Trajectories(
        states, actions, process.rewards[states, actions, next_states] * alive, next_states, alive
    )


def _pick(cumulative: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A category for each row of cumulative probabilities `[K, n]`: the first that exceeds a uniform draw."""
    draws = generator.random((len(cumulative), 1))
    picked: np.ndarray = (draws >= cumulative[:, :-1]).sum(1)
    return picked


def groups(count: int, size: int) -> Tensor:
    """All ordered groups `[count ** size, size]` of trajectories' numbers."""
    return torch.cartesian_prod(*[torch.arange(count)] * size).reshape(-1, size)


def batches(count: int, episodes: int) -> Tensor:
    """Numbers of `count` trajectories in batches `[S, E]` of `episodes`, those that are left over left out."""
    replicas = count // episodes
    return torch.arange(replicas * episodes).reshape(replicas, episodes)


def rollout(process: Process, trajectories: Trajectories, members: Tensor) -> Rollout:
    """What collecting would give if replica s saw the trajectories `members[s]` `[S, E]`, float64."""

    def in_time(column: Tensor) -> Tensor:
        return column[members].movedim(-1, 0)

    time = torch.arange(process.steps).reshape(-1, 1, 1)
    active, following = in_time(trajectories.active), in_time(trajectories.next_states)
    dead = active & process.terminal[following]
    out_of_time = active & (time == process.steps - 1)  # both flags may be set, as in Gymnasium
    here = time * process.states + in_time(trajectories.states)
    return Rollout(
        observations=here.double().unsqueeze(-1),
        actions=in_time(trajectories.actions),
        rewards=in_time(trajectories.rewards),
        next_observations=((time + 1) * process.states + following).double().unsqueeze(-1),
        terminated=dead if process.cut else dead | out_of_time,
        truncated=out_of_time if process.cut else torch.zeros_like(dead),
        active=active,
    )
