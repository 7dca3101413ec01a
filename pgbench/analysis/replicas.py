"""What one replica did: its learning curve and its scores.

A `Replica` is the unit of every statistic. Its episodes end at steps of its own, so replicas can be compared only
through two reductions. The *curve* is the mean return in each bin of a grid of steps that all variants on an
environment share. A *score* is one number, such as the mean return of the last 100 episodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pgbench.analysis.statistics import Array
from pgbench.storage.blocks import REPLICAS, Block, Status, ended_within
from pgbench.studies.plans import PlannedRun
from pgbench.studies.scores import RETURNS, Score, metric_score, unrecorded

GRID_POINTS = 100
"""Points of a curve."""
LAST_EPISODES = 100
"""Episodes of the score `last_100`."""

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Replica:
    """What one replica did, up to its budget.

    Attributes:
        planned: its run.
        seed: its seed.
        trained: the environment steps that it trained for.
        ended: how it ended.
        steps: the step at which each finished episode ended, rising, `[episodes]`.
        returns: the return of each of these episodes, `[episodes]`; NaN where it is not finite.
        ends: the steps at the end of kept iterations: number of the iteration, from 1 → steps.
        statistics: of its metrics, such as `mean(kl)`; see `storage.blocks.BlockTables`.
        evaluated: the mean return of each evaluation, in their order; NaN where it is not finite or cut.
        evaluated_at: the steps that it had trained for at each evaluation, `[evaluations]`.
    """

    planned: PlannedRun
    seed: int
    trained: int
    ended: Status
    steps: Integers
    returns: Array
    ends: Mapping[int, int]
    statistics: Mapping[str, float]
    evaluated: Array
    evaluated_at: Integers

    @property
    def diverged(self) -> bool:
        """Whether a parameter or a return was no longer finite."""
        return self.ended == "diverged"

    @property
    def status(self) -> str:
        """`scored`, or why it has no score: `diverged` or `no episode`."""
        return "scored" if self.ended == "finished" else self.ended

    def ended_in(self, iteration: int) -> Array:
        """Returns of the episodes that ended in an iteration, counted from 1.

        Empty if the iteration was not reached, or if its steps were not kept because iterations are too many.
        """
        begin, end = self.ends.get(iteration - 1), self.ends.get(iteration)
        if begin is None or end is None:
            return self.returns[:0]
        return np.asarray(self.returns[(self.steps > begin) & (self.steps <= end)])

    @property
    def last_share(self) -> float:
        """The share of the budget that its last `LAST_EPISODES` episodes span; NaN without an episode.

        They begin where the episode before them ended, and end with the last.
        """
        if not len(self.steps):
            return np.nan
        begin = self.steps[-LAST_EPISODES - 1] if len(self.steps) > LAST_EPISODES else 0
        return float(self.steps[-1] - begin) / self.planned.run.steps

    @property
    def untrained(self) -> float:
        """Mean return of the episodes before the first update; if none ended before it, the first episode's."""
        before = self.ended_in(1)
        return _mean(before if len(before) else self.returns[:1])

    @property
    def evaluation_curve(self) -> Array:
        """The mean return of the evaluation that stands for each part of the budget, `[times]`.

        An update that completes several parts is followed by one evaluation, which stands for all of them.
        """
        evaluation, budget = self.planned.run.evaluation, self.planned.run.steps
        if evaluation is None or not len(self.evaluated):
            return self.evaluated[:0]
        ends = np.arange(1, evaluation.times + 1) * budget
        first = np.searchsorted(self.evaluated_at * evaluation.times, ends)
        return self.evaluated[np.minimum(first, len(self.evaluated) - 1)]

    @cached_property
    def curve(self) -> tuple[Integers, Array]:
        """The grid of steps and the curve on it; NaN after the replica diverged."""
        grid = _grid(self.planned.run.steps)
        points = curve(self.steps, self.returns, grid)
        return grid, np.where(grid <= self.trained, points, np.nan) if self.diverged else points


def curve(steps: Integers, returns: Array, grid: Integers) -> Array:
    """The mean return of the episodes that finished in each bin of a grid.

    A bin begins after the previous grid point and ends at its own point, which belongs to it. A bin in which no
    episode finished has the value of the bin before; before the first finished episode the value is NaN.

    Args:
        steps: the step at which each episode finished, `[episodes]`.
        returns: their returns, `[episodes]`.
        grid: the bins' right ends, rising, `[points]`.

    Returns:
        The curve, `[points]`. Episodes beyond the grid are left out.
    """
    bins = np.searchsorted(grid, steps, side="left")
    inside = bins < len(grid)
    counts = np.bincount(bins[inside], minlength=len(grid))
    totals = np.bincount(bins[inside], weights=returns[inside], minlength=len(grid))
    means = np.divide(totals, counts, out=np.full(len(grid), np.nan), where=counts > 0)
    latest = np.maximum.accumulate(np.where(counts > 0, np.arange(len(grid)), -1))
    return np.where(latest >= 0, means[latest], np.nan)


def replicas_of(planned: PlannedRun, block: Block) -> Iterable[Replica]:
    """Each replica of a block, with its episodes up to the budget."""
    replicas = block.replicas.to_dict("records")
    episodes = ended_within(block.episodes, planned.run.steps)
    seeds = [row["seed"] for row in replicas]
    steps, returns = episodes["step"].to_numpy(), _finite(episodes["episodic_return"])
    rows = (_rows_of_seeds(table, seeds) for table in (episodes, block.metrics, block.evaluations))
    for row, of_episodes, of_metrics, of_evaluations in zip(replicas, *rows, strict=True):
        kept = block.metrics.iloc[of_metrics]
        yield Replica(
            planned=planned,
            seed=row["seed"],
            trained=row["step"],
            ended=row["status"],
            steps=steps[of_episodes],
            returns=returns[of_episodes],
            ends={0: 0, **dict(zip((kept["iteration"] + 1).tolist(), kept["step"].tolist(), strict=True))},
            statistics={str(name): value for name, value in row.items() if name not in REPLICAS.columns},
            evaluated=evaluation_means(block.evaluations.iloc[of_evaluations]),
            evaluated_at=np.unique(block.evaluations["step"].iloc[of_evaluations]),
        )


def _rows_of_seeds(table: pd.DataFrame, seeds: Sequence[int]) -> list[slice]:
    """The rows of each seed in a table that is sorted by seed, as the tables of blocks are."""
    sorted_seeds, wanted = table["seed"].to_numpy(), np.asarray(seeds)
    starts, ends = (np.searchsorted(sorted_seeds, wanted, side) for side in ("left", "right"))
    return [slice(start, end) for start, end in zip(starts, ends, strict=True)]


def evaluation_means(episodes: pd.DataFrame) -> Array:
    """The mean return of each evaluation of a replica, in their order.

    NaN where a return is not finite, or where an episode was cut because the budget was spent. To leave such an
    episode out would select by its length, and the return of its steps so far is not its return.
    """
    if not len(episodes):
        return np.empty(0)
    ends = np.flatnonzero(np.diff(episodes["step"])) + 1
    returns = np.where(episodes["cut"], np.nan, _finite(episodes["episodic_return"]))
    return np.array([np.mean(of_evaluation) for of_evaluation in np.split(returns, ends)])


def _finite(returns: pd.Series) -> Array:
    """The returns, with NaN for those that are not finite."""
    values = returns.to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def _grid(budget: int) -> Integers:
    """At most `GRID_POINTS` evenly spaced steps; the last is the budget."""
    return np.unique(np.linspace(0, budget, GRID_POINTS + 1).astype(np.int64)[1:])


def scores_of(replica: Replica) -> dict[str, Any]:
    """One replica's row of scores; NaN where it has none, and then its status says why.

    `last_episodes` is the mean of its last episodes however it ended, and `last_share` the share of the budget that
    these span.
    """
    row = {
        "variant": replica.planned.variant,
        "environment": replica.planned.environment,
        "run": replica.planned.name,
        "seed": replica.seed,
        "status": replica.status,
        "steps": replica.trained,
        "episodes": len(replica.returns),
        "untrained": replica.untrained,
        "last_episodes": _mean(replica.returns[-LAST_EPISODES:]),
        "last_share": replica.last_share,
    }
    row |= dict.fromkeys(RETURNS, np.nan) | _evaluation_scores(replica)
    if replica.status != "scored":
        return row
    _, points = replica.curve
    return row | {
        "last_100": row["last_episodes"],
        "area_under_curve": float(np.nanmean(points)),
        "maximum": float(np.nanmax(points)),
        "iteration_20": _mean(replica.ended_in(20)),
    }


def _evaluation_scores(replica: Replica) -> dict[str, float]:
    """The scores of evaluations that a replica has alone; NaN where its run was not evaluated for them."""
    evaluated = "deterministic_evaluation" not in unrecorded(replica.planned.run.evaluation)
    known = evaluated and not replica.diverged and len(replica.evaluated)
    return {"deterministic_evaluation": float(replica.evaluated[-1]) if known else np.nan}


def metric_scores(replica: Replica, scores: Iterable[Score]) -> dict[str, float]:
    """The scores among these that are made of a metric; NaN where the metric was not recorded."""
    made_of = (score for score in scores if metric_score(score) is not None)
    return {score: replica.statistics.get(score, np.nan) for score in made_of}


def _mean(values: Array) -> float:
    return float(np.mean(values)) if len(values) else np.nan
