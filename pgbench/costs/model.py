"""What training costs, in seconds of one core: a model of two measured parts, corrected by finished blocks.

A step costs the simulation, which depends on how many rows are stepped together, plus acting and learning, which
depend on the number of replicas in lockstep. `python -m pgbench measure` measures both and writes them, with their
origin, to `workflows/costs.csv`. Where blocks of the same method have finished on the same environment, the model
is multiplied by the ratio of their time to the model's. Imports no tensor library.
"""

from __future__ import annotations

import csv
import heapq
import statistics
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, PositiveInt, ValidationError

from pgbench.base import wording
from pgbench.base.refusals import Refusal, explain
from pgbench.base.specification import Specification
from pgbench.environments import time_limit
from pgbench.methods import lineage, naming
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.naming import label
from pgbench.methods.runs import Run
from pgbench.storage.layout import RECORD, Layout

REMEDY = "`python -m pgbench measure` writes it"
LONGEST = 1000
"""The assumed steps of an episode in an environment without a time limit."""
TELLING = 30.0
"""Seconds that a finished block must have taken to count: shorter blocks mostly show how training begins."""

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
    """The estimated cost of a block.

    Attributes:
        seconds: of one core, the start of the job included.
        basis: in words, what the estimate is made of.
    """

    seconds: float
    basis: str


@dataclass(frozen=True)
class Learning:
    """What acting, preparing and learning cost.

    Attributes:
        environments: E, the environments of each replica.
        points: replicas in lockstep → microseconds an environment step, as measured.
    """

    environments: int
    points: Mapping[int, float]


@dataclass(frozen=True)
class CostModel:
    """Costs as measured.

    Attributes:
        environments: id → rows stepped together → microseconds a step of one row.
        algorithms: label of an algorithm → its learning.
        start: seconds that a job takes before it trains.
        corrections: kind → for each finished block, its time divided by the model's.
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
            basis = wording.count(len(corrections), "finished block")
            return CostEstimate(self.start + factor * seconds, basis)
        return CostEstimate(self.start + seconds, basis)

    def training(self, run: Run, replicas: int, steps: int) -> tuple[float, str]:
        """Seconds that a block takes for this number of steps by the measured parts alone, and the basis."""
        learning, relative = self._learning(run.algorithm)
        stepping = self._stepping(run.environment, replicas * learning.environments)
        substitutes = [] if relative is None else [relative]
        if run.environment not in self.environments:
            substitutes.append("the median environment")
        basis = f"nearest: {', '.join(substitutes)}" if substitutes else "measured"
        microseconds = _with_reference(run, steps) * (stepping + step_time(learning.points, replicas))
        return (microseconds + self._evaluating(run, replicas)) / 1e6, basis

    def _stepping(self, environment: str, rows: int) -> float:
        """Microseconds a step of one row; the median environment's if this one was not measured."""
        points = self.environments.get(environment)
        if points is None:
            return statistics.median(step_time(other, rows) for other in self.environments.values())
        return step_time(points, rows)

    def _evaluating(self, run: Run, replicas: int) -> float:
        """Microseconds of a block's evaluations, if every episode lasts as long as it may."""
        if run.evaluation is None:
            return 0.0
        rows = replicas * run.evaluation.episodes
        limit = run.evaluation_limit(time_limit(run.environment))
        steps = rows * run.evaluation.times * (LONGEST if limit is None else limit)
        return steps * self._stepping(run.environment, rows)

    def _learning(self, algorithm: Algorithm) -> tuple[Learning, str | None]:
        """The learning of an algorithm and None, or that of its nearest measured ancestor and its name."""
        if label(algorithm) in self.algorithms:
            return self.algorithms[label(algorithm)], None
        name: str | None = naming.nearest_member(algorithm).name
        while name is not None:
            if name in self.algorithms:
                return self.algorithms[name], name
            name = lineage.LINEAGE[name].parent
        raise Refusal(f"costs: no relative of {label(algorithm)} was measured; {REMEDY}")


def _with_reference(run: Run, steps: int) -> float:
    """Steps with those of reference batches, each as if it were one of training: an upper bound of their cost."""
    return steps if run.reference is None else steps * (1.0 + run.reference.batches / run.reference.every)


def step_time(points: Mapping[int, float], rows: int) -> float:
    """Microseconds a step of one row, when `rows` rows are stepped together.

    Rows share an overhead, and each row adds its own time. Between two measurements the time of all rows together
    is therefore linear in their number. Outside the measurements a row's time is that of the nearest one.

    Args:
        points: rows stepped together → microseconds a step of one row, as measured.
        rows: stepped together.
    """
    known = sorted(points)
    if not known[0] < rows < known[-1]:
        return points[min(known, key=lambda measured: abs(measured - rows))]
    low, high = next((low, high) for low, high in pairwise(known) if low <= rows <= high)
    slope = (high * points[high] - low * points[low]) / (high - low)
    return (low * points[low] + slope * (rows - low)) / rows


def kind(run: Run) -> Kind:
    """The runs whose cost a finished block corrects: those of the same nearest member on the same environment."""
    return naming.nearest_member(run.algorithm).name, run.environment


def read_costs(path: Path, finished: Iterable[FinishedBlock]) -> CostModel:
    """The model from a file of measurements, corrected by finished blocks.

    Args:
        path: a CSV of `MeasuredCost`, below comments that begin with '#'.
        finished: see `finished_blocks`; blocks of less than `TELLING` seconds do not count.

    Raises:
        Refusal: if the file cannot be read, or a line in it is wrong.
    """
    costs = list(_read_measurements(path))
    points: dict[tuple[str, str], dict[int, float]] = {}
    for cost in costs:
        points.setdefault((cost.part, cost.name), {})[cost.replicas] = cost.microseconds
    model = CostModel(
        environments={name: measured for (part, name), measured in points.items() if part == "environment"},
        algorithms={
            cost.name: Learning(cost.environments, points[cost.part, cost.name])
            for cost in costs
            if cost.part == "algorithm"
        },
        start=sum(cost.microseconds for cost in costs if cost.part == "job") / 1e6,
        corrections={},
    )
    corrections: dict[Kind, list[float]] = {}
    for block in finished:
        if block.seconds >= TELLING:
            expected, _ = model.training(block.run, len(block.seeds), block.steps)
            corrections.setdefault(kind(block.run), []).append(block.seconds / expected)
    return replace(model, corrections={kind: tuple(ratios) for kind, ratios in corrections.items()})


def _read_measurements(path: Path) -> Iterator[MeasuredCost]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise Refusal(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from None
    except ValueError as error:
        raise Refusal(f"{path}: is not a text file ({error}); {REMEDY}") from None
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        try:
            yield MeasuredCost.model_validate(row)
        except ValidationError as error:
            raise explain(error, f"{path}: {row['name']}", MeasuredCost) from None


def finished_blocks(results: Path) -> Iterator[FinishedBlock]:
    """The blocks among the results that this version can read."""
    for directory in Layout(results).blocks():
        if (block := finished_block(directory)) is not None:
            yield block


def finished_block(directory: Path) -> FinishedBlock | None:
    """The block in a directory; None if it is not finished, or if this version cannot read its record."""
    with suppress(OSError, ValidationError):
        return FinishedBlock.model_validate_json((directory / RECORD).read_bytes())
    return None


def makespan(seconds: Iterable[float], cores: int) -> float:
    """How long jobs of one core take, if they begin in turn, each on the first core that is free.

    At least the longest job and at least total / cores; at most 2 − 1/cores times the best schedule (Graham 1966).
    """
    busy_until = [0.0] * cores
    for duration in seconds:
        heapq.heapreplace(busy_until, busy_until[0] + duration)
    return max(busy_until)
