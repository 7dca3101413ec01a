"""Statements: what a source says about a quantity, what was measured, and whether the statement holds."""

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
    """What a source says about a quantity, and the estimate of that quantity.

    Attributes:
        statement: the statement, as a sentence.
        source: who says it.
        quantity: what was measured.
        estimate: the value of the quantity.
        low: lower end of the 95 % interval. Without sampling, both ends are the value.
        high: upper end of the interval.
        relation: the relation of the quantity to `expected`, according to the source.
        expected: the number, or the bound.
        tolerance: how far from `expected` the quantity may be: for rounding, for a finite step, or because a
            smaller difference does not matter.
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
        """Whether the statement holds.

        An equality holds if the whole interval is within the tolerance of the number, and fails if the whole
        interval is farther away. A bound holds if the whole interval is on the right side, and fails if the whole
        interval is on the wrong side. Otherwise the statement is open.
        """
        match self.relation:
            case "equals":
                if max(self.high - self.expected, self.expected - self.low) <= self.tolerance:
                    return "holds"
                farther = max(self.low - self.expected, self.expected - self.high) > self.tolerance
                return "fails" if farther else "open"
            case "below":
                return _outcome_of_bound(self.high - self.expected, self.low - self.expected, self.tolerance)
            case "above":
                return _outcome_of_bound(self.expected - self.low, self.expected - self.high, self.tolerance)
            case other:
                assert_never(other)


def _outcome_of_bound(farthest: float, nearest: float, tolerance: float) -> StatementOutcome:
    """The outcome from the distances by which the two ends of the interval exceed the bound.

    Args:
        farthest: the distance of the end that exceeds it more.
        nearest: the distance of the end that exceeds it less.
        tolerance: the smallest distance that counts as exceeding it.
    """
    if farthest < tolerance:
        return "holds"
    return "fails" if nearest >= tolerance else "open"


def statement(
    text: str,
    source: Source,
    quantity: str,
    estimate: Estimate,
    relation: Relation,
    expected: float,
    tolerance: float = 0.0,
) -> Statement:
    """A statement about an estimate; the arguments are the attributes of `Statement`."""
    value, low, high = (float(number) for number in estimate)
    return Statement(text, source, quantity, value, low, high, relation, expected, tolerance)


def as_table(statements: list[Statement]) -> pd.DataFrame:
    """One row for each statement: `paper` and `where` of the source, the other fields, `outcome` and `holds`."""
    return pd.DataFrame([_row(judged) for judged in statements])


def _row(judged: Statement) -> dict[str, Any]:
    fields = asdict(judged)
    source = fields.pop("source")
    outcome = {"outcome": judged.outcome, "holds": judged.outcome == "holds"}
    return {"paper": source.paper, "where": source.where} | fields | outcome


@dataclass(frozen=True)
class MeasurementResult:
    """What a measurement returns.

    Attributes:
        table: one row for each estimate: settings, `quantity`, `estimate`, `low`, `high`.
        statements: what the sources say, beside what was measured.
    """

    table: pd.DataFrame
    statements: list[Statement]
