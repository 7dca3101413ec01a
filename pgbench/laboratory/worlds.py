"""Small decision processes as float64 tables, for which everything can be computed exactly.

A process has X states and A actions. An episode begins in state 0 and has at most H steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Process:
    """A finite Markov decision process. Episodes end in a terminal state, or after H steps.

    Attributes:
        transitions: `[X, A, X]`, probability of the next state.
        rewards: `[X, A, X]`.
        terminal: `[X]`, boolean. The transitions and rewards of a terminal state have no meaning.
        horizon: H; None: only terminal states end an episode.
        cut: True: the horizon is a time limit, which truncates the episode. False: the episode terminates there.

    Raises:
        ValueError: if the shapes of the tables differ, if the probabilities of a next state do not sum to 1, if
            state 0 is terminal, or if the horizon is less than 1.
    """

    transitions: Tensor
    rewards: Tensor
    terminal: Tensor
    horizon: int | None
    cut: bool = False

    def __post_init__(self) -> None:
        shape = tuple(self.transitions.shape)
        if len(shape) != 3 or shape[0] != shape[2] or self.rewards.shape != shape:
            raise ValueError(
                f"transitions and rewards must both be [X, A, X], not {list(shape)} and {list(self.rewards.shape)}"
            )
        if self.terminal.shape != shape[:1] or self.terminal.dtype != torch.bool:
            raise ValueError(f"terminal must be boolean, [X] = [{shape[0]}], not {list(self.terminal.shape)}")
        sums = self.transitions.sum(-1)
        if bool((self.transitions < 0.0).any()) or not torch.allclose(sums, torch.ones_like(sums)):
            state, action = divmod(int((sums - 1.0).abs().argmax()), shape[1])
            raise ValueError(
                f"the probabilities after state {state} and action {action} must be no less than 0 and sum to 1; "
                f"they sum to {float(sums[state, action]):.6g}"
            )
        if bool(self.terminal[0]):
            raise ValueError("state 0, in which episodes begin, must not be terminal")
        if self.horizon is not None and self.horizon < 1:
            raise ValueError(f"the horizon must be at least 1, not {self.horizon}")

    @property
    def states(self) -> int:
        """X, the number of states."""
        return self.transitions.shape[0]

    @property
    def actions(self) -> int:
        """A, the number of actions."""
        return self.transitions.shape[1]

    @property
    def steps(self) -> int:
        """H, the largest number of steps of an episode.

        Raises:
            ValueError: if the process has no horizon.
        """
        if self.horizon is None:
            raise ValueError("this needs episodes that end by themselves: give the world a horizon")
        return self.horizon

    @cached_property
    def expected_rewards(self) -> Tensor:
        """R(x, a) `[X, A]`: the mean of the reward over the next state."""
        return (self.transitions * self.rewards).sum(-1)

    @property
    def indices(self) -> int:
        """(H + 1)·X, the number of pairs of a time and a state. The times include the horizon."""
        return (self.steps + 1) * self.states

    def offset(self, amount: float) -> Process:
        """The same process with a constant added to every reward."""
        return replace(self, rewards=self.rewards + amount)


def check_termination(process: Process, policy: Tensor) -> None:
    """Refuse a process in which an episode may last for ever. Without a discount, its return has no value.

    Args:
        process: its horizon is ignored.
        policy: `[X, A]`.

    Raises:
        ValueError: if a state can be reached from which no terminal state can be reached. The message names it.
    """
    possible = (policy.unsqueeze(-1) * process.transitions).sum(1) > 0.0
    ends = process.terminal.clone()
    reached = torch.arange(process.states) == 0
    for _ in range(process.states):
        ends = ends | (possible & ends).any(1)
        reached = reached | (possible & (reached & ~process.terminal).unsqueeze(-1)).any(0)
    stuck = (reached & ~ends).nonzero().flatten().tolist()
    if stuck:
        raise ValueError(
            f"this world does not terminate: no terminal state can be reached from state {stuck[0]} under this "
            "policy; give the world a horizon, or discount with gamma below 1"
        )


# ----------------------------------------------------------------------------------------------------------
# Worlds


def chain(horizon: int = 4, cut: bool = False) -> Process:
    """A chain of two states and a terminal state. The first action mostly stays, the second mostly moves on."""
    stay, go = [0.8, 0.2, 0.0], [0.3, 0.7, 0.0]
    back, leave = [0.4, 0.6, 0.0], [0.0, 0.4, 0.6]
    nowhere = [0.0, 0.0, 1.0]
    transitions = torch.tensor([[stay, go], [back, leave], [nowhere, nowhere]], dtype=torch.float64)
    rewards = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 2, 3)))
    return Process(transitions, rewards, torch.tensor([False, False, True]), horizon, cut)


def garnet(
    states: int = 4, actions: int = 3, branching: int = 2, seed: int = 0, horizon: int | None = 4
) -> Process:
    """A random process without terminal states, truncated at its horizon (Archibald et al. 1995).

    Each pair of a state and an action leads to `branching` states, drawn without replacement. Uniform points cut
    the unit interval into their probabilities. Rewards are standard normal.

    Raises:
        ValueError: if `branching` is less than 1 or more than the number of states.
    """
    if not 1 <= branching <= states:
        raise ValueError(f"branching must be between 1 and the number of states, {states}, not {branching}")
    generator = np.random.default_rng(seed)
    transitions = np.zeros((states, actions, states))
    for row in transitions.reshape(-1, states):
        points = np.sort(generator.uniform(size=branching - 1))
        row[generator.permutation(states)[:branching]] = np.diff(points, prepend=0.0, append=1.0)
    rewards = torch.from_numpy(generator.normal(size=transitions.shape))
    no_state = torch.zeros(states, dtype=torch.bool)
    return Process(torch.from_numpy(transitions), rewards, no_state, horizon, cut=horizon is not None)


def cliff(width: int = 5, height: int = 3, horizon: int | None = 30, slip: float = 0.1) -> Process:
    """A gridworld with a cliff along its lower edge, between start and goal (Sutton and Barto 2018, example 6.6).

    The start is state 0, at the lower left; the goal is at the lower right. The actions go up, right, down and
    left. With probability `slip`, a step goes in a random direction instead. A step costs 0.1. The cliff ends the
    episode with a reward of −2, the goal with a reward of 2.
    """
    cells = width * height
    columns, rows = np.arange(cells) % width, np.arange(cells) // width
    moves = np.array([[0, 1], [1, 0], [0, -1], [-1, 0]])
    next_columns = np.clip(columns[:, None] + moves[:, 0], 0, width - 1)
    next_rows = np.clip(rows[:, None] + moves[:, 1], 0, height - 1)
    without_slip = np.eye(cells)[next_rows * width + next_columns]
    transitions = (1.0 - slip) * without_slip + slip * without_slip.mean(1, keepdims=True)
    reward_of_cell = np.full(cells, -0.1)
    reward_of_cell[1 : width - 1] = -2.0
    reward_of_cell[width - 1] = 2.0
    terminal = (rows == 0) & (columns > 0)
    rewards = np.broadcast_to(reward_of_cell, transitions.shape).copy()
    return Process(
        torch.from_numpy(transitions),
        torch.from_numpy(rewards),
        torch.from_numpy(terminal),
        horizon,
        cut=True,
    )


def corridor(length: int = 6, horizon: int | None = 20) -> Process:
    """A corridor whose only reward, 1, is at its end, so that the reward for the first steps comes late.

    Action 1 moves forward with probability 0.9 and otherwise stays. Action 0 always moves back; in state 0 it
    stays.
    """
    transitions = np.zeros((length + 1, 2, length + 1))
    for state in range(length):
        transitions[state, 0, max(state - 1, 0)] = 1.0
        transitions[state, 1, [state, state + 1]] = 0.1, 0.9
    transitions[length, :, length] = 1.0
    rewards = np.zeros_like(transitions)
    rewards[length - 1, 1, length] = 1.0
    terminal = np.arange(length + 1) == length
    return Process(
        torch.from_numpy(transitions), torch.from_numpy(rewards), torch.from_numpy(terminal), horizon
    )
