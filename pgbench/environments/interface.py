"""What every batched environment offers: rows that run episodes side by side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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
        low: Lower bounds [A], in the action's own unit; they may be infinite.
        high: Upper bounds [A].
    """

    low: NDArray[np.float32]
    high: NDArray[np.float32]

    @property
    def size(self) -> int:
        """The number of action dimensions A."""
        return len(self.low)


@dataclass(frozen=True)
class Transition:
    """What one step gave in each row; an idle row has its old observation, reward 0 and no flag.

    Attributes:
        next_observations: The true next observations [N, O], also where an episode ended.
        rewards: Rewards [N].
        terminated: Where the episode reached a terminal state [N].
        truncated: Where the episode was cut, as by its time limit [N]; both flags can be set.
    """

    next_observations: FloatArray
    rewards: FloatArray
    terminated: BoolArray
    truncated: BoolArray


class Outcome(NamedTuple):
    """The same as a transition, for the K rows that were stepped."""

    observations: FloatArray
    rewards: FloatArray
    terminated: BoolArray
    truncated: BoolArray


class VectorEnvironment(ABC):
    """N rows of one environment, each with its own random stream and its own episode.

    The caller arranges rows as replicas × environments. All randomness of a row comes from its generator and
    no arithmetic crosses rows, so a row's trajectory is the same bits whatever the other rows do and however
    many there are. Observations are float64 and hold exactly the numbers that Gymnasium returns. An episode
    never restarts by itself. Arrays once returned are never written to again; callers do not write to them.

    Attributes:
        observation_size: O, the length of an observation.
        actions: The action space; `step` does not clip to it.
        time_limit: Steps after which an episode is truncated, or None.
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
            rows: Where to start one [N]; everywhere by default.

        Returns:
            The current observations of all rows [N, O]; rows that were never reset hold zeros.
        """
        chosen = self._indices(rows)
        if len(chosen):
            observations = self._observations.copy()
            observations[chosen] = self._start(chosen)
            self._observations = observations
            self._elapsed[chosen] = 0
            self._running[chosen] = True
        return self._observations

    def step(self, actions: NDArray[Any], active: BoolArray | None = None) -> Transition:
        """Take one action in every active row; idle rows are not simulated at all.

        Args:
            actions: Integers [N] for `Discrete`, reals [N, A] for `Box`; an idle row's action is ignored.
            active: The rows to step [N]; all by default.

        Raises:
            RuntimeError: If an active row has no running episode.
            ValueError: If the actions have the wrong shape or type, or a discrete one is out of range.
        """
        rows = self._indices(active)
        if not (self._running.all() or self._running[rows].all()):
            ended = rows[~self._running[rows]].tolist()
            raise RuntimeError(f"rows {ended} have no running episode: reset them before they are stepped")
        actions = self._checked(actions, rows)
        if not len(rows):
            return self._idle()
        outcome = self._advance(actions, rows)
        where = slice(None) if len(rows) == self.rows else rows  # a slice is a view, much faster
        self._elapsed[where] += 1
        observations, rewards, terminated, truncated = outcome
        if self.time_limit is not None:
            truncated = truncated | (self._elapsed[where] >= self.time_limit)
        self._running[where] = ~(terminated | truncated)
        transition = self._spread(Outcome(observations, rewards, terminated, truncated), rows)
        self._observations = transition.next_observations
        return transition

    def state(self) -> dict[str, Any]:
        """All that is needed to resume to the bit: arrays and JSON-able values, copied.

        Raises:
            NotImplementedError: If this kind of environment cannot be saved.
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
            ValueError: If the state has another number of rows.
            NotImplementedError: If this kind of environment cannot be restored.
        """
        if len(state["generators"]) != self.rows:
            raise ValueError(
                f"the saved state has {len(state['generators'])} rows, this environment {self.rows}"
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
            raise ValueError(f"a mask of rows is bool [{self.rows}], not {mask.dtype} {list(mask.shape)}")
        return np.flatnonzero(mask)

    def _checked(self, actions: NDArray[Any], rows: IntArray) -> NDArray[Any]:
        """The actions of the given rows, once they are known to be of the right kind."""
        space = self.actions
        shape = (self.rows,) if isinstance(space, Discrete) else (self.rows, space.size)
        if actions.shape != shape:
            raise ValueError(f"actions have shape {list(actions.shape)}, expected {list(shape)}")
        chosen: NDArray[Any] = actions if len(rows) == self.rows else actions[rows]
        if isinstance(space, Discrete):
            if not np.issubdtype(chosen.dtype, np.integer):
                raise ValueError(f"discrete actions are integers, not {chosen.dtype}")
            if ((chosen < 0) | (chosen >= space.n)).any():
                raise ValueError(f"discrete actions lie in 0 … {space.n - 1}, got {chosen.tolist()}")
        return chosen

    def _spread(self, outcome: Outcome, rows: IntArray) -> Transition:
        """The outcome of some rows, with all the others idle."""
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
        """Start new episodes in the given rows [K ≥ 1]; their observations [K, O]."""

    @abstractmethod
    def _advance(self, actions: NDArray[Any], rows: IntArray) -> Outcome:
        """Step the given rows [K ≥ 1] with their actions [K] or [K, A]; `step` sees to the time limit."""

    @abstractmethod
    def _simulation(self) -> dict[str, Any]:
        """What `restore` needs besides generators, observations and episodes."""

    @abstractmethod
    def _restore_simulation(self, simulation: Mapping[str, Any]) -> None:
        """Take back what `_simulation` returned."""
