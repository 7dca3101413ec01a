"""From everything that training recorded to what a block keeps.

Episodes are kept as they are. Of the metrics the block keeps a history of about seventy updates, which shows how
they went, and statistics over all updates that were measured, which scores are made of.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pgbench.running.recording import Rows
from pgbench.storage.blocks import METRICS, REPLICAS, BlockTables, Status, ended_within
from pgbench.training.iteration import Outcome

FIRST_UPDATES = 20
"""Updates that the history begins with. The score `iteration_20` needs the ends of the first twenty."""
HISTORY_PARTS = 50
"""Equal parts of the budget, of each of which the history has one update."""


def condensed(rows: Rows, outcomes: Sequence[Outcome], budget: int) -> BlockTables:
    """What a block keeps of all rows of its training.

    Args:
        rows: all that was recorded.
        outcomes: how each replica ended.
        budget: environment steps of each replica.
    """
    ended = pd.DataFrame([_ended(rows.episodes, outcome, budget) for outcome in outcomes])
    statistics = pd.DataFrame([_statistics(rows.metrics, outcome.seed) for outcome in outcomes])
    replicas = pd.concat([ended.astype(dict(REPLICAS.columns)), statistics.astype("float64")], axis=1)
    return BlockTables(replicas, rows.episodes, history(rows.metrics, budget), rows.evaluations)


def _ended(episodes: pd.DataFrame, outcome: Outcome, budget: int) -> dict[str, int | str]:
    """How a replica ended, as the first columns of its row."""
    own = ended_within(episodes[episodes["seed"] == outcome.seed], budget)
    lost = outcome.diverged or not np.isfinite(own["episodic_return"]).all()
    status: Status = "diverged" if lost else "finished" if len(own) else "no episode"
    return {"seed": outcome.seed, "step": outcome.steps, "status": status, "episodes": len(own)}


def _statistics(metrics: pd.DataFrame, seed: int) -> dict[str, float]:
    """Each statistic of each metric of a replica, as the columns of `BlockTables.replicas`."""
    own, row = metrics[metrics["seed"] == seed], {}
    for name in metrics.columns.difference(list(METRICS.columns), sort=False):
        values = own[name].to_numpy()
        values = values[np.isfinite(values)]
        known = len(values) > 0
        row[f"mean({name})"] = float(values.mean()) if known else np.nan
        row[f"minimum({name})"] = float(values.min()) if known else np.nan
        row[f"maximum({name})"] = float(values.max()) if known else np.nan
        row[f"first({name})"] = float(values[0]) if known else np.nan
        row[f"last({name})"] = float(values[-1]) if known else np.nan
    return row


def history(metrics: pd.DataFrame, budget: int) -> pd.DataFrame:
    """The rows of metrics that a block keeps: its first updates, its last, and one of each part of the budget.

    Of a part it is the first of the updates with the most metrics, because some, such as the comparison with a
    reference gradient, are measured in some updates only.
    """
    ordered = metrics.sort_values(["seed", "iteration"], kind="stable", ignore_index=True)
    ranked = ordered[["seed", "iteration"]].assign(
        part=np.minimum(ordered["step"], budget) * HISTORY_PARTS // budget, unknown=ordered.isna().sum(axis=1)
    )
    of_parts = ranked.sort_values(["seed", "part", "unknown", "iteration"], kind="stable")
    kept = ranked["iteration"] < FIRST_UPDATES
    kept |= ~ranked["seed"].duplicated(keep="last")
    kept.loc[of_parts.index[~of_parts.duplicated(["seed", "part"])]] = True
    return ordered[kept].reset_index(drop=True)
