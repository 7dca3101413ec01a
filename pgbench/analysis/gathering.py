"""From the blocks of a study to its tables.

`gather` writes, into one directory, everything that figures and pages are made of:

* `episodes.parquet`: every finished training episode;
* `curves.parquet`: each replica's return on a grid of steps that is common to an environment's variants;
* `scores.parquet`: one row a replica, each published statistic under its own name;
* `summary.parquet` and `summary.csv`: each variant on each environment, over replicas;
* `effects.parquet`: each variant against the one before it;
* `verdicts.parquet` and `.csv`: each claim and what became of it;
* `claims.parquet` and `.csv`: each claim's effects in each environment;
* `published.parquet` and `.csv`: the published scores that claims name, beside the study's own;
* `provenance.json`: what was run, where, from which code and for how long.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, assert_never

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import AwareDatetime

from pgbench.analysis import claims, scaling, summaries
from pgbench.components import Specification
from pgbench.provenance import Machine
from pgbench.references import read_references
from pgbench.refusals import Refusal
from pgbench.results import REMEDY, Block, Record, read_block
from pgbench.scores import EVALUATIONS, RETURNS, MetricScore, Score, metric_score, unrecorded
from pgbench.storage import write_table, write_text
from pgbench.studies import PlannedRun, StudyPlan, seeds_of

GRID_POINTS = 100
LAST_EPISODES = 100

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
T = TypeVar("T")


class RunProvenance(Specification):
    """The cost of one planned run, all its blocks together."""

    variant: str
    environment: str
    run: str
    seeds: tuple[int, ...]
    steps: int
    seconds: float
    steps_per_second: float


class StudyProvenance(Specification):
    """Where a study's numbers come from: the distinct values over its blocks, so one of each if all agree."""

    runs: tuple[RunProvenance, ...]
    started: AwareDatetime
    finished: AwareDatetime
    steps: int
    seconds: float
    steps_per_second: float
    commits: tuple[str | None, ...]
    dirty: tuple[bool | None, ...]
    code_digests: tuple[str, ...]
    machines: tuple[Machine, ...]
    versions: tuple[dict[str, str], ...]

    @property
    def agree(self) -> bool:
        """Whether all blocks come from one state of the code, one set of versions and one machine."""
        traits: tuple[Sequence[Any], ...] = (
            self.commits,
            self.dirty,
            self.code_digests,
            self.machines,
            self.versions,
        )
        return all(len(values) == 1 for values in traits)


@dataclass(frozen=True)
class _Replica:
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


def gather(plan: StudyPlan, results: Path, destination: Path) -> None:
    """Read every block of a study and write its tables.

    Args:
        plan: the study.
        results: the directory that holds `runs/<run>/<block>/`.
        destination: where the tables go; made if missing.

    Raises:
        Refusal: if a block is missing, unfinished, altered, or not the one that the plan names.
    """
    blocks = [(planned, _read_blocks(planned, results)) for planned in plan.runs]
    destination.mkdir(parents=True, exist_ok=True)
    each = [(planned, block) for planned, found in blocks for block in found]
    replicas = [replica for pair in each for replica in _replicas(*pair)]
    asked = dict.fromkeys(claim.score for claim in plan.study.claims.values())
    scores = pd.DataFrame([_score(replica) | _metric_scores(replica.metrics, asked) for replica in replicas])
    scores = scaling.normalised(scores)
    summary = summaries.summary(scores)
    write_table(destination / "episodes.parquet", _episode_table(each))
    write_table(destination / "curves.parquet", _curve_table(replicas))
    write_table(destination / "scores.parquet", scores)
    write_table(destination / "summary.parquet", summary)
    write_text(destination / "summary.csv", summary.to_csv(index=False))
    write_table(destination / "effects.parquet", summaries.effects(scores))
    judgement = claims.judge(plan, scores, read_references())
    for name, table in judgement._asdict().items():
        write_table(destination / f"{name}.parquet", table)
        write_text(destination / f"{name}.csv", table.to_csv(index=False))
    records = [(planned, [block.record for block in found]) for planned, found in blocks]
    write_text(destination / "provenance.json", _provenance(records).model_dump_json(indent=2) + "\n")


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


def _read_blocks(planned: PlannedRun, results: Path) -> list[Block]:
    """The blocks of a run, each with the seeds that its name promises."""
    blocks = []
    for name in planned.blocks:
        directory = results / "runs" / planned.name / name
        block = read_block(directory, planned.name)
        if list(block.record.seeds) != seeds_of(name):
            raise Refusal(f"{directory}: holds the seeds {list(block.record.seeds)}, not {name}; {REMEDY}")
        blocks.append(block)
    return blocks


def _episode_table(blocks: Sequence[tuple[PlannedRun, Block]]) -> pd.DataFrame:
    """All episodes, each row saying all that it belongs to."""
    parts = [(planned.variant, planned.environment, planned.name) for planned, _ in blocks]
    names = _repeated(["variant", "environment", "run"], parts, [len(block.episodes) for _, block in blocks])
    columns = ["seed", "step", "episodic_return", "episodic_length"]
    values = pd.concat([block.episodes[columns] for _, block in blocks], ignore_index=True)
    return pd.concat([names, values], axis=1)


def _curve_table(replicas: Sequence[_Replica]) -> pd.DataFrame:
    """The curves of all replicas, one below the other."""
    curves = [replica.curve for replica in replicas]
    parts = [(replica.planned.variant, replica.planned.environment) for replica in replicas]
    lengths = [len(grid) for grid, _ in curves]
    values = {
        "seed": np.repeat([replica.seed for replica in replicas], lengths),
        "step": np.concatenate([grid for grid, _ in curves]),
        "episodic_return": np.concatenate([points for _, points in curves]),
    }
    return _repeated(["variant", "environment"], parts, lengths).astype("str").assign(**values)


def _repeated(columns: Sequence[str], rows: Sequence[tuple[str, ...]], counts: Sequence[int]) -> pd.DataFrame:
    """A table of texts, each row of which stands so many times; as categories, so that each text is kept once."""
    return pd.DataFrame(
        {
            name: pd.Categorical(values).take(np.repeat(np.arange(len(rows)), counts))
            for name, values in zip(columns, zip(*rows, strict=True), strict=True)
        }
    )


def _replicas(planned: PlannedRun, block: Block) -> Iterable[_Replica]:
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
        yield _Replica(planned, seed, trained, steps[own], returns[own], metrics, evaluations)


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


def _score(replica: _Replica) -> dict[str, Any]:
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


def _evaluation_scores(replica: _Replica) -> dict[str, float]:
    """Those of `EVALUATIONS` that the run was evaluated for; NaN for the others, and if it diverged."""
    if replica.diverged or not len(replica.evaluated):
        return dict.fromkeys(EVALUATIONS, np.nan)
    found = {
        "deterministic_evaluation": float(replica.evaluated[-1]),
        "maximum_of_evaluations": float(np.max(replica.evaluated)),
    }
    return found | dict.fromkeys(unrecorded(replica.planned.run.evaluation), np.nan)


def _metric_scores(metrics: pd.DataFrame, scores: Iterable[Score]) -> dict[str, float]:
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


def _provenance(records: Sequence[tuple[PlannedRun, list[Record]]]) -> StudyProvenance:
    """What was run and where, with the distinct origins in the order in which they appear."""
    every = [record for _, found in records for record in found]
    # A run that two variants share was trained, and is counted in the totals, once.
    trained = list({(record.name, record.seeds): record for record in every}.values())
    steps, seconds = sum(r.steps for r in trained), sum(r.seconds for r in trained)
    return StudyProvenance(
        runs=tuple(_run_provenance(planned, found) for planned, found in records),
        started=min(record.started for record in trained),
        finished=max(record.finished for record in trained),
        steps=steps,
        seconds=seconds,
        steps_per_second=_rate(steps, seconds),
        commits=_distinct(record.commit for record in trained),
        dirty=_distinct(record.dirty for record in trained),
        code_digests=_distinct(record.code_digest for record in trained),
        machines=_distinct(machine for record in trained for machine in record.machines),
        versions=_distinct(record.versions for record in trained),
    )


def _run_provenance(planned: PlannedRun, records: list[Record]) -> RunProvenance:
    steps, seconds = sum(record.steps for record in records), sum(record.seconds for record in records)
    return RunProvenance(
        variant=planned.variant,
        environment=planned.environment,
        run=planned.name,
        seeds=tuple(seed for record in records for seed in record.seeds),
        steps=steps,
        seconds=seconds,
        steps_per_second=_rate(steps, seconds),
    )


def _rate(steps: int, seconds: float) -> float:
    return steps / seconds if seconds > 0 else 0.0


def _distinct(values: Iterable[T]) -> tuple[T, ...]:
    found: list[T] = []
    for value in values:
        if value not in found:
            found.append(value)
    return tuple(found)
