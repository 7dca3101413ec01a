"""Decision processes small enough to know everything about, as float64 tables.

X states, A actions, H steps at most. Episodes begin in state 0.
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
        terminal: `[X]`, boolean; what leads on from a terminal state is without meaning.
        horizon: H; None: only terminal states end an episode.
        cut: whether the horizon is a time limit, which truncates; else the world ends there.

    Raises:
        ValueError: if the tables do not fit together, or nothing would ever end an undiscounted episode.
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
        """X."""
        return self.transitions.shape[0]

    @property
    def actions(self) -> int:
        """A."""
        return self.transitions.shape[1]

    @property
    def steps(self) -> int:
        """H of a process that has one.

        Raises:
            ValueError: if it has none.
        """
        if self.horizon is None:
            raise ValueError("this needs episodes that end by themselves: give the world a horizon")
        return self.horizon

    @cached_property
    def expected_rewards(self) -> Tensor:
        """R(x, a) `[X, A]`, the expectation over the next state."""
        return (self.transitions * self.rewards).sum(-1)

    @property
    def indices(self) -> int:
        """(H + 1)·X, the number of pairs of time, the horizon included, and state."""
        return (self.steps + 1) * self.states

    def offset(self, amount: float) -> Process:
        """The same world with a constant added to every reward."""
        return replace(self, rewards=self.rewards + amount)


def check_termination(process: Process, policy: Tensor) -> None:
    """Refuse a world in which an episode without discount and horizon may last for ever.

    Args:
        process: the world.
        policy: `[X, A]`.

    Raises:
        ValueError: naming a state that can be reached, and from which no terminal state can.
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
    """Two states and a terminal one: the first action mostly stays, the second mostly goes on."""
    stay, go = [0.8, 0.2, 0.0], [0.3, 0.7, 0.0]
    back, leave = [0.4, 0.6, 0.0], [0.0, 0.4, 0.6]
    nowhere = [0.0, 0.0, 1.0]
    transitions = torch.tensor([[stay, go], [back, leave], [nowhere, nowhere]], dtype=torch.float64)
    rewards = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 2, 3)))
    return Process(transitions, rewards, torch.tensor([False, False, True]), horizon, cut)


def garnet(
    states: int = 4, actions: int = 3, branching: int = 2, seed: int = 0, horizon: int | None = 4
) -> Process:
    """A random process without terminal states, cut at its horizon (Archibald et al. 1995).

    Each state and action lead to `branching` states drawn without replacement, with probabilities cut from the unit
    interval by uniform points; rewards are standard normal.

    Raises:
        ValueError: if there are fewer states than branches.
    """
    if not 1 <= branching <= states:
        raise ValueError(f"branching must be between 1 and the number of states, {states}, not {branching}")
    generator = np.random.default_rng(seed)
    transitions = np.zeros((states, actions, states))
    for row in transitions.reshape(-1, states):
        points = np.sort(generator.uniform(size=branching - 1))
        row[generator.permutation(states)[:branching]] = np.diff(points, prepend=0.0, append=1.0)
    rewards = torch.from_numpy(generator.normal(size=transitions.shape))
    nowhere = torch.zeros(states, dtype=torch.bool)
    return Process(torch.from_numpy(transitions), rewards, nowhere, horizon, cut=horizon is not None)


def cliff(width: int = 5, height: int = 3, horizon: int | None = 30, slip: float = 0.1) -> Process:
    """A gridworld with a cliff along its lower edge, between start and goal (Sutton and Barto 2018, example 6.6).

    The start is state 0, at the lower left; actions go up, right, down and left, or, with probability `slip`, in a
    direction drawn at random. A step costs 0.1; the cliff ends the episode at a cost of 2, the goal at a gain of 2.
    """
    cells = width * height
    columns, rows = np.arange(cells) % width, np.arange(cells) // width
    moves = np.array([[0, 1], [1, 0], [0, -1], [-1, 0]])
    ahead = np.clip(columns[:, None] + moves[:, 0], 0, width - 1)
    above = np.clip(rows[:, None] + moves[:, 1], 0, height - 1)
    certain = np.eye(cells)[above * width + ahead]
    transitions = (1.0 - slip) * certain + slip * certain.mean(1, keepdims=True)
    worth = np.full(cells, -0.1)
    worth[1 : width - 1] = -2.0
    worth[width - 1] = 2.0
    terminal = (rows == 0) & (columns > 0)
    rewards = np.broadcast_to(worth, transitions.shape).copy()
    return Process(
        torch.from_numpy(transitions),
        torch.from_numpy(rewards),
        torch.from_numpy(terminal),
        horizon,
        cut=True,
    )


def corridor(length: int = 6, horizon: int | None = 20) -> Process:
    """A corridor whose only reward, 1, waits at its end: credit for the first steps comes late.

    Forward succeeds with probability 0.9, back always; at the door, state 0, back stays.
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
