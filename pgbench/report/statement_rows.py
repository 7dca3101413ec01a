"""The laboratory's statements as rows of a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pgbench.analysis.judging import CONTRADICTED, INCONCLUSIVE, REPLICATED
from pgbench.base import wording
from pgbench.report.tallies import JUDGED
from pgbench.studies.references import citation

VERDICTS = {"holds": REPLICATED, "fails": CONTRADICTED, "open": INCONCLUSIVE}
RELATIONS = {"equals": "=", "below": "<", "above": ">"}


@dataclass(frozen=True)
class StatementRow:
    """A statement of a source about a quantity, and what was measured. All numbers are texts.

    Attributes:
        statement: what the source says.
        paper: the citation.
        source: the citation and the place in the paper.
        quantity: what was measured.
        estimate: its measured value.
        interval: its 95 % interval; empty if the value is exact.
        expected: the relation and the number that the statement gives.
        verdict: what came out, in the words for claims.
    """

    statement: str
    paper: str
    source: str
    quantity: str
    estimate: str
    interval: str
    expected: str
    verdict: str


def statement_rows(table: pd.DataFrame, papers: Mapping[str, str]) -> tuple[StatementRow, ...]:
    """One row for each statement.

    Args:
        table: from `read_statements`.
        papers: BibTeX entries by key.
    """
    return tuple(_statement_row(row, papers) for _, row in table.iterrows())


def _statement_row(row: pd.Series[Any], papers: Mapping[str, str]) -> StatementRow:
    exact, paper = row["low"] == row["high"], citation(papers[row["paper"]])
    return StatementRow(
        statement=row["statement"],
        paper=paper,
        source=f"{paper}, {row['where']}",
        quantity=row["quantity"],
        estimate=significant(row["estimate"]),
        interval="" if exact else f"[{significant(row['low'])}, {significant(row['high'])}]",
        expected=f"{RELATIONS[row['relation']]} {significant(row['expected'])}",
        verdict=VERDICTS[row["outcome"]],
    )


def outcomes(table: pd.DataFrame) -> str:
    """How many statements have which verdict, such as "40 replicated, 2 inconclusive".

    Args:
        table: as for `statement_rows`.
    """
    verdicts = table["outcome"].map(VERDICTS).value_counts()
    return ", ".join(f"{verdicts[name]} {name}" for name in JUDGED if name in verdicts)


def significant(value: float) -> str:
    """A number of any size with four significant digits; two if it is very small or large."""
    if value == 0.0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.4g}".replace("-", "−") if abs(value) < 1000 else wording.number(value)
    return wording.scientific(value, digits=2)
