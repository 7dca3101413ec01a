"""Where the records of training go: tables for the results, lines for the person who waits."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from typing import Any, TextIO

import numpy as np
import pandas as pd

from pgbench.results import KEYS, BlockTables
from pgbench.training import Record

SECONDS_BETWEEN_LINES = 10.0
METRIC_ROWS = 1000
"""Rows of metrics that a replica leaves behind, about, at most: methods that learn from every step take many more
updates than anybody can look at."""


def say(text: str, output: TextIO | None = None) -> None:
    """Print a line, to standard error by default; on a full disk what is said must not end what is done."""
    with suppress(OSError):
        print(text, file=output or sys.stderr, flush=True)


class Tables:
    """The rows of a block's tables as they come.

    All episodes and evaluations are kept, and the metrics of a replica's first update in each thousandth of its
    budget.

    Args:
        seeds: one for each replica.
        budget: environment steps of each replica.
    """

    def __init__(self, seeds: Sequence[int], budget: int) -> None:
        self._seeds = np.asarray(seeds)
        self._budget = budget
        self._part = np.full(len(self._seeds), -1)
        self._rows: dict[str, list[pd.DataFrame]] = {name: [] for name in KEYS}

    def add(self, record: Record) -> None:
        """Keep what the running replicas did in one iteration."""
        for name, episodes in (("episodes", record.episodes), ("evaluations", record.evaluations)):
            if episodes:
                self._rows[name].append(pd.DataFrame([asdict(episode) for episode in episodes]))
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
        self._rows["metrics"].append(pd.DataFrame(columns)[kept])

    def rows(self) -> BlockTables:
        """All rows so far; a table that has none has its keys as columns."""
        empty = {
            name: pd.DataFrame({key: pd.Series(dtype=kind) for key, kind in keys.items()})
            for name, keys in KEYS.items()
        }
        return BlockTables(
            **{
                name: pd.concat(rows, ignore_index=True) if rows else empty[name]
                for name, rows in self._rows.items()
            }
        )

    def clear(self) -> None:
        """Forget all rows so far; they are kept elsewhere."""
        for rows in self._rows.values():
            rows.clear()

    def state(self) -> dict[str, Any]:
        """What decides which metrics are kept from here on, for `restore`; not the rows."""
        return {"part": self._part}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue after the rows of the tables whose `state` this is."""
        self._part = np.array(state["part"])


class Progress:
    """Says now and then how far a block is, how fast, and how long it will still take.

    Args:
        name: what is being trained.
        budget: environment steps of each replica.
        output: where the lines go; standard error by default.
        before: environment steps of all replicas that an earlier process has done.
    """

    def __init__(self, name: str, budget: int, output: TextIO | None = None, before: int = 0) -> None:
        self._name = name
        self._budget = budget
        self._before = before
        self._output = output
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
            say(self._line(record, float(done), now - self._begin), self._output)

    def _line(self, record: Record, done: float, seconds: float) -> str:
        rate = (record.steps.sum() - self._before) / seconds
        left = timedelta(seconds=round(len(record.steps) * self._budget * (1.0 - done) / rate))
        returns = [float(np.mean(recent)) for recent in self._returns.values()]
        score = f"{np.mean(returns):.1f}" if returns else "no episode finished yet"
        return (
            f"{self._name}: {done:4.0%} · {int(record.steps.max()):,} of {self._budget:,} steps · "
            f"{rate:,.0f} steps/s over {len(record.steps)} replicas · {left} left · "
            f"return of the last 100 episodes: {score}"
        )
