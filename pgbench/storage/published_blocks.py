"""Finished blocks that the repository keeps, so that nobody has to train them again.

    results/published/runs/<run>/<block>/   a block as it was trained, by default without its policies
    results/published/contents.csv          what is there: one row a block

The folder has the layout of a results folder, so whatever reads results reads it too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from pgbench.base.places import visible
from pgbench.base.refusals import Refusal
from pgbench.storage import blocks, digests
from pgbench.storage.blocks import BlockRecord, read_block
from pgbench.storage.files import force, read_record, replacing, sealed, sole_writer, write_text
from pgbench.storage.layout import PUBLISHED, RECORD, Layout

CONTENTS = "contents.csv"

Copied = Literal["copied", "there already", "differs", "other code", "unfinished", "refused"]


class Copy(NamedTuple):
    """What became of one block.

    Attributes:
        block: `<run>/<block>`, or the name of a measurement.
        outcome: `differs`: the destination has another result of this name, which stays; `other code`: this code
            would not reproduce it, so the workflow would train it again; `unfinished`: it is still being trained;
            `refused`: a file is damaged, or another process writes the destination.
        fault: why it was refused, and what to do; else empty.
    """

    block: str
    outcome: Copied
    fault: str = ""


def copied(name: str, copy: Callable[[], Copied]) -> Copy:
    """Copy a block; one that is refused does not keep the others from being copied."""
    try:
        return Copy(name, copy())
    except Refusal as refusal:
        return Copy(name, "refused", str(refusal))


def publish(
    results: Path, into: Path = PUBLISHED, *, policies: bool = False, replace: bool = False
) -> list[Copy]:
    """Copy every finished block of a results folder into the published ones.

    Args:
        results: the results folder; see `storage.layout`.
        into: the folder of the published blocks.
        policies: whether the trained policies go with them; they are most of a block's bytes.
        replace: whether a block takes the place of a published one with other bytes.

    Raises:
        Refusal: if there are no blocks.
    """
    destination = Layout(into)
    return [
        copied(name, partial(_publish_block, directory, destination.block(name), policies, replace))
        for directory, name in _named(directories_in(results))
    ]


def directories_in(results: Path) -> list[Path]:
    """The directories of all blocks, finished or not, in a folder that must have some.

    Raises:
        Refusal: if there are no blocks.
    """
    directories = Layout(results).blocks()
    if not directories:
        raise Refusal(f"{results}: holds no blocks; name the folder that has 'runs' in it")
    return directories


def restore(published: Path, results: Path, wanted: Iterable[str]) -> list[Copy]:
    """Put published blocks where the workflow finds them.

    Blocks that are there already stay as they are.

    Args:
        published: the folder of the published blocks.
        results: the results folder that receives them.
        wanted: the blocks, `<run>/<block>`; those that are not published are passed over.

    Raises:
        Refusal: if nothing is published there.
    """
    present = {name for directory, name in _named(directories_in(published)) if is_finished(directory)}
    return [
        copied(name, partial(_restore_block, Layout(published).block(name), Layout(results).block(name)))
        for name in wanted
        if name in present
    ]


def is_finished(directory: Path) -> bool:
    """Whether a block's training has ended; `read_block` says whether its files are whole."""
    return (directory / RECORD).exists()


def contents(published: Path, variants: Mapping[str, Iterable[str]]) -> pd.DataFrame:
    """What is published: one row a block, in the order of their names.

    Args:
        published: the folder of the published blocks.
        variants: run → the variants of studies that it is, as `<study>: <variant>`.
    """
    columns = [
        "run",
        "seeds",
        "variants",
        "environment",
        "steps",
        "commit",
        "processor",
        "core_hours",
        "bytes",
    ]
    return pd.DataFrame(list(_contents_rows(published, variants)), columns=columns)


def write_contents(published: Path, variants: Mapping[str, Iterable[str]]) -> None:
    """Write the table of `contents` beside the published blocks."""
    write_text(published / CONTENTS, contents(published, variants).to_csv(index=False))


def records(results: Path) -> Iterator[tuple[Path, BlockRecord]]:
    """The directory and the record of each finished block, in the order of their names.

    Raises:
        Refusal: if a record is damaged.
    """
    for directory in Layout(results).blocks():
        if is_finished(directory):
            yield directory, read_record(directory / RECORD, BlockRecord, blocks.REMEDY)


def _named(directories: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    return ((directory, f"{directory.parent.name}/{directory.name}") for directory in directories)


def _publish_block(source: Path, destination: Path, policies: bool, replace: bool) -> Copied:
    if not is_finished(source):
        return "unfinished"
    record = read_block(source, source.parent.name).record
    if not policies and record.policy is not None:
        record = record.model_copy(update={"policies_left_out": True})
    if is_finished(destination):
        present = read_block(destination, destination.parent.name).record
        complete = record.policies_left_out or not present.policies_left_out
        if present.tables == record.tables and complete:
            return "there already"
        if present.tables != record.tables and not replace:
            return "differs"
    _copy(source, destination, record)
    return "copied"


def _restore_block(source: Path, destination: Path) -> Copied:
    record = read_block(source, source.parent.name).record
    if digests.of_run(record.run) != record.code_digest:
        return "other code"
    with sole_writer(destination):
        if is_finished(destination):
            return "there already"
        _copy(source, destination, record)
        blocks.keep(destination)
    return "copied"


def _copy(source: Path, destination: Path, record: BlockRecord) -> None:
    """Copy the files that a record names; until its own is there, the destination holds no valid block."""
    destination.mkdir(parents=True, exist_ok=True)
    (destination / RECORD).unlink(missing_ok=True)
    for name in (*blocks.FILES.values(), *([blocks.POLICY] if record.has_policies else [])):
        with replacing(destination / name) as temporary:
            temporary.write_bytes((source / name).read_bytes())
    with replacing(destination / RECORD) as temporary:
        temporary.write_text(sealed(record), encoding="utf-8")
    force(destination)


def _contents_rows(
    published: Path, variants: Mapping[str, Iterable[str]]
) -> Iterator[tuple[str | int | float, ...]]:
    for directory, record in records(published):
        yield (
            record.name,
            directory.name,
            "; ".join(variants.get(record.name, ())),
            record.run.environment,
            record.run.steps,
            record.commit or "",
            "; ".join(dict.fromkeys(machine.processor for machine in record.machines)),
            round(record.seconds / 3600, 3),
            sum(path.stat().st_size for path in visible(directory, "*")),
        )
