"""Training one block from beginning to end: the unit of work of the workflow."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch

from pgbench import results, studies
from pgbench.provenance import provenance
from pgbench.specs import Run
from pgbench.tracking import Progress, Tables
from pgbench.training import train


def train_block(run: Run, seeds: Sequence[int], directory: Path) -> None:
    """Train replicas of a run on one thread, and write the block to its directory.

    Args:
        run: algorithm, environment and budget.
        seeds: one for each replica.
        directory: receives `episodes.parquet`, `metrics.parquet` and, last, `run.json`.

    Raises:
        OSError: if the results cannot be written.
    """
    torch.set_num_threads(1)
    name = studies.run_name(run)
    tables, progress = Tables(seeds, run.steps), Progress(f"{name} seeds {seeds[0]}-{seeds[-1]}", run.steps)
    # taken before training: a checkout may be edited while it runs
    origin = {"code_digest": studies.training_code_digest(), "started": datetime.now(UTC), **provenance()}
    clock, steps = time.monotonic(), 0
    for record in train(run, seeds):
        tables.add(record)
        progress.add(record)
        steps = int(record.steps.sum())
    commit_record = {
        "name": name,
        "run": run,
        "seeds": tuple(seeds),
        "finished": datetime.now(UTC),
        "seconds": time.monotonic() - clock,
        "steps": steps,
        **origin,
    }
    results.write_block(directory, tables.episodes(), tables.metrics(), commit_record)
