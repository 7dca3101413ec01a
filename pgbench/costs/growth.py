"""Measures how the speed and the memory of PPO grow with replicas, width and environments.

The block size is chosen by it. Time is CPU time, as in `costs.measure`. Each measurement is a process, so that its
largest memory is that of a job, with all that a job loads.
"""

from __future__ import annotations

import resource
import statistics
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import NamedTuple

import torch

import pgbench.running.block  # noqa: F401 - a job loads it: its memory counts
from pgbench.base import wording
from pgbench.base.refusals import Breakdown
from pgbench.costs.measure import training_cost
from pgbench.methods import lineage, paths, runs
from pgbench.storage.provenance import origin_comment
from pgbench.studies.configuration import Configuration
from pgbench.training.loop import train

ENVIRONMENT = "HalfCheetah-v5"
BUDGET = 1_000_000
BATCH = 2048
"""Steps of a replica in an update, however many environments take them."""
WARM_UP = 64
"""Steps of a replica in an update that is not measured: one minibatch."""


class GrowthSetting(NamedTuple):
    """What is measured: replicas in lockstep, units of each hidden layer, environments of a replica."""

    replicas: int
    width: int
    environments: int

    def __str__(self) -> str:
        return ", ".join(f"{factor} {value}" for factor, value in self._asdict().items())


DEFAULT = GrowthSetting(replicas=10, width=64, environments=1)
"""The defaults of block size, width and environments; one of these factors is varied at a time."""
FACTORS = {
    "replicas": (1, 2, 4, 8, 10, 16, 32, 64),
    "width": (64, 128, 256, 512),
    "environments": (1, 2, 4, 8, 16),
}


class Growth(NamedTuple):
    """What a setting takes.

    Attributes:
        steps_per_second: of all replicas together, in a second of CPU time.
        mebibytes: the largest memory of the process.
    """

    steps_per_second: float
    mebibytes: float


def settings() -> list[GrowthSetting]:
    """The default, and the settings that differ from it in one factor."""
    varied = (DEFAULT._replace(**{factor: value}) for factor, values in FACTORS.items() for value in values)
    return list(dict.fromkeys(varied))


def measure_growth(rounds: int) -> dict[GrowthSetting, Growth]:
    """Measure every setting; settings take turns, so that a busy moment does not hit one of them alone.

    Args:
        rounds: measurements of each setting, of which the median is kept.

    Raises:
        Breakdown: if a process that measures is ended from outside.
    """
    figures: dict[GrowthSetting, list[Growth]] = {setting: [] for setting in settings()}
    for number in range(1, rounds + 1):
        for setting, of_setting in figures.items():
            print(f"round {number} of {rounds}: {setting}", file=sys.stderr)
            of_setting.append(measure_in_new_process(setting))
    return {setting: medians(of_setting) for setting, of_setting in figures.items()}


def medians(figures: Sequence[Growth]) -> Growth:
    """The median speed and the median memory."""
    return Growth(*(statistics.median(column) for column in zip(*figures, strict=True)))


def measure_in_new_process(setting: GrowthSetting) -> Growth:
    """`measure_setting` in a new process."""
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
            return executor.submit(measure_setting, setting).result()
    except BrokenProcessPool:
        raise Breakdown(
            f"measure-growth: the process that measured {setting} was ended, perhaps because memory ran out; "
            "nothing was written: run it again with more memory"
        ) from None


def measure_setting(setting: GrowthSetting) -> Growth:
    """Measure a setting in this process, after an update on a small batch: the first use of torch is slow."""
    torch.set_num_threads(1)
    next(train(run_at(setting, WARM_UP), range(setting.replicas)))
    microseconds = training_cost(run_at(setting, BATCH), setting.replicas)
    # A process begins with the largest memory of its parent; ours has loaded the same modules and trains nothing.
    return Growth(1e6 / microseconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def run_at(setting: GrowthSetting, batch: int) -> runs.Run:
    """PPO as practised at a setting; a replica takes `batch` steps an update."""
    changes = {
        "networks.hidden": [setting.width] * 2,
        "data.environments": setting.environments,
        "data.steps": batch // setting.environments,
    }
    algorithm = paths.with_values(lineage.LINEAGE["ppo"].algorithm, changes)
    return runs.Run(algorithm=algorithm, environment=ENVIRONMENT, steps=BUDGET)


def growth_table(measured: dict[GrowthSetting, Growth], rounds: int) -> str:
    """The text of a `growth.csv`."""
    return "\n".join(
        [
            f"""\
# How training grows; docs/benchmarks.md shows it. Written by `python -m pgbench measure-growth`.
# PPO as practised on {ENVIRONMENT}, one core: `replicas` in lockstep, `width` units in each of two hidden layers,
# `environments` of each replica, which take {BATCH} steps an update together. One of the three is varied at a time.
# `steps_per_second` of CPU time, of all replicas together; `mebibytes`, the largest memory of the process.
# Whole updates at the beginning of training, after a warm-up; medians of `rounds`, in which settings take turns.
{origin_comment()}""",
            ",".join([*GrowthSetting._fields, *Growth._fields, "rounds"]),
            *(
                f"{','.join(map(str, setting))},{growth.steps_per_second:.0f},{growth.mebibytes:.0f},{rounds}"
                for setting, growth in measured.items()
            ),
        ]
    )


def advice(measured: dict[GrowthSetting, Growth], configuration: Configuration) -> str:
    """Which block size makes the most of a core in a job's memory, and what the configured block size makes."""
    blocks = {setting.replicas: growth for setting, growth in measured.items() if _varies_replicas(setting)}
    memory = configuration.job_megabytes * 10**6 / 2**20
    fitting = {replicas: growth for replicas, growth in blocks.items() if growth.mebibytes <= memory}
    limit = f"the {wording.number(memory)} MiB that a job has (job_megabytes)"
    configured = f"the configured block of {configuration.block_size} (block_size)"
    if not fitting:
        return f"No measured block fits into {limit}; {configured} must become smaller, or the memory larger."
    best = max(fitting, key=lambda replicas: fitting[replicas].steps_per_second)
    speed = wording.number(fitting[best].steps_per_second)
    block = f"a block of {wording.count(best, 'replica')}"
    advised = f"In {limit}, {block} makes the most of a core: {speed} steps a second"
    if configuration.block_size not in blocks:
        return f"{advised}; {configured} was not measured."
    made = blocks[configuration.block_size].steps_per_second
    share = wording.percent(made / fitting[best].steps_per_second)
    return f"{advised}; {configured} makes {wording.number(made)}, {share} of that."


def _varies_replicas(setting: GrowthSetting) -> bool:
    """Whether a setting differs from the default in its replicas alone, or not at all."""
    return setting == DEFAULT._replace(replicas=setting.replicas)
