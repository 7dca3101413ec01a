"""The format of a table: what it makes, and what it refuses."""

import pandas as pd
import pytest

from pgbench.storage.table_format import TableFormat

CLOSED = TableFormat({"name": "str", "count": "int64"})
OPEN = TableFormat({"seed": "int64"}, others="float64")


@pytest.mark.parametrize("rows", [[], [{"count": 3, "name": "a"}], [{"name": "a", "count": 2.0}]])
def test_a_table_has_the_columns_and_types_with_and_without_rows(rows):
    table = CLOSED.table(rows)
    assert len(table) == len(rows)
    CLOSED.check(table, "here")


def test_the_empty_table_is_the_table_of_no_rows():
    pd.testing.assert_frame_equal(CLOSED.empty(), CLOSED.table([]))
    OPEN.check(OPEN.empty(), "here")


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"name": ["a"]}),
        pd.DataFrame({"count": [1], "name": ["a"]}),
        pd.DataFrame({"name": ["a"], "count": [1.0]}),
        pd.DataFrame({"name": ["a"], "count": [1], "other": [1.0]}),
    ],
)
def test_another_table_is_refused(table):
    with pytest.raises(ValueError, match="here: must have the columns name str, count int64; has"):
        CLOSED.check(table, "here")


def test_an_open_format_has_further_columns_of_one_type():
    OPEN.check(pd.DataFrame({"seed": [1], "kl": [0.1]}), "here")
    with pytest.raises(ValueError, match="must have the columns seed int64, kl float64"):
        OPEN.check(pd.DataFrame({"seed": [1], "kl": [1]}), "here")
