"""What it costs to gather and report finished training: simulated studies, through the verbs of the workflow.

`python tests/benchmarks/reporting.py` simulates 40 studies of 10 variants on 5 environments with 10 seeds, that is
2,000 runs, writes their blocks as training does, and then gathers, reports and indexes them. Wall time is only
comparable on a machine that does nothing else; CPU time is nearly so on any. `--folder` keeps the blocks, so that
a second call begins with gathering.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from processes import run

from pgbench.methods.runs import seeds_of
from pgbench.running.condensing import condensed
from pgbench.running.recording import Rows
from pgbench.storage.blocks import RECORD, BlockTables, write_block
from pgbench.storage.provenance import provenance
from pgbench.studies.configuration import Configuration, Preset
from pgbench.studies.plans import PlannedRun, StudyPlan, plan_study
from pgbench.studies.study import Study
from pgbench.training.iteration import Outcome

VARIANTS = 10
BATCH = 2048
METRICS = (
    *("kl", "approximate_kl", "ratio_maximum", "ratio_minimum", "clip_fraction", "entropy"),
    *("explained_variance", "value_loss", "surrogate_gain", "gradient_norm", "gradient_signal_to_noise"),
)


class World(NamedTuple):
    """An environment as training sees it.

    Attributes:
        steps: the budget of a replica.
        first: length of an episode at the beginning.
        last: and at the end.
        untrained: return at the beginning.
        trained: and at the end.
    """

    steps: int
    first: int
    last: int
    untrained: float
    trained: float


WORLDS = {
    "CartPole-v1": World(100_000, 20, 200, 20.0, 200.0),
    "HalfCheetah-v5": World(1_000_000, 1000, 1000, -300.0, 4000.0),
    "Hopper-v5": World(1_000_000, 60, 350, 20.0, 2500.0),
    "Walker2d-v5": World(1_000_000, 80, 700, 10.0, 3000.0),
    "Acrobot-v1": World(300_000, 500, 90, -500.0, -90.0),
}


class Stage(NamedTuple):
    """What a part of the work took, in seconds; `memory` is the largest process's, in bytes."""

    wall: float
    cpu: float
    memory: int
    processes: int


def study(number: int) -> StudyPlan:
    """A study whose runs no other has."""
    variants: dict[str, dict[str, Any]] = {
        f"λ = {lam:.2f}": {"advantage.lam": lam, "gamma": 0.9 + number / 1000}
        for lam in np.linspace(0.5, 0.95, VARIANTS).round(3).tolist()
    }
    described = Study(
        question="How long does it take to report so many runs?",
        parent="ppo",
        seeds=10,
        environments={name: world.steps for name, world in WORLDS.items()},
        variants=variants,
    )
    name = f"simulated-{number}"
    configuration = Configuration(preset="paper", studies=[name], presets={"paper": Preset()})
    return plan_study(name, described, configuration)


def simulate(planned: PlannedRun, block: str, rng: np.random.Generator) -> BlockTables:
    """The tables of a block that learns, each seed to a level of its own, and that was not evaluated."""
    world = WORLDS[planned.environment]
    episodes, metrics = [], []
    for seed in seeds_of(block):
        most = world.steps // min(world.first, world.last) + 1
        progress = np.linspace(0.0, 1.0, most)
        lengths = world.first + (world.last - world.first) * progress**0.5
        lengths = (lengths * rng.uniform(0.7, 1.3, most)).astype(np.int64).clip(1, 1000)
        steps = np.cumsum(lengths)
        inside = steps <= world.steps
        steps, lengths = steps[inside], lengths[inside]
        learnt = (1.0 - np.exp(-4.0 * steps / world.steps)) * rng.normal(1.0, 0.15)
        span = world.trained - world.untrained
        returns = world.untrained + span * learnt + 0.1 * abs(span) * rng.standard_normal(len(steps))
        frame = {"seed": seed, "step": steps, "episodic_return": returns, "episodic_length": lengths}
        episodes.append(pd.DataFrame(frame | {"terminated": lengths < 1000, "cut": False}))
        ends = np.arange(BATCH, world.steps + BATCH, BATCH)
        keys = {"seed": seed, "iteration": np.arange(len(ends)), "step": ends}
        values = {name: rng.lognormal(size=len(ends)) for name in METRICS}
        metrics.append(pd.DataFrame(keys | values))
    all_episodes = pd.concat(episodes, ignore_index=True)
    rows = Rows(all_episodes, pd.concat(metrics, ignore_index=True), all_episodes.head(0))
    return condensed(rows, [Outcome(seed, int(ends[-1]), False) for seed in seeds_of(block)], world.steps)


def record_of(planned: PlannedRun, block: str) -> dict[str, Any]:
    """What a block's record says but for its tables."""
    seeds, moment = seeds_of(block), datetime(2030, 1, 1, tzinfo=UTC)
    steps = planned.run.steps * len(seeds)
    record = {"name": planned.name, "run": planned.run, "seeds": seeds, "code_digest": "0123abcd"}
    record |= {"started": moment, "finished": moment, "seconds": steps / 10_000, "steps": steps}
    return provenance() | record


def write_results(plan: StudyPlan, folder: Path) -> None:
    """Write a study's plan, and those of its blocks that are not there yet."""
    directory = folder / "studies" / "paper" / plan.name
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "plan.json").write_text(plan.model_dump_json(indent=2), encoding="utf-8")
    for planned in plan.runs:
        rng = np.random.default_rng(int(planned.name.rpartition(".")[2], 16))
        for block in planned.blocks:
            place = folder / "runs" / planned.name / block
            if not (place / RECORD).exists():
                write_block(place, simulate(planned, block, rng), record_of(planned, block))


def measure(commands: Sequence[Sequence[str]], cores: int) -> Stage:
    """Run verbs, as many at a time as there are cores."""
    begin = time.perf_counter()
    with ThreadPoolExecutor(cores) as pool:
        found = list(pool.map(lambda verb: run([sys.executable, "-m", "pgbench", *verb]), commands))
    return Stage(
        wall=time.perf_counter() - begin,
        cpu=sum(cost.cpu for cost in found),
        memory=max(cost.memory for cost in found),
        processes=len(found),
    )


def stages(names: Sequence[str], folder: Path, cores: int, together: bool) -> dict[str, Stage]:
    """Gather, report and index studies.

    Args:
        names: of the studies.
        folder: of the results.
        cores: processes at a time.
        together: whether a core's share of the studies is one process; else each study is, as in the workflow.
    """
    directories = [str(folder / "studies" / "paper" / name) for name in names]
    shares = cores if together else len(directories)
    parts = [directories[index::shares] for index in range(shares) if directories[index::shares]]
    pages = str(folder / "reports")
    index = ["--html", f"{pages}/index.html", "--markdown", f"{pages}/index.md"]
    return {
        "gather": measure([["gather", *part, "--results", str(folder)] for part in parts], cores),
        "report": measure([["report", *part, "--into", pages] for part in parts], cores),
        "index": measure([["index", *directories, *index]], cores),
    }


def main() -> None:
    """Simulate, measure, print a table, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=40, help="of 50 runs each")
    parser.add_argument("--cores", type=int, default=2, help="processes at a time")
    parser.add_argument("--together", action="store_true", help="a process a core, not one a study")
    parser.add_argument("--folder", type=Path, help="where the results are written and stay")
    parser.add_argument("--json", type=Path, default=Path("results/benchmarks/reporting.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        plans = [study(number) for number in range(options.studies)]
        for plan in plans:
            write_results(plan, folder)
        found = stages([plan.name for plan in plans], folder, options.cores, options.together)
    runs = sum(len(plan.runs) for plan in plans)
    print(f"{runs} runs of 10 seeds in {len(plans)} studies, {options.cores} processes at a time\n")
    print("stage      wall s     CPU s   largest process  processes")
    for name, stage in found.items():
        memory = f"{stage.memory / 2**20:,.0f} MiB"
        print(f"{name:8s} {stage.wall:8.1f}  {stage.cpu:8.1f}  {memory:>16s}  {stage.processes:9d}")
    total = {
        "wall": sum(each.wall for each in found.values()),
        "cpu": sum(each.cpu for each in found.values()),
    }
    print(f"together {total['wall']:8.1f}  {total['cpu']:8.1f}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    report = {"runs": runs, "cores": options.cores, "load": os.getloadavg()[0]}
    report |= {"stages": {name: stage._asdict() for name, stage in found.items()}}
    options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
