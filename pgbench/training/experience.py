"""A rollout laid out for the update: the transitions of each replica side by side, `[S, N, …]`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Transitions:
    """Columns `[S, M, …]` that an objective needs of M transitions of each replica.

    Attributes:
        observations: `[S, M, O]`.
        actions: `[S, M]` or `[S, M, A]`.
        advantages: `[S, M]`.
        targets: `[S, M]`, the critic's; zeros without a critic.
        old_values: `[S, M]`, V before the update.
        old_log_probs: `[S, M]`, under the policy that collected the data.
        old_parameters: `[S, M, …]`, of the distributions that collected the data.
        weights: `[S, M]`, of each transition in the policy's objective; 0 for idle environments.
        shares: `[S, M]`, of each transition in a mean over the batch; 0 for idle environments.
    """

    observations: Tensor
    actions: Tensor
    advantages: Tensor
    targets: Tensor
    old_values: Tensor
    old_log_probs: Tensor
    old_parameters: Tensor
    weights: Tensor
    shares: Tensor

    def __len__(self) -> int:
        """M."""
        return self.advantages.shape[1]

    def _each(self, choose: Callable[[Tensor], Tensor]) -> Transitions:
        return Transitions(*(choose(getattr(self, column.name)) for column in fields(self)))

    def part(self, rows: slice) -> Transitions:
        """Some of the transitions of every replica."""
        return self._each(lambda column: column[:, rows])

    def split(self, parts: int) -> Transitions:
        """The transitions of every replica in equal parts, each as a replica of its own, `[S · parts, …]`."""
        return self._each(lambda column: column.reshape(parts * len(column), -1, *column.shape[2:]))

    def take(self, order: Tensor) -> Transitions:
        """The transitions in the order `[S, K]` of indices, each replica by its own."""
        replicas, count = self.advantages.shape
        rows = (order + count * torch.arange(replicas).unsqueeze(1)).flatten()
        return self._each(
            lambda column: column.flatten(0, 1).index_select(0, rows).reshape(*order.shape, *column.shape[2:])
        )


@dataclass(frozen=True)
class Batch:
    """What an update learns from; idle transitions have weight 0.

    Attributes:
        transitions: the data, `[S, N, …]`.
        rollout: where they come from.
        next_observations: `[S, N, O]`, the true ones.
        correction: `[S, P]`, what a baseline with a constant for every parameter takes from the gradient of the
            policy's objective; None for other baselines.
    """

    transitions: Transitions
    rollout: Rollout
    next_observations: Tensor
    correction: Tensor | None = None

    @property
    def size(self) -> int:
        """N = T·E, how many transitions there are."""
        return self.rollout.rewards.shape[0] * self.rollout.rewards.shape[2]


def side_by_side(values: Tensor) -> Tensor:
    """`[T, S, E, …]` as `[S, N, …]`, N = T·E, each replica's transitions one after the other in memory.

    A sum over transitions is rounded by their layout, which must not depend on the number of replicas.
    """
    return values.transpose(0, 1).flatten(1, 2).contiguous()


def in_time(values: Tensor, shape: torch.Size) -> Tensor:
    """`[S, N]` as `[T, S, E]`: the inverse of `side_by_side`."""
    time, replicas, environments = shape
    return values.reshape(replicas, time, environments).transpose(0, 1)


class Values(NamedTuple):
    """The critic's values of a rollout's observations and of those that really followed, `[T, S, E]` each.

    V(s) and V(s'), or, of a critic of actions, Q(s, a) of the action to be credited and Q(s', a').
    """

    here: Tensor
    next: Tensor


Act = Callable[[Tensor, Tensor], Tensor]
"""Actions `[S, E, …]` for observations `[S, E, O]` and noise."""

Noise = Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.float32]]
"""Noise of a shape `(rows, environments)` from a generator."""

CHUNK = 512
"""Transitions of a replica that pass through a network at once. Rollouts of whole episodes are filled up with idle
rows to a multiple of it: the rounding of a matrix product may depend on its shape, and a replica's numbers must not
depend on how long the episodes of the others are."""


@dataclass(frozen=True)
class Episode:
    """A finished episode.

    `step` counts the environment steps of the replica's training: when the episode ended or, if it belongs to an
    evaluation, when that was made.
    """

    seed: int
    step: int
    episodic_return: float
    episodic_length: int
    terminated: bool


@dataclass(frozen=True)
class Rollout:
    """What one round of collecting saw, `[T, S, E, …]`; rows where `active` is False hold nothing.

    `elapsed` `[S, E]` counts the steps that the episodes under way had lasted before the first row.

    Observations are as the policy saw them and rewards as the update uses them (normalised, if asked for).
    No reset row is a next observation.
    """

    observations: Tensor
    actions: Tensor
    rewards: Tensor
    next_observations: Tensor
    terminated: Tensor
    truncated: Tensor
    active: Tensor
    elapsed: Tensor
    episodes: list[Episode]
