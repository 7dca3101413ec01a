"""Where the records of training go: tables for the results, lines for the person who waits."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TextIO

import numpy as np
import pandas as pd

from pgbench.results import EPISODE_COLUMNS
from pgbench.training import Record

SECONDS_BETWEEN_LINES = 10.0
METRIC_ROWS = 1000
"""Rows of metrics that a replica leaves behind, about, at most: methods that learn from every step take many more
updates than anybody can look at."""


class Tables:
    """The episodes and metrics of a block as they come.

    All episodes are kept, and the metrics of a replica's first update in each thousandth of its budget.

    Args:
        seeds: one for each replica.
        budget: environment steps of each replica.
    """

    def __init__(self, seeds: Sequence[int], budget: int) -> None:
        self._seeds = np.asarray(seeds)
        self._budget = budget
        self._part = np.full(len(self._seeds), -1)
        self._episodes: list[pd.DataFrame] = []
        self._metrics: list[pd.DataFrame] = []

    def add(self, record: Record) -> None:
        """Keep what the running replicas did in one iteration."""
        if record.episodes:
            self._episodes.append(pd.DataFrame([asdict(episode) for episode in record.episodes]))
        part = record.steps * METRIC_ROWS // self._budget
        kept = record.running & (part > self._part)
        self._part = np.where(record.running, part, self._part)
        if not kept.any():
            return
        columns = {
            "seed": self._seeds,
            "iteration": np.full(len(self._seeds), record.iteration),
            "step": record.steps,
            **{name: values.double().numpy() for name, values in record.statistics.items()},
        }
        self._metrics.append(pd.DataFrame(columns)[kept])

    def episodes(self) -> pd.DataFrame:
        """One row a finished training episode, columns `EPISODE_COLUMNS`."""
        empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in EPISODE_COLUMNS.items()})
        return pd.concat(self._episodes, ignore_index=True) if self._episodes else empty

    def metrics(self) -> pd.DataFrame:
        """One row a replica and kept update: seed, iteration, step, and a column a metric."""
        return pd.concat(self._metrics, ignore_index=True)


class Progress:
    """Says now and then how far a block is, how fast, and how long it will still take.

    Args:
        name: what is being trained.
        budget: environment steps of each replica.
        output: where the lines go; standard error by default.
    """

    def __init__(self, name: str, budget: int, output: TextIO | None = None) -> None:
        self._name = name
        self._budget = budget
        self._output = output or sys.stderr
        self._begin = self._last = time.monotonic()
        self._returns: dict[int, list[float]] = {}

    def add(self, record: Record) -> None:
        """Take note of a record, and print a line if the last one is some time ago or all is done."""
        for episode in record.episodes:
            recent = self._returns.setdefault(episode.seed, [])
            recent.append(episode.episodic_return)
            del recent[:-100]
        now = time.monotonic()
        done = np.minimum(record.steps, self._budget).mean() / self._budget
        if done >= 1.0 or now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            print(self._line(record, float(done), now - self._begin), file=self._output, flush=True)

    def _line(self, record: Record, done: float, seconds: float) -> str:
        left = timedelta(seconds=round(seconds * (1.0 - done) / done))
        rate = record.steps.sum() / seconds
        returns = [float(np.mean(recent)) for recent in self._returns.values()]
        score = f"{np.mean(returns):.1f}" if returns else "no episode finished yet"
        return (
            f"{self._name}: {done:4.0%} · {int(record.steps.max()):,} of {self._budget:,} steps · "
            f"{rate:,.0f} steps/s over {len(record.steps)} replicas · {left} left · "
            f"return of the last 100 episodes: {score}"
        )
