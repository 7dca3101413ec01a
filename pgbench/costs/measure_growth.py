"""Measuring on this machine how training grows, for the choice of a block size; see `pgbench.costs.growth`.

Time is taken as in `pgbench.costs.measure`. Each measurement is a process of its own, so that its largest memory is
its own too, with all that a job loads.
"""

from __future__ import annotations

import resource
import statistics
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import NamedTuple

import torch

import pgbench.running.block  # noqa: F401 - a job loads it: its memory counts
from pgbench.base.refusals import Breakdown
from pgbench.costs.growth import ENVIRONMENT, Growth, Setting, settings
from pgbench.costs.measure import training_cost
from pgbench.costs.measured import origin
from pgbench.methods import lineage, paths, runs
from pgbench.training.loop import train

BUDGET = 1_000_000
BATCH = 2048
"""Steps of a replica in an update, however many environments take them."""
WARM_UP = 64
"""Steps of a replica in an update that is not measured: one minibatch."""


class Found(NamedTuple):
    """What a setting took: steps of all replicas a second, and the process's largest memory in MiB."""

    steps_per_second: float
    mebibytes: float


def measure(rounds: int) -> str:
    """Measure every setting; they take turns, so that a busy moment does not hit one alone.

    Args:
        rounds: the medians of so many measurements are kept.

    Returns:
        The text of a `growth.csv`.

    Raises:
        Breakdown: if a process that measures is ended from outside.
    """
    head = _head()  # before measuring: a checkout may be edited meanwhile
    found: dict[Setting, list[Found]] = {setting: [] for setting in settings()}
    for number in range(1, rounds + 1):
        for setting, figures in found.items():
            print(f"round {number} of {rounds}: {setting}", file=sys.stderr)
            figures.append(_measure_alone(setting))
    return "\n".join(
        [head, ",".join(Growth.model_fields), *(_line(*setting_found) for setting_found in found.items())]
    )


def measure_setting(setting: Setting) -> Found:
    """Measure a setting in this process, after an update on a small batch: the first use of torch is slow."""
    torch.set_num_threads(1)
    next(train(_run(setting, WARM_UP), range(setting.replicas)))
    microseconds = training_cost(_run(setting, BATCH), setting.replicas)
    # The kernel has a process begin with its parent's largest memory; ours has loaded the same and trains nothing.
    return Found(1e6 / microseconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _measure_alone(setting: Setting) -> Found:
    """Measure a setting in a new process."""
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
            return executor.submit(measure_setting, setting).result()
    except BrokenProcessPool:
        raise Breakdown(
            f"measure-growth: the process that measured {setting} was ended, perhaps because memory ran out; "
            "nothing was written: run it again with more"
        ) from None


def _run(setting: Setting, batch: int) -> runs.Run:
    """PPO as practised, at a setting, with a replica's batch of so many steps."""
    changes = {
        "networks.hidden": [setting.width] * 2,
        "data.environments": setting.environments,
        "data.steps": batch // setting.environments,
    }
    algorithm = paths.with_values(lineage.LINEAGE["ppo"].algorithm, changes)
    return runs.Run(algorithm=algorithm, environment=ENVIRONMENT, steps=BUDGET)


def _line(setting: Setting, found: list[Found]) -> str:
    rate, memory = (statistics.median(figures) for figures in zip(*found, strict=True))
    return ",".join([*map(str, setting), f"{rate:.0f}", f"{memory:.0f}", str(len(found))])


def _head() -> str:
    """Comments that say where the figures come from."""
    return f"""\
# How training grows, for the report. Written by `python -m pgbench measure-growth`; see pgbench/growth.py.
# PPO as practised on {ENVIRONMENT}, one core: `replicas` in lockstep, `width` units in each of two hidden layers,
# `environments` of each replica, which take {BATCH} steps an update together. One of the three is varied at a time.
# `steps_per_second` of CPU time, of all replicas together; `mebibytes`, the largest memory of the process.
# Whole updates at the beginning of training, after a warm-up; medians of `rounds`, in which settings take turns.
{origin()}"""
