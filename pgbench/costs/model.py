"""What training costs, in seconds of one core: a model of two measured parts, held against finished blocks.

A step of an environment costs what stepping that environment costs, with so many rows at a time, and what acting,
preparing and learning cost, with so many replicas in lockstep. Both are measured by `pgbench measure` and kept in
`workflows/costs.csv` with their origin. Where blocks of the same method have finished on the same environment, the
model is multiplied by how long they took in truth. Imports no tensor library.
"""

from __future__ import annotations

import heapq
import statistics
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, PositiveInt, ValidationError

from pgbench.base.refusals import Refusal, explain
from pgbench.base.specification import Specification
from pgbench.costs.measured import read_measured
from pgbench.environments import time_limit
from pgbench.methods import lineage, naming
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.naming import label
from pgbench.methods.runs import Run

REMEDY = "`python -m pgbench measure` writes it"
LONGEST = 1000
"""Steps that an episode is thought to last in an environment that never cuts one."""
TELLING = 30.0
"""Seconds that a finished block must have taken to count: shorter ones mostly show how training begins."""

Kind = tuple[str, str]
"""The nearest member of the lineage, and an environment."""


class MeasuredCost(Specification):
    """A line of `costs.csv`."""

    part: Literal["environment", "algorithm", "job"]
    name: str
    replicas: PositiveInt
    environments: PositiveInt
    microseconds: NonNegativeFloat
    rounds: PositiveInt


class FinishedBlock(BaseModel):
    """What a block's `run.json` says about its cost."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    run: Run
    seeds: tuple[int, ...]
    seconds: NonNegativeFloat
    steps: int


@dataclass(frozen=True)
class CostEstimate:
    """What a block is thought to cost.

    Attributes:
        seconds: of one core, the start of the job included.
        basis: what the figure rests on, in words.
    """

    seconds: float
    basis: str


@dataclass(frozen=True)
class Learning:
    """What acting, preparing and learning cost: microseconds a step at each number of replicas measured.

    Attributes:
        environments: E, side by side in each replica.
        points: replicas → microseconds an environment step.
    """

    environments: int
    points: Mapping[int, float]


@dataclass(frozen=True)
class CostModel:
    """Costs as measured.

    Attributes:
        environments: id → rows stepped together → microseconds a step of one of them.
        algorithms: label of an algorithm → its learning.
        start: seconds that a job takes before it trains.
        corrections: kind → finished blocks' times over the model's, one a block.
    """

    environments: Mapping[str, Mapping[int, float]]
    algorithms: Mapping[str, Learning]
    start: float
    corrections: Mapping[Kind, tuple[float, ...]]

    def estimate(self, run: Run, replicas: int) -> CostEstimate:
        """The cost of a block of a run.

        Raises:
            Refusal: if neither the run's algorithm nor a relative of it was measured.
        """
        seconds, basis = self.training(run, replicas, run.steps * replicas)
        corrections = self.corrections.get(kind(run), ())
        if corrections:
            factor = statistics.median(corrections)
            plural = "" if len(corrections) == 1 else "s"
            return CostEstimate(self.start + factor * seconds, f"{len(corrections)} finished block{plural}")
        return CostEstimate(self.start + seconds, basis)

    def training(self, run: Run, replicas: int, steps: int) -> tuple[float, str]:
        """Seconds that so many steps take in a block by the measured parts alone, and the basis."""
        learning, relative = self._learning(run.algorithm)
        stepping = self._stepping(run.environment, replicas * learning.environments)
        unknown = run.environment not in self.environments
        missing = [relative] * (relative is not None) + ["the median environment"] * unknown
        basis = f"nearest: {', '.join(filter(None, missing))}" if missing else "measured"
        microseconds = steps * (stepping + each_step(learning.points, replicas))
        return (microseconds + self._evaluating(run, replicas)) / 1e6, basis

    def _stepping(self, environment: str, rows: int) -> float:
        """Microseconds a step of one of so many rows; the median environment's where this one was not measured."""
        points = self.environments.get(environment)
        if points is None:
            return statistics.median(each_step(other, rows) for other in self.environments.values())
        return each_step(points, rows)

    def _evaluating(self, run: Run, replicas: int) -> float:
        """Microseconds of a block's evaluations, if every episode lasts as long as it may."""
        if run.evaluation is None:
            return 0.0
        rows = replicas * run.evaluation.episodes
        steps = rows * run.evaluation.times * (time_limit(run.environment) or LONGEST)
        return steps * self._stepping(run.environment, rows)

    def _learning(self, algorithm: Algorithm) -> tuple[Learning, str | None]:
        """What was measured of an algorithm, or of its nearest relative and whose it is."""
        if label(algorithm) in self.algorithms:
            return self.algorithms[label(algorithm)], None
        name: str | None = naming.nearest_member(algorithm).name
        while name is not None:
            if name in self.algorithms:
                return self.algorithms[name], name
            name = lineage.LINEAGE[name].parent
        raise Refusal(f"costs: no relative of {label(algorithm)} was measured; {REMEDY}")


def each_step(points: Mapping[int, float], rows: int) -> float:
    """Microseconds a step of one row, when so many rows go together.

    Rows together take an overhead that they share and what each adds, so between two measurements the time of all
    together is linear in the rows. Outside of them a row's time is that of the nearest.
    """
    known = sorted(points)
    if not known[0] < rows < known[-1]:
        return points[min(known, key=lambda measured: abs(measured - rows))]
    low, high = next((low, high) for low, high in pairwise(known) if low <= rows <= high)
    slope = (high * points[high] - low * points[low]) / (high - low)
    return (low * points[low] + slope * (rows - low)) / rows


def kind(run: Run) -> Kind:
    """What a finished block tells something about: the nearest member of the lineage, and the environment."""
    return naming.nearest_member(run.algorithm).name, run.environment


def read_costs(path: Path, finished: Iterable[FinishedBlock]) -> CostModel:
    """The model from a file of measurements, held against finished blocks.

    Args:
        path: lines of `Measurement`, after comments that begin with '#'.
        finished: see `finished_blocks`; those of less than `TELLING` seconds do not count.

    Raises:
        Refusal: if the file cannot be read, or a line in it is wrong.
    """
    measured = list(_read_measurements(path))
    points: dict[tuple[str, str], dict[int, float]] = {}
    for row in measured:
        points.setdefault((row.part, row.name), {})[row.replicas] = row.microseconds
    model = CostModel(
        environments={name: found for (part, name), found in points.items() if part == "environment"},
        algorithms={
            row.name: Learning(row.environments, points[row.part, row.name])
            for row in measured
            if row.part == "algorithm"
        },
        start=sum(row.microseconds for row in measured if row.part == "job") / 1e6,
        corrections={},
    )
    corrections: dict[Kind, list[float]] = {}
    for block in finished:
        if block.seconds >= TELLING:
            expected, _ = model.training(block.run, len(block.seeds), block.steps)
            corrections.setdefault(kind(block.run), []).append(block.seconds / expected)
    return replace(model, corrections={each: tuple(factors) for each, factors in corrections.items()})


def _read_measurements(path: Path) -> Iterator[MeasuredCost]:
    for row in read_measured(path, REMEDY).rows:
        try:
            yield MeasuredCost.model_validate(row)
        except ValidationError as error:
            raise explain(error, f"{path}: {row['name']}", MeasuredCost) from None


def finished_blocks(results: Path) -> Iterator[FinishedBlock]:
    """The blocks among the results that this version can read."""
    for path in sorted(results.glob("runs/*/*/run.json")):
        try:
            yield FinishedBlock.model_validate_json(path.read_bytes())
        except ValidationError:  # of an older version, or damaged: no help for an estimate
            continue


def makespan(seconds: Iterable[float], cores: int) -> float:
    """How long jobs of one core take, when each begins in turn on the first core that is free.

    At least the longest job and at least total / cores; at most 2 − 1/cores times the best schedule (Graham 1966).
    """
    busy_until = [0.0] * cores
    for each in seconds:
        heapq.heapreplace(busy_until, busy_until[0] + each)
    return max(busy_until)
