"""What one replica did: its learning curve and its scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, assert_never

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pgbench.storage.blocks import Block
from pgbench.studies.plans import PlannedRun
from pgbench.studies.scores import EVALUATIONS, RETURNS, MetricScore, Score, metric_score, unrecorded

GRID_POINTS = 100
LAST_EPISODES = 100

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
T = TypeVar("T")


@dataclass(frozen=True)
class Replica:
    """What one replica did.

    `trained` are the steps it trained for, `steps` and `returns` its episodes in the order of their ends, `metrics`
    a row an iteration, and `evaluated` the mean return of each of its evaluations, in their order.
    """

    planned: PlannedRun
    seed: int
    trained: int
    steps: Integers
    returns: Floats
    metrics: pd.DataFrame
    evaluated: Floats

    @cached_property
    def iterations(self) -> Integers:
        """The steps at the end of each iteration."""
        return self.metrics["step"].to_numpy()

    @property
    def diverged(self) -> bool:
        """Whether it stopped before its budget, which a replica does only when a parameter is not finite."""
        return self.trained < self.planned.run.steps or bool(np.isnan(self.returns).any())

    @property
    def status(self) -> str:
        """`scored`, or why it has no score: `diverged` or `no episode`."""
        if self.diverged:
            return "diverged"
        return "scored" if len(self.returns) else "no episode"

    def ended_in(self, iteration: int) -> Floats:
        """Returns of the episodes that ended in an iteration, counted from 1; none if it was not reached."""
        ends = np.concatenate([[0], self.iterations])
        if iteration >= len(ends):
            return self.returns[:0]
        inside = (self.steps > ends[iteration - 1]) & (self.steps <= ends[iteration])
        return np.asarray(self.returns[inside])

    @property
    def untrained(self) -> float:
        """Mean return of the episodes before the first update; the first episode's, where none ended so early."""
        before = self.ended_in(1)
        return _mean(before if len(before) else self.returns[:1])

    @cached_property
    def curve(self) -> tuple[Integers, Floats]:
        """The grid and the curve; NaN once it has diverged."""
        grid = _grid(self.planned.run.steps)
        points = curve(self.steps, self.returns, grid)
        return grid, np.where(grid <= self.trained, points, np.nan) if self.diverged else points


def curve(steps: Integers, returns: Floats, grid: Integers) -> Floats:
    """The mean return of the episodes that finished in each bin of a grid.

    A bin ends at its grid point, which belongs to it, and begins after the point before. Where no episode
    finished in a bin, the value before is carried forward; before the first finished episode it is NaN.

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
    counted = block.episodes[block.episodes["step"] <= planned.run.steps]
    steps, returns = counted["step"].to_numpy(), _finite(counted["episodic_return"])
    tables = (counted, block.metrics, block.evaluations)
    for seed, own, updates, evaluated in zip(
        block.record.seeds, *(_rows_of_seeds(table, block.record.seeds) for table in tables), strict=True
    ):
        metrics = block.metrics.iloc[updates]
        trained = int(metrics["step"].max()) if len(metrics) else 0
        evaluations = _evaluated(block.evaluations.iloc[evaluated])
        yield Replica(planned, seed, trained, steps[own], returns[own], metrics, evaluations)


def _rows_of_seeds(table: pd.DataFrame, seeds: Sequence[int]) -> list[slice]:
    """The rows of each seed, in a table that is in the order of seeds, as those of blocks are."""
    found, wanted = table["seed"].to_numpy(), np.asarray(seeds)
    starts, ends = (np.searchsorted(found, wanted, side) for side in ("left", "right"))
    return [slice(*each) for each in zip(starts, ends, strict=True)]


def _evaluated(episodes: pd.DataFrame) -> Floats:
    """The mean return of each evaluation of a replica, in their order; NaN where one is not finite."""
    if not len(episodes):
        return np.empty(0)
    ends = np.flatnonzero(np.diff(episodes["step"])) + 1
    return np.array([np.mean(returns) for returns in np.split(_finite(episodes["episodic_return"]), ends)])


def _finite(returns: pd.Series) -> Floats:
    """The returns, with NaN for those that are not finite."""
    values = returns.to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def _grid(budget: int) -> Integers:
    """Up to `GRID_POINTS` steps, evenly spaced, the last of them the budget."""
    return np.unique(np.linspace(0, budget, GRID_POINTS + 1).astype(np.int64)[1:])


def score(replica: Replica) -> dict[str, Any]:
    """One replica's row of scores; NaN where it has none, with the reason as its status."""
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
    """Those of `EVALUATIONS` that the run was evaluated for; NaN for the others, and if it diverged."""
    if replica.diverged or not len(replica.evaluated):
        return dict.fromkeys(EVALUATIONS, np.nan)
    found = {
        "deterministic_evaluation": float(replica.evaluated[-1]),
        "maximum_of_evaluations": float(np.max(replica.evaluated)),
    }
    return found | dict.fromkeys(unrecorded(replica.planned.run.evaluation), np.nan)


def metric_scores(metrics: pd.DataFrame, scores: Iterable[Score]) -> dict[str, float]:
    """Those of the scores that are made of a metric; NaN where it was not recorded."""
    parts = {score: metric_score(score) for score in scores}
    return {score: _over_iterations(metrics, each) for score, each in parts.items() if each is not None}


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


def _mean(values: Floats) -> float:
    return float(np.mean(values)) if len(values) else np.nan
