"""Files that exist whole or not at all, that show whether they were changed, and that have one writer at a time.

Every file is written under a temporary name, forced to the disk, and then takes the place of the file before. A
record holds the SHA-256 of each table and its own, so that neither can be truncated or edited unnoticed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pyarrow.parquet import ParquetFile  # type: ignore[import-untyped]
from pydantic import Field, NonNegativeInt, ValidationError

from pgbench.base.refusals import Refusal, explain
from pgbench.base.specification import Specification

LOCK = ".lock"
SEAL = "checksum"
TEMPORARY = re.compile(r"\..+\.[0-9]+")

Sealed = TypeVar("Sealed", bound=Specification)


class TableRecord(Specification):
    """What identifies a table that was written."""

    rows: NonNegativeInt
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


@contextmanager
def sole_writer(directory: Path) -> Iterator[None]:
    """Be the only process that writes a directory; the directory is made if it is missing.

    The kernel ends the lock with the process, however the process ends. Temporary files of a killed process are
    deleted.

    Raises:
        Refusal: if another process is writing the directory; the message names that process.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / LOCK).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            writer = lock.read() or "another process"
            raise Refusal(
                f"{directory}: {writer} is writing it; wait until it has ended, or end it, and run this again"
            ) from None
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {platform.node()}")
        lock.flush()
        for path in directory.rglob(".*"):
            if TEMPORARY.fullmatch(path.name):
                path.unlink()
        yield


def last_writer(directory: Path) -> str | None:
    """The process that last became the `sole_writer` of a directory, with its machine; None if none did."""
    with suppress(OSError):
        return (directory / LOCK).read_text(encoding="utf-8") or None
    return None


def still_writes(writer: str) -> bool | None:
    """Whether a `last_writer` holds its lock still; None if it runs on another machine.

    It asks the kernel of this machine. To try the lock would refuse a job that begins in the same moment.
    """
    found = re.fullmatch(r"process ([0-9]+) on (.+)", writer)
    if found is None or found[2] != platform.node():
        return None
    locks = Path("/proc/locks").read_text(encoding="utf-8")
    return re.search(rf"FLOCK +ADVISORY +WRITE {found[1]} ", locks) is not None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside a file; if the body succeeds, it replaces the file in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")  # as `TEMPORARY` has it
    try:
        yield temporary
        force(temporary)
        temporary.replace(path)
        force(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def force(path: Path) -> None:
    """Force a file, or the names in a directory, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_table(path: Path, table: pd.DataFrame) -> TableRecord:
    """Write a table as Parquet, read it back, and only then give the file its name.

    Returns:
        The record by which `read_table` recognises the table.

    Raises:
        OSError: if the table cannot be written, or reads back differently.
    """
    with replacing(path) as temporary:
        table.to_parquet(temporary, index=False)
        if not pd.read_parquet(temporary).equals(table):
            raise differs(temporary)
        return TableRecord(rows=len(table), sha256=sha256(temporary))


def put_bytes(path: Path, content: bytes) -> str:
    """Write bytes to a path that already is temporary, and read them back.

    Returns:
        Their SHA-256.

    Raises:
        OSError: if they cannot be written, or read back differently.
    """
    path.write_bytes(content)
    digest = sha256(path)
    if digest != hashlib.sha256(content).hexdigest():
        raise differs(path)
    return digest


def read_table(path: Path, expected: TableRecord, remedy: str) -> pd.DataFrame:
    """The table in a file, if it is the table that its record describes.

    Args:
        path: a Parquet file.
        expected: what `write_table` returned.
        remedy: what to do about any other table, as a clause.

    Raises:
        Refusal: if the file is missing, truncated, altered or not a table.
    """
    check_file(path, expected.sha256, remedy)
    try:
        # The reader of pandas also looks for folders and remote stores, which takes longer than reading the table.
        with ParquetFile(path) as file:
            table: pd.DataFrame = file.read(use_threads=False).to_pandas(use_threads=False)
    except (OSError, ValueError) as error:
        raise Refusal(f"{path}: is not a Parquet table ({error}); {remedy}") from None
    check_rows(path, table, expected, remedy)
    return table


def check_rows(path: Path, table: pd.DataFrame, expected: TableRecord, remedy: str) -> None:
    """Refuse a table of another length than its record says."""
    if len(table) != expected.rows:
        raise Refusal(f"{path}: has {len(table)} rows, where its record says {expected.rows}; {remedy}")


def check_file(path: Path, expected: str, remedy: str) -> None:
    """Refuse a file that is missing, or whose SHA-256 is not the expected one."""
    try:
        altered = sha256(path) != expected
    except OSError as error:
        raise Refusal(f"{path}: cannot be read ({error.strerror}); {remedy}") from None
    if altered:
        raise Refusal(f"{path}: is not what was written: it was altered or truncated since; {remedy}")


def write_text(path: Path, text: str) -> None:
    """Write a text, read it back, and only then give the file its name.

    Raises:
        OSError: if the text cannot be written, or reads back differently.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
        if temporary.read_text(encoding="utf-8") != text:
            raise differs(path)


def sealed(record: Specification) -> str:
    """A record as JSON, with the SHA-256 of its content; see `read_record`."""
    content = record.model_dump(mode="json")
    return json.dumps(content | {SEAL: seal(content)}, indent=2, ensure_ascii=False) + "\n"


def read_record(path: Path, model: type[Sealed], remedy: str) -> Sealed:
    """The record in a file that holds a `sealed` one.

    Args:
        path: a JSON file.
        model: the class of the record.
        remedy: what to do about any other file, as a clause.

    Raises:
        FileNotFoundError: if there is no such file.
        Refusal: if the file is truncated, edited or of another format.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        checksum = content.pop(SEAL, None) if isinstance(content, dict) else None
        record = model.model_validate_json(json.dumps(content))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Refusal(f"{path}: cannot be read ({error.strerror}); {remedy}") from None
    except ValidationError as error:
        raise Refusal(*str(explain(error, str(path), model)).splitlines(), f"{path}: {remedy}") from None
    except (ValueError, RecursionError) as error:
        raise Refusal(f"{path}: is not a record ({error}); {remedy}") from None
    if checksum is None:
        raise Refusal(f"{path}: has no checksum: an older version wrote it, or it was edited; {remedy}")
    if checksum != seal(content):
        raise Refusal(f"{path}: does not match its own checksum: it was edited since; {remedy}")
    return record


def seal(content: dict[str, Any]) -> str:
    """The SHA-256 of JSON values; the layout of the text does not matter."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def differs(path: Path) -> OSError:
    """The error that a file reads back differently from what was written."""
    return OSError(
        f"{path}: the file reads back differently from what was written; is the disk full or failing?"
    )
