"""What one replica did: its learning curve and its scores.

A `Replica` is the unit of every statistic. Its episodes end at steps of its own, so replicas can be compared only
through two reductions. The *curve* is the mean return in each bin of a grid of steps that all variants on an
environment share. A *score* is one number, such as the mean return of the last 100 episodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, assert_never

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pgbench.analysis.statistics import Array
from pgbench.storage.blocks import Block
from pgbench.studies.plans import PlannedRun
from pgbench.studies.scores import EVALUATIONS, RETURNS, MetricScore, Score, metric_score, unrecorded

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
        steps: the step at which each episode ended, rising, `[episodes]`.
        returns: the return of each episode, `[episodes]`; NaN where it is not finite.
        metrics: one row a kept iteration.
        evaluated: the mean return of each evaluation, in their order; NaN where it is not finite, or where an
            episode was cut.
    """

    planned: PlannedRun
    seed: int
    trained: int
    steps: Integers
    returns: Array
    metrics: pd.DataFrame
    evaluated: Array

    @cached_property
    def iterations(self) -> Integers:
        """The steps at the end of each iteration."""
        return self.metrics["step"].to_numpy()

    @property
    def diverged(self) -> bool:
        """Whether it stopped before its budget; a replica stops only when a parameter is not finite."""
        return self.trained < self.planned.run.steps or bool(np.isnan(self.returns).any())

    @property
    def status(self) -> str:
        """`scored`, or why it has no score: `diverged` or `no episode`."""
        if self.diverged:
            return "diverged"
        return "scored" if len(self.returns) else "no episode"

    def ended_in(self, iteration: int) -> Array:
        """Returns of the episodes that ended in an iteration, counted from 1; empty if it was not reached."""
        ends = np.concatenate([[0], self.iterations])
        if iteration >= len(ends):
            return self.returns[:0]
        inside = (self.steps > ends[iteration - 1]) & (self.steps <= ends[iteration])
        return np.asarray(self.returns[inside])

    @property
    def untrained(self) -> float:
        """Mean return of the episodes before the first update; if none ended before it, the first episode's."""
        before = self.ended_in(1)
        return _mean(before if len(before) else self.returns[:1])

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
    """Each replica of a block, with its episodes up to the budget, so that all are judged at equal cost."""
    seeds = block.record.seeds
    within = block.episodes["step"] <= planned.run.steps
    episodes = block.episodes[within & ~block.episodes["cut"]]  # one without an end has no return
    steps, returns = episodes["step"].to_numpy(), _finite(episodes["episodic_return"])
    rows = (_rows_of_seeds(table, seeds) for table in (episodes, block.metrics, block.evaluations))
    for seed, of_episodes, of_metrics, of_evaluations in zip(seeds, *rows, strict=True):
        metrics = block.metrics.iloc[of_metrics]
        yield Replica(
            planned=planned,
            seed=seed,
            trained=int(metrics["step"].max()) if len(metrics) else 0,
            steps=steps[of_episodes],
            returns=returns[of_episodes],
            metrics=metrics,
            evaluated=evaluation_means(block.evaluations.iloc[of_evaluations]),
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
    return np.array([np.mean(each) for each in np.split(returns, ends)])


def _finite(returns: pd.Series) -> Array:
    """The returns, with NaN for those that are not finite."""
    values = returns.to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def _grid(budget: int) -> Integers:
    """At most `GRID_POINTS` evenly spaced steps; the last is the budget."""
    return np.unique(np.linspace(0, budget, GRID_POINTS + 1).astype(np.int64)[1:])


def scores_of(replica: Replica) -> dict[str, Any]:
    """One replica's row of scores; NaN where it has none, and then its status says why."""
    row = {
        "variant": replica.planned.variant,
        "environment": replica.planned.environment,
        "run": replica.planned.name,
        "seed": replica.seed,
        "status": replica.status,
        "steps": replica.trained,
        "episodes": len(replica.returns),
        "untrained": replica.untrained,
    }
    row |= dict.fromkeys(RETURNS, np.nan) | _evaluation_scores(replica)
    if replica.status != "scored":
        return row
    _, points = replica.curve
    return row | {
        "last_100": float(np.mean(replica.returns[-LAST_EPISODES:])),
        "area_under_curve": float(np.nanmean(points)),
        "maximum": float(np.nanmax(points)),
        "iteration_20": _mean(replica.ended_in(20)),
    }


def _evaluation_scores(replica: Replica) -> dict[str, float]:
    """The scores `EVALUATIONS`; NaN where the run was not evaluated for it, or if the replica diverged."""
    if replica.diverged or not len(replica.evaluated):
        return dict.fromkeys(EVALUATIONS, np.nan)
    scores = {
        "deterministic_evaluation": float(replica.evaluated[-1]),
        "maximum_of_evaluations": float(np.max(replica.evaluated)),
    }
    return scores | dict.fromkeys(unrecorded(replica.planned.run.evaluation), np.nan)


def metric_scores(metrics: pd.DataFrame, scores: Iterable[Score]) -> dict[str, float]:
    """The scores among these that are made of a metric; NaN where the metric was not recorded."""
    made_of = {score: metric_score(score) for score in scores}
    return {score: _over_iterations(metrics, parts) for score, parts in made_of.items() if parts is not None}


def _over_iterations(metrics: pd.DataFrame, score: MetricScore) -> float:
    values = metrics[score.metric].to_numpy() if score.metric in metrics else np.empty(0)
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan
    match score.statistic:
        case "mean":
            return float(values.mean())
        case "maximum":
            return float(values.max())
        case "final":
            return float(values[-1])
        case _:
            assert_never(score.statistic)


def _mean(values: Array) -> float:
    return float(np.mean(values)) if len(values) else np.nan
