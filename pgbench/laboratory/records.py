"""What a measurement leaves behind: its record, and its statements as pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import NonNegativeFloat, NonNegativeInt, ValidationError

from pgbench.analysis import wording
from pgbench.analysis.claims import CONTRADICTED, INCONCLUSIVE, REPLICATED
from pgbench.components import Specification
from pgbench.laboratory.catalogue import Measurement, Size
from pgbench.provenance import Provenance
from pgbench.references import citation
from pgbench.refusals import Refusal

RECORD = "measurement.json"
REMEDY = "`python -m pgbench laboratory` writes it"

OUTCOMES = {"holds": "holds", "fails": "does not hold", "open": "open"}
VERDICTS = {"holds": REPLICATED, "fails": CONTRADICTED, "open": INCONCLUSIVE}
RELATIONS = {"equals": "=", "below": "<", "above": ">"}


class Performed(Specification):
    """What was measured, how much, and where; the last file to be written."""

    measurement: Measurement
    preset: str
    size: Size
    seed: NonNegativeInt
    seconds: NonNegativeFloat
    provenance: Provenance


def read_record(directory: Path) -> Performed:
    """The record of a measurement.

    Raises:
        Refusal: if it is missing or is not one.
    """
    try:
        return Performed.model_validate_json((directory / RECORD).read_bytes())
    except (OSError, ValidationError) as error:
        reason = getattr(error, "strerror", None) or "it is not a record of a measurement"
        raise Refusal(f"{directory / RECORD}: cannot be used ({reason}); {REMEDY}") from None


def read_statements(directory: Path) -> pd.DataFrame:
    """The statements of a measurement, as `statements.as_table` made them.

    Raises:
        Refusal: if the table is missing or unreadable.
    """
    try:
        return pd.read_parquet(directory / "statements.parquet")
    except (OSError, ValueError) as error:
        raise Refusal(f"{directory}: is not a whole measurement ({error}); {REMEDY}") from None


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
