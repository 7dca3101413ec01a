"""The effect of a claim in words: the effect, its interval, and where the claim puts it, each in its unit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pgbench.base import wording

UNITS = {"score": "", "comparator": " of the comparator", "range": " of the range"}
"""Unit of an effect → the words after it."""

Numbers = Mapping[str, Any] | pd.Series
"""A claim's effect, low, high, level, unit, bound_low and bound_high, as `analysis.judging` has them."""


def amount(value: float, row: Numbers) -> str:
    """An effect: a percentage where its unit is a fraction, else a number."""
    if row["unit"] != "score":
        return wording.percent(value)
    numbers = [
        number for number in (row["effect"], row["bound_low"], row["bound_high"]) if math.isfinite(number)
    ]
    small = max(map(abs, numbers), default=0.0) < 1
    return wording.number(value, 3 if small else wording.decimals(numbers))


def interval(row: Numbers) -> str:
    """The interval of a claim's effect, with its level; it has no ends where the effect's unit may be zero."""
    ends = "−∞, ∞" if math.isinf(row["low"]) else f"{amount(row['low'], row)}, {amount(row['high'], row)}"
    return f"[{ends}] at {wording.level(row['level'])}"


def bounds(row: Numbers) -> str:
    """Where the claim says that the effect lies."""
    low, high = row["bound_low"], row["bound_high"]
    unit = UNITS[row["unit"]]
    if high == math.inf:
        return f"above {amount(low, row)}{unit}"
    if low == -math.inf:
        return f"below {amount(high, row)}{unit}"
    return f"from {amount(low, row)} to {amount(high, row)}{unit}"
