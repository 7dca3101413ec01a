"""What a block of replicas leaves on disk: two tables, and the record that says they are whole.

A block is a directory with `episodes.parquet`, `metrics.parquet` and `run.json`. The record is written last
and carries each table's rows and SHA-256: a block without it was never finished, and one that disagrees with
it is refused. Nothing in the tables depends on time or place: a block trained twice has the same bytes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import AwareDatetime, Field, NonNegativeFloat, NonNegativeInt, ValidationError

from pgbench.components import Specification
from pgbench.provenance import Provenance
from pgbench.refusals import Refusal, explain
from pgbench.specs import Run

RECORD = "run.json"
EPISODE_COLUMNS = {
    "seed": "int64",
    "step": "int64",
    "episodic_return": "float64",
    "episodic_length": "int64",
    "terminated": "bool",
}
METRIC_KEYS = {"seed": "int64", "iteration": "int64", "step": "int64"}
REMEDY = "delete the block's directory and run the workflow again"


class TableRecord(Specification):
    """What a table must look like to be the one that was written."""

    rows: NonNegativeInt
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class TableRecords(Specification):
    """The tables of a block."""

    episodes: TableRecord
    metrics: TableRecord


class Record(Provenance):
    """The commit record of a block, `run.json`."""

    name: str = Field(description="The run's name.")
    run: Run
    seeds: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)]
    code_digest: str = Field(description="Digest of the training code.")
    started: AwareDatetime
    finished: AwareDatetime
    seconds: NonNegativeFloat = Field(description="Wall time spent on training.")
    steps: NonNegativeInt = Field(description="Environment steps of all the block's replicas together.")
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
    """Write a block so that it exists whole or not at all.

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
    (directory / RECORD).unlink(missing_ok=True)  # from here on, until the last line, there is no valid block
    tables = {
        "episodes": (episodes, EPISODE_COLUMNS, ["seed", "step"]),
        "metrics": (metrics, _metric_columns(metrics), ["seed", "iteration"]),
    }
    written = {}
    for name, (table, columns, order) in tables.items():
        _check_columns(table, columns, name)
        path = directory / f"{name}.parquet"
        write_table(path, table.sort_values(order, kind="stable", ignore_index=True))
        written[name] = TableRecord(rows=len(table), sha256=_sha256(path))
    complete = Record.model_validate({**record, "tables": TableRecords(**written)})
    write_text(directory / RECORD, complete.model_dump_json(indent=2) + "\n")


def read_block(directory: Path, name: str) -> Block:
    """Read a block and check it against its record.

    Args:
        directory: the block's directory.
        name: the run that it must belong to.

    Raises:
        Refusal: if a file is missing, truncated, altered, or belongs to another run or format.
    """
    record = _read_record(directory / RECORD)
    if record.name != name:
        raise Refusal(f"{directory / RECORD}: belongs to the run '{record.name}', not to '{name}'; {REMEDY}")
    episodes = _read_table(directory / "episodes.parquet", record.tables.episodes, record.seeds)
    metrics = _read_table(directory / "metrics.parquet", record.tables.metrics, record.seeds)
    for table, columns, file in (
        (episodes, EPISODE_COLUMNS, "episodes.parquet"),
        (metrics, _metric_columns(metrics), "metrics.parquet"),
    ):
        try:
            _check_columns(table, columns, str(directory / file))
        except ValueError as error:
            raise Refusal(f"{error}; {REMEDY}") from None
    return Block(episodes, metrics, record)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside a file; if the body ends well, it takes the file's place in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet, read it back, and only then give it its name.

    Raises:
        OSError: if what is read back differs.
    """
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False)
        if not pd.read_parquet(temporary).equals(table):
            raise OSError(f"{path}: what was written reads back differently; is the disk full or failing?")


def write_text(path: Path, text: str) -> None:
    """Write a text, read it back, and only then give it its name.

    Raises:
        OSError: if what is read back differs.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
        if temporary.read_text(encoding="utf-8") != text:
            raise OSError(f"{path}: what was written reads back differently; is the disk full or failing?")


def _metric_columns(metrics: pd.DataFrame) -> dict[str, str]:
    """The columns that a table of metrics must have: the keys, and whatever else it has as floats."""
    return METRIC_KEYS | {str(name): "float64" for name in metrics.columns if name not in METRIC_KEYS}


def _check_columns(table: pd.DataFrame, columns: Mapping[str, str], where: str) -> None:
    found = {str(name): str(dtype) for name, dtype in table.dtypes.items()}
    if list(found.items()) != list(columns.items()):
        expected = ", ".join(f"{name} {dtype}" for name, dtype in columns.items())
        raise ValueError(f"{where}: must have the columns {expected}; has {found}")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_record(path: Path) -> Record:
    try:
        return Record.model_validate_json(path.read_bytes())
    except OSError as error:
        raise Refusal(
            f"{path}: cannot be read ({error.strerror}), so this block was never finished; "
            "run the workflow again"
        ) from None
    except ValidationError as error:
        raise Refusal(f"{explain(error, str(path), Record)}; {REMEDY}") from None


def _read_table(path: Path, expected: TableRecord, seeds: tuple[int, ...]) -> pd.DataFrame:
    """The table, if it is the one that the record describes."""
    try:
        altered = _sha256(path) != expected.sha256
    except OSError as error:
        raise Refusal(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from None
    if altered:
        raise Refusal(f"{path}: is not what was written: it was altered or truncated since; {REMEDY}")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise Refusal(f"{path}: is not a Parquet table ({error}); {REMEDY}") from None
    if len(table) != expected.rows:
        raise Refusal(f"{path}: has {len(table)} rows, where its record says {expected.rows}; {REMEDY}")
    if "seed" in table and not set(table["seed"]) <= set(seeds):
        raise Refusal(f"{path}: holds seeds that its record does not name; {REMEDY}")
    return table
