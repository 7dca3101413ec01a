"""Gymnasium's MuJoCo tasks, version 5 with default arguments, as pure functions of batched arrays.

Dimensions: K rows, nq positions, nv velocities, A actuators, B bodies. The order of every sum follows
Gymnasium, since equality is to the bit; control costs are computed in the actions' own precision, as there.

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

from pgbench.environments.arithmetic import scalar_square
from pgbench.environments.interface import BoolArray, FloatArray

Fields = Mapping[str, FloatArray]  # name -> [K, …]


class Step(NamedTuple):
    """What a reward may depend on.

    Attributes:
        before: Fields before the step.
        now: Fields after the step.
        actions: Actions [K, A], as given.
        terminated: Where the step ended in a terminal state [K].
        seconds: Simulated time of one step.
        masses: Masses of the bodies [B], in kg.
    """

    before: Fields
    now: Fields
    actions: NDArray[Any]
    terminated: BoolArray
    seconds: float
    masses: FloatArray


Joints = tuple[FloatArray, FloatArray]  # positions [nq] and velocities [nv]
Rewards = NDArray[np.floating[Any]]
Start = Callable[[np.random.Generator, FloatArray, FloatArray], Joints]
Observe = Callable[[Fields], FloatArray]
Reward = Callable[[Step], Rewards]
Terminated = Callable[[Fields], BoolArray]
View = Callable[[Any], FloatArray]


@dataclass(frozen=True)
class Task:
    """One MuJoCo task.

    Attributes:
        xml: The model's file among Gymnasium's assets.
        frame_skip: Physics steps per action.
        time_limit: Actions per episode.
        start: Draws initial positions [nq] and velocities [nv] around the model's own.
        observe: Observations [K, O] from fields.
        reward: Rewards [K] from a step.
        terminated: Terminal states [K] from fields.
        views: How to see each field in one simulation's `mujoco.MjData`.
    """

    xml: str
    frame_skip: int
    time_limit: int
    start: Start
    observe: Observe
    reward: Reward
    terminated: Terminated
    views: Mapping[str, View]


def _views(*names: str, **views: View) -> Mapping[str, View]:
    """Positions, velocities, further arrays by their MuJoCo name, and anything else."""
    named: dict[str, View] = {name: attrgetter(name) for name in ("qpos", "qvel", *names)}
    return MappingProxyType(named | views)


def _body(name: str) -> View:
    """The position [3] of a body's frame."""
    return lambda data: data.body(name).xpos


# Initial states


def _uniform(scale: float) -> Start:
    """Uniform noise on positions and velocities."""

    def start(generator: np.random.Generator, qpos: FloatArray, qvel: FloatArray) -> Joints:
        positions = qpos + generator.uniform(-scale, scale, len(qpos))
        return positions, qvel + generator.uniform(-scale, scale, len(qvel))

    return start


def _uniform_normal(scale: float) -> Start:
    """Uniform noise on positions, normal noise on velocities."""

    def start(generator: np.random.Generator, qpos: FloatArray, qvel: FloatArray) -> Joints:
        positions = qpos + generator.uniform(-scale, scale, len(qpos))
        return positions, qvel + scale * generator.standard_normal(len(qvel))

    return start


def _start_reacher(generator: np.random.Generator, qpos: FloatArray, qvel: FloatArray) -> Joints:
    positions = generator.uniform(-0.1, 0.1, len(qpos)) + qpos
    goal = generator.uniform(-0.2, 0.2, 2)
    while np.linalg.norm(goal) >= 0.2:  # uniform on a disc
        goal = generator.uniform(-0.2, 0.2, 2)
    positions[-2:] = goal
    velocities = qvel + generator.uniform(-0.005, 0.005, len(qvel))
    velocities[-2:] = 0.0
    return positions, velocities


def _start_pusher(generator: np.random.Generator, qpos: FloatArray, qvel: FloatArray) -> Joints:
    low, high = np.array([-0.3, -0.2]), np.array([0.0, 0.2])
    cylinder = generator.uniform(low, high)
    while np.linalg.norm(cylinder) <= 0.17:  # not already at the goal
        cylinder = generator.uniform(low, high)
    positions = qpos.copy()
    positions[-4:-2] = cylinder
    positions[-2:] = 0.0
    velocities = qvel + generator.uniform(-0.005, 0.005, len(qvel))
    velocities[-4:] = 0.0
    return positions, velocities


# Observations


def _joints(skip: int, limit: float | None = None) -> Observe:
    """Positions without the first `skip` of them, and velocities, clipped to the limit if there is one."""

    def observe(fields: Fields) -> FloatArray:
        velocities = fields["qvel"]
        if limit is not None:  # by two ufuncs, which are quicker than np.clip on arrays as small as these
            velocities = np.minimum(np.maximum(velocities, -limit), limit)
        return np.concatenate((fields["qpos"][:, skip:], velocities), axis=1)

    return observe


def _observe_double_pendulum(fields: Fields) -> FloatArray:
    angles = fields["qpos"][:, 1:]
    velocities = np.clip(fields["qvel"], -10, 10)
    constraint = np.clip(fields["qfrc_constraint"][:, :1], -10, 10)
    return np.concatenate(
        (fields["qpos"][:, :1], np.sin(angles), np.cos(angles), velocities, constraint), axis=1
    )


def _observe_reacher(fields: Fields) -> FloatArray:
    angles, goal = fields["qpos"][:, :2], fields["qpos"][:, 2:]
    miss = (fields["fingertip"] - fields["target"])[:, :2]
    return np.concatenate((np.cos(angles), np.sin(angles), goal, fields["qvel"][:, :2], miss), axis=1)


def _observe_pusher(fields: Fields) -> FloatArray:
    arm = (fields["qpos"][:, :7], fields["qvel"][:, :7])
    return np.concatenate((*arm, fields["tips_arm"], fields["object"], fields["goal"]), axis=1)


def _flat(field: FloatArray) -> FloatArray:
    return field.reshape(len(field), -1)


def _observe_ant(fields: Fields) -> FloatArray:
    contacts = _flat(np.clip(fields["cfrc_ext"][:, 1:], -1.0, 1.0))
    return np.concatenate((fields["qpos"][:, 2:], fields["qvel"], contacts), axis=1)


def _observe_humanoid(fields: Fields) -> FloatArray:
    joints = (fields["qpos"][:, 2:], fields["qvel"])
    bodies = (_flat(fields["cinert"][:, 1:]), _flat(fields["cvel"][:, 1:]))
    forces = (fields["qfrc_actuator"][:, 6:], _flat(fields["cfrc_ext"][:, 1:]))
    return np.concatenate((*joints, *bodies, *forces), axis=1)


# Rewards


def _squared_norm(vectors: NDArray[np.floating[Any]]) -> Rewards:
    """Sums of squares [K] over vectors [K, A]."""
    return np.add.reduce(np.square(vectors), axis=1)  # type: ignore[no-any-return]


def _distance(one: FloatArray, other: FloatArray) -> FloatArray:
    """Euclidean distances [K], by the same dot product as `np.linalg.norm` of one vector."""
    difference = one - other
    return np.sqrt(np.vecdot(difference, difference))  # type: ignore[no-any-return]


def _healthy(step: Step) -> FloatArray:
    """1 while the episode goes on, 0 at a terminal state [K]."""
    return (~step.terminated).astype(np.float64)


def _run(control_weight: float, healthy_reward: float) -> Reward:
    """Forward velocity, plus a reward while healthy, minus the cost of control."""

    def reward(step: Step) -> Rewards:
        velocity = (step.now["qpos"][:, 0] - step.before["qpos"][:, 0]) / step.seconds
        gains = velocity + healthy_reward * _healthy(step) if healthy_reward else velocity
        return gains - control_weight * _squared_norm(step.actions)

    return reward


def _reward_ant(step: Step) -> Rewards:
    velocity = (step.now["torso"][:, 0] - step.before["torso"][:, 0]) / step.seconds
    contacts = _squared_norm(_flat(np.clip(step.now["cfrc_ext"], -1.0, 1.0)))
    return velocity + _healthy(step) - (0.5 * _squared_norm(step.actions) + 5e-4 * contacts)


def _mass_centre(fields: Fields, masses: FloatArray) -> FloatArray:
    """The horizontal position of the centre of mass along x [K]."""
    moments = np.einsum("b,kbj->kj", masses, fields["xipos"])
    return moments[:, 0] / masses.sum()  # type: ignore[no-any-return]


def _reward_humanoid(step: Step) -> Rewards:
    travelled = _mass_centre(step.now, step.masses) - _mass_centre(step.before, step.masses)
    gains = 1.25 * (travelled / step.seconds) + 5.0 * _healthy(step)
    # Gymnasium takes the cost of the controls as MuJoCo stores them, in double precision
    control = 0.1 * _squared_norm(step.actions.astype(np.float64))
    contact: Rewards = np.minimum(5e-7 * _squared_norm(_flat(step.now["cfrc_ext"])), 10.0)
    return gains - (control + contact)


def _reward_double_pendulum(step: Step) -> Rewards:
    x, y = step.now["tip"][:, 0], step.now["tip"][:, 2]
    velocities = step.now["qvel"]
    distance = 0.01 * scalar_square(x) + scalar_square(y - 2)
    speed = 1e-3 * scalar_square(velocities[:, 1]) + 5e-3 * scalar_square(velocities[:, 2])
    return 10.0 * _healthy(step) - distance - speed


def _reward_reacher(step: Step) -> Rewards:
    return -_distance(step.now["fingertip"], step.now["target"]) - _squared_norm(step.actions)


def _reward_pusher(step: Step) -> Rewards:
    near = 0.5 * _distance(step.now["object"], step.now["tips_arm"])
    miss = _distance(step.now["object"], step.now["goal"])
    return -miss - 0.1 * _squared_norm(step.actions) - near


# Terminal states


def _never(fields: Fields) -> BoolArray:
    return np.zeros(len(fields["qpos"]), dtype=np.bool_)


def _fallen_hopper(fields: Fields) -> BoolArray:
    z, angle = fields["qpos"][:, 1], fields["qpos"][:, 2]
    bounded = (np.abs(fields["qpos"][:, 2:]) < 100).all(axis=1) & (np.abs(fields["qvel"]) < 100).all(axis=1)
    return ~(bounded & (z > 0.7) & (z < np.inf) & (np.abs(angle) < 0.2))


def _fallen_walker(fields: Fields) -> BoolArray:
    z, angle = fields["qpos"][:, 1], fields["qpos"][:, 2]
    return ~((z > 0.8) & (z < 2.0) & (np.abs(angle) < 1.0))


def _fallen_ant(fields: Fields) -> BoolArray:
    z = fields["qpos"][:, 2]
    finite = np.isfinite(fields["qpos"]).all(axis=1) & np.isfinite(fields["qvel"]).all(axis=1)
    return ~(finite & (z >= 0.2) & (z <= 1.0))


def _fallen_humanoid(fields: Fields) -> BoolArray:
    z = fields["qpos"][:, 2]
    return ~((z > 1.0) & (z < 2.0))


def _fallen_pendulum(fields: Fields) -> BoolArray:
    finite = np.isfinite(fields["qpos"]).all(axis=1) & np.isfinite(fields["qvel"]).all(axis=1)
    return ~finite | (np.abs(fields["qpos"][:, 1]) > 0.2)


def _fallen_double_pendulum(fields: Fields) -> BoolArray:
    return fields["tip"][:, 2] <= 1


# The tasks


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        "Ant-v5": Task(
            xml="ant.xml",
            frame_skip=5,
            time_limit=1000,
            start=_uniform_normal(0.1),
            observe=_observe_ant,
            reward=_reward_ant,
            terminated=_fallen_ant,
            views=_views("cfrc_ext", torso=_body("torso")),
        ),
        "HalfCheetah-v5": Task(
            xml="half_cheetah.xml",
            frame_skip=5,
            time_limit=1000,
            start=_uniform_normal(0.1),
            observe=_joints(skip=1),
            reward=_run(control_weight=0.1, healthy_reward=0.0),
            terminated=_never,
            views=_views(),
        ),
        "Hopper-v5": Task(
            xml="hopper.xml",
            frame_skip=4,
            time_limit=1000,
            start=_uniform(5e-3),
            observe=_joints(skip=1, limit=10.0),
            reward=_run(control_weight=1e-3, healthy_reward=1.0),
            terminated=_fallen_hopper,
            views=_views(),
        ),
        "Humanoid-v5": Task(
            xml="humanoid.xml",
            frame_skip=5,
            time_limit=1000,
            start=_uniform(1e-2),
            observe=_observe_humanoid,
            reward=_reward_humanoid,
            terminated=_fallen_humanoid,
            views=_views("xipos", "cinert", "cvel", "qfrc_actuator", "cfrc_ext"),
        ),
        "InvertedDoublePendulum-v5": Task(
            xml="inverted_double_pendulum.xml",
            frame_skip=5,
            time_limit=1000,
            start=_uniform_normal(0.1),
            observe=_observe_double_pendulum,
            reward=_reward_double_pendulum,
            terminated=_fallen_double_pendulum,
            views=_views("qfrc_constraint", tip=lambda data: data.site_xpos[0]),
        ),
        "InvertedPendulum-v5": Task(
            xml="inverted_pendulum.xml",
            frame_skip=2,
            time_limit=1000,
            start=_uniform(0.01),
            observe=_joints(skip=0),
            reward=_healthy,
            terminated=_fallen_pendulum,
            views=_views(),
        ),
        "Pusher-v5": Task(
            xml="pusher_v5.xml",
            frame_skip=5,
            time_limit=100,
            start=_start_pusher,
            observe=_observe_pusher,
            reward=_reward_pusher,
            terminated=_never,
            views=_views(tips_arm=_body("tips_arm"), object=_body("object"), goal=_body("goal")),
        ),
        "Reacher-v5": Task(
            xml="reacher.xml",
            frame_skip=2,
            time_limit=50,
            start=_start_reacher,
            observe=_observe_reacher,
            reward=_reward_reacher,
            terminated=_never,
            views=_views(fingertip=_body("fingertip"), target=_body("target")),
        ),
        "Swimmer-v5": Task(
            xml="swimmer.xml",
            frame_skip=4,
            time_limit=1000,
            start=_uniform(0.1),
            observe=_joints(skip=2),
            reward=_run(control_weight=1e-4, healthy_reward=0.0),
            terminated=_never,
            views=_views(),
        ),
        "Walker2d-v5": Task(
            xml="walker2d_v5.xml",
            frame_skip=4,
            time_limit=1000,
            start=_uniform(5e-3),
            observe=_joints(skip=1, limit=10.0),
            reward=_run(control_weight=1e-3, healthy_reward=1.0),
            terminated=_fallen_walker,
            views=_views(),
        ),
    }
)
