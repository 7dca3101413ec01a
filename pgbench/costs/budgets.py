"""What studies will cost, as text for people: runs, steps, and time on one core and on so many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pgbench.base.wording import text_table
from pgbench.costs.model import CostEstimate, CostModel, makespan
from pgbench.methods import runs
from pgbench.studies.plans import StudyPlan


@dataclass(frozen=True)
class PlannedBlock:
    """A block of a plan: `<run>/<seeds>`, its replicas, its environment steps in all, and its estimated cost."""

    name: str
    replicas: int
    steps: int
    cost: CostEstimate

    @property
    def run(self) -> str:
        """The run's name."""
        return self.name.partition("/")[0]


def planned_blocks(plans: Iterable[StudyPlan], model: CostModel) -> list[PlannedBlock]:
    """The blocks of plans, each once, in the order of the plans."""
    blocks = {}
    for plan in plans:
        for planned in plan.runs:
            for seeds in planned.blocks:
                name, replicas = f"{planned.name}/{seeds}", len(runs.seeds_of(seeds))
                if name not in blocks:
                    cost = model.estimate(planned.run, replicas)
                    blocks[name] = PlannedBlock(name, replicas, planned.run.steps * replicas, cost)
    return list(blocks.values())


def describe(plans: Sequence[StudyPlan], model: CostModel, cores: int, results: Path) -> str:
    """Each run, each study, and all of them: what they are and what they cost.

    Args:
        plans: under one preset.
        model: what training costs.
        cores: that train side by side.
        results: where finished blocks are looked for.
    """
    everything = planned_blocks(plans, model)
    left = [block for block in everything if not (results / "runs" / block.name / "run.json").exists()]
    return "\n\n".join(
        [_runs(plans, everything), _studies(plans, model, cores), _total(everything, left, cores)]
    )


def scaling(plans: Iterable[StudyPlan], model: CostModel, overhead: float) -> str:
    """All studies on 2 to 512 cores: how long, how busy the cores are, and what bounds it.

    Args:
        plans: under one preset.
        model: what training costs.
        overhead: seconds that each job takes besides, to be submitted and to start.
    """
    blocks = planned_blocks(plans, model)
    seconds = [block.cost.seconds for block in blocks]
    jobs = [each + overhead for each in seconds]
    rows = []
    for cores in (2**power for power in range(1, 10)):
        end = makespan(jobs, cores)
        rows.append((f"{cores}", _time(end), f"{sum(seconds) / (cores * end):.0%}"))
    longest = max(blocks, key=lambda block: block.cost.seconds)
    return (
        f"{text_table(('cores', 'time', 'busy'), rows)}\n\n"
        f"together {len(blocks)} jobs, {_time(sum(seconds))} of one core\n"
        f"no number of cores is faster than the longest job: {_time(longest.cost.seconds)}, {longest.name}"
    )


def _runs(plans: Sequence[StudyPlan], blocks: Sequence[PlannedBlock]) -> str:
    """A line for each run of each study."""
    costs = {block.name: block.cost for block in blocks}
    rows = []
    for plan in plans:
        for planned in plan.runs:
            of_run = [costs[f"{planned.name}/{seeds}"] for seeds in planned.blocks]
            time = _time(sum(cost.seconds for cost in of_run))
            steps, seeds = f"{planned.run.steps:,}", " ".join(planned.blocks)
            about = (plan.name, planned.variant, planned.environment, steps, seeds)
            rows.append((*about, time, of_run[0].basis, planned.name))
    head = ("study", "variant", "environment", "steps", "seeds", "core time", "estimated from", "run")
    return text_table(head, rows)


def _studies(plans: Iterable[StudyPlan], model: CostModel, cores: int) -> str:
    """A line for each study, as if it were the only one."""
    rows = []
    for plan in plans:
        blocks = planned_blocks([plan], model)
        counts = (_runs_in(blocks), len(blocks), *(sum(column) for column in _sizes(blocks)))
        seconds = [block.cost.seconds for block in blocks]
        times = (_time(sum(seconds)), _time(max(seconds)), _time(makespan(seconds, cores)))
        rows.append((plan.name, *(f"{count:,}" for count in counts), *times))
    head = ("study", "runs", "blocks", "replicas", "environment steps", "core time", "longest block")
    return text_table((*head, f"on {_cores(cores)}"), rows)


def _total(blocks: Sequence[PlannedBlock], left: Sequence[PlannedBlock], cores: int) -> str:
    """What all studies cost, counting what they share once, and what of it is left to do."""
    replicas, steps = (sum(column) for column in _sizes(blocks))
    size = (
        f"{_runs_in(blocks)} runs in {len(blocks)} blocks, {replicas:,} replicas, {steps:,} environment steps"
    )
    lines = [f"{size}: {_cost(blocks, cores)}"]
    if len(left) < len(blocks):
        lines.append(f"{len(blocks) - len(left)} blocks are finished; for the others {_cost(left, cores)}")
    return "\n".join(lines)


def _cost(blocks: Sequence[PlannedBlock], cores: int) -> str:
    seconds = [block.cost.seconds for block in blocks]
    together = _time(makespan(seconds, cores))
    return f"about {_time(sum(seconds))} of training on one core, {together} on {_cores(cores)}"


def _cores(count: int) -> str:
    return "1 core" if count == 1 else f"{count} cores"


def _sizes(blocks: Sequence[PlannedBlock]) -> tuple[list[int], list[int]]:
    return [block.replicas for block in blocks], [block.steps for block in blocks]


def _runs_in(blocks: Iterable[PlannedBlock]) -> int:
    return len({block.run for block in blocks})


def _time(seconds: float) -> str:
    """Seconds as a person says them: in seconds, minutes or hours."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if seconds < 99.5 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
