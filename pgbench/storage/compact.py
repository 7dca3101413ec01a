"""Tables of a block as small Parquet files that lose nothing.

Integers are stored by their differences, and numbers byte by byte: first the signs and exponents of all rows, which
are alike, then the rest. A column whose numbers single precision can hold, such as a metric that was computed in
it, is stored in single precision. Every table is read back in double precision and compared before its file counts.
The bytes depend on the table and on the version of pyarrow, and on nothing else.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from pgbench.base.refusals import Refusal
from pgbench.storage.files import TableRecord, check_file, check_rows, differs, sha256

LEVEL = 19
"""Of zstd: higher levels need more memory and save less than a thousandth."""


def put_compact(path: Path, table: pd.DataFrame) -> TableRecord:
    """Write a table of integers, numbers, texts and flags under a path that is temporary, and read it back.

    Returns:
        The record by which `read_compact` recognises the table.

    Raises:
        OSError: if the table cannot be written, or reads back differently.
    """
    columns = {str(name): _narrowed(column) for name, column in table.items()}
    stored = pa.table(columns)
    encodings = {field.name: encoding for field in stored.schema if (encoding := _encoding(field.type))}
    pq.write_table(
        stored,
        path,
        compression="zstd",
        compression_level=LEVEL,
        use_dictionary=[name for name in columns if name not in encodings],
        column_encoding=encodings,
        write_statistics=False,
        store_schema=False,
    )
    if not _read(path).equals(table):
        raise differs(path)
    return TableRecord(rows=len(table), sha256=sha256(path))


def read_compact(path: Path, expected: TableRecord, remedy: str) -> pd.DataFrame:
    """The table in a file, if it is the table that its record describes.

    Args:
        path: a Parquet file.
        expected: what `put_compact` returned.
        remedy: what to do about any other table, as a clause.

    Raises:
        Refusal: if the file is missing, truncated, altered or not a table.
    """
    check_file(path, expected.sha256, remedy)
    try:
        table = _read(path)
    except (OSError, ValueError) as error:
        raise Refusal(f"{path}: is not a Parquet table ({error}); {remedy}") from None
    check_rows(path, table, expected, remedy)
    return table


def _narrowed(column: pd.Series) -> pa.Array:
    """A column as it is stored: in single precision where that holds every number exactly."""
    values = column.to_numpy()
    if values.dtype == np.float64:
        values = np.where(np.isnan(values), np.nan, values)  # the sign of 0 / 0 differs between processes
        with np.errstate(over="ignore"):
            single = values.astype(np.float32)
        if np.array_equal(single.astype(np.float64), values, equal_nan=True):
            return pa.array(single)
        return pa.array(values)
    return pa.array(column, from_pandas=True)


def _encoding(kind: pa.DataType) -> str | None:
    """How the values of a column are written; None for a dictionary of its distinct values."""
    if pa.types.is_floating(kind):
        return "BYTE_STREAM_SPLIT"
    return "DELTA_BINARY_PACKED" if pa.types.is_integer(kind) else None


def _read(path: Path) -> pd.DataFrame:
    """A table with its numbers in double precision again."""
    # The reader of pandas also looks for folders and remote stores, which takes longer than reading the table.
    with pq.ParquetFile(path) as file:
        table: pd.DataFrame = file.read(use_threads=False).to_pandas(use_threads=False)
    single = {name: "float64" for name, kind in table.dtypes.items() if kind == np.float32}
    return table.astype(single)
