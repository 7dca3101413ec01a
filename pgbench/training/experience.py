"""What collecting leaves: episodes, rollouts, and a critic's values of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Act = Callable[[Tensor, Tensor], Tensor]
"""Actions `[S, E, …]` for observations `[S, E, O]` and noise."""

Noise = Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.float32]]
"""Noise of a shape `(rows, environments)` from a generator."""

CHUNK = 512
"""Transitions of a replica that pass through a network at once. The rounding of a matrix product may depend on its
shape, and a replica's numbers must not depend on how long the episodes of other replicas are. Rollouts of whole
episodes are therefore filled up with idle rows to a multiple of this."""


def chunks(count: int, size: int = CHUNK) -> Iterator[slice]:
    """Slices that cover `count` transitions, `size` at a time."""
    return (slice(first, min(first + size, count)) for first in range(0, count, size))


@dataclass(frozen=True)
class Episode:
    """A finished episode, or one that was cut because the budget was spent.

    Attributes:
        seed: the replica's.
        step: environment steps of the replica's training when the episode ended or, of an evaluation, when it was
            made.
        episodic_return: the sum of its rewards, undiscounted.
        episodic_length: its steps.
        terminated: whether it ended in a terminal state, and not at a time limit.
        cut: whether it had no end yet: nothing limits episodes here, and the run's budget was spent. Its return is
            that of its steps so far.
    """

    seed: int
    step: int
    episodic_return: float
    episodic_length: int
    terminated: bool
    cut: bool = False


@dataclass(frozen=True)
class Rollout:
    """What one round of collecting saw, `[T, S, E, …]`.

    Observations are as the policy saw them and rewards as the update uses them (normalised, if asked for). No
    observation after a reset is a next observation. Rows where `active` is False hold nothing.

    Attributes:
        observations: `[T, S, E, O]`.
        actions: `[T, S, E]` or `[T, S, E, A]`.
        rewards: `[T, S, E]`.
        next_observations: `[T, S, E, O]`.
        terminated: `[T, S, E]`, boolean.
        truncated: `[T, S, E]`, boolean.
        active: `[T, S, E]`, boolean: where a step was taken.
        elapsed: `[S, E]`, steps that the episodes under way had lasted before the first row; None where they begin
            there.
        episodes: those that ended.
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    next_observations: Tensor
    terminated: Tensor
    truncated: Tensor
    active: Tensor
    elapsed: Tensor | None = None
    episodes: list[Episode] = field(default_factory=list)

    @classmethod
    def one_step(
        cls,
        observations: Tensor,
        actions: Tensor,
        rewards: Tensor,
        next_observations: Tensor,
        terminated: Tensor,
        truncated: Tensor,
    ) -> Rollout:
        """Transitions `[S, B, …]` as a rollout of one step: each is a separate environment."""
        return cls(
            observations=observations.unsqueeze(0),
            actions=actions.unsqueeze(0),
            rewards=rewards.unsqueeze(0),
            next_observations=next_observations.unsqueeze(0),
            terminated=terminated.unsqueeze(0),
            truncated=truncated.unsqueeze(0),
            active=torch.ones(1, *rewards.shape, dtype=torch.bool),
        )

    @property
    def flags(self) -> tuple[Tensor, Tensor]:
        """`terminated` and `truncated`, in the order in which every formula takes them."""
        return self.terminated, self.truncated


class Values(NamedTuple):
    """The critic's values of a rollout's observations and of those that really followed, `[T, S, E]` each.

    Attributes:
        here: V(s) or, of a critic of actions, Q(s, a) of the action to be credited.
        next: V(s') or Q(s', a').
        expected: what a critic of actions expects at s, whichever action is taken; 0 if nothing is subtracted.
        ratios: how much likelier the present policy makes the actions than the policy that collected; None where
            the two are the same.
    """

    here: Tensor
    next: Tensor
    expected: Tensor | float = 0.0
    ratios: Tensor | None = None


def side_by_side(values: Tensor) -> Tensor:
    """`[T, S, E, …]` as `[S, N, …]`, N = T·E, each replica's transitions one after the other in memory.

    A sum over transitions is rounded by their layout, which must not depend on the number of replicas.
    """
    return values.transpose(0, 1).flatten(1, 2).contiguous()


def in_time(values: Tensor, shape: torch.Size) -> Tensor:
    """`[S, N]` as `[T, S, E]`: the inverse of `side_by_side`."""
    time, replicas, environments = shape
    return values.reshape(replicas, time, environments).transpose(0, 1)
