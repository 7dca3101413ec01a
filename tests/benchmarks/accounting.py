"""Where the time of training goes, and how little it could take: the physics, and the arithmetic of the update."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import numpy as np
import torch

from pgbench import environments
from pgbench.environments import VectorEnvironment
from pgbench.methods import components, runs
from pgbench.methods.algorithm import Algorithm
from pgbench.running.recording import Tables
from pgbench.training import loop, replay_update
from pgbench.training.experience import Act
from pgbench.training.learner import Learner
from pgbench.training.normalisation import ObservationNormaliser, RewardScaler
from pgbench.training.sampler import environment_streams
from pgbench.training.start import start_learner

PARTS = ("environment", "normalising", "acting", "collecting", "advantages", "update", "recording", "rest")


class Ledger:
    """Seconds by part; the time of a part within another counts for the inner one alone."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[float] = []

    @contextmanager
    def entry(self, part: str) -> Iterator[None]:
        """Count what happens inside for a part."""
        begin = time.perf_counter()
        self._open.append(0.0)
        try:
            yield
        finally:
            whole = time.perf_counter() - begin
            self.seconds[part] += whole - self._open.pop()
            if self._open:
                self._open[-1] += whole

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, counted for a part."""

        def wrapped(*arguments: Any, **named: Any) -> Any:
            with self.entry(part):
                return function(*arguments, **named)

        return wrapped


def time_by_part(run: runs.Run, replicas: int, steps: int) -> dict[str, float]:
    """Microseconds of an environment step that each of `PARTS` takes, in the first steps of a run."""
    ledger = Ledger()
    tables = Tables(range(replicas))
    trainer = loop.Trainer(run, range(replicas))
    act = Learner.act

    def timed_act(learner: Learner) -> Act:
        return ledger.timed("acting", act(learner))

    world = type(trainer.sampler.environment)
    timed: list[tuple[Any, str, str]] = [
        (world, "step", "environment"),
        (world, "reset", "environment"),
        (ObservationNormaliser, "update", "normalising"),
        (ObservationNormaliser, "__call__", "normalising"),
        (RewardScaler, "__call__", "normalising"),
        (loop, "collect", "collecting"),
        (loop, "prepare", "advantages"),
        (loop, "update", "update"),
        (replay_update, "update", "update"),
        (Tables, "add", "recording"),
    ]
    with ExitStack() as stack, ledger.entry("rest"):
        for owner, name, part in timed:
            stack.enter_context(mock.patch.object(owner, name, ledger.timed(part, getattr(owner, name))))
        stack.enter_context(mock.patch.object(Learner, "act", timed_act))
        while trainer.sampler.steps.min() < steps:
            tables.add(trainer.iterate())
    done = int(trainer.sampler.steps.sum())
    return {part: 1e6 * ledger.seconds[part] / done for part in PARTS}


def physics(environment: str, replicas: int, steps: int) -> float:
    """Seconds for a step of the environment alone, with random actions."""
    rng = np.random.default_rng(0)
    world = environments.make(environment, [np.random.default_rng(seed) for seed in range(replicas)])
    world.reset()
    begin = time.perf_counter()
    for _ in range(steps // replicas):
        transition = world.step(_random_actions(world, rng, replicas))
        ended = transition.terminated | transition.truncated
        if ended.any():
            world.reset(ended)
    return (time.perf_counter() - begin) / (steps // replicas * replicas)


def _random_actions(world: VectorEnvironment, rng: np.random.Generator, rows: int) -> np.ndarray:
    match world.actions:
        case environments.Box() as box:
            return rng.uniform(box.low, box.high, (rows, box.size))
        case environments.Discrete() as discrete:
            return rng.integers(discrete.n, size=rows)


def arithmetic(algorithm: Algorithm, environment: str, replicas: int, rounds: int = 20) -> float | None:
    """Seconds for a step's share of the update's products and activations; None for other updates than PPO's.

    Each minibatch passes forward and backward through both networks, by the loops that training uses, and nothing
    else is done: no loss, no optimiser, no bookkeeping.
    """
    match algorithm.update:
        case components.MinibatchEpochs(minibatch_size=rows, epochs=epochs):
            pass
        case _:
            return None
    world = environments.make(environment, environment_streams(range(replicas), 1))
    learner = start_learner(algorithm, world, range(replicas))
    networks = [(learner.network, learner.actor), (learner.critic.network, learner.critic.parameters)]
    observations = torch.ones(replicas, rows, world.observation_size)
    begin = 0.0
    for number in range(rounds + 1):
        for network, part in networks:
            parameters = part.values.detach()
            outputs, hidden = network.compute(parameters, observations)
            network.pull(parameters, observations, hidden, outputs, network.free_of(parameters))
        begin = begin if number else time.perf_counter()  # what is compiled is compiled in the first
    return (time.perf_counter() - begin) / rounds * epochs / (rows * replicas)
