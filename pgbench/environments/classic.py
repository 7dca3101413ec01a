"""Gymnasium's classic control, batched: each system is two pure functions, its start and its step.

The order of operations follows Gymnasium, because the numbers are equal to the bit.

Dimensions: K rows, D components of a state, O components of an observation.

Source: Towers et al. 2024, "Gymnasium: A Standard Interface for Reinforcement Learning Environments",
arXiv:2407.17032.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgbench.environments.arithmetic import scalar_square
from pgbench.environments.interface import (
    BoolArray,
    Box,
    Discrete,
    FloatArray,
    IntArray,
    StepOutcome,
    VectorEnvironment,
)

Stepped = tuple[FloatArray, NDArray[Any], FloatArray, BoolArray]
"""What follows a step: states `[K, D]`, observations `[K, O]`, rewards `[K]` and terminal states `[K]`."""


@dataclass(frozen=True)
class System:
    """One classic control task.

    Attributes:
        actions: the action space.
        time_limit: actions an episode.
        start: draws a state `[D]` and returns it with its observation `[O]`.
        step: takes states `[K, D]` and actions `[K]` or `[K, 1]` and returns what follows.
    """

    actions: Discrete | Box
    time_limit: int
    start: Callable[[np.random.Generator], tuple[FloatArray, NDArray[Any]]]
    step: Callable[[FloatArray, NDArray[Any]], Stepped]


class ClassicVector(VectorEnvironment):
    """N rows of one classic control system.

    Args:
        system: the system, one of `SYSTEMS`.
        generators: one generator a row.
        time_limit: steps of an episode, in place of the system's own limit; by default that one.
    """

    def __init__(
        self, system: System, generators: Sequence[np.random.Generator], time_limit: int | None = None
    ) -> None:
        self._system = system
        state, observation = system.start(np.random.default_rng(0))  # an example, for the sizes
        self._states = np.zeros((len(generators), len(state)))
        super().__init__(generators, len(observation), system.actions, time_limit or system.time_limit)

    def _start(self, rows: IntArray) -> FloatArray:
        states, observations = zip(*(self._system.start(self._generators[row]) for row in rows), strict=True)
        self._states[rows] = states
        return _single(np.stack(observations))

    def _advance(self, actions: NDArray[Any], rows: IntArray) -> StepOutcome:
        states, observations, rewards, terminated = self._system.step(self._states[rows], actions)
        self._states[rows] = states
        return StepOutcome(_single(observations), rewards, terminated, np.zeros(len(rows), dtype=np.bool_))

    def _simulation(self) -> dict[str, Any]:
        return {"states": self._states.copy()}

    def _restore_simulation(self, simulation: Mapping[str, Any]) -> None:
        self._states = np.array(simulation["states"], dtype=np.float64)


def _single(values: NDArray[Any]) -> FloatArray:
    """Values rounded to single precision, in which Gymnasium returns its observations."""
    return values.astype(np.float32).astype(np.float64)


def _symmetric_box(bound: float) -> Box:
    return Box(np.array([-bound], dtype=np.float32), np.array([bound], dtype=np.float32))


# CartPole: Barto, Sutton & Anderson 1983


def _start_cart_pole(generator: np.random.Generator) -> tuple[FloatArray, NDArray[Any]]:
    state = generator.uniform(-0.05, 0.05, 4)
    return state, state


def _step_cart_pole(states: FloatArray, actions: NDArray[Any]) -> Stepped:
    gravity, pole_mass, half_length, seconds = 9.8, 0.1, 0.5, 0.02
    total_mass, pole_moment = pole_mass + 1.0, pole_mass * half_length
    _, x_dot, theta, theta_dot = states.T
    force = np.where(actions == 1, 10.0, -10.0)
    cosine, sine = np.cos(theta), np.sin(theta)
    push = (force + pole_moment * np.square(theta_dot) * sine) / total_mass
    inertia = half_length * (4.0 / 3.0 - pole_mass * np.square(cosine) / total_mass)
    theta_acceleration = (gravity * sine - cosine * push) / inertia
    x_acceleration = push - pole_moment * theta_acceleration * cosine / total_mass
    rates = np.array((x_dot, x_acceleration, theta_dot, theta_acceleration)).T
    states = states + seconds * rates
    limit = 12 * 2 * math.pi / 360
    terminated = (np.abs(states[:, 0]) > 2.4) | (np.abs(states[:, 2]) > limit)
    return states, states, np.ones(len(states)), terminated


# Acrobot: Sutton 1996, with the equations of Sutton & Barto's book; lengths, masses and moments are 1


def _start_acrobot(generator: np.random.Generator) -> tuple[FloatArray, NDArray[Any]]:
    # Gymnasium holds the first state in single precision and takes its sine and cosine there.
    state = generator.uniform(-0.1, 0.1, 4).astype(np.float32)
    return state.astype(np.float64), _observe_acrobot(state[None])[0]


def _step_acrobot(states: FloatArray, actions: NDArray[Any]) -> Stepped:
    states = _runge_kutta(lambda s: _acrobot_rates(s, actions - 1.0), states, 0.2)
    angles = _wrapped(states[:, :2])
    velocity_limits = np.array([4 * np.pi, 9 * np.pi])
    states = np.concatenate((angles, np.clip(states[:, 2:], -velocity_limits, velocity_limits)), axis=1)
    upper, lower = angles.T
    terminated = -np.cos(upper) - np.cos(lower + upper) > 1.0
    return states, _observe_acrobot(states), np.where(terminated, 0.0, -1.0), terminated


def _observe_acrobot(states: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    cosines, sines = np.cos(states[:, :2]), np.sin(states[:, :2])
    return np.array((cosines[:, 0], sines[:, 0], cosines[:, 1], sines[:, 1], *states[:, 2:].T)).T


def _acrobot_rates(states: FloatArray, torques: FloatArray) -> FloatArray:
    """Time derivatives `[K, 4]` of the two angles and the two angular velocities."""
    centre, gravity, moment = 0.5, 9.8, 1.0
    theta1, theta2, rate1, rate2 = states.T
    cosine, sine = np.cos(theta2), np.sin(theta2)
    d1 = centre**2 + (1.0 + centre**2 + 2 * centre * cosine) + moment + moment
    d2 = (centre**2 + centre * cosine) + moment
    phi2 = centre * gravity * np.cos(theta1 + theta2 - np.pi / 2.0)
    coriolis = -centre * scalar_square(rate2) * sine - 2 * centre * rate2 * rate1 * sine
    phi1 = coriolis + (centre + 1.0) * gravity * np.cos(theta1 - np.pi / 2) + phi2
    drive = torques + d2 / d1 * phi1 - centre * scalar_square(rate1) * sine - phi2
    acceleration2 = drive / (centre**2 + moment - scalar_square(d2) / d1)
    acceleration1 = -(d2 * acceleration2 + phi1) / d1
    return np.array((rate1, rate2, acceleration1, acceleration2)).T


def _runge_kutta(rates: Callable[[FloatArray], FloatArray], states: FloatArray, seconds: float) -> FloatArray:
    """One step of the classical fourth-order Runge-Kutta method."""
    k1 = rates(states)
    k2 = rates(states + seconds / 2.0 * k1)
    k3 = rates(states + seconds / 2.0 * k2)
    k4 = rates(states + seconds * k3)
    return states + seconds / 6.0 * (k1 + 2 * k2 + 2 * k3 + k4)


def _wrapped(angles: FloatArray) -> FloatArray:
    """Angles brought into [−π, π] one turn at a time, as in Gymnasium: `%` would round differently."""
    turn = 2 * np.pi
    while (angles > np.pi).any():
        angles = np.where(angles > np.pi, angles - turn, angles)
    while (angles < -np.pi).any():
        angles = np.where(angles < -np.pi, angles + turn, angles)
    return angles


# Pendulum


def _start_pendulum(generator: np.random.Generator) -> tuple[FloatArray, NDArray[Any]]:
    limits = np.array([np.pi, 1.0])
    state = generator.uniform(-limits, limits)
    return state, _observe_pendulum(state[None])[0]


def _step_pendulum(states: FloatArray, actions: NDArray[Any]) -> Stepped:
    seconds, gravity = 0.05, 10.0
    theta, theta_dot = states.T
    torque = np.clip(actions[:, 0], -2.0, 2.0)
    angle = ((theta + np.pi) % (2 * np.pi)) - np.pi
    costs = scalar_square(angle) + 0.1 * scalar_square(theta_dot) + 0.001 * scalar_square(torque)
    theta_dot = theta_dot + (3 * gravity / 2 * np.sin(theta) + 3.0 * torque) * seconds
    theta_dot = np.clip(theta_dot, -8.0, 8.0)
    states = np.array((theta + theta_dot * seconds, theta_dot)).T
    return states, _observe_pendulum(states), -costs, np.zeros(len(states), dtype=np.bool_)


def _observe_pendulum(states: FloatArray) -> FloatArray:
    theta, theta_dot = states.T
    return np.array((np.cos(theta), np.sin(theta), theta_dot)).T


# MountainCar: Moore 1990


def _start_mountain_car(generator: np.random.Generator) -> tuple[FloatArray, NDArray[Any]]:
    state = np.array([generator.uniform(-0.6, -0.4), 0.0])
    return state, state


def _step_mountain_car(states: FloatArray, actions: NDArray[Any]) -> Stepped:
    position, velocity = states.T
    velocity = velocity + ((actions - 1) * 0.001 + np.cos(3 * position) * -0.0025)
    velocity = np.clip(velocity, -0.07, 0.07)
    position = np.clip(position + velocity, -1.2, 0.6)
    velocity = np.where((position == -1.2) & (velocity < 0), 0.0, velocity)
    states = np.array((position, velocity)).T
    terminated = (position >= 0.5) & (velocity >= 0)
    return states, states, np.full(len(states), -1.0), terminated


def _start_mountain_car_continuous(generator: np.random.Generator) -> tuple[FloatArray, NDArray[Any]]:
    position = generator.uniform(-0.6, -0.4)
    return np.array([position, 0.0, 1.0]), np.array([position, 0.0])


def _step_mountain_car_continuous(states: FloatArray, actions: NDArray[Any]) -> Stepped:
    """One step, in the precisions that Gymnasium uses.

    Gymnasium takes the first step of an episode in double precision and all others in single precision. The third
    component of the state is 1 before the first step. A sum or product of two single-precision numbers that is
    computed in double precision and then rounded equals the result of single precision.
    """
    is_first = states[:, 2] == 1.0
    position, velocity = states[:, 0], states[:, 1]
    force = _single(actions[:, 0])

    def rounded(values: FloatArray) -> FloatArray:
        return np.where(is_first, values, _single(values))

    slope = 0.0025 * np.cos(rounded(3 * position))
    inside = _single(_single(force * np.float32(0.0015)) - _single(slope))
    beyond = np.clip(force, -1.0, 1.0) * 0.0015 - slope  # Gymnasium clips the force to a double
    velocity = rounded(velocity + rounded(np.where(np.abs(force) <= 1.0, inside, beyond)))
    velocity = np.clip(velocity, -np.float32(0.07), np.float32(0.07))
    position = np.clip(rounded(position + velocity), np.float32(-1.2), np.float32(0.6))
    velocity = np.where((position == np.float32(-1.2)) & (velocity < 0), 0.0, velocity)
    terminated = (position >= np.float32(0.45)) & (velocity >= 0)
    rewards = 100.0 * terminated - scalar_square(force) * 0.1
    states = np.array((_single(position), _single(velocity), np.zeros(len(states)))).T
    return states, states[:, :2], rewards, terminated


SYSTEMS: Mapping[str, System] = MappingProxyType(
    {
        "Acrobot-v1": System(Discrete(3), 500, _start_acrobot, _step_acrobot),
        "CartPole-v1": System(Discrete(2), 500, _start_cart_pole, _step_cart_pole),
        "MountainCar-v0": System(Discrete(3), 200, _start_mountain_car, _step_mountain_car),
        "MountainCarContinuous-v0": System(
            _symmetric_box(1.0), 999, _start_mountain_car_continuous, _step_mountain_car_continuous
        ),
        "Pendulum-v1": System(_symmetric_box(2.0), 200, _start_pendulum, _step_pendulum),
    }
)
"""Every classic control system by Gymnasium id."""
