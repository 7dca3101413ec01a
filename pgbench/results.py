"""What a block of replicas leaves on disk: two tables, and the record that says they are whole.

A block is a directory with `episodes.parquet`, `metrics.parquet` and `run.json`. The record is written last
and carries each table's rows and SHA-256: a block without it was never finished, and one that disagrees with
it is refused. Nothing in the tables depends on time or place: a block trained twice has the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import AwareDatetime, Field, NonNegativeInt

from pgbench.components import Specification
from pgbench.provenance import History
from pgbench.refusals import Refusal
from pgbench.specs import Run
from pgbench.storage import TableRecord, force, put_table, read_record, read_table, replacing, sealed

KEPT = ".kept"
RECORD, EPISODES, METRICS = "run.json", "episodes.parquet", "metrics.parquet"
EPISODE_COLUMNS = {
    "seed": "int64",
    "step": "int64",
    "episodic_return": "float64",
    "episodic_length": "int64",
    "terminated": "bool",
}
METRIC_KEYS = {"seed": "int64", "iteration": "int64", "step": "int64"}
REMEDY = "delete the block's directory and run the workflow again"
STABLE: Any = {"kind": "stable", "ignore_index": True}


class TableRecords(Specification):
    """The tables of a block."""

    episodes: TableRecord
    metrics: TableRecord


class Record(History):
    """The commit record of a block, `run.json`."""

    name: str = Field(description="The run's name, which ends with the digest of its specification.")
    run: Run
    seeds: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)]
    finished: AwareDatetime
    tables: TableRecords


@dataclass(frozen=True)
class Block:
    """A block as read back.

    Attributes:
        episodes: one row a finished training episode, columns `EPISODE_COLUMNS`; `step` counts the
            environment steps of the replica when the episode ended.
        metrics: one row a seed and iteration, columns `METRIC_KEYS` and then one a metric.
        record: what was run, when, where and from which code.
    """

    episodes: pd.DataFrame
    metrics: pd.DataFrame
    record: Record


def write_block(
    directory: Path, episodes: pd.DataFrame, metrics: pd.DataFrame, record: dict[str, Any]
) -> None:
    """Write a block so that it exists whole or not at all; if it cannot be written, one that was there stays.

    Args:
        directory: the block's directory; made if missing.
        episodes: columns `EPISODE_COLUMNS`; written in the order of seed, then step.
        metrics: columns `METRIC_KEYS`, then float64 metrics; written in the order of seed, then iteration.
        record: the fields of `Record` without `tables`.

    Raises:
        ValueError: if a table's columns are not those of the format, or the record's fields are not.
        OSError: if what was written cannot be read back equal.
    """
    directory.mkdir(parents=True, exist_ok=True)
    _check_columns(episodes, EPISODE_COLUMNS, "episodes")
    _check_columns(metrics, _metric_columns(metrics), "metrics")
    # Files take their names from the innermost outwards, the record's last, once all of them are on the disk.
    with (
        replacing(directory / RECORD) as commit,
        replacing(directory / METRICS) as second,
        replacing(directory / EPISODES) as first,
    ):
        tables = TableRecords(
            episodes=put_table(first, episodes.sort_values(["seed", "step"], **STABLE)),
            metrics=put_table(second, metrics.sort_values(["seed", "iteration"], **STABLE)),
        )
        complete = Record.model_validate({**record, "tables": tables})
        commit.write_text(sealed(complete), encoding="utf-8")
        for file in (first, second, commit):
            force(file)
        (directory / RECORD).unlink(missing_ok=True)  # until it is back, there is no valid block


def read_block(directory: Path, name: str) -> Block:
    """Read a block and check it against its record.

    Args:
        directory: the block's directory.
        name: the run that it must belong to.

    Raises:
        Refusal: if a file is missing, truncated, altered, or belongs to another run or format.
    """
    try:
        record = read_record(directory / RECORD, Record, REMEDY)
    except FileNotFoundError as error:
        raise Refusal(
            f"{directory / RECORD}: cannot be read ({error.strerror}), so this block was never finished; "
            "run the workflow again"
        ) from None
    if record.name != name:
        raise Refusal(f"{directory / RECORD}: belongs to the run '{record.name}', not to '{name}'; {REMEDY}")
    episodes = read_table(directory / EPISODES, record.tables.episodes, REMEDY)
    metrics = read_table(directory / METRICS, record.tables.metrics, REMEDY)
    for table, columns, file in (
        (episodes, EPISODE_COLUMNS, EPISODES),
        (metrics, _metric_columns(metrics), METRICS),
    ):
        try:
            _check_columns(table, columns, str(directory / file))
        except ValueError as error:
            raise Refusal(f"{error}; {REMEDY}") from None
        if not set(table["seed"].unique()) <= set(record.seeds):
            raise Refusal(f"{directory / file}: holds seeds that its record does not name; {REMEDY}")
    return Block(episodes, metrics, record)


def keep(directory: Path) -> None:
    """Give the files of a finished block second names, which cost no space, where the file system can.

    Snakemake deletes the outputs of a job whose end it has not seen, such as one that outlived it. The block is
    then still there under these names; see `give_back`.
    """
    (directory / KEPT).mkdir(exist_ok=True)
    for file in (EPISODES, METRICS, RECORD):
        with suppress(OSError), replacing(directory / KEPT / file) as link:
            link.hardlink_to(directory / file)


def give_back(directory: Path) -> None:
    """Give a block that was kept its names again.

    Raises:
        OSError: if that cannot be done.
    """
    for file in (EPISODES, METRICS, RECORD):
        with replacing(directory / file) as link:
            link.hardlink_to(directory / KEPT / file)


def _metric_columns(metrics: pd.DataFrame) -> dict[str, str]:
    """The columns that a table of metrics must have: the keys, and whatever else it has as floats."""
    return METRIC_KEYS | {str(name): "float64" for name in metrics.columns if name not in METRIC_KEYS}


def _check_columns(table: pd.DataFrame, columns: Mapping[str, str], where: str) -> None:
    found = {str(name): str(dtype) for name, dtype in table.dtypes.items()}
    if list(found.items()) != list(columns.items()):
        expected = ", ".join(f"{name} {dtype}" for name, dtype in columns.items())
        raise ValueError(f"{where}: must have the columns {expected}; has {found}")
