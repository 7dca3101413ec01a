"""Where the replicas of a block stand, and what one iteration leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pgbench.training.experience import Episode

Statistics = dict[str, Tensor]
"""Metrics of an update, `[S]` each."""


@dataclass(frozen=True)
class Moment:
    """Where the replicas of a block stand when an update begins.

    Attributes:
        iteration: number of the update, from 0.
        seeds: one for each replica.
        running: `[S]`, boolean; the others keep every bit.
        remaining: `[S]`, float64: the fraction of the budget that is left, in (0, 1].
        watched: whether metrics are asked for.
    """

    iteration: int
    seeds: Sequence[int]
    running: Tensor
    remaining: Tensor
    watched: bool = True


@dataclass(frozen=True)
class Iteration:
    """What one iteration of a block did.

    Attributes:
        iteration: from 0.
        steps: `[S]`, environment steps of each replica so far.
        running: `[S]`, boolean: replicas that this iteration trained.
        measured: `[S]`, boolean: those of them whose metrics are kept; without any there are no statistics.
        episodes: the training episodes that finished in it.
        statistics: metrics of the update, `[S]` each.
        evaluations: the episodes of evaluations that were made after it.
    """

    iteration: int
    steps: NDArray[np.int64]
    running: NDArray[np.bool_]
    measured: NDArray[np.bool_]
    episodes: list[Episode]
    statistics: Statistics
    evaluations: list[Episode] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """How the training of a replica ended.

    Attributes:
        seed: the replica's.
        steps: the environment steps that it trained for.
        diverged: whether a parameter is no longer a finite number.
    """

    seed: int
    steps: int
    diverged: bool
