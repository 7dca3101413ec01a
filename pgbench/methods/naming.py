"""Names for algorithms and runs: the nearest member of the lineage, and what differs from it."""

from __future__ import annotations

import json
from functools import cache, reduce
from typing import Any

from pgbench.base.specification import Specification
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.lineage import LINEAGE
from pgbench.methods.members import Member
from pgbench.methods.paths import difference
from pgbench.methods.runs import Run, path_safe


@cache  # a plan asks for each algorithm once for every environment
def nearest_member(algorithm: Algorithm) -> Member:
    """The member of the lineage that differs from the algorithm in the fewest fields; of equals, the first."""
    return min(LINEAGE.values(), key=lambda member: len(difference(member.algorithm, algorithm)))


def _overrides(algorithm: Algorithm) -> list[str]:
    """What differs from the nearest member, each difference as `path=value` with the value in JSON."""
    changes = difference(nearest_member(algorithm).algorithm, algorithm)
    return [f"{path}={json.dumps(_named(algorithm, path, value))}" for path, (_, value) in changes.items()]


def _named(algorithm: Algorithm, path: str, value: Any) -> Any:
    """A value at a path as names show it: a component without what came after names and has its default."""
    present = reduce(getattr, path.split("."), algorithm)
    return present.named if isinstance(present, Specification) else value


def label(algorithm: Algorithm) -> str:
    """An algorithm as one line of text, such as `ppo advantage.lam=0.5`."""
    return " ".join([nearest_member(algorithm).name, *_overrides(algorithm)])


def run_name(run: Run) -> str:
    """The name of a run, `<nearest member>.<environment>.<digest of the run>`, which can name a directory."""
    return f"{nearest_member(run.algorithm).name}.{path_safe(run.environment)}.{run.digest}"


def training_arguments(run: Run) -> list[str]:
    """The arguments of `pgbench train` that describe a run."""
    overrides = [argument for change in _overrides(run.algorithm) for argument in ("--override", change)]
    arguments = [nearest_member(run.algorithm).name, run.environment, "--steps", str(run.steps), *overrides]
    if run.evaluation is not None:
        evaluation = run.evaluation
        arguments += [
            "--evaluation-episodes",
            str(evaluation.episodes),
            "--evaluations",
            str(evaluation.times),
        ]
        arguments += ["--evaluation-actions", evaluation.actions]
        if evaluation.time_limit is not None:
            arguments += ["--evaluation-time-limit", str(evaluation.time_limit)]
    if run.reference is not None:
        reference = run.reference
        arguments += [
            "--reference-every",
            str(reference.every),
            "--reference-batches",
            str(reference.batches),
        ]
    return arguments
