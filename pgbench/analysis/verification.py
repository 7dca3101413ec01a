"""Checks results: whether they are what their records say, and whether this code would reproduce them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, get_args

import pandas as pd

from pgbench import environments
from pgbench.analysis.gathering import gather
from pgbench.base import wording
from pgbench.base.refusals import Refusal
from pgbench.methods import runs
from pgbench.storage import blocks, digests
from pgbench.storage.blocks import Block, BlockRecord
from pgbench.storage.layout import PLAN, RECORD, Layout
from pgbench.storage.provenance import Provenance, provenance
from pgbench.studies import plans

State = Literal["valid", "unfinished", "invalid"]


@dataclass(frozen=True)
class VerifiedResult:
    """What is known of one block or of one study's tables.

    Attributes:
        place: its directory.
        state: `invalid` if a file is missing, altered or contradicts another.
        reproducible: whether this code, with these versions, on this processor, would give the same bytes.
        remark: what is wrong or left out, or why the bytes could differ.
        unchanged: whether the code that its run reaches is as it was; None where no run is known.
    """

    place: Path
    state: State
    reproducible: bool
    remark: str
    unchanged: bool | None = None


def verify(directory: Path) -> list[VerifiedResult]:
    """Check every block and every gathered study in a results folder.

    Raises:
        Refusal: if the folder holds neither.
    """
    layout = Layout(directory)
    block_directories, studies = layout.blocks(), layout.gathered_studies()
    if not block_directories and not studies:
        raise Refusal(f"{directory}: holds no results; name the folder that has 'runs' and 'studies' in it")
    now = Provenance.model_validate(provenance())
    findings = [verify_block(block, now) for block in block_directories]
    return findings + [verify_study(study, directory) for study in studies]


def described(findings: Sequence[VerifiedResult], directory: Path) -> str:
    """What was found in a results folder, as a table of text and a line that counts."""
    rows = [
        (
            str(finding.place.relative_to(directory)),
            finding.state,
            "" if finding.unchanged is None else "unchanged" if finding.unchanged else "changed",
            "yes" if finding.reproducible else "no",
            finding.remark,
        )
        for finding in findings
    ]
    head = ("result", "state", "its code", "this code would reproduce it", "why not")
    states = [finding.state for finding in findings]
    counts = ", ".join(f"{states.count(state)} {state}" for state in get_args(State))
    same = sum(finding.reproducible for finding in findings)
    table = wording.text_table(head, rows)
    return f"{table}\n\n{len(findings)} results: {counts}; this code would reproduce {same}"


def verify_block(directory: Path, now: Provenance) -> VerifiedResult:
    """Check one block: files against record, record against directory, tables against each other.

    Args:
        directory: the block's.
        now: what would train it now.
    """
    if not (directory / RECORD).exists():
        kept = any(directory.glob("checkpoint-*"))
        return VerifiedResult(
            directory, "unfinished", False, "goes on from a checkpoint" if kept else "starts over"
        )
    try:
        block = blocks.read_block(directory, directory.parent.name)
        contradictions = list(_contradictions(block, directory))
    except Refusal as refusal:
        return VerifiedResult(directory, "invalid", False, str(refusal))
    if contradictions:
        return VerifiedResult(directory, "invalid", False, "; ".join(contradictions))
    code = digests.of_run(block.record.run)
    obstacles = list(_obstacles(block.record, now, code))
    remarks = ["published without its policies"] if block.record.policies_left_out else []
    unchanged = block.record.code_digest == code
    return VerifiedResult(directory, "valid", not obstacles, "; ".join([*remarks, *obstacles]), unchanged)


def verify_study(directory: Path, results_directory: Path) -> VerifiedResult:
    """Gather a study again, and compare its tables byte by byte."""
    try:
        plan = plans.read_plan(directory / PLAN)
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
        return VerifiedResult(directory, "invalid", False, str(refusal))
    if differing:
        remark = f"{', '.join(differing)}: not what its blocks give with this code; run the workflow again"
        return VerifiedResult(directory, "invalid", False, remark)
    return VerifiedResult(directory, "valid", True, "")


def _contradictions(block: Block, directory: Path) -> Iterator[str]:
    """What does not fit together in a block whose files are as they were written."""
    record, remedy = block.record, blocks.REMEDY
    if not record.name.endswith(f".{record.run.digest}"):
        yield f"the specification has the digest {record.run.digest}, which is not in its name; {remedy}"
    if list(record.seeds) != runs.seeds_of(directory.name):
        yield f"holds the seeds {list(record.seeds)}, not {directory.name}; {remedy}"
    replicas = block.replicas.set_index("seed")
    trained, steps = replicas["step"], int(replicas["step"].sum())
    if steps != record.steps:
        yield f"the replicas were trained for {steps} steps, the record says {record.steps}; {remedy}"
    short = trained < record.run.steps
    if (replicas.loc[short, "status"] != "diverged").any():
        yield f"a replica ended before its budget and did not diverge; {remedy}"
    last = block.metrics.groupby("seed")["step"].max()
    if (last > trained.reindex(last.index)).any():
        yield f"there are metrics after the last step; {remedy}"
    yield from _misplaced_evaluations(block, trained)
    if record.finished < record.started:
        yield f"it ended before it began; {remedy}"


def _misplaced_evaluations(block: Block, trained: pd.Series) -> Iterator[str]:
    """Evaluations that are not those of the run; `trained` is the number of steps of each seed."""
    planned, episodes = block.record.run.evaluation, block.evaluations.groupby(["seed", "step"]).size()
    if planned is None:
        if len(episodes):
            yield f"there are evaluations, which the run does not ask for; {blocks.REMEDY}"
        return
    if (episodes != planned.episodes).any():
        yield f"there is an evaluation of other than {planned.episodes} episodes; {blocks.REMEDY}"
    times, last = episodes.groupby("seed").size(), block.evaluations.groupby("seed")["step"].max()
    if (times > planned.times).any() or (last > trained.reindex(last.index)).any():
        yield f"there are more evaluations than {planned.times}, or later ones than the last step; {blocks.REMEDY}"


def _obstacles(record: BlockRecord, now: Provenance, code: str) -> Iterator[str]:
    """Why this code, on this machine, might give other bytes than a block has."""
    if record.code_digest != code:
        yield f"trained by code {record.code_digest}, now {code}"
    for package in sorted(record.versions.keys() | now.versions.keys()):
        old, new = record.versions.get(package, "none"), now.versions.get(package, "none")
        if old != new:
            yield f"trained with {package} {old}, now {new}"
    origin = _present_origin(record.run.environment)
    if record.environment_origin != origin:
        yield f"trained in an environment of {record.environment_origin}, now {origin}"
    for processor in dict.fromkeys(machine.processor for machine in record.machines):
        if processor != now.machine.processor:
            yield f"trained on {processor}, here {now.machine.processor}"


def _present_origin(environment: str) -> str | None:
    """Where the environment comes from on this machine; a block can also be read where it does not exist."""
    try:
        return environments.origin(environment)
    except ValueError:
        return "nowhere"
