"""Trains one block, from its beginning or its checkpoint, and writes it: the workflow's unit of work."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import torch

from pgbench import environments
from pgbench.base.refusals import Breakdown, Refusal
from pgbench.methods import naming
from pgbench.methods.runs import Run
from pgbench.running import checkpoints
from pgbench.running.checkpoints import Checkpoints, Identity
from pgbench.running.condensing import condensed
from pgbench.running.keeping import policies_of
from pgbench.running.progress import Progress, say
from pgbench.running.recording import Tables
from pgbench.storage import blocks, digests
from pgbench.storage.files import sole_writer
from pgbench.storage.policy_file import to_bytes
from pgbench.storage.provenance import History, Resumption, provenance
from pgbench.training.loop import Trainer


def train_block(
    run: Run, seeds: Sequence[int], directory: Path, every: float = 60.0, *, progress: bool = True
) -> None:
    """Train replicas of a run on one thread, and write the block to its directory.

    A block that this code and these versions have finished is not trained again; if only its files were deleted,
    they are given back (see `blocks.KEPT`). To train it again, delete its directory. An interrupted block
    continues from its last checkpoint, and ends with the same bytes as a block that was never interrupted.

    Args:
        run: algorithm, environment and budget.
        seeds: one for each replica.
        directory: receives a file for each of `blocks.BlockTables`, the policies and, last, `run.json`.
        every: seconds between two checkpoints.
        progress: whether lines say how far training is.

    Raises:
        Refusal: if another process writes the directory, or a checkpoint in it is damaged.
        Breakdown: if disk or memory do not suffice.
    """
    torch.set_num_threads(1)
    identity, start = _beginning(run, seeds)  # before training: the checkout may be edited while it runs
    with _breakdowns(directory), _interruption(directory, identity), sole_writer(directory):
        saved = Checkpoints(directory, identity, every)
        if _is_finished(directory, identity):
            say(f"{directory}: has been trained by this code and these versions")
        elif _is_finished(directory / blocks.KEPT, identity):
            say(f"{directory}: had been trained and was deleted; it is given back")
            blocks.give_back(directory)
        else:
            with closing(Trainer(run, seeds)) as trainer:
                _train(trainer, identity, directory, start, saved, progress)
        blocks.keep(directory)
        saved.remove()


def _beginning(run: Run, seeds: Sequence[int]) -> tuple[Identity, History]:
    """What the block is, and its history before its first iteration."""
    code = digests.of_run(run), digests.of_checkpoints(run)
    origin = environments.origin(run.environment)
    began = {"started": datetime.now(UTC), "seconds": 0.0, "steps": 0}
    start = History(**provenance(), **began, code_digest=code[0], environment_origin=origin)
    identity = Identity(
        run=run, seeds=tuple(seeds), code_digests=code, versions=start.versions, environment_origin=origin
    )
    return identity, start


def _train(
    trainer: Trainer, identity: Identity, directory: Path, start: History, saved: Checkpoints, progress: bool
) -> None:
    """Train from the beginning, or from what was saved, and write the block."""
    run, seeds = identity.run, identity.seeds
    clock, name = time.monotonic(), naming.run_name(run)
    tables = Tables(seeds)
    before = _resume(trainer, saved, start)

    def history() -> History:
        seconds, steps = before.seconds + time.monotonic() - clock, int(trainer.sampler.steps.sum())
        return before.model_copy(update={"seconds": seconds, "steps": steps})

    lines = Progress(f"{name} seeds {seeds[0]}-{seeds[-1]}", run.steps, before=before.steps)
    for record in trainer.records():
        tables.add(record)
        if progress:
            lines.add(record)
        if saved.due:
            saved.save(trainer, tables, history())
    ended = {"name": name, "run": run, "seeds": seeds, "finished": datetime.now(UTC)}
    kept = condensed(saved.rows(tables), trainer.outcomes(), run.steps)
    policy = to_bytes(policies_of(trainer, name))
    blocks.write_block(directory, kept, dict(history()) | ended, policy)


def _resume(trainer: Trainer, saved: Checkpoints, start: History) -> History:
    """Restore the last checkpoint, if there is one; the history of the block until now."""
    before = saved.load(trainer)
    if before is None:
        return start
    say(f"goes on from a checkpoint after {trainer.iteration:,} iterations")
    resumption = Resumption(at=start.started, steps=before.steps, commit=start.commit, machine=start.machine)
    return before.model_copy(update={"resumptions": (*before.resumptions, resumption)})


def _is_finished(directory: Path, identity: Identity) -> bool:
    """Whether a directory holds the whole block, trained by this code and these versions."""
    try:
        record = blocks.read_block(directory, naming.run_name(identity.run)).record
    except Refusal:
        return False
    found = Identity(
        run=record.run,
        seeds=record.seeds,
        code_digests=(record.code_digest, identity.code_digests[1]),
        versions=record.versions,
        environment_origin=record.environment_origin,
    )
    return found == identity


@contextmanager
def _interruption(directory: Path, identity: Identity) -> Iterator[None]:
    """Tell a person who ends the training (Ctrl-C) where its checkpoint is, and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        checkpoint = directory / f"checkpoint-{identity.digest}"
        if (checkpoint / checkpoints.RECORD).exists():
            say(f"{directory}: ended by you; the same command goes on from the checkpoint {checkpoint}")
        else:
            say(f"{directory}: ended by you before its first checkpoint; the same command begins again")
        raise


@contextmanager
def _breakdowns(directory: Path) -> Iterator[None]:
    """Explain an exhausted disk or memory; to any other error, add where it happened."""
    advice = "the last checkpoint is kept, and training goes on from it"
    try:
        yield
    except Refusal:
        raise
    except OSError as error:
        raise Breakdown(f"{directory}: could not be finished ({error}); when it can, {advice}") from None
    except Exception as error:
        if not isinstance(error, MemoryError) and "allocate memory" not in str(error):
            error.add_note(f"while training {directory}; {advice}")
            raise
        raise Breakdown(
            f"{directory}: there is not enough memory; give the job more, or make the blocks smaller: {advice}"
        ) from None
