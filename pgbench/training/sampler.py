"""Collecting experience: the only place that steps an environment.

A `Sampler` keeps a block's environments and running statistics between rollouts. It collects in one of two
ways. With a fixed horizon, an environment begins a new episode as soon as one has ended. With whole episodes,
every environment runs exactly one episode and then idles.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgbench.environments import VectorEnvironment
from pgbench.environments.arithmetic import stacked
from pgbench.training.experience import CHUNK, Act, Episode, Noise, Rollout
from pgbench.training.preprocessing import Preprocessing
from pgbench.training.streams import stream

NOISE_ROWS = 256
"""Rows of action noise drawn at once; a replica's draws do not depend on how many rows others need."""


def environment_streams(seeds: Sequence[int], environments_each: int) -> list[np.random.Generator]:
    """A generator for each row: the environments of the first replica, then those of the next."""
    return [stream(seed, "environment", row) for seed in seeds for row in range(environments_each)]


class _ActionNoise:
    """Noise for the actions of each rollout, row by row, from each replica's own streams.

    Each long rollout has its own stream. Short ones share a stream of up to `NOISE_ROWS` rows, because creating a
    generator costs as much as several environment steps. What is kept between rollouts can be drawn again, so that
    a checkpoint need not hold it.
    """

    def __init__(self, seeds: Sequence[int], environments_each: int) -> None:
        self._seeds = seeds
        self._environments = environments_each
        self._kept: tuple[tuple[Noise, int, int], Tensor] | None = None

    def rows(self, draw: Noise, iteration: int, horizon: int | None = None) -> Iterator[Tensor]:
        """Noise `[S, E, …]` for each time step of a rollout with this horizon, or of one that has none."""
        if horizon is None or horizon > NOISE_ROWS // 2:
            return chain.from_iterable(self._chunks(draw, iteration, rows=NOISE_ROWS))
        sharing = NOISE_ROWS // horizon
        group, place = divmod(iteration, sharing)
        name = draw, group, horizon
        if self._kept is None or self._kept[0] != name:
            self._kept = name, next(self._chunks(draw, group, horizon, rows=sharing * horizon))
        return iter(self._kept[1][place * horizon : (place + 1) * horizon])

    def _chunks(self, draw: Noise, *name: int, rows: int) -> Iterator[Tensor]:
        """Chunks `[rows, S, E, …]` of the streams with this name, without end."""
        generators = [stream(seed, "actions", *name) for seed in self._seeds]
        while True:
            chunks = [draw(generator, (rows, self._environments)) for generator in generators]
            yield torch.from_numpy(np.stack(chunks, axis=1))


class Sampler:
    """A block's environments, and what stands between them and the policy.

    Args:
        environment: rows of one environment, E for every seed, made with `environment_streams`.
        seeds: one for each replica.
        preprocessing: of observations, rewards and actions.
        budget: environment steps of a replica at which its whole episodes are cut, in an environment that has no
            time limit; None: they run to their end.

    Attributes:
        steps: `[S]`, environment steps of each replica so far.
    """

    def __init__(
        self,
        environment: VectorEnvironment,
        seeds: Sequence[int],
        preprocessing: Preprocessing,
        budget: int | None = None,
    ) -> None:
        self.environment = environment
        self.seeds = list(seeds)
        self.shape = (len(self.seeds), environment.rows // len(self.seeds))
        self.preprocessing = preprocessing
        self.budget = budget if environment.time_limit is None else None
        self.steps = np.zeros(len(self.seeds), dtype=np.int64)
        self._noise = _ActionNoise(self.seeds, self.shape[1])
        self._returns = np.zeros(self.shape)
        self._lengths = np.zeros(self.shape, dtype=np.int64)
        self._observations: NDArray[Any] | None = None

    def fixed_horizon(
        self,
        act: Act,
        draw: Noise,
        iteration: int,
        running: NDArray[np.bool_],
        horizon: int,
        restarts: bool = False,
    ) -> Rollout:
        """T steps of every environment of the running replicas; episodes go on from rollout to rollout.

        Args:
            act: the policy.
            draw: the policy's noise.
            iteration: names the noise's stream.
            running: `[S]`; the environments of other replicas idle.
            horizon: T.
            restarts: whether all episodes begin anew instead; those under way are given up and never recorded.
        """
        active = np.array(np.broadcast_to(running[:, None], self.shape))
        observations = self._observations
        if observations is None or restarts:
            self._give_up(active)
            observations = self._begin(active)
        elapsed = self._lengths.copy()
        rows: list[dict[str, NDArray[Any]]] = []
        episodes: list[Episode] = []
        everyone = bool(active.all())
        for _, noise in zip(range(horizon), self._noise.rows(draw, iteration, horizon), strict=False):
            row, ended = self._step(act, observations, noise, active, everyone, episodes)
            rows.append(row)
            observations = row["next_observations"]
            if ended is not None:
                observations = self._begin(ended, observations)
        self._observations = observations
        return self._rollout(rows, elapsed, episodes)

    def whole_episodes(self, act: Act, draw: Noise, iteration: int, running: NDArray[np.bool_]) -> Rollout:
        """One whole episode in every environment of the running replicas; finished environments idle.

        Arguments as for `fixed_horizon`; T is the length of the longest episode, and idle rows that make T·E a
        multiple of `CHUNK`.
        """
        episodes: list[Episode] = []
        rows = list(self._run_out(act, draw, iteration, running, episodes))
        idle = {name: np.zeros_like(column) for name, column in rows[-1].items()}
        rows += [idle] * (-len(rows) % (CHUNK // math.gcd(CHUNK, self.shape[1])))
        return self._rollout(rows, None, episodes)

    def finished_episodes(self, act: Act, draw: Noise, running: NDArray[np.bool_]) -> list[Episode]:
        """Run whole episodes as `whole_episodes` does, and keep only their ends."""
        episodes: list[Episode] = []
        for _ in self._run_out(act, draw, 0, running, episodes):
            pass
        return episodes

    def state(self) -> dict[str, Any]:
        """Everything the next rollout depends on, as arrays and JSON-able values; see `restore`.

        Raises:
            NotImplementedError: if this kind of environment cannot be saved.
        """
        return {
            "environment": self.environment.state(),
            "steps": self.steps.copy(),
            "returns": self._returns.copy(),
            "lengths": self._lengths.copy(),
            "observations": self._observations,
            **self.preprocessing.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from the `state` of a sampler that was made in the same way."""
        self.environment.restore(state["environment"])
        self.steps = np.array(state["steps"])
        self._returns = np.array(state["returns"])
        self._lengths = np.array(state["lengths"])
        self._observations = state["observations"]
        self.preprocessing.restore(state)

    def _run_out(
        self,
        act: Act,
        draw: Noise,
        iteration: int,
        running: NDArray[np.bool_],
        episodes: list[Episode],
    ) -> Iterator[dict[str, NDArray[Any]]]:
        """Yield the rows of one whole episode in every environment of the running replicas."""
        active = np.array(np.broadcast_to(running[:, None], self.shape))
        observations = self._begin(active)
        everyone, left = bool(active.all()), int(active.sum())
        noise = self._noise.rows(draw, iteration)
        while left:
            row, ended = self._step(act, observations, next(noise), active, everyone, episodes)
            if self.budget is not None:
                ended = self._cut(row, ended, self.budget, episodes)
            yield row
            observations = row["next_observations"]
            if ended is not None:
                active = active & ~ended
                everyone, left = False, int(active.sum())

    def _begin(self, ended: NDArray[np.bool_], others: NDArray[Any] | None = None) -> NDArray[Any]:
        """Start new episodes where others ended; return observations `[S, E, O]` as they are recorded."""
        raw = self.environment.reset(ended.ravel()).reshape(*self.shape, -1)
        fresh = self.preprocessing.observations(raw, ended)
        return fresh if others is None else np.where(ended[..., None], fresh, others)

    def _step(
        self,
        act: Act,
        observations: NDArray[Any],
        noise: Tensor,
        active: NDArray[np.bool_],
        everyone: bool,
        episodes: list[Episode],
    ) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_] | None]:
        """Step the active environments: the row of the rollout, and where an episode ended, if one did.

        `everyone` says that all environments are active. Asking an array at every step would take a hundredth of
        the whole training time.
        """
        actions = act(torch.from_numpy(self.preprocessing.seen(observations)), noise).numpy()
        flat = actions.reshape(active.size, *actions.shape[2:])
        given = self.preprocessing.given(self.environment.actions, flat)
        transition = self.environment.step(given, None if everyone else active.ravel())
        rewards = transition.rewards.reshape(self.shape)
        terminated = transition.terminated.reshape(self.shape)
        truncated = transition.truncated.reshape(self.shape)
        ended = terminated | truncated
        self.steps += self.shape[1] if everyone else active.sum(1)
        self._returns += rewards
        self._lengths += active
        somewhere = bool(ended.any())
        if somewhere:
            self._finish(ended, terminated, episodes)
        rewards = self.preprocessing.rewards(rewards, terminated, truncated, active)
        next_observations = transition.next_observations.reshape(*self.shape, -1)
        row = {
            "observations": observations,
            "actions": actions,
            "rewards": rewards.astype(np.float32),
            "next_observations": self.preprocessing.observations(next_observations, active),
            "terminated": terminated,
            "truncated": truncated,
            "active": active,
        }
        return row, ended if somewhere else None

    def _cut(
        self,
        row: dict[str, NDArray[Any]],
        ended: NDArray[np.bool_] | None,
        budget: int,
        episodes: list[Episode],
    ) -> NDArray[np.bool_] | None:
        """Cut what still runs in replicas that have reached the budget: where an episode ended or was cut."""
        over = row["active"] & (self.steps >= budget)[:, None]
        cut = over if ended is None else over & ~ended
        if not cut.any():
            return ended
        row["truncated"] = row["truncated"] | cut
        self._finish(cut, row["terminated"], episodes, cut=True)
        return cut if ended is None else ended | cut

    def _give_up(self, rows: NDArray[np.bool_]) -> None:
        """Forget the episodes under way in some rows `[S, E]`."""
        self._returns[rows] = 0.0
        self._lengths[rows] = 0
        self.preprocessing.begin_anew(rows)

    def _finish(
        self,
        ended: NDArray[np.bool_],
        terminated: NDArray[np.bool_],
        episodes: list[Episode],
        cut: bool = False,
    ) -> None:
        """Record the episodes that ended, and start their sums again."""
        for replica, environment in zip(*np.nonzero(ended), strict=True):
            episodes.append(
                Episode(
                    seed=self.seeds[replica],
                    step=int(self.steps[replica]),
                    episodic_return=float(self._returns[replica, environment]),
                    episodic_length=int(self._lengths[replica, environment]),
                    terminated=bool(terminated[replica, environment]),
                    cut=cut,
                )
            )
        self._returns[ended] = 0.0
        self._lengths[ended] = 0

    def _rollout(
        self,
        rows: list[dict[str, NDArray[Any]]],
        elapsed: NDArray[np.int64] | None,
        episodes: list[Episode],
    ) -> Rollout:
        """The rows of a rollout as tensors `[T, S, E, …]`, its observations as the update sees them."""
        columns = {name: stacked([row[name] for row in rows]) for name in rows[0]}
        columns["observations"], columns["next_observations"] = self.preprocessing.batch(
            columns["observations"], columns["next_observations"], columns["active"]
        )
        tensors = {name: torch.from_numpy(column) for name, column in columns.items()}
        return Rollout(
            **tensors, elapsed=None if elapsed is None else torch.from_numpy(elapsed), episodes=episodes
        )
