"""Training: collect, prepare, update, record; a block of replicas in lockstep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pgbench.methods import runs
from pgbench.methods.algorithm import Algorithm
from pgbench.training import credit, evaluation, iteration, replay_update, updates
from pgbench.training.experience import Rollout
from pgbench.training.iteration import Iteration, Moment, Statistics
from pgbench.training.learner import Learner
from pgbench.training.meaning import data
from pgbench.training.meaning.data import build_memory
from pgbench.training.replay_memory import ReplayMemory
from pgbench.training.sampler import Sampler
from pgbench.training.start import build_learner, build_sampler

METRIC_ROWS = 1000
"""Rows of metrics that a replica leaves behind, about, at most, each of the first update in another part of its
budget: methods that learn from every step take many more updates than anybody can look at, and to measure one takes
about as long as to learn from it."""


Observer = Callable[[Learner, Sampler, Rollout, iteration.Moment], Statistics]
"""What is looked at before an update, and changes nothing: learner, sampler, rollout and progress to metrics."""


def observe_nothing(
    learner: Learner, sampler: Sampler, rollout: Rollout, progress: iteration.Moment
) -> Statistics:
    """Look at nothing."""
    return {}


class Trainer:
    """Replicas of a run between two iterations of their training.

    A replica ends with the first update at or past its budget of environment steps, or when a parameter is no
    longer a finite number; from then on it idles.

    Args:
        run: algorithm, environment and budget.
        seeds: one for each replica.
        look: adds metrics of its own, such as `gradient_reference.GradientReference`.
    """

    def __init__(self, run: runs.Run, seeds: Sequence[int], look: Observer = observe_nothing) -> None:
        self.run, self.seeds, self.look = run, seeds, look
        self.sampler = build_sampler(run, seeds)
        self.learner = build_learner(run.algorithm, self.sampler, seeds)
        self.memory = build_memory(run.algorithm.data)
        self.running: NDArray[np.bool_] = np.ones(len(seeds), dtype=bool)
        self.iteration = 0

    def records(self) -> Iterator[Iteration]:
        """Train until every replica has ended, yielding a record after each iteration."""
        while self.running.any():
            yield self.iterate()

    def iterate(self) -> Iteration:
        """Collect, learn, see who goes on, and evaluate those whose time has come."""
        algorithm, sampler, learner = self.run.algorithm, self.sampler, self.learner
        iteration, running, before = self.iteration, self.running, sampler.steps.copy()
        remaining = torch.from_numpy(1.0 - before / self.run.steps)
        rollout = data.collect(algorithm.data, sampler, learner, iteration, running)
        measured = running & self._metrics_due(before)
        progress = Moment(iteration, self.seeds, torch.from_numpy(running), remaining, bool(measured.any()))
        seen = self.look(learner, sampler, rollout, progress)
        statistics = seen | improve(algorithm, learner, self.memory, rollout, progress)
        self.running = running & (sampler.steps < self.run.steps) & ~learner.diverged().numpy()
        self.iteration += 1
        evaluations = evaluation.evaluate(self.run, self.seeds, learner, sampler, before)
        steps = sampler.steps.copy()
        return Iteration(iteration, steps, running, measured, rollout.episodes, statistics, evaluations)

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


def train(run: runs.Run, seeds: Sequence[int], look: Observer = observe_nothing) -> Iterator[Iteration]:
    """Train replicas of a run from the beginning, yielding a record after each iteration; see `Trainer`."""
    return Trainer(run, seeds, look).records()


def improve(
    algorithm: Algorithm,
    learner: Learner,
    memory: ReplayMemory | None,
    rollout: Rollout,
    progress: iteration.Moment,
) -> Statistics:
    """Learn from a rollout: from its own batch, or from a memory that it joins."""
    if memory is not None:
        return replay_update.update(algorithm, learner, memory, rollout, progress)
    return updates.update(algorithm, learner, credit.prepare(algorithm, learner, rollout), progress)
