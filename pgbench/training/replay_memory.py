"""A memory of past transitions, and the random draws that replicas make from it.

Every replica has its own ring in each tensor, `[R, S, E, …]`: R rows of one step of its E environments. All
replicas that still learn have stored the same number of steps, so one write position serves the whole block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor

from pgbench.training.experience import Rollout
from pgbench.training.learner import Learner
from pgbench.training.streams import stream

COLUMNS = ("observations", "actions", "rewards", "next_observations", "terminated", "truncated")

# A purpose's place in this list is part of its stream's identity: add new ones at the end.
Purpose = Literal["transitions", "stored", "target", "actor", "second"]


class Drawn(NamedTuple):
    """B transitions of each replica.

    Attributes:
        rollout: a rollout of one step, `[1, S, B, …]`, in which every transition is a separate environment.
        next_actions: `[S, B]` or `[S, B, A]`, what the policy that collected them did next.
    """

    rollout: Rollout
    next_actions: Tensor

    def with_every_action(self, count: int) -> Drawn:
        """The transitions with each of `count` discrete actions in turn, `[S, B · count]`."""
        observations, *others = (
            getattr(self.rollout, name)[0].repeat_interleave(count, 1)
            for name in COLUMNS
            if name != "actions"
        )
        each = torch.arange(count).repeat(self.next_actions.shape[1]).expand(others[0].shape)
        return Drawn(
            Rollout.one_step(observations, each, *others), self.next_actions.repeat_interleave(count, 1)
        )


class ReplayMemory:
    """The latest transitions of a block; new ones overwrite the oldest (Lin 1992).

    Args:
        rows: R, steps of each environment that are kept.
        batch_size: B, transitions of a replica in each draw.
    """

    def __init__(self, rows: int, batch_size: int) -> None:
        self.batch_size = batch_size
        self._rows = rows
        self._columns: dict[str, Tensor] = {}
        self._next = self._filled = 0

    def __len__(self) -> int:
        """The number of transitions that each replica can draw from."""
        return self._filled * self._columns["rewards"].shape[2] if self._filled else 0

    def add(self, rollout: Rollout, next_actions: Tensor) -> None:
        """Store a rollout `[T, S, E, …]`, over the oldest rows once the ring is full.

        Args:
            rollout: what was collected; the true next observations are kept, also at an episode's end.
            next_actions: `[T, S, E]` or `[T, S, E, A]`.

        Raises:
            ValueError: if the rollout is longer than the ring.
        """
        steps = len(rollout.rewards)
        if steps > self._rows:
            raise ValueError(f"a rollout of {steps} steps does not fit into {self._rows} rows")
        columns = {name: getattr(rollout, name) for name in COLUMNS} | {"next_actions": next_actions}
        if not self._columns:
            self._columns = {
                name: torch.zeros(self._rows, *column.shape[1:], dtype=column.dtype)
                for name, column in columns.items()
            }
        places = (self._next + torch.arange(steps)) % self._rows
        for name, column in columns.items():
            self._columns[name][places] = column
        self._next = (self._next + steps) % self._rows
        self._filled = min(self._filled + steps, self._rows)

    def state(self) -> dict[str, Any]:
        """The stored transitions, for `restore`; the tensors share their memory with this object's."""
        columns = {name: column[: self._filled] for name, column in self._columns.items()}
        return {"columns": columns, "next": self._next, "filled": self._filled}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from the `state` of a memory with the same number of rows."""
        self._next, self._filled = state["next"], state["filled"]
        for name, saved in state["columns"].items():
            column = torch.as_tensor(saved)
            self._columns[name] = torch.zeros(self._rows, *column.shape[1:], dtype=column.dtype)
            self._columns[name][: self._filled] = column

    def take(self, indices: Tensor) -> Drawn:
        """The transitions at indices `[S, B]` below `len`, each replica's from its own ring."""
        environments = self._columns["rewards"].shape[2]
        replicas = torch.arange(len(indices)).unsqueeze(1)
        places = indices // environments, replicas, indices % environments
        picked = {name: column[places] for name, column in self._columns.items()}
        next_actions = picked.pop("next_actions")
        return Drawn(Rollout.one_step(**picked), next_actions)


class ReplayDraws:
    """The draws of one update: one stream for each replica and purpose, so that no purpose shifts another.

    Args:
        seeds: one for each replica.
        iteration: number of the update.
    """

    def __init__(self, seeds: Sequence[int], iteration: int) -> None:
        self._generators = {
            purpose: [stream(seed, "replay", iteration, index) for seed in seeds]
            for index, purpose in enumerate(get_args(Purpose))
        }

    def transitions(self, memory: ReplayMemory) -> Drawn:
        """A minibatch of each replica's transitions, uniformly and with replacement."""
        generators, count, size = self._generators["transitions"], len(memory), memory.batch_size
        return memory.take(torch.from_numpy(np.stack([g.integers(count, size=size) for g in generators])))

    def actions(self, purpose: Purpose, learner: Learner, observations: Tensor) -> Tensor:
        """Actions `[S, N]` or `[S, N, A]` that the present policy draws at observations `[S, N, O]`."""
        shape = (observations.shape[1],)
        noise = [learner.policy.noise(generator, shape) for generator in self._generators[purpose]]
        return learner.act()(observations, torch.from_numpy(np.stack(noise)))
