"""Whether results are what they say they are, and which of them this code would give again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pandas as pd

from pgbench.analysis.gathering import gather
from pgbench.base.refusals import Refusal
from pgbench.methods import runs
from pgbench.storage import blocks, digests
from pgbench.storage.blocks import Block, BlockRecord
from pgbench.storage.provenance import Provenance, provenance
from pgbench.studies import plans

State = Literal["valid", "unfinished", "invalid"]


@dataclass(frozen=True)
class Finding:
    """What is known of one block or of one study's tables.

    Attributes:
        place: its directory.
        state: `invalid` where a file is missing, altered or contradicts another.
        reproducible: whether this code, with these versions, on this processor, would give the same bytes.
        remark: why not, or what is wrong.
        unchanged: whether the code that its run reaches is as it was; None where no run is known.
    """

    place: Path
    state: State
    reproducible: bool
    remark: str
    unchanged: bool | None = None


def verify(directory: Path) -> list[Finding]:
    """Check every block and every gathered study in a results folder.

    Raises:
        Refusal: if the folder holds neither.
    """
    here = Provenance.model_validate(provenance())
    blocks = sorted(path for path in directory.glob("runs/*/*") if path.is_dir())
    gathered = sorted(path.parent for path in directory.glob("studies/*/*/provenance.json"))
    if not blocks and not gathered:
        raise Refusal(f"{directory}: holds no results; name the folder that has 'runs' and 'studies' in it")
    found = [verify_block(block, here) for block in blocks]
    return found + [verify_study(study, directory) for study in gathered]


def verify_block(directory: Path, here: Provenance) -> Finding:
    """Check one block: files against record, record against directory, tables against each other.

    Args:
        directory: `runs/<run>/<block>`.
        here: what would train it now.
    """
    if not (directory / blocks.RECORD).exists():
        kept = any(directory.glob("checkpoint-*"))
        return Finding(directory, "unfinished", False, "goes on from a checkpoint" if kept else "starts over")
    try:
        block = blocks.read_block(directory, directory.parent.name)
        contradictions = list(_contradictions(block, directory))
    except Refusal as refusal:
        return Finding(directory, "invalid", False, str(refusal))
    if contradictions:
        return Finding(directory, "invalid", False, "; ".join(contradictions))
    code = digests.of_run(block.record.run)
    obstacles = list(_obstacles(block.record, here, code))
    unchanged = block.record.code_digest == code
    return Finding(directory, "valid", not obstacles, "; ".join(obstacles), unchanged)


def verify_study(directory: Path, results_directory: Path) -> Finding:
    """Gather a study again, and compare its tables byte by byte."""
    try:
        plan = plans.read_plan(directory / "plan.json")
        with TemporaryDirectory() as temporary:
            again = Path(temporary)
            gather(plan, results_directory, again)
            differing = [
                path.name
                for path in sorted(again.iterdir())
                if not (directory / path.name).exists()
                or (directory / path.name).read_bytes() != path.read_bytes()
            ]
    except Refusal as refusal:
        return Finding(directory, "invalid", False, str(refusal))
    if differing:
        remark = f"{', '.join(differing)}: not what its blocks give with this code; run the workflow again"
        return Finding(directory, "invalid", False, remark)
    return Finding(directory, "valid", True, "")


def _contradictions(block: Block, directory: Path) -> Iterator[str]:
    """What in a block does not fit together, though each file is as it was written."""
    record, remedy = block.record, blocks.REMEDY
    if not record.name.endswith(f".{record.run.digest}"):
        yield f"the specification has the digest {record.run.digest}, which is not in its name; {remedy}"
    if list(record.seeds) != runs.seeds_of(directory.name):
        yield f"holds the seeds {list(record.seeds)}, not {directory.name}; {remedy}"
    trained = block.metrics.groupby("seed")["step"].max()
    steps, whole = int(trained.sum()), bool((trained >= record.run.steps).all())
    # the last update of a replica that diverged may not be among the metrics
    if (
        sorted(trained.index) != sorted(record.seeds)
        or steps > record.steps
        or (whole and steps != record.steps)
    ):
        yield f"the metrics end after {steps} steps, the record says {record.steps}; {remedy}"
    last = block.episodes.groupby("seed")["step"].max()
    if whole and (last > trained.reindex(last.index)).any():
        yield f"there are episodes after the last step; {remedy}"
    yield from _misplaced_evaluations(block, trained)
    if record.finished < record.started:
        yield f"it ended before it began; {remedy}"


def _misplaced_evaluations(block: Block, trained: pd.Series) -> Iterator[str]:
    """What in the evaluations is not as the run asks; `trained` is the last step of each seed's metrics."""
    asked, made = block.record.run.evaluation, block.evaluations.groupby(["seed", "step"]).size()
    if asked is None:
        if len(made):
            yield f"there are evaluations, which the run does not ask for; {blocks.REMEDY}"
        return
    if (made != asked.episodes).any():
        yield f"there is an evaluation of other than {asked.episodes} episodes; {blocks.REMEDY}"
    times, last = made.groupby("seed").size(), block.evaluations.groupby("seed")["step"].max()
    ended = trained[trained >= block.record.run.steps]
    if (times > asked.times).any() or (last.reindex(ended.index) > ended).any():
        yield f"there are more evaluations than {asked.times}, or later ones than the last step; {blocks.REMEDY}"


def _obstacles(record: BlockRecord, here: Provenance, code: str) -> Iterator[str]:
    """Why this code, here, might give other bytes than a block has."""
    if record.code_digest != code:
        yield f"trained by code {record.code_digest}, now {code}"
    for package in sorted(record.versions.keys() | here.versions.keys()):
        before, now = record.versions.get(package, "none"), here.versions.get(package, "none")
        if before != now:
            yield f"trained with {package} {before}, now {now}"
    for processor in dict.fromkeys(machine.processor for machine in record.machines):
        if processor != here.machine.processor:
            yield f"trained on {processor}, here {here.machine.processor}"
