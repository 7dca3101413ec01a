"""The iterations of training as rows of a block's tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import pandas as pd

from pgbench.storage.blocks import EPISODES, METRICS
from pgbench.training.experience import Episode
from pgbench.training.iteration import Iteration


class Rows(NamedTuple):
    """What was recorded in a part of the training of a block, as tables in the formats of `storage.blocks`.

    Attributes:
        episodes: one row a finished training episode.
        metrics: one row a seed and measured update.
        evaluations: one row an evaluation episode.
    """

    episodes: pd.DataFrame
    metrics: pd.DataFrame
    evaluations: pd.DataFrame


class Tables:
    """Collects rows: all episodes and evaluations, and the metrics that were measured.

    Args:
        seeds: one for each replica.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._seeds = np.asarray(seeds)
        self._episodes: dict[str, list[Episode]] = {"episodes": [], "evaluations": []}
        self._metrics: list[pd.DataFrame] = []

    def add(self, record: Iteration) -> None:
        """Keep what the running replicas did in one iteration."""
        self._episodes["episodes"] += record.episodes
        self._episodes["evaluations"] += record.evaluations
        if not record.measured.any():
            return
        columns = {
            "seed": self._seeds,
            "iteration": np.full(len(self._seeds), record.iteration),
            "step": record.steps,
            **{name: values.double().numpy() for name, values in record.statistics.items()},
        }
        self._metrics.append(pd.DataFrame(columns)[record.measured])

    def rows(self) -> Rows:
        """All rows so far; a table that has none has its format's columns."""
        tables = {"episodes": EPISODES.empty(), "metrics": METRICS.empty(), "evaluations": EPISODES.empty()}
        for name, episodes in self._episodes.items():
            if episodes:
                tables[name] = pd.DataFrame([asdict(episode) for episode in episodes])
        if self._metrics:
            tables["metrics"] = pd.concat(self._metrics, ignore_index=True)
        return Rows(**tables)

    def clear(self) -> None:
        """Forget all rows so far; they are kept elsewhere."""
        for rows in self._episodes.values():
            rows.clear()
        self._metrics.clear()
