"""Text for people: what studies cost in runs, steps and hours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pgbench.base.wording import count, duration, text_table
from pgbench.costs.model import CostEstimate, CostModel, makespan
from pgbench.methods import runs
from pgbench.storage.layout import RECORD, Layout
from pgbench.studies.plans import StudyPlan


@dataclass(frozen=True)
class PlannedBlock:
    """A block of a plan.

    Attributes:
        name: `<run>/<block>`.
        replicas: trained in lockstep.
        steps: environment steps of all replicas together.
        cost: as estimated.
    """

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
    """What all studies together are and cost, and then each study.

    Args:
        plans: under one preset.
        model: what training costs.
        cores: the number of jobs that train side by side.
        results: the results folder, whose finished blocks need no more training.
    """
    blocks, layout = planned_blocks(plans, model), Layout(results)
    unfinished = [block for block in blocks if not (layout.block(block.name) / RECORD).exists()]
    return f"{_total(blocks, unfinished, cores)}\n\n{_studies(plans, model, cores)}"


def scaling(plans: Iterable[StudyPlan], model: CostModel, overhead: float) -> str:
    """How long all studies take on 2 to 512 cores, how busy the cores are, and which job bounds the time.

    Args:
        plans: under one preset.
        model: what training costs.
        overhead: seconds that each job needs in addition, to be submitted and to start.
    """
    blocks = planned_blocks(plans, model)
    seconds = [block.cost.seconds for block in blocks]
    jobs = [block.cost.seconds + overhead for block in blocks]
    rows = []
    for cores in (2**power for power in range(1, 10)):
        end = makespan(jobs, cores)
        rows.append((f"{cores}", duration(end), f"{sum(seconds) / (cores * end):.0%}"))
    longest = max(blocks, key=lambda block: block.cost.seconds)
    return (
        f"{text_table(('cores', 'time', 'busy'), rows)}\n\n"
        f"together {count(len(blocks), 'job')}, {duration(sum(seconds))} of one core\n"
        f"no number of cores is faster than the longest job: {duration(longest.cost.seconds)}, {longest.name}"
    )


def describe_runs(plans: Sequence[StudyPlan], model: CostModel) -> str:
    """A line for each run of each study, with what its estimate rests on."""
    costs = {block.name: block.cost for block in planned_blocks(plans, model)}
    rows = []
    for plan in plans:
        for planned in plan.runs:
            of_run = [costs[f"{planned.name}/{seeds}"] for seeds in planned.blocks]
            time = duration(sum(cost.seconds for cost in of_run))
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
        numbers = (_distinct_runs(blocks), len(blocks), _replicas(blocks), _steps(blocks))
        seconds = [block.cost.seconds for block in blocks]
        times = (sum(seconds), max(seconds), makespan(seconds, cores))
        rows.append((plan.name, *(f"{number:,}" for number in numbers), *map(duration, times)))
    head = ("study", "runs", "blocks", "replicas", "environment steps", "core time", "longest block")
    return text_table((*head, f"on {count(cores, 'core')}"), rows)


def _total(blocks: Sequence[PlannedBlock], unfinished: Sequence[PlannedBlock], cores: int) -> str:
    """What all studies cost, with blocks that they share counted once, and what is still to be trained."""
    parts = [
        f"{count(_distinct_runs(blocks), 'run')} in {count(len(blocks), 'block')}",
        count(_replicas(blocks), "replica"),
        count(_steps(blocks), "environment step"),
    ]
    lines = [f"{', '.join(parts)}: {_cost(blocks, cores)}"]
    if len(unfinished) < len(blocks):
        finished = count(len(blocks) - len(unfinished), "finished block")
        lines.append(f"without {finished}: {_cost(unfinished, cores)}")
    return "\n".join(lines)


def _cost(blocks: Sequence[PlannedBlock], cores: int) -> str:
    seconds = [block.cost.seconds for block in blocks]
    time = duration(makespan(seconds, cores))
    return f"about {duration(sum(seconds))} of training on one core, {time} on {count(cores, 'core')}"


def _replicas(blocks: Iterable[PlannedBlock]) -> int:
    return sum(block.replicas for block in blocks)


def _steps(blocks: Iterable[PlannedBlock]) -> int:
    return sum(block.steps for block in blocks)


def _distinct_runs(blocks: Iterable[PlannedBlock]) -> int:
    return len({block.run for block in blocks})
