"""Drives batched environments beside Gymnasium's own, and beside themselves."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import numpy as np
import pytest
from numpy.typing import NDArray

from pgbench.environments import Discrete, Transition, VectorEnvironment, make


def generators(seeds: Sequence[int]) -> list[np.random.Generator]:
    """The same streams as Gymnasium's `reset(seed=…)` gives."""
    return [np.random.Generator(np.random.PCG64(seed)) for seed in seeds]


def actions(environment: VectorEnvironment, streams: Sequence[np.random.Generator]) -> NDArray[Any]:
    """A random action a row, each from its own stream, reaching a fifth beyond the bounds."""
    space = environment.actions
    if isinstance(space, Discrete):
        return np.array([stream.integers(space.n) for stream in streams])
    low, high = 1.2 * space.low, 1.2 * space.high
    return np.array([stream.uniform(low, high) for stream in streams], dtype=np.float32)


def rows_of(transition: Transition, row: int) -> tuple[NDArray[Any], ...]:
    """One row of a transition, for comparison by bits."""
    flags = (transition.terminated[row], transition.truncated[row])
    return (transition.next_observations[row], transition.rewards[row], *map(np.asarray, flags))


@pytest.fixture
def compare_with_gymnasium() -> Callable[[str, int], None]:
    """Both from the same seeds and actions: every number is equal to the bit, episode after episode."""

    def compare(name: str, steps: int) -> None:
        seeds = (0, 1)
        ours, streams = make(name, generators(seeds)), generators((10, 11))
        theirs = [gymnasium.make(name) for _ in seeds]
        starts = [member.reset(seed=seed)[0] for member, seed in zip(theirs, seeds, strict=True)]
        assert np.array_equal(ours.reset(), starts)
        for _ in range(steps):
            chosen = actions(ours, streams)
            transition = ours.step(chosen)
            expected = [member.step(action)[:4] for member, action in zip(theirs, chosen, strict=True)]
            for row, numbers in enumerate(expected):
                assert all(map(np.array_equal, rows_of(transition, row), numbers))
            ended = transition.terminated | transition.truncated
            if ended.any():
                starts = [theirs[row].reset()[0] for row in np.flatnonzero(ended)]
                assert np.array_equal(ours.reset(ended)[ended], starts)

    return compare


@pytest.fixture
def compare_batches() -> Callable[[str, int], None]:
    """A seed has the same bits alone, in batches of 2, 3 and 10, at any position, and beside idle rows."""

    def trajectory(name: str, seeds: Sequence[int], steps: int) -> dict[int, list[tuple[NDArray[Any], ...]]]:
        environment, streams = make(name, generators(seeds)), generators([100 + seed for seed in seeds])
        environment.reset()
        kept: dict[int, list[tuple[NDArray[Any], ...]]] = {seed: [] for seed in seeds}
        for step in range(steps):
            active = np.array([(step + seed) % 4 > 0 for seed in seeds])
            transition = environment.step(actions(environment, streams), active)
            for row, seed in enumerate(seeds):
                kept[seed].append(rows_of(transition, row))
            environment.reset(transition.terminated | transition.truncated)
        return kept

    def compare(name: str, steps: int) -> None:
        whole = trajectory(name, range(10), steps)
        for seeds in ([4], [7, 4], [0, 4, 9]):
            for seed, rows in trajectory(name, seeds, steps).items():
                for one, other in zip(rows, whole[seed], strict=True):
                    assert all(map(np.array_equal, one, other))

    return compare


@pytest.fixture
def compare_restored() -> Callable[[str, int], None]:
    """What is saved as JSON and restored elsewhere goes on to the bit."""

    def drive(environment: VectorEnvironment, seed: int, steps: int) -> list[tuple[NDArray[Any], ...]]:
        streams = generators((seed, seed + 1, seed + 2))
        kept = []
        for step in range(steps):
            active = np.array([True, step % 3 > 0, True])
            transition = environment.step(actions(environment, streams), active)
            kept += [rows_of(transition, row) for row in range(3)]
            environment.reset(transition.terminated | transition.truncated)
        return kept

    def compare(name: str, steps: int) -> None:
        first, second = make(name, generators((0, 1, 2))), make(name, generators((3, 4, 5)))
        first.reset()
        drive(first, 20, steps)
        second.reset()
        drive(second, 30, 3)
        saved = json.dumps(first.state(), default=np.ndarray.tolist)
        expected = drive(first, 40, steps)
        second.restore(json.loads(saved))
        for one, other in zip(drive(second, 40, steps), expected, strict=True):
            assert all(map(np.array_equal, one, other))

    return compare
