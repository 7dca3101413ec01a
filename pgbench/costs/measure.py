"""Measures on this machine what training costs; `costs.model` reads what is written.

All figures are CPU time of one thread, so that other work on the machine disturbs them little. They do not contain
the time that a thread waits for memory or for the other half of a core.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pgbench import environments
from pgbench.costs.model import MeasuredCost, step_time
from pgbench.environments.classic import SYSTEMS
from pgbench.environments.mujoco_tasks import TASKS
from pgbench.methods import lineage
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.naming import label
from pgbench.methods.runs import Run
from pgbench.storage.provenance import origin_comment
from pgbench.studies.plans import StudyPlan
from pgbench.training.loop import train
from pgbench.training.meaning import data

REFERENCE = "Pendulum-v1"
"""Learning is measured here: cheap steps, and episodes of one length, so that no replica waits for another."""
REPLICAS = (1, 10)
ROWS = (1, 10, 100)
BUDGET = 10_000_000
SECONDS = 1.0
"""The least CPU time of a measurement."""


def measure_costs(plans: Sequence[StudyPlan], rounds: int) -> str:
    """Measure every member of the lineage, every batched environment, and those that only studies have.

    Args:
        plans: of the studies.
        rounds: measurements of each, taken in turns, of which the median is kept.

    Returns:
        The text of a `costs.csv`.
    """
    torch.set_num_threads(1)
    comments = _comments()  # before measuring: a checkout may be edited meanwhile
    known = [member.algorithm for member in lineage.LINEAGE.values()]
    planned = [algorithm for plan in plans for algorithm in plan.algorithms.values()]
    algorithms = {label(algorithm): algorithm for algorithm in known + planned}
    ids = sorted({*SYSTEMS, *TASKS, *(name for plan in plans for name in plan.study.environments)})
    _learning(lineage.LINEAGE["reinforce"].algorithm, 1)  # the first use of torch is slow
    stepping = {(name, rows): [_stepping(name, rows) for _ in range(rounds)] for name in ids for rows in ROWS}
    simulation = {rows: statistics.median(stepping[REFERENCE, rows]) for rows in ROWS}
    learning: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for name, algorithm in algorithms.items():
            for replicas in REPLICAS:
                print(f"{name} × {replicas}", file=sys.stderr)
                rows = replicas * data.environments_each(algorithm.data)
                net = _learning(algorithm, replicas) - step_time(simulation, rows)
                learning.setdefault((name, replicas), []).append(max(net, 0.0))
    lines = [",".join(MeasuredCost.model_fields)]
    lines.append(_line("job", "start", 1, 1, [_start() for _ in range(rounds)]))
    lines += [_line("environment", name, rows, 1, figures) for (name, rows), figures in stepping.items()]
    for (name, replicas), figures in learning.items():
        environments_each = data.environments_each(algorithms[name].data)
        lines.append(_line("algorithm", name, replicas, environments_each, figures))
    return "\n".join([comments, *lines])


def training_cost(run: Run, replicas: int) -> float:
    """Microseconds of CPU time for a step of one replica, everything included, at the beginning of training.

    The first iteration is left out, unless it alone lasts long enough to be the measurement.

    Args:
        run: its budget must outlast the measurement.
        replicas: in lockstep.
    """
    records = train(run, range(replicas))
    begin, before = time.process_time(), 0
    first = next(records)
    done = int(first.steps.sum())
    if time.process_time() - begin < SECONDS:
        begin, before = time.process_time(), done
        while time.process_time() - begin < SECONDS:
            done = int(next(records).steps.sum())
    return (time.process_time() - begin) / (done - before) * 1e6


def _learning(algorithm: Algorithm, replicas: int) -> float:
    """Microseconds a step of the reference environment."""
    return training_cost(Run(algorithm=algorithm, environment=REFERENCE, steps=BUDGET), replicas)


def _stepping(environment: str, rows: int) -> float:
    """Microseconds a step of one row, with random actions."""
    rng = np.random.default_rng(0)
    world = environments.make(environment, [np.random.default_rng(seed) for seed in range(rows)])
    world.reset()
    begin, steps = time.process_time(), 0
    while time.process_time() - begin < SECONDS / 4:
        transition = world.step(_random(world.actions, rows, rng))
        ended = transition.terminated | transition.truncated
        if ended.any():
            world.reset(ended)
        steps += rows
    return (time.process_time() - begin) / steps * 1e6


def _random(
    space: environments.Box | environments.Discrete, rows: int, rng: np.random.Generator
) -> NDArray[Any]:
    """An action for each row."""
    if isinstance(space, environments.Box):
        return rng.uniform(space.low, space.high, (rows, space.size))
    return rng.integers(space.n, size=rows)


def _start() -> float:
    """Microseconds of CPU time of a job that trains for one step."""
    begin = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as directory:
        verb = [sys.executable, "-m", "pgbench", "train", lineage.LINEAGE["reinforce"].name, "CartPole-v1"]
        options = ["--steps", "1", "--seeds", "0", "--into", directory]
        subprocess.run([*verb, *options], check=True, capture_output=True)
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime) * 1e6


def _line(part: str, name: str, replicas: int, environments_each: int, figures: list[float]) -> str:
    quoted = '"' + name.replace('"', '""') + '"'
    cost = f"{statistics.median(figures):.1f}"
    return f"{part},{quoted},{replicas},{environments_each},{cost},{len(figures)}"


def _comments() -> str:
    """What the figures are, and where they come from."""
    return f"""\
# What training costs, for `python -m pgbench plan`, by `python -m pgbench measure`; see pgbench/costs/model.py.
# Microseconds of CPU time of one thread for one step of one environment.
# `job`: what a whole job takes that trains nothing. `environment`: stepping alone, `replicas` rows at a time.
# `algorithm`: acting, preparing and learning on {REFERENCE}, whose stepping is taken off, with `replicas` in
# lockstep and `environments` in each, at the beginning of training. Methods that take whole episodes cost more a
# step where episodes are shorter than the 200 steps there, most of all on CartPole-v1 before they learn.
# Short runs, medians of `rounds`. CPU time leaves out waiting, for memory or for other programs.
{origin_comment()}"""
