"""Trajectories of small worlds: all of them with their probabilities, or a random sample. Both become rollouts.

An observation is one number, time · X + state. The networks of `policies` read it as a one-hot vector.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pgbench.laboratory.worlds import Process
from pgbench.training.experience import Rollout

MOST = 50_000
"""`enumerate_trajectories` refuses a world with more trajectories than this."""


@dataclass(frozen=True)
class Trajectories:
    """K trajectories, `[K, H]`. After the end of an episode, a row holds its last state and an arbitrary action."""

    states: Tensor
    actions: Tensor
    rewards: Tensor
    next_states: Tensor
    active: Tensor

    def rewarded_by(self, process: Process) -> Trajectories:
        """The same states and actions with the rewards of another process."""
        rewards = process.rewards[self.states, self.actions, self.next_states] * self.active
        return replace(self, rewards=rewards)

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
        dynamics: `[K]`, the product of the probabilities of the transitions, without those of the actions.
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
        ValueError: if the world has no horizon, or more than `MOST` trajectories.
    """
    if _count(process) > MOST:
        raise ValueError(f"this world has more than {MOST:,} trajectories: sample them instead")
    paths = list(_paths(process, [], 0, 1.0))
    rows = [
        [*steps, *[_Step(last, 1, 0.0, last, False)] * (process.steps - len(steps))]
        for steps, last, _ in paths
    ]
    states, actions, rewards, next_states, active = (
        [[step[field] for step in row] for row in rows] for field in range(len(_Step._fields))
    )
    return AllTrajectories(
        torch.tensor(states),
        torch.tensor(actions),
        torch.tensor(rewards, dtype=torch.float64),
        torch.tensor(next_states),
        torch.tensor(active),
        torch.tensor([probability for *_, probability in paths], dtype=torch.float64),
    )


class _Step(NamedTuple):
    state: int
    action: int
    reward: float
    next_state: int
    active: bool


_Path = tuple[list[_Step], int, float]
"""The steps of a trajectory, its last state, and the product of the probabilities of its transitions."""


def _paths(process: Process, steps: list[_Step], state: int, probability: float) -> Iterator[_Path]:
    """All trajectories that continue `steps` from a state."""
    if len(steps) == process.steps or process.terminal[state]:
        yield steps, state, probability
        return
    for action in range(process.actions):
        for next_state in process.transitions[state, action].nonzero().flatten().tolist():
            step = _Step(state, action, float(process.rewards[state, action, next_state]), next_state, True)
            chance = float(process.transitions[state, action, next_state])
            yield from _paths(process, [*steps, step], next_state, probability * chance)


def _count(process: Process) -> float:
    """The number of trajectories that can happen."""
    possible = (process.transitions > 0.0).double()
    from_state = torch.ones(process.states, dtype=torch.float64)
    for _ in range(process.steps):
        from_state = torch.where(process.terminal, 1.0, (possible @ from_state).sum(-1))
    return float(from_state[0])


def sample_trajectories(
    process: Process, policy: Tensor, count: int, generator: np.random.Generator
) -> Trajectories:
    """Draw `count` trajectories of a policy `[H, X, A]`, all of them in lockstep.

    The rewards do not influence the draws.

    Raises:
        ValueError: if the world has no horizon.
    """
    of_actions = policy.detach().numpy().cumsum(-1)
    of_next_states = process.transitions.numpy().cumsum(-1)
    terminal = process.terminal.numpy()
    state, active = np.zeros(count, dtype=np.int64), np.ones(count, dtype=bool)
    columns: list[list[np.ndarray]] = [[], [], [], []]
    for time in range(process.steps):
        action = _draw_categories(of_actions[time, state], generator)
        next_state = np.where(active, _draw_categories(of_next_states[state, action], generator), state)
        for column, value in zip(columns, (state, action, next_state, active), strict=True):
            column.append(value)
        state, active = next_state, active & ~terminal[next_state]
    states, actions, next_states, alive = (torch.from_numpy(np.stack(column, 1)) for column in columns)
    no_rewards = torch.zeros(states.shape, dtype=torch.float64)
    return Trajectories(states, actions, no_rewards, next_states, alive).rewarded_by(process)


def _draw_categories(cumulative: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """One category for each row of cumulative probabilities `[K, n]`: the first that exceeds a uniform draw."""
    draws = generator.random((len(cumulative), 1))
    categories: np.ndarray = (draws >= cumulative[:, :-1]).sum(1)
    return categories


def groups(count: int, size: int) -> Tensor:
    """All ordered groups `[count ** size, size]` of the indices of `count` trajectories."""
    return torch.cartesian_prod(*[torch.arange(count)] * size).reshape(-1, size)


def batches(count: int, episodes: int) -> Tensor:
    """The indices of `count` trajectories in batches `[S, E]` of `episodes`; a last, smaller batch is dropped."""
    replicas = count // episodes
    return torch.arange(replicas * episodes).reshape(replicas, episodes)


def rollout(process: Process, trajectories: Trajectories, members: Tensor) -> Rollout:
    """The rollout, float64, in which replica s collects the trajectories with the indices `members[s]` `[S, E]`."""

    def time_first(column: Tensor) -> Tensor:
        return column[members].movedim(-1, 0)

    time = torch.arange(process.steps).reshape(-1, 1, 1)
    active, next_states = time_first(trajectories.active), time_first(trajectories.next_states)
    in_terminal_state = active & process.terminal[next_states]
    at_horizon = active & (time == process.steps - 1)  # both flags may be set, as in Gymnasium
    places = time * process.states + time_first(trajectories.states)
    return Rollout(
        observations=places.double().unsqueeze(-1),
        actions=time_first(trajectories.actions),
        rewards=time_first(trajectories.rewards),
        next_observations=((time + 1) * process.states + next_states).double().unsqueeze(-1),
        terminated=in_terminal_state if process.cut else in_terminal_state | at_horizon,
        truncated=at_horizon if process.cut else torch.zeros_like(in_terminal_state),
        active=active,
    )
