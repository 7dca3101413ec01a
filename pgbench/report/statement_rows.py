"""The laboratory's statements as rows of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pgbench.analysis.judging import CONTRADICTED, INCONCLUSIVE, REPLICATED
from pgbench.base import wording
from pgbench.studies.references import citation

OUTCOMES = {"holds": "holds", "fails": "does not hold", "open": "open"}
VERDICTS = {"holds": REPLICATED, "fails": CONTRADICTED, "open": INCONCLUSIVE}
RELATIONS = {"equals": "=", "below": "<", "above": ">"}


def statement_rows(table: pd.DataFrame, papers: Mapping[str, str]) -> list[dict[str, Any]]:
    """Statements, each as its row reads.

    Args:
        table: from `read_statements`.
        papers: BibTeX entries by key.
    """
    return [_statement(row, papers) for _, row in table.iterrows()]


def _statement(row: pd.Series[Any], papers: Mapping[str, str]) -> dict[str, Any]:
    exact, paper = row["low"] == row["high"], citation(papers[row["paper"]])
    return {
        "statement": row["statement"],
        "paper": paper,
        "source": f"{paper}, {row['where']}",
        "quantity": row["quantity"],
        "estimate": significant(row["estimate"]),
        "interval": "" if exact else f"[{significant(row['low'])}, {significant(row['high'])}]",
        "expected": f"{RELATIONS[row['relation']]} {significant(row['expected'])}",
        "outcome": OUTCOMES[row["outcome"]],
        "verdict": VERDICTS[row["outcome"]],
    }


def significant(value: float) -> str:
    """A number of any size with four significant digits; two if it is very small or large."""
    if value == 0.0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.4g}".replace("-", "−") if abs(value) < 1000 else wording.number(value)
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}·{wording.power_of_ten(int(exponent))}".replace("-", "−")
