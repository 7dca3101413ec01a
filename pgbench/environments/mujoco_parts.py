"""The form of a MuJoCo task, and the parts that several tasks share.

A task is a few pure functions of batched arrays. Together they are Gymnasium's MuJoCo tasks, version 5 with default
arguments. The order of every sum follows Gymnasium, because the numbers are equal to the bit. Control costs are
computed in the precision of the actions, as there.

Dimensions: K rows, nq positions, nv velocities, A actuators, B bodies.

Source: Towers et al. 2024, "Gymnasium: A Standard Interface for Reinforcement Learning Environments",
arXiv:2407.17032.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pgbench.environments.interface import BoolArray, FloatArray

Fields = Mapping[str, FloatArray]
"""Arrays `[K, …]` by the name of what they hold."""


class Step(NamedTuple):
    """What a reward may depend on.

    Attributes:
        before: the fields before the step.
        now: the fields after the step.
        actions: `[K, A]`, as given.
        terminated: `[K]`, boolean; the step reached a terminal state.
        seconds: simulated time of one step, in s.
        masses: `[B]`, masses of the bodies, in kg.
    """

    before: Fields
    now: Fields
    actions: NDArray[Any]
    terminated: BoolArray
    seconds: float
    masses: FloatArray


Joints = tuple[FloatArray, FloatArray]
"""Positions `[nq]` and velocities `[nv]`."""

Rewards = NDArray[np.floating[Any]]
Start = Callable[[np.random.Generator, FloatArray, FloatArray], Joints]
Observe = Callable[[Fields], FloatArray]
Reward = Callable[[Step], Rewards]
Terminated = Callable[[Fields], BoolArray]
Read = Callable[[Any], FloatArray]


@dataclass(frozen=True)
class Task:
    """One MuJoCo task.

    Attributes:
        xml: name of the model's file among Gymnasium's assets.
        frame_skip: physics steps an action.
        time_limit: actions an episode.
        start: draws initial positions `[nq]` and velocities `[nv]` around those of the model.
        observe: observations `[K, O]` from fields.
        reward: rewards `[K]` from a step.
        terminated: terminal states `[K]` from fields.
        reads: for each field, the function that returns its array in one simulation's `mujoco.MjData`.
    """

    xml: str
    frame_skip: int
    time_limit: int
    start: Start
    observe: Observe
    reward: Reward
    terminated: Terminated
    reads: Mapping[str, Read]


def reads(*names: str, **others: Read) -> Mapping[str, Read]:
    """How a task reads its fields: positions, velocities, arrays that MuJoCo names so, and others."""
    named: dict[str, Read] = {name: attrgetter(name) for name in ("qpos", "qvel", *names)}
    return MappingProxyType(named | others)


def body_position(name: str) -> Read:
    """The position `[3]` of a body's frame, in m."""
    return lambda data: data.body(name).xpos


def uniform(scale: float) -> Start:
    """Start with uniform noise in [−scale, scale] on positions and velocities."""

    def start(generator: np.random.Generator, qpos: FloatArray, qvel: FloatArray) -> Joints:
        positions = qpos + generator.uniform(-scale, scale, len(qpos))
        return positions, qvel + generator.uniform(-scale, scale, len(qvel))

    return start


def uniform_and_normal(scale: float) -> Start:
    """Start with uniform noise in [−scale, scale] on positions and normal noise of that deviation on velocities."""

    def start(generator: np.random.Generator, qpos: FloatArray, qvel: FloatArray) -> Joints:
        positions = qpos + generator.uniform(-scale, scale, len(qpos))
        return positions, qvel + scale * generator.standard_normal(len(qvel))

    return start


def observe_joints(skip: int, limit: float | None = None) -> Observe:
    """Observe positions and velocities.

    Args:
        skip: the number of leading positions to leave out.
        limit: velocities are clipped to [−limit, limit]; None: they are not clipped.
    """

    def observe(fields: Fields) -> FloatArray:
        velocities = fields["qvel"]
        if limit is not None:  # two ufuncs are quicker than np.clip on arrays as small as these
            velocities = np.minimum(np.maximum(velocities, -limit), limit)
        return np.concatenate((fields["qpos"][:, skip:], velocities), axis=1)

    return observe


def flat(field: FloatArray) -> FloatArray:
    """A field `[K, …]` as rows `[K, n]`."""
    return field.reshape(len(field), -1)


def squared_norms(vectors: NDArray[np.floating[Any]]) -> Rewards:
    """Squared Euclidean norms `[K]` of vectors `[K, A]`."""
    return np.add.reduce(np.square(vectors), axis=1)  # type: ignore[no-any-return]


def distances(points: FloatArray, targets: FloatArray) -> FloatArray:
    """Euclidean distances `[K]` between points `[K, 3]`, by the dot product that `np.linalg.norm` takes."""
    difference = points - targets
    return np.sqrt(np.vecdot(difference, difference))  # type: ignore[no-any-return]


def healthy(step: Step) -> FloatArray:
    """1 where the episode goes on, 0 at a terminal state; `[K]`."""
    return (~step.terminated).astype(np.float64)


def never(fields: Fields) -> BoolArray:
    """No state is terminal; `[K]`."""
    return np.zeros(len(fields["qpos"]), dtype=np.bool_)
