"""The interface of every batched environment: rows that run episodes side by side.

Dimensions: N rows, K rows that are stepped or started, O components of an observation, A components of an action.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]


@dataclass(frozen=True)
class Discrete:
    """Actions 0, 1, …, n − 1."""

    n: int


@dataclass(frozen=True)
class Box:
    """Real-valued actions.

    Attributes:
        low: `[A]`, lower bounds in the unit of the action; they may be infinite. They are float64 where single
            precision does not hold them.
        high: `[A]`, upper bounds.
    """

    low: NDArray[np.float32] | NDArray[np.float64]
    high: NDArray[np.float32] | NDArray[np.float64]

    @property
    def size(self) -> int:
        """The number of action dimensions A."""
        return len(self.low)


ActionKind = Literal["discrete", "bounded", "unbounded"]
"""Discrete actions, real-valued ones within bounds, or real-valued ones where some bound is missing."""


def kind_of(actions: Discrete | Box) -> ActionKind:
    """What kind of actions a space has."""
    if isinstance(actions, Discrete):
        return "discrete"
    return "bounded" if np.isfinite(actions.low).all() and np.isfinite(actions.high).all() else "unbounded"


@dataclass(frozen=True)
class Transition:
    """What one step gave in each row; an idle row has its old observation, reward 0 and no flag.

    Attributes:
        next_observations: `[N, O]`, the observations that really followed, also where an episode ended.
        rewards: `[N]`.
        terminated: `[N]`, boolean; the episode reached a terminal state.
        truncated: `[N]`, boolean; the episode was cut, for example by its time limit. Both flags can be set.
    """

    next_observations: FloatArray
    rewards: FloatArray
    terminated: BoolArray
    truncated: BoolArray


class StepOutcome(NamedTuple):
    """A transition of the K rows that were stepped: `[K, O]`, `[K]`, `[K]` and `[K]`."""

    observations: FloatArray
    rewards: FloatArray
    terminated: BoolArray
    truncated: BoolArray


class VectorEnvironment(ABC):
    """N rows of one environment, each with its own random stream and its own episode.

    The caller arranges rows as replicas × environments. All randomness of a row comes from its generator, and no
    arithmetic crosses rows. Therefore the bits of a row's trajectory do not depend on the other rows or on their
    number. Observations are float64 and hold exactly the numbers that Gymnasium returns. An episode never restarts
    by itself. A returned array is never written to again; callers must not write to it either.

    Attributes:
        observation_size: O, the length of an observation.
        actions: the action space; `step` does not clip to it.
        time_limit: steps after which an episode is truncated; None: it has no limit.
    """

    observation_size: int
    actions: Discrete | Box
    time_limit: int | None

    def __init__(
        self,
        generators: Sequence[np.random.Generator],
        observation_size: int,
        actions: Discrete | Box,
        time_limit: int | None,
    ) -> None:
        self.observation_size = observation_size
        self.actions = actions
        self.time_limit = time_limit
        self._generators = tuple(generators)
        self._all_rows = np.arange(self.rows)
        self._observations = np.zeros((self.rows, observation_size))
        self._elapsed = np.zeros(self.rows, dtype=np.int64)
        self._running = np.zeros(self.rows, dtype=np.bool_)

    @property
    def rows(self) -> int:
        """The number of rows N."""
        return len(self._generators)

    def reset(self, rows: BoolArray | None = None) -> FloatArray:
        """Start new episodes.

        Args:
            rows: `[N]`, boolean; the rows that start one. None: all rows.

        Returns:
            `[N, O]`, the present observations of all rows; a row that was never reset holds zeros.

        Raises:
            ValueError: if the mask has the wrong shape or type.
        """
        started = self._indices(rows)
        if len(started):
            observations = self._observations.copy()
            observations[started] = self._start(started)
            self._observations = observations
            self._elapsed[started] = 0
            self._running[started] = True
        return self._observations

    def step(self, actions: NDArray[Any], active: BoolArray | None = None) -> Transition:
        """Take one action in every active row; idle rows are not simulated at all.

        Args:
            actions: integers `[N]` for `Discrete`, reals `[N, A]` for `Box`; the action of an idle row is ignored.
            active: `[N]`, boolean; the rows to step. None: all rows.

        Raises:
            RuntimeError: if an active row has no running episode.
            ValueError: if the mask or the actions have the wrong shape or type, or if a discrete action is out of
                range.
        """
        rows = self._indices(active)
        if not (self._running.all() or self._running[rows].all()):
            ended = rows[~self._running[rows]].tolist()
            raise RuntimeError(f"rows {ended} have no running episode: reset them before you step them")
        actions = self._checked(actions, rows)
        if not len(rows):
            return self._idle()
        outcome = self._advance(actions, rows)
        where = slice(None) if len(rows) == self.rows else rows  # indexing by a slice is much faster
        self._elapsed[where] += 1
        observations, rewards, terminated, truncated = outcome
        if self.time_limit is not None:
            truncated = truncated | (self._elapsed[where] >= self.time_limit)
        self._running[where] = ~(terminated | truncated)
        transition = self._spread(StepOutcome(observations, rewards, terminated, truncated), rows)
        self._observations = transition.next_observations
        return transition

    def close(self) -> None:  # noqa: B027 (most environments hold nothing)
        """Give back what the simulation holds outside this process's memory; no row is stepped afterwards."""

    def state(self) -> dict[str, Any]:
        """A copy of everything that is needed to resume to the bit: arrays, and values that JSON can hold.

        Raises:
            NotImplementedError: if this kind of environment cannot be saved.
        """
        return {
            "generators": [generator.bit_generator.state for generator in self._generators],
            "observations": self._observations.copy(),
            "elapsed": self._elapsed.copy(),
            "running": self._running.copy(),
            "simulation": self._simulation(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` returned, possibly in another process.

        Raises:
            ValueError: if the state has another number of rows.
            NotImplementedError: if this kind of environment cannot be restored.
        """
        if len(state["generators"]) != self.rows:
            raise ValueError(
                f"the saved state has {len(state['generators'])} rows, but this environment has {self.rows}"
            )
        self._restore_simulation(state["simulation"])
        for generator, saved in zip(self._generators, state["generators"], strict=True):
            generator.bit_generator.state = saved
        self._observations = np.array(state["observations"], dtype=np.float64)
        self._elapsed = np.array(state["elapsed"], dtype=np.int64)
        self._running = np.array(state["running"], dtype=np.bool_)

    def _indices(self, mask: BoolArray | None) -> IntArray:
        if mask is None:
            return self._all_rows
        if mask.shape != (self.rows,) or mask.dtype != np.bool_:
            raise ValueError(
                f"a mask of rows must be bool [{self.rows}], but it is {mask.dtype} {list(mask.shape)}"
            )
        return np.flatnonzero(mask)

    def _checked(self, actions: NDArray[Any], rows: IntArray) -> NDArray[Any]:
        """The actions `[K]` or `[K, A]` of the given rows.

        Raises:
            ValueError: if the actions have the wrong shape or type, or if a discrete action is out of range.
        """
        space = self.actions
        shape = (self.rows,) if isinstance(space, Discrete) else (self.rows, space.size)
        if actions.shape != shape:
            raise ValueError(f"actions must have shape {list(shape)}, but they have {list(actions.shape)}")
        taken: NDArray[Any] = actions if len(rows) == self.rows else actions[rows]
        if isinstance(space, Discrete):
            if not np.issubdtype(taken.dtype, np.integer):
                raise ValueError(f"discrete actions must be integers, but they are {taken.dtype}")
            if ((taken < 0) | (taken >= space.n)).any():
                raise ValueError(
                    f"discrete actions must lie in 0 … {space.n - 1}, but they are {taken.tolist()}"
                )
        return taken

    def _spread(self, outcome: StepOutcome, rows: IntArray) -> Transition:
        """The transition of all N rows, in which only the given rows were stepped."""
        if len(rows) == self.rows:
            return Transition(*outcome)
        transition = self._idle()
        transition.next_observations[rows] = outcome.observations
        transition.rewards[rows] = outcome.rewards
        transition.terminated[rows] = outcome.terminated
        transition.truncated[rows] = outcome.truncated
        return transition

    def _idle(self) -> Transition:
        """The transition of a step in which every row is idle."""
        flags = np.zeros((2, self.rows), dtype=np.bool_)
        return Transition(self._observations.copy(), np.zeros(self.rows), flags[0], flags[1])

    @abstractmethod
    def _start(self, rows: IntArray) -> FloatArray:
        """Start new episodes in the given rows `[K]`, K ≥ 1, and return their observations `[K, O]`."""

    @abstractmethod
    def _advance(self, actions: NDArray[Any], rows: IntArray) -> StepOutcome:
        """Step the given rows `[K]`, K ≥ 1, with actions `[K]` or `[K, A]`; `step` applies the time limit."""

    @abstractmethod
    def _simulation(self) -> dict[str, Any]:
        """The part of `state` that only this kind of environment has."""

    @abstractmethod
    def _restore_simulation(self, simulation: Mapping[str, Any]) -> None:
        """Restore what `_simulation` returned."""
