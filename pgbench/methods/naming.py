"""Names for people: the nearest member of the lineage, a run's name, and the command line that trains it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError

from pgbench.base.refusals import Refusal, explain, nearest
from pgbench.methods import lineage
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.lineage import LINEAGE
from pgbench.methods.members import Member
from pgbench.methods.paths import difference, paths, replace
from pgbench.methods.runs import Run, path_safe


def label(algorithm: Algorithm) -> str:
    """An algorithm as the command line has it: the nearest member of the lineage, and what differs from it."""
    start = nearest_member(algorithm)
    changes = difference(start.algorithm, algorithm)
    return " ".join([start.name, *(f"{path}={json.dumps(value)}" for path, (_, value) in changes.items())])


@cache  # studies share algorithms, and each is asked for once for every environment
def nearest_member(algorithm: Algorithm) -> Member:
    """The member of the lineage that differs from the algorithm in the fewest fields; the earliest of equals."""
    return min(LINEAGE.values(), key=lambda member: len(difference(member.algorithm, algorithm)))


def member(name: str, where: str) -> Member:
    """The member of the lineage with this name.

    Raises:
        Refusal: if there is none, with the nearest name.
    """
    if name not in lineage.LINEAGE:
        raise Refusal(f"{where}: '{name}' is not in the lineage; {nearest(name, lineage.LINEAGE)}")
    return lineage.LINEAGE[name]


def override(algorithm: Algorithm, overrides: Mapping[str, Any], where: str) -> Algorithm:
    """`paths.replace` with refusals that name the place, the path and the nearest one.

    Raises:
        Refusal: if a path does not exist or a value is not allowed there.
    """
    try:
        return replace(algorithm, overrides)
    except KeyError as error:
        raise Refusal(
            f"{where}: unknown key '{error.args[0]}'; {nearest(error.args[0], paths(algorithm))}"
        ) from None
    except ValidationError as error:
        raise explain(error, where, Algorithm) from None


def run_name(run: Run) -> str:
    """`<algorithm>.<environment>.<digest>`: the nearest member of the lineage, and the run's identity."""
    return f"{nearest_member(run.algorithm).name}.{path_safe(run.environment)}.{run.digest}"


def training_arguments(run: Run) -> list[str]:
    """The arguments of `pgbench train` that describe a run: the nearest member, and what differs from it."""
    start = nearest_member(run.algorithm)
    changes = difference(start.algorithm, run.algorithm)
    overrides = [f"{path}={json.dumps(value)}" for path, (_, value) in changes.items()]
    options = [argument for override in overrides for argument in ("--override", override)]
    if run.evaluation is not None:
        asked = run.evaluation
        options += ["--evaluation-episodes", str(asked.episodes), "--evaluations", str(asked.times)]
        options += ["--evaluation-actions", asked.actions]
    return [start.name, run.environment, "--steps", str(run.steps), *options]
