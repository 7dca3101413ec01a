"""Training: collect, prepare, update, record; a block of replicas in lockstep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

import numpy as np
import torch
from numpy.typing import NDArray

from pgbench import components, estimation, evaluation, off_policy, specs, updates
from pgbench.diagnostics import Statistics
from pgbench.environments.transforms import ObservationNormaliser, RewardScaler
from pgbench.learners import Learner
from pgbench.replay import ReplayMemory
from pgbench.rollouts import Episode, Rollout, Sampler

METRIC_ROWS = 1000
"""Rows of metrics that a replica leaves behind, about, at most, each of the first update in another part of its
budget: methods that learn from every step take many more updates than anybody can look at, and to measure one takes
about as long as to learn from it."""


@dataclass(frozen=True)
class Record:
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


Look = Callable[[Learner, Sampler, Rollout, updates.Progress], Statistics]
"""What is looked at before an update, and changes nothing: learner, sampler, rollout and progress to metrics."""


def look_away(learner: Learner, sampler: Sampler, rollout: Rollout, progress: updates.Progress) -> Statistics:
    """Look at nothing."""
    return {}


class Trainer:
    """Replicas of a run between two iterations of their training.

    A replica ends with the first update at or past its budget of environment steps, or when a parameter is no
    longer a finite number; from then on it idles.

    Args:
        run: algorithm, environment and budget.
        seeds: one for each replica.
        look: adds metrics of its own, such as `reference_gradient.Reference`.
    """

    def __init__(self, run: specs.Run, seeds: Sequence[int], look: Look = look_away) -> None:
        self.run, self.seeds, self.look = run, seeds, look
        self.sampler = build_sampler(run, seeds)
        self.learner = build_learner(run.algorithm, self.sampler, seeds)
        self.memory = build_memory(run.algorithm.data)
        self.running: NDArray[np.bool_] = np.ones(len(seeds), dtype=bool)
        self.iteration = 0

    def records(self) -> Iterator[Record]:
        """Train until every replica has ended, yielding a record after each iteration."""
        while self.running.any():
            yield self.iterate()

    def iterate(self) -> Record:
        """Collect, learn, see who goes on, and evaluate those whose time has come."""
        algorithm, sampler, learner = self.run.algorithm, self.sampler, self.learner
        iteration, running, before = self.iteration, self.running, sampler.steps.copy()
        remaining = torch.from_numpy(1.0 - before / self.run.steps)
        rollout = estimation.collect(algorithm.data, sampler, learner, iteration, running)
        measured = running & self._metrics_due(before)
        progress = updates.Progress(
            iteration, self.seeds, torch.from_numpy(running), remaining, bool(measured.any())
        )
        seen = self.look(learner, sampler, rollout, progress)
        statistics = seen | improve(algorithm, learner, self.memory, rollout, progress)
        self.running = running & (sampler.steps < self.run.steps) & ~learner.diverged().numpy()
        self.iteration += 1
        evaluations = evaluation.evaluate(self.run, self.seeds, learner, sampler, before)
        steps = sampler.steps.copy()
        return Record(iteration, steps, running, measured, rollout.episodes, statistics, evaluations)

    def _metrics_due(self, before: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether a replica has come to another part of its budget, `[S]`; all have in the first iteration."""
        parts, earlier = (steps * METRIC_ROWS // self.run.steps for steps in (self.sampler.steps, before))
        return (parts > earlier) | (self.iteration == 0)

    def state(self) -> dict[str, Any]:
        """All that the iterations to come depend on: arrays, tensors and JSON-able values, nested.

        Some share their memory with the trainer: they are to be written down before it goes on. Other chance than
        the environments' is not in it, for those streams are named by iteration.

        Raises:
            NotImplementedError: if this kind of environment cannot be saved.
        """
        return {
            "iteration": self.iteration,
            "running": self.running,
            "sampler": self.sampler.state(),
            "learner": self.learner.state(),
            "memory": None if self.memory is None else self.memory.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue, to the bit, from the `state` of a trainer of the same run and seeds."""
        self.iteration, self.running = state["iteration"], np.array(state["running"])
        self.sampler.restore(state["sampler"])
        self.learner.restore(state["learner"])
        if self.memory is not None:
            self.memory.restore(state["memory"])


def train(run: specs.Run, seeds: Sequence[int], look: Look = look_away) -> Iterator[Record]:
    """Train replicas of a run from the beginning, yielding a record after each iteration; see `Trainer`."""
    return Trainer(run, seeds, look).records()


def improve(
    algorithm: specs.Algorithm,
    learner: Learner,
    memory: ReplayMemory | None,
    rollout: Rollout,
    progress: updates.Progress,
) -> Statistics:
    """Learn from a rollout: from its own batch, or from a memory that it joins."""
    if memory is not None:
        return off_policy.update(algorithm, learner, memory, rollout, progress)
    return updates.update(algorithm, learner, estimation.prepare(algorithm, learner, rollout), progress)


def build_learner(algorithm: specs.Algorithm, sampler: Sampler, seeds: Sequence[int]) -> Learner:
    """The networks of a block before the first update."""
    learner = Learner(
        algorithm.networks,
        sampler.environment.observation_size,
        sampler.environment.actions,
        seeds,
        has_critic=updates.critic_fit(algorithm.baseline) is not None,
        of_actions=updates.values_actions(algorithm.baseline),
    )
    learner.beta += updates.initial_beta(algorithm.surrogate)
    return learner


def build_memory(data: components.Data) -> ReplayMemory | None:
    """What outlives a rollout: a replay buffer, or, on policy, nothing."""
    match data:
        case components.ReplayBuffer():
            return ReplayMemory(data.capacity // data.environments)
        case components.WholeEpisodes() | components.FixedHorizon():
            return None
        case _:
            assert_never(data)


def build_sampler(run: specs.Run, seeds: Sequence[int]) -> Sampler:
    """The environments of a block, with the normalisation that the algorithm asks for."""
    algorithm, details = run.algorithm, run.algorithm.details
    environments_each = estimation.environments_each(algorithm.data)
    sampler = Sampler(run.environment, seeds, environments_each)
    sampler.reward_offset = details.reward_offset or 0.0
    if details.observation_normalisation is not None:
        size = sampler.environment.observation_size
        sampler.normaliser = ObservationNormaliser(len(seeds), size, details.observation_normalisation.clip)
    if details.reward_scaling is not None:
        sampler.scaler = RewardScaler(
            len(seeds), environments_each, algorithm.gamma, details.reward_scaling.clip
        )
    return sampler
