"""MuJoCo tasks in which a body moves forward: the reward is mostly its velocity."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from pgbench.environments.interface import BoolArray, FloatArray
from pgbench.environments.mujoco_parts import (
    Fields,
    Reward,
    Rewards,
    Step,
    Task,
    body_position,
    flat,
    healthy,
    never,
    observe_joints,
    reads,
    squared_norms,
    uniform,
    uniform_and_normal,
)


def _observe_ant(fields: Fields) -> FloatArray:
    contacts = flat(np.clip(fields["cfrc_ext"][:, 1:], -1.0, 1.0))
    return np.concatenate((fields["qpos"][:, 2:], fields["qvel"], contacts), axis=1)


def _observe_humanoid(fields: Fields) -> FloatArray:
    joints = (fields["qpos"][:, 2:], fields["qvel"])
    bodies = (flat(fields["cinert"][:, 1:]), flat(fields["cvel"][:, 1:]))
    forces = (fields["qfrc_actuator"][:, 6:], flat(fields["cfrc_ext"][:, 1:]))
    return np.concatenate((*joints, *bodies, *forces), axis=1)


def _run(control_weight: float, healthy_reward: float) -> Reward:
    """Reward the forward velocity, plus a constant while healthy, minus the cost of control."""

    def reward(step: Step) -> Rewards:
        velocity = (step.now["qpos"][:, 0] - step.before["qpos"][:, 0]) / step.seconds
        gains = velocity + healthy_reward * healthy(step) if healthy_reward else velocity
        return gains - control_weight * squared_norms(step.actions)

    return reward


def _reward_ant(step: Step) -> Rewards:
    velocity = (step.now["torso"][:, 0] - step.before["torso"][:, 0]) / step.seconds
    contacts = squared_norms(flat(np.clip(step.now["cfrc_ext"], -1.0, 1.0)))
    return velocity + healthy(step) - (0.5 * squared_norms(step.actions) + 5e-4 * contacts)


def _mass_centre(fields: Fields, masses: FloatArray) -> FloatArray:
    """The x coordinate of the centre of mass, `[K]`, in m."""
    moments = np.einsum("b,kbj->kj", masses, fields["xipos"])
    return moments[:, 0] / masses.sum()  # type: ignore[no-any-return]


def _reward_humanoid(step: Step) -> Rewards:
    travelled = _mass_centre(step.now, step.masses) - _mass_centre(step.before, step.masses)
    gains = 1.25 * (travelled / step.seconds) + 5.0 * healthy(step)
    # Gymnasium computes this cost from the controls that MuJoCo stores, in double precision.
    control = 0.1 * squared_norms(step.actions.astype(np.float64))
    contact: Rewards = np.minimum(5e-7 * squared_norms(flat(step.now["cfrc_ext"])), 10.0)
    return gains - (control + contact)


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


WALKERS: Mapping[str, Task] = MappingProxyType(
    {
        "Ant-v5": Task(
            xml="ant.xml",
            frame_skip=5,
            time_limit=1000,
            start=uniform_and_normal(0.1),
            observe=_observe_ant,
            reward=_reward_ant,
            terminated=_fallen_ant,
            reads=reads("cfrc_ext", torso=body_position("torso")),
        ),
        "HalfCheetah-v5": Task(
            xml="half_cheetah.xml",
            frame_skip=5,
            time_limit=1000,
            start=uniform_and_normal(0.1),
            observe=observe_joints(skip=1),
            reward=_run(control_weight=0.1, healthy_reward=0.0),
            terminated=never,
            reads=reads(),
        ),
        "Hopper-v5": Task(
            xml="hopper.xml",
            frame_skip=4,
            time_limit=1000,
            start=uniform(5e-3),
            observe=observe_joints(skip=1, limit=10.0),
            reward=_run(control_weight=1e-3, healthy_reward=1.0),
            terminated=_fallen_hopper,
            reads=reads(),
        ),
        "Humanoid-v5": Task(
            xml="humanoid.xml",
            frame_skip=5,
            time_limit=1000,
            start=uniform(1e-2),
            observe=_observe_humanoid,
            reward=_reward_humanoid,
            terminated=_fallen_humanoid,
            reads=reads("xipos", "cinert", "cvel", "qfrc_actuator", "cfrc_ext"),
        ),
        "Swimmer-v5": Task(
            xml="swimmer.xml",
            frame_skip=4,
            time_limit=1000,
            start=uniform(0.1),
            observe=observe_joints(skip=2),
            reward=_run(control_weight=1e-4, healthy_reward=0.0),
            terminated=never,
            reads=reads(),
        ),
        "Walker2d-v5": Task(
            xml="walker2d_v5.xml",
            frame_skip=4,
            time_limit=1000,
            start=uniform(5e-3),
            observe=observe_joints(skip=1, limit=10.0),
            reward=_run(control_weight=1e-3, healthy_reward=1.0),
            terminated=_fallen_walker,
            reads=reads(),
        ),
    }
)
"""The tasks of this file by Gymnasium id."""
