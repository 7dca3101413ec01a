"""A rollout laid out for the update: the transitions of each replica side by side, `[S, N, …]`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor

from pgbench.training.experience import Rollout


class Columns:
    """A dataclass of columns `[S, M, …]`; a column that is None stays None."""

    def each(self, choose: Callable[[Tensor], Tensor]) -> Self:
        """The same columns, each passed through a function."""
        columns = {column.name: getattr(self, column.name) for column in fields(self)}  # type: ignore[arg-type]
        chosen = {name: choose(column) for name, column in columns.items() if column is not None}
        return replace(self, **chosen)  # type: ignore[type-var]


@dataclass(frozen=True)
class Recorded(Columns):
    """What the policy that collected saw, did and said.

    Attributes:
        observations: `[S, M, O]`.
        actions: `[S, M]` or `[S, M, A]`.
        log_probs: `[S, M]`, log π_old(a|s).
        parameters: `[S, M, …]`, of the distributions π_old(·|s).
        values: `[S, M]`, V_old(s); None where no V is learned.
    """

    observations: Tensor
    actions: Tensor
    log_probs: Tensor
    parameters: Tensor
    values: Tensor | None


@dataclass(frozen=True)
class Credit(Columns):
    """What actions are credited with, and how much each transition counts.

    Attributes:
        advantages: `[S, M]`.
        weights: `[S, M]`, of each transition in the policy's objective; 0 for idle environments.
        shares: `[S, M]`, of each transition in a mean over the batch; 0 for idle environments.
        targets: `[S, M]`, what the critic regresses on; None where none is fitted to the batch.
    """

    advantages: Tensor
    weights: Tensor
    shares: Tensor
    targets: Tensor | None


@dataclass(frozen=True)
class Transitions:
    """M transitions of each replica, with their credit."""

    recorded: Recorded
    credit: Credit

    def __len__(self) -> int:
        """M."""
        return self.credit.advantages.shape[1]

    @property
    def regression(self) -> tuple[Tensor, Tensor]:
        """The critic's targets and its old values, `[S, M]` each.

        Raises:
            ValueError: if no critic is fitted to these transitions.
        """
        if self.credit.targets is None or self.recorded.values is None:
            raise ValueError("no critic is fitted to these transitions")
        return self.credit.targets, self.recorded.values

    def part(self, rows: slice) -> Transitions:
        """Some of the transitions of every replica."""
        return self._each(lambda column: column[:, rows])

    def split(self, parts: int) -> Transitions:
        """The transitions of every replica in equal parts, each as a separate replica, `[S · parts, …]`."""
        return self._each(lambda column: column.reshape(parts * len(column), -1, *column.shape[2:]))

    def take(self, order: Tensor) -> Transitions:
        """The transitions in the order `[S, K]` of indices, each replica by its own."""
        replicas, count = self.credit.advantages.shape
        rows = (order + count * torch.arange(replicas).unsqueeze(1)).flatten()
        return self._each(
            lambda column: column.flatten(0, 1).index_select(0, rows).reshape(*order.shape, *column.shape[2:])
        )

    def credited(self, **columns: Tensor) -> Transitions:
        """The same transitions with some columns of their credit replaced."""
        return replace(self, credit=replace(self.credit, **columns))

    def _each(self, choose: Callable[[Tensor], Tensor]) -> Transitions:
        return Transitions(self.recorded.each(choose), self.credit.each(choose))


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
