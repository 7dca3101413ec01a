"""Where the records of training go: tables for the results, lines for the person who waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from pgbench.storage.blocks import KEYS, BlockTables
from pgbench.training.experience import Episode
from pgbench.training.iteration import Iteration


class Tables:
    """The rows of a block's tables as they come: all episodes and evaluations, and the metrics that were measured.

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

    def rows(self) -> BlockTables:
        """All rows so far; a table that has none has its keys as columns."""
        found = {name: pd.DataFrame([asdict(each) for each in rows]) for name, rows in self._episodes.items()}
        if self._metrics:
            found["metrics"] = pd.concat(self._metrics, ignore_index=True)
        empty = {
            name: pd.DataFrame({key: pd.Series(dtype=kind) for key, kind in keys.items()})
            for name, keys in KEYS.items()
        }
        return BlockTables(**(empty | {name: table for name, table in found.items() if len(table)}))

    def clear(self) -> None:
        """Forget all rows so far; they are kept elsewhere."""
        for rows in self._episodes.values():
            rows.clear()
        self._metrics.clear()
