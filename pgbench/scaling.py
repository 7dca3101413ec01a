"""How a replication would scale: its jobs, as long as measured ones were, put on cores as Snakemake puts them."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pgbench import results, studies
from pgbench.refusals import Refusal
from pgbench.results import Record
from pgbench.specs import Run
from pgbench.storage import read_record


@dataclass(frozen=True)
class Scaling:
    """A replication on some number of cores.

    Attributes:
        cores: at work at the same time.
        seconds: until the last job has ended.
        busy: share of the cores' time in which they work, in (0, 1].
    """

    cores: int
    seconds: float
    busy: float


def measured(directory: Path) -> list[Record]:
    """The records of all finished blocks in a results folder.

    Raises:
        Refusal: if there is none, or one is damaged.
    """
    paths = sorted(directory.glob(f"runs/*/*/{results.RECORD}"))
    if not paths:
        raise Refusal(f"{directory}: holds no finished block whose time could be taken")
    return [read_record(path, Record, results.REMEDY) for path in paths]


def job_seconds(plans: Iterable[studies.StudyPlan], records: Sequence[Record]) -> dict[str, float]:
    """How long each block of some plans would take, in the order in which they stand there.

    The time is the median, over measured blocks, of seconds for a step of a replica, times steps and replicas: of
    the same method on the same environment if there are any, else of the same environment, else of all. Large
    blocks share more than small ones, so it is too long where the measured blocks were smaller.
    """
    costs = _costs(records)
    return {
        f"{planned.name}/{block}": _cost(costs, planned.run)
        * planned.run.steps
        * len(studies.seeds_of(block))
        for plan in plans
        for planned in plan.runs
        for block in planned.blocks
    }


def schedule(seconds: Sequence[float], cores: int, overhead: float) -> Scaling:
    """Each job, in order, begins on the first core that is free.

    Args:
        seconds: each job's.
        cores: how many.
        overhead: seconds that each job takes besides, to be submitted and to start.
    """
    free = [0.0] * cores
    for each in seconds:
        heapq.heappush(free, heapq.heappop(free) + each + overhead)
    end = max(free)
    return Scaling(cores, end, sum(seconds) / (cores * end))


def _costs(records: Iterable[Record]) -> dict[tuple[str, ...], float]:
    """Seconds for a step of a replica, by what is known: method and environment, environment, nothing."""
    found: dict[tuple[str, ...], list[float]] = {}
    for record in records:
        for key in _keys(record.run):
            found.setdefault(key, []).append(record.seconds / record.steps)
    return {key: median(each) for key, each in found.items()}


def _cost(costs: Mapping[tuple[str, ...], float], run: Run) -> float:
    return next(costs[key] for key in _keys(run) if key in costs)


def _keys(run: Run) -> list[tuple[str, ...]]:
    return [(studies.run_name(run).partition(".")[0], run.environment), (run.environment,), ()]
