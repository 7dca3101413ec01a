"""How far studies are, by what is on disk alone: so it also sees the jobs of other machines that share the disk.

A block that is being trained saves a checkpoint every minute, which says how many steps it has taken in which time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, NonNegativeInt, ValidationError

from pgbench.base.wording import MISSING, count, duration, number, percent, text_table
from pgbench.costs.budgets import PlannedBlock, planned_blocks
from pgbench.costs.model import CostModel, makespan
from pgbench.storage.files import LOCK, last_writer, still_writes
from pgbench.storage.layout import PLAN, RECORD, Layout
from pgbench.storage.looks_on_disk import with_looks_on_disk
from pgbench.studies.plans import StudyPlan

State = Literal["done", "running", "stopped", "waiting"]
"""`stopped`: it was begun, and nothing trains it now. It goes on from its checkpoint when it is started again."""
QUIET = 900.0
"""Seconds without a sign of life after which a block counts as stopped if another machine trained it."""
CHECKPOINTS = "checkpoint-*/checkpoint.json"


class SavedHistory(BaseModel):
    """What a checkpoint says about the training until then; see `storage.provenance.History`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    seconds: NonNegativeFloat
    steps: NonNegativeInt


class SavedProgress(BaseModel):
    """What the record of a checkpoint says about progress."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    history: SavedHistory


@dataclass(frozen=True)
class BlockStatus:
    """How far a block is.

    Attributes:
        block: as planned.
        state: what happens to it.
        writer: the process that trained it last, and its machine; None if no process has begun.
        steps: environment steps of all replicas together in the last checkpoint, 0 without one.
        rate: steps a second until then, 0.0 without one.
        left: seconds that it still needs: by its checkpoint, else as estimated; 0.0 if it is done.
    """

    block: PlannedBlock
    state: State
    writer: str | None
    steps: int
    rate: float
    left: float


def as_last_planned(plan: StudyPlan, layout: Layout, block_size: int) -> StudyPlan:
    """The plan with the looks that the workflow planned last, or that are whole on disk; see `settling`."""
    on_disk = with_looks_on_disk(plan, layout, block_size)
    with suppress(OSError, ValidationError):
        written = StudyPlan.model_validate_json((layout.study(plan.preset, plan.name) / PLAN).read_bytes())
        if written.extended(1, block_size) == plan and written.looks > on_disk.looks:
            return written
    return on_disk


def block_statuses(plans: Iterable[StudyPlan], layout: Layout, model: CostModel) -> dict[str, BlockStatus]:
    """Name → status of each block of the plans."""
    now = time.time()
    return {block.name: _status(block, layout, now) for block in planned_blocks(plans, model)}


def _status(block: PlannedBlock, layout: Layout, now: float) -> BlockStatus:
    directory = layout.block(block.name)
    if (directory / RECORD).exists():
        return BlockStatus(block, "done", None, block.steps, 0.0, 0.0)
    writer = last_writer(directory)
    if writer is None:
        return BlockStatus(block, "waiting", None, 0, 0.0, block.cost.seconds)
    checkpoint = max(directory.glob(CHECKPOINTS), key=_written_at, default=None)
    news = [directory / LOCK, layout.log("train", block.name), *([checkpoint] if checkpoint else [])]
    running = still_writes(writer)
    if running is None:
        running = now - max(map(_written_at, news)) < QUIET
    state: State = "running" if running else "stopped"
    steps, seconds = _saved(checkpoint)
    if checkpoint is None or not steps or not seconds:
        trained = now - _written_at(directory / LOCK) if running else 0.0
        return BlockStatus(block, state, writer, 0, 0.0, max(0.0, block.cost.seconds - trained))
    rate = steps / seconds
    since = now - _written_at(checkpoint) if running else 0.0
    return BlockStatus(block, state, writer, steps, rate, max(0.0, (block.steps - steps) / rate - since))


def _written_at(path: Path) -> float:
    """When a file was last written, in seconds of the clock; 0.0 if there is none."""
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _saved(checkpoint: Path | None) -> tuple[int, float]:
    """Steps and seconds until a checkpoint; none if there is none, or this version cannot read it."""
    with suppress(OSError, ValidationError):
        if checkpoint is not None:
            history = SavedProgress.model_validate_json(checkpoint.read_bytes()).history
            return history.steps, history.seconds
    return 0, 0.0


def describe(plans: Sequence[StudyPlan], statuses: Mapping[str, BlockStatus]) -> str:
    """How far each study is, the blocks that were begun, and a line that sums up.

    Args:
        plans: the studies.
        statuses: of all their blocks, from `block_statuses`.
    """
    begun = [status for status in statuses.values() if status.state in ("running", "stopped")]
    tables = [_studies(plans, statuses), *([_begun(begun)] if begun else [])]
    return "\n\n".join([*tables, _summary(list(statuses.values()))])


def _studies(plans: Sequence[StudyPlan], statuses: Mapping[str, BlockStatus]) -> str:
    """A line for each study: how many of its blocks are in which state."""
    rows = []
    for plan in plans:
        states = [statuses[name].state for name in plan.blocks()]
        rows.append((plan.name, f"{len(states)}", *(f"{states.count(state)}" for state in get_args(State))))
    return text_table(("study", "blocks", *get_args(State)), rows)


def _begun(statuses: Sequence[BlockStatus]) -> str:
    """A line for each block that is running or was stopped."""
    rows = []
    for status in statuses:
        saved = status.steps > 0
        progress = percent(min(1.0, status.steps / status.block.steps)) if saved else "no checkpoint"
        rate = number(status.rate) if saved else MISSING
        rows.append(
            (status.block.name, status.state, progress, rate, duration(status.left), status.writer or "")
        )
    return text_table(("block", "state", "trained", "steps/s", "time left", "by"), rows)


def _summary(statuses: Sequence[BlockStatus]) -> str:
    """How many blocks are in which state, and how long the rest takes."""
    states = [status.state for status in statuses]
    counts = [f"{states.count(state)} {state}" for state in get_args(State)[1:] if state in states]
    line = ", ".join([f"{states.count('done')} of {count(len(states), 'block')} done", *counts])
    left = [status.left for status in statuses if status.state != "done"]
    if not left:
        return line
    cores = states.count("running")
    together = f", {duration(makespan(left, cores))} on {cores}" if cores > 1 else ""
    return f"{line}; left: about {duration(sum(left))} of training on one core{together}"
