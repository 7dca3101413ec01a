"""MuJoCo tasks with a target: a pole to balance, a point to reach, an object to push."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from pgbench.environments.arithmetic import scalar_square
from pgbench.environments.interface import BoolArray, FloatArray
from pgbench.environments.mujoco_parts import (
    Fields,
    Joints,
    Rewards,
    Step,
    Task,
    body_position,
    distances,
    healthy,
    never,
    observe_joints,
    reads,
    squared_norms,
    uniform,
    uniform_and_normal,
)


def _start_reacher(generator: np.random.Generator, qpos: FloatArray, qvel: FloatArray) -> Joints:
    positions = generator.uniform(-0.1, 0.1, len(qpos)) + qpos
    goal = generator.uniform(-0.2, 0.2, 2)
    while np.linalg.norm(goal) >= 0.2:  # the goal is uniform on a disc
        goal = generator.uniform(-0.2, 0.2, 2)
    positions[-2:] = goal
    velocities = qvel + generator.uniform(-0.005, 0.005, len(qvel))
    velocities[-2:] = 0.0
    return positions, velocities


def _start_pusher(generator: np.random.Generator, qpos: FloatArray, qvel: FloatArray) -> Joints:
    low, high = np.array([-0.3, -0.2]), np.array([0.0, 0.2])
    cylinder = generator.uniform(low, high)
    while np.linalg.norm(cylinder) <= 0.17:  # the cylinder must not start at the goal
        cylinder = generator.uniform(low, high)
    positions = qpos.copy()
    positions[-4:-2] = cylinder
    positions[-2:] = 0.0
    velocities = qvel + generator.uniform(-0.005, 0.005, len(qvel))
    velocities[-4:] = 0.0
    return positions, velocities


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


def _reward_double_pendulum(step: Step) -> Rewards:
    x, y = step.now["tip"][:, 0], step.now["tip"][:, 2]
    velocities = step.now["qvel"]
    distance = 0.01 * scalar_square(x) + scalar_square(y - 2)
    speed = 1e-3 * scalar_square(velocities[:, 1]) + 5e-3 * scalar_square(velocities[:, 2])
    return 10.0 * healthy(step) - distance - speed


def _reward_reacher(step: Step) -> Rewards:
    return -distances(step.now["fingertip"], step.now["target"]) - squared_norms(step.actions)


def _reward_pusher(step: Step) -> Rewards:
    near = 0.5 * distances(step.now["object"], step.now["tips_arm"])
    miss = distances(step.now["object"], step.now["goal"])
    return -miss - 0.1 * squared_norms(step.actions) - near


def _fallen_pendulum(fields: Fields) -> BoolArray:
    finite = np.isfinite(fields["qpos"]).all(axis=1) & np.isfinite(fields["qvel"]).all(axis=1)
    return ~finite | (np.abs(fields["qpos"][:, 1]) > 0.2)


def _fallen_double_pendulum(fields: Fields) -> BoolArray:
    return fields["tip"][:, 2] <= 1


TARGETS: Mapping[str, Task] = MappingProxyType(
    {
        "InvertedDoublePendulum-v5": Task(
            xml="inverted_double_pendulum.xml",
            frame_skip=5,
            time_limit=1000,
            start=uniform_and_normal(0.1),
            observe=_observe_double_pendulum,
            reward=_reward_double_pendulum,
            terminated=_fallen_double_pendulum,
            reads=reads("qfrc_constraint", tip=lambda data: data.site_xpos[0]),
        ),
        "InvertedPendulum-v5": Task(
            xml="inverted_pendulum.xml",
            frame_skip=2,
            time_limit=1000,
            start=uniform(0.01),
            observe=observe_joints(skip=0),
            reward=healthy,
            terminated=_fallen_pendulum,
            reads=reads(),
        ),
        "Pusher-v5": Task(
            xml="pusher_v5.xml",
            frame_skip=5,
            time_limit=100,
            start=_start_pusher,
            observe=_observe_pusher,
            reward=_reward_pusher,
            terminated=never,
            reads=reads(
                tips_arm=body_position("tips_arm"), object=body_position("object"), goal=body_position("goal")
            ),
        ),
        "Reacher-v5": Task(
            xml="reacher.xml",
            frame_skip=2,
            time_limit=50,
            start=_start_reacher,
            observe=_observe_reacher,
            reward=_reward_reacher,
            terminated=never,
            reads=reads(fingertip=body_position("fingertip"), target=body_position("target")),
        ),
    }
)
"""The tasks of this file by Gymnasium id."""
