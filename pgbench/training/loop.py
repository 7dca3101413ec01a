"""Training: collect, credit, look, update, look; a block of replicas in lockstep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pgbench.methods.algorithm import Algorithm
from pgbench.methods.runs import Run
from pgbench.training import diagnostics, evaluation, replay_update
from pgbench.training.credit import prepare
from pgbench.training.experience import Rollout
from pgbench.training.gradient_reference import GradientReference, start_reference
from pgbench.training.iteration import Iteration, Moment, Outcome, Statistics
from pgbench.training.learner import Learner
from pgbench.training.meaning.data import collect, start_memory
from pgbench.training.meaning.updates import fit_first, update
from pgbench.training.replay_memory import ReplayMemory
from pgbench.training.start import start_learner, start_sampler

METRIC_ROWS = 1000
"""Each replica keeps at most about 1,000 rows of metrics: one for the first update in each thousandth of its
budget. Methods that learn from every step take many more updates than anybody can look at, and measuring an update
takes about as long as learning from it."""


class Trainer:
    """Replicas of a run between two iterations of their training.

    A replica ends with the first update at or past its budget of environment steps, or when a parameter or a
    running statistic is no longer a finite number; from then on it idles.

    Args:
        run: algorithm, environment and budget.
        seeds: one for each replica.
    """

    def __init__(self, run: Run, seeds: Sequence[int]) -> None:
        self.run, self.seeds = run, seeds
        self.sampler = start_sampler(run, seeds)
        self.learner = start_learner(run.algorithm, self.sampler.environment, seeds)
        self.memory = start_memory(run.algorithm.data)
        self.reference = start_reference(run, seeds)
        self.running: NDArray[np.bool_] = np.ones(len(seeds), dtype=bool)
        self.iteration = 0

    def records(self) -> Iterator[Iteration]:
        """Train until every replica has ended, yielding what each iteration did."""
        while self.running.any():
            yield self.iterate()

    def iterate(self) -> Iteration:
        """Collect, learn, see who goes on, and evaluate those whose time has come."""
        sampler, learner = self.sampler, self.learner
        iteration, running, before = self.iteration, self.running, sampler.steps.copy()
        remaining = torch.from_numpy(1.0 - before / self.run.steps)
        rollout = collect(self.run.algorithm.data, sampler, learner, iteration, running)
        measured = running & self._metrics_due(before)
        moment = Moment(iteration, self.seeds, torch.from_numpy(running), remaining, bool(measured.any()))
        match self.memory:
            case None:
                statistics = self._learn(rollout, moment)
            case ReplayMemory() as memory:
                statistics = learn_from(memory, self.run.algorithm, learner, rollout, moment)
        lost = learner.diverged().numpy() | sampler.preprocessing.lost(len(self.seeds))
        self.running = running & (sampler.steps < self.run.steps) & ~lost
        self.iteration += 1
        evaluations = evaluation.evaluate(self.run, self.seeds, learner, sampler, before, lost)
        steps = sampler.steps.copy()
        return Iteration(iteration, steps, running, measured, rollout.episodes, statistics, evaluations)

    def close(self) -> None:
        """Close the environments; nothing is trained afterwards."""
        self.sampler.environment.close()

    def _learn(self, rollout: Rollout, moment: Moment) -> Statistics:
        """Learn from a rollout alone: credit, fit a critic that goes first, look, update, look."""
        algorithm, learner = self.run.algorithm, self.learner
        batch = fit_first(algorithm, learner, prepare(algorithm, learner, rollout), moment)
        match self.reference:
            case None:
                seen: Statistics = {}
            case GradientReference() as reference:
                seen = reference(learner, self.sampler, batch, moment)
        if not moment.watched:
            update(algorithm, learner, batch, moment)
            return seen
        before = diagnostics.before_update(algorithm, learner, batch)
        done = update(algorithm, learner, batch, moment)
        return seen | before | diagnostics.after_update(algorithm, learner, batch) | done

    def _metrics_due(self, before: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether a replica has come to another part of its budget, `[S]`; all have in the first iteration.

        All are measured, too, where the gradient is compared with a reference.
        """
        parts, earlier = (steps * METRIC_ROWS // self.run.steps for steps in (self.sampler.steps, before))
        due = (parts > earlier) | (self.iteration == 0)
        match self.reference:
            case None:
                return due
            case GradientReference() as reference:
                return due | reference.looks(self.iteration)

    def outcomes(self) -> list[Outcome]:
        """How each replica ended."""
        steps, diverged = self.sampler.steps.tolist(), self.learner.diverged().tolist()
        return [Outcome(*outcome) for outcome in zip(self.seeds, steps, diverged, strict=True)]

    def state(self) -> dict[str, Any]:
        """All that the iterations to come depend on: arrays, tensors and JSON-able values, nested.

        Some share their memory with the trainer, so they must be written down before it goes on. No other chance
        than the environments' is in it, because those streams are named by iteration.

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


# Not a method, so that a run without a memory does not reach the update from one.
def learn_from(
    memory: ReplayMemory, algorithm: Algorithm, learner: Learner, rollout: Rollout, moment: Moment
) -> Statistics:
    """Learn from a memory that the rollout joins: update, look."""
    before = learner.actor.values.detach().clone()
    last, done = replay_update.update(algorithm, learner, memory, rollout, moment)
    return done | replay_update.measure(algorithm, learner, last, before) if moment.watched else {}


def train(run: Run, seeds: Sequence[int]) -> Iterator[Iteration]:
    """Train replicas of a run from the beginning, yielding what each iteration did; see `Trainer`."""
    return _to_the_end(Trainer(run, seeds))


def _to_the_end(trainer: Trainer) -> Iterator[Iteration]:
    """The iterations of a trainer, which is closed after the last one, or when an iteration raises."""
    with closing(trainer):
        yield from trainer.records()
