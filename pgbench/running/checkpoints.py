"""Checkpoints: the state of a block in the middle of its training, from which training continues to the bit.

A checkpoint is the directory `checkpoint-<identity>` in the block's directory. It holds a sealed record, the
arrays of the state, and the rows of the tables so far; each save adds a part to these rows instead of writing them
all again. The identity is a digest of everything that decides the numbers, except the machine. Edited mathematics
or another version of a library therefore never continues from a checkpoint that is not its own, and finds its own
again when the edit is taken back.

A checkpoint contains no code: it is JSON, Parquet, and NumPy arrays that are loaded without pickle.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveInt

from pgbench.base.refusals import Refusal
from pgbench.base.specification import Specification
from pgbench.methods.runs import Run
from pgbench.running.progress import say
from pgbench.running.recording import Rows, Tables
from pgbench.storage.files import (
    TableRecord,
    check_file,
    read_record,
    read_table,
    replacing,
    sealed,
    sha256,
    write_table,
    write_text,
)
from pgbench.storage.provenance import History
from pgbench.training.loop import Trainer

SHARE = 0.01
"""The largest share of the time that checkpoints may take: after a slow save, the next one waits longer."""

RECORD, ARRAY = "checkpoint.json", "array"


class Identity(Specification):
    """Everything that decides a block's numbers, except the machine, and how they are saved."""

    run: Run
    seeds: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)]
    code_digests: tuple[str, str] = Field(
        description="Of the code that training reaches, and of the code that saves it."
    )
    versions: dict[str, str]
    environment_origin: str | None = Field(None, exclude_if=lambda value: value is None)


class PartRecords(Specification):
    """What the tables of a part of the rows must look like."""

    episodes: TableRecord
    metrics: TableRecord
    evaluations: TableRecord


class Checkpoint(Specification):
    """The record of a checkpoint."""

    identity: Identity
    history: History
    iteration: PositiveInt = Field(description="Iterations so far.")
    state: str = Field(description="SHA-256 of the file with the state.")
    parts: tuple[PartRecords, ...]


class Checkpoints:
    """The checkpoints of one block; each replaces the one before.

    Args:
        directory: the block's.
        identity: the block's.
        every: seconds between two checkpoints; 0 saves as often as `SHARE` allows.
    """

    def __init__(self, directory: Path, identity: Identity, every: float) -> None:
        self._identity = identity
        self._block = directory
        self._directory = directory / f"checkpoint-{identity.digest}"
        self._remedy = f"delete {self._directory} to train this block from the beginning"
        self._every = every
        self._next = time.monotonic() + every
        self._parts: tuple[PartRecords, ...] = ()

    def load(self, trainer: Trainer) -> History | None:
        """Restore the latest checkpoint; its rows stay on the disk.

        Returns:
            The block's history until the checkpoint, or None if there is no checkpoint.

        Raises:
            Refusal: if the checkpoint is truncated, edited or another block's.
        """
        path = self._directory / RECORD
        try:
            checkpoint = read_record(path, Checkpoint, self._remedy)
        except FileNotFoundError:
            for other in sorted(self._block.glob("checkpoint-*")):
                self._say(f"{other.name} belongs to other code, versions, seeds or values, and is not used")
            return None
        if checkpoint.identity != self._identity:
            raise Refusal(f"{path}: belongs to another run, seeds, code or version; {self._remedy}")
        state = self._state(checkpoint.iteration)
        check_file(state, checkpoint.state, self._remedy)
        self._parts = checkpoint.parts
        self._rows()  # refuses a damaged part now, before hours are added to it
        try:
            saved = _load(state)
        except (ValueError, KeyError, BadZipFile) as error:
            raise Refusal(f"{state}: holds no state ({error}); {self._remedy}") from None
        trainer.restore(saved)
        return checkpoint.history

    @property
    def due(self) -> bool:
        """Whether it is time to save."""
        return time.monotonic() >= self._next

    def save(self, trainer: Trainer, tables: Tables, history: History) -> None:
        """Save the state of training. If that fails, training goes on, and the checkpoint before stays valid.

        Args:
            trainer: between two iterations.
            tables: the rows since the last checkpoint; they are cleared once they are saved.
            history: the block's, so far.
        """
        begin = time.monotonic()
        try:
            self._write(trainer, tables, history)
        except NotImplementedError as error:
            self._say(f"{error}; if this block is killed, it starts over")
            self._next = float("inf")
            return
        except OSError as error:
            self._say(
                f"no checkpoint could be written ({error.strerror or error}); training goes on without it"
            )
        now = time.monotonic()
        self._next = now + max(self._every, (now - begin) / SHARE)

    def rows(self, tables: Tables) -> Rows:
        """All rows of the block's tables: the saved rows, and the rows since."""
        return Rows(*map(_joined, zip(*self._rows(), tables.rows(), strict=True)))

    def remove(self) -> None:
        """Delete all checkpoints of a finished block, also those of other code and versions."""
        for directory in self._block.glob("checkpoint-*"):
            shutil.rmtree(directory)

    def _write(self, trainer: Trainer, tables: Tables, history: History) -> None:
        """Write the new files, then the record, which makes them valid, then delete the files that they replace."""
        self._directory.mkdir(parents=True, exist_ok=True)
        number = len(self._parts)
        part = PartRecords(
            **{
                name: write_table(self._table(name, number), table)
                for name, table in tables.rows()._asdict().items()
            }
        )
        path = self._state(trainer.iteration)
        with replacing(path) as temporary:
            _dump(temporary, trainer.state())
            digest = sha256(temporary)
        checkpoint = Checkpoint(
            identity=self._identity,
            history=history,
            iteration=trainer.iteration,
            state=digest,
            parts=(*self._parts, part),
        )
        write_text(self._directory / RECORD, sealed(checkpoint))
        self._parts = checkpoint.parts
        tables.clear()
        for old in self._directory.glob("state-*.npz"):
            if old != path:
                old.unlink()

    def _rows(self) -> list[Rows]:
        """The saved parts of the tables."""
        return [
            Rows(
                **{name: read_table(self._table(name, number), record, self._remedy) for name, record in part}
            )
            for number, part in enumerate(self._parts)
        ]

    def _table(self, name: str, number: int) -> Path:
        return self._directory / f"{name}-{number:06d}.parquet"

    def _state(self, iteration: int) -> Path:
        return self._directory / f"state-{iteration}.npz"

    def _say(self, message: str) -> None:
        say(f"{self._block}: {message}")


def _joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of all tables, in the format of the tables that have rows."""
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def _dump(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state: first its structure as JSON, then its arrays one by one."""
    arrays: list[NDArray[Any]] = []
    structure = np.array(json.dumps(_with_numbers(state, arrays)))
    with path.open("wb") as file:
        np.savez(file, structure, *arrays, allow_pickle=False)


def _with_numbers(value: Any, arrays: list[NDArray[Any]]) -> Any:
    """The value with each array (or tensor) replaced by its number, from 1, and appended to `arrays`."""
    match value:
        case Mapping():
            return {key: _with_numbers(part, arrays) for key, part in value.items()}
        case list() | tuple():
            return [_with_numbers(part, arrays) for part in value]
        case bool() | int() | float() | str() | None:
            return value
        case _:
            arrays.append(np.asarray(value))
            return {ARRAY: len(arrays)}


def _load(path: Path) -> dict[str, Any]:
    """The state in a file that `_dump` wrote."""
    with np.load(path, allow_pickle=False) as stored:

        def with_array(value: dict[str, Any]) -> Any:
            return stored[f"arr_{value[ARRAY]}"] if value.keys() == {ARRAY} else value

        state: dict[str, Any] = json.loads(str(stored["arr_0"]), object_hook=with_array)
        return state
