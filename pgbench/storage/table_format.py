"""The format of a table on disk: its columns, in their order, with their types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class TableFormat:
    """What a table's columns are.

    Attributes:
        columns: name → type, as pandas calls it.
        others: the type of further columns, which follow those; None: there are none.
    """

    columns: Mapping[str, str]
    others: str | None = None

    def table(self, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        """Rows as a table that has these columns and types even if there are no rows."""
        return pd.DataFrame(list(rows), columns=list(self.columns)).astype(dict(self.columns))

    def empty(self) -> pd.DataFrame:
        """The table without rows."""
        return self.table(())

    def check(self, table: pd.DataFrame, where: str) -> None:
        """Refuse a table with other columns, another order or other types.

        Raises:
            ValueError: naming the columns that were expected and those that are there.
        """
        present = {str(name): str(dtype) for name, dtype in table.dtypes.items()}
        expected = dict(self.columns)
        if self.others is not None:
            expected |= {name: self.others for name in present if name not in expected}
        if list(present.items()) != list(expected.items()):
            columns = ", ".join(f"{name} {dtype}" for name, dtype in expected.items())
            raise ValueError(f"{where}: must have the columns {columns}; has {present}")
