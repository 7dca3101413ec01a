"""Small files that give back every bit, and always the same bytes."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pgbench.base.refusals import Refusal
from pgbench.storage.compact import put_compact, read_compact

RNG = np.random.default_rng(0)
ROWS = 2000


def table():
    returns = RNG.standard_normal(ROWS)
    returns[3], returns[4], returns[5] = np.nan, np.inf, -0.0
    metric = RNG.standard_normal(ROWS).astype(np.float32).astype(np.float64)
    columns = {
        "seed": np.repeat([0, 10**12], ROWS // 2),
        "return": returns,
        "metric": metric,
        "huge": np.where(np.arange(ROWS) == 7, 1e300, 0.5),
        "flag": returns > 0,
        "word": pd.Series(["finished", "no episode"] * (ROWS // 2), dtype="str"),
    }
    return pd.DataFrame(columns)


def bits(frame):
    return [column.to_numpy().tobytes() for name, column in frame.items() if name != "word"]


def test_what_is_read_is_what_was_put_to_the_bit(tmp_path):
    put = table()
    record = put_compact(tmp_path / "one", put)
    read = read_compact(tmp_path / "one", record, "write it again")
    pd.testing.assert_frame_equal(read, put, check_exact=True)
    assert bits(read) == bits(put)


def test_a_column_is_stored_in_single_precision_only_if_that_is_exact(tmp_path):
    put_compact(tmp_path / "one", table())
    stored = {field.name: str(field.type) for field in pq.read_schema(tmp_path / "one")}
    assert (stored["return"], stored["metric"], stored["huge"]) == ("double", "float", "double")


def test_it_takes_little_more_than_the_numbers_themselves(tmp_path):
    """Eight bytes of a return, and four of a metric, are nearly all that cannot be foretold."""
    put = table()
    put_compact(tmp_path / "one", put)
    put.to_parquet(tmp_path / "usual", index=False)
    assert (tmp_path / "one").stat().st_size < ROWS * (8 + 4 + 0.2) + 2000
    assert (tmp_path / "one").stat().st_size < 0.7 * (tmp_path / "usual").stat().st_size


def test_the_bytes_are_always_the_same(tmp_path):
    put = table()
    records = [put_compact(tmp_path / name, put.copy()) for name in ("one", "two")]
    assert records[0] == records[1]
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_table_without_rows_keeps_its_columns(tmp_path):
    put = table()[:0]
    record = put_compact(tmp_path / "one", put)
    pd.testing.assert_frame_equal(read_compact(tmp_path / "one", record, "write it again"), put)


def test_another_file_is_refused(tmp_path):
    record = put_compact(tmp_path / "one", table())
    put_compact(tmp_path / "one", table())
    with pytest.raises(Refusal, match="is not what was written"):
        read_compact(tmp_path / "one", record, "write it again")
