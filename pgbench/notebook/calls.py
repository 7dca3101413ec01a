"""The public functions. Nothing is imported before one of them is called, so that `import pgbench` stays light."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pgbench.analysis.study_tables import StudyTables
    from pgbench.methods.algorithm import Algorithm
    from pgbench.notebook.replicas_trained import TrainedReplicas


def train(
    algorithm: str | Algorithm,
    environment: str,
    steps: int,
    seeds: str | Iterable[int] = "0-9",
    *,
    overrides: Mapping[str, Any] | None = None,
    evaluation: Mapping[str, Any] | None = None,
    reference: Mapping[str, Any] | None = None,
    into: str | Path | None = None,
) -> TrainedReplicas:
    """Train replicas of a method, silently, in this process.

    The numbers are those of `python -m pgbench train` with the same arguments, to the bit.

    Args:
        algorithm: a member of the lineage, such as "ppo"; or an algorithm, such as the `run.algorithm` of a result.
        environment: a Gymnasium id, such as "HalfCheetah-v5"; "module:id" for one that a module registers.
        steps: environment steps of each replica.
        seeds: numbers, such as `range(5)`; or as on the command line, such as "0-4".
        overrides: changes by dotted path, such as `{"advantage.lam": 0.9}`.
        evaluation: evaluation episodes, such as `{"episodes": 10, "times": 5, "actions": "mean"}`; none by default.
        reference: comparisons with a large batch's gradient, such as `{"every": 10}`; none by default.
        into: a directory for the block. A finished block there is read, and an interrupted one goes on. By default
            nothing is written.

    Returns:
        Tables and policies.

    Raises:
        ValueError: if an argument cannot be used; the message is that of the command line.
    """
    from pgbench.notebook import replicas_trained

    values = {"environment": environment, "steps": steps, "evaluation": evaluation, "reference": reference}
    return replicas_trained.train(
        algorithm, overrides or {}, values, seeds, None if into is None else Path(into)
    )


def load_block(path: str | Path) -> TrainedReplicas:
    """The tables and the policies of a finished block.

    Args:
        path: its directory, such as "results/runs/ppo.Hopper-v5.6f3b2b3a/0-9".

    Raises:
        ValueError: if the block is not finished, or its files are not what was written.
    """
    from pgbench.notebook import replicas_trained

    return replicas_trained.load(Path(path))


def load_study(path: str | Path) -> StudyTables:
    """The tables of a gathered study.

    Args:
        path: its directory, such as "results/studies/quick/ladder"; or below `results/studies`, "quick/ladder" or,
            if it was gathered under one preset only, "ladder".

    Raises:
        ValueError: if there is no such study; the message names the nearest one.
    """
    from pgbench.notebook import studies_gathered

    return studies_gathered.load(path)
