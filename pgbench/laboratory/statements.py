"""Statements: what a source says of a quantity, what was found, and whether it holds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, assert_never

import pandas as pd

from pgbench.analysis.statistics import Estimate
from pgbench.studies.claims import Source

Relation = Literal["equals", "below", "above"]
StatementOutcome = Literal["holds", "fails", "open"]


@dataclass(frozen=True)
class Statement:
    """One row of a measurement's second table.

    Attributes:
        statement: what is said, as a sentence.
        source: who says it.
        quantity: what was measured.
        estimate: its value.
        low: lower end of its 95 % interval; the value itself where nothing was sampled.
        high: upper end.
        relation: how the quantity is said to stand to `expected`.
        expected: the number, or the bound.
        tolerance: how far an equality may be missed beyond the interval, for rounding or a finite step.
    """

    statement: str
    source: Source
    quantity: str
    estimate: float
    low: float
    high: float
    relation: Relation
    expected: float
    tolerance: float

    @property
    def outcome(self) -> StatementOutcome:
        """Whether the interval holds the number, or on which side of the bound it lies; open if on both."""
        match self.relation:
            case "equals":
                near = self.low - self.tolerance <= self.expected <= self.high + self.tolerance
                return "holds" if near else "fails"
            case "below":
                return _side(self.high - self.expected, self.low - self.expected, self.tolerance)
            case "above":
                return _side(self.expected - self.low, self.expected - self.high, self.tolerance)
            case other:
                assert_never(other)


def _side(farthest: float, nearest: float, tolerance: float) -> StatementOutcome:
    """Whether a distance that should be negative is, at both ends of its interval or at neither."""
    if farthest < tolerance:
        return "holds"
    return "fails" if nearest >= tolerance else "open"


def statement(
    text: str,
    source: Source,
    quantity: str,
    found: Estimate,
    relation: Relation,
    expected: float,
    tolerance: float = 0.0,
) -> Statement:
    """A statement about an estimate."""
    value, low, high = (float(each) for each in found)
    return Statement(text, source, quantity, value, low, high, relation, expected, tolerance)


def as_table(statements: list[Statement]) -> pd.DataFrame:
    """A row a statement: `paper` and `where` of its source, its other fields, `outcome` and `holds`."""

    def row(each: Statement) -> dict[str, Any]:
        fields = asdict(each)
        source = fields.pop("source")
        found = {"outcome": each.outcome, "holds": each.outcome == "holds"}
        return {"paper": source.paper, "where": source.where} | fields | found

    return pd.DataFrame([row(each) for each in statements])


@dataclass(frozen=True)
class MeasurementResult:
    """What a measurement returns.

    Attributes:
        table: tidy: settings, `quantity`, `estimate`, `low`, `high`.
        statements: what the sources say of it.
    """

    table: pd.DataFrame
    statements: list[Statement]
