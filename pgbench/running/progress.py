"""Lines that tell a waiting person how far training is."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from datetime import timedelta
from typing import TextIO

import numpy as np

from pgbench.training.iteration import Iteration

SECONDS_BETWEEN_LINES = 10.0


def say(text: str, output: TextIO | None = None) -> None:
    """Print a line, by default to standard error; if that fails, for example on a full disk, work goes on."""
    with suppress(OSError):
        print(text, file=output or sys.stderr, flush=True)


class Progress:
    """Prints how far a block is, how fast it trains, and how long it will still take.

    Args:
        name: what is being trained.
        budget: environment steps of each replica.
        output: where the lines go; standard error by default.
        before: environment steps of all replicas together that earlier processes have done.
    """

    def __init__(self, name: str, budget: int, output: TextIO | None = None, before: int = 0) -> None:
        self._name = name
        self._budget = budget
        self._before = before
        self._output = output
        self._begin = self._last = time.monotonic()
        self._returns: dict[int, list[float]] = {}

    def add(self, record: Iteration) -> None:
        """Count an iteration; print a line if the last line is `SECONDS_BETWEEN_LINES` old or the block is done."""
        for episode in record.episodes:
            recent = self._returns.setdefault(episode.seed, [])
            recent.append(episode.episodic_return)
            del recent[:-100]
        now = time.monotonic()
        done = np.minimum(record.steps, self._budget).mean() / self._budget
        if done >= 1.0 or now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            say(self._line(record, float(done), now - self._begin), self._output)

    def _line(self, record: Iteration, done: float, seconds: float) -> str:
        rate = (record.steps.sum() - self._before) / seconds
        remaining = timedelta(seconds=round(len(record.steps) * self._budget * (1.0 - done) / rate))
        returns = [float(np.mean(recent)) for recent in self._returns.values()]
        score = f"{np.mean(returns):.1f}" if returns else "no episode finished yet"
        return (
            f"{self._name}: {done:4.0%} · {int(record.steps.max()):,} of {self._budget:,} steps · "
            f"{rate:,.0f} steps/s over {len(record.steps)} replicas · {remaining} left · "
            f"return of the last 100 episodes: {score}"
        )
