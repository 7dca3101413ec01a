"""How numbers and specifications read in a report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MISSING = "–"
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def decimals(values: Iterable[float]) -> int:
    """Decimals that suit a column of numbers: none in the thousands, one in the hundreds, else two."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return 0 if largest >= 1000 else 1 if largest >= 100 else 2


def number(value: float, places: int = 0) -> str:
    """A number with thousands separated and a typographic minus; a dash where there is none."""
    if not math.isfinite(value):
        return MISSING
    # Adding zero turns a rounded −0 into 0.
    return f"{round(value, places) + 0.0:,.{places}f}".replace("-", "−")


def interval(low: float, high: float, places: int) -> str:
    """An interval in brackets; a dash where there is none."""
    return f"[{number(low, places)}, {number(high, places)}]" if math.isfinite(low) else MISSING


def percent(share: float) -> str:
    """A share as a whole percentage."""
    return f"{number(100 * share)}\N{NO-BREAK SPACE}%" if math.isfinite(share) else MISSING


def duration(seconds: float) -> str:
    """A span of time in its two largest units."""
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def enumeration(items: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def count(quantity: int, noun: str, plural: str | None = None) -> str:
    """'1 replica', '2 replicas'; '1 study', '2 studies' with the plural given."""
    return f"{number(quantity)} {noun if quantity == 1 else plural or f'{noun}s'}"


def span(numbers: Sequence[int]) -> str:
    """Consecutive numbers: '0–9'; one alone: '0'."""
    return f"{numbers[0]}–{numbers[-1]}" if len(numbers) > 1 else str(numbers[0])


def seeds(numbers: Sequence[int]) -> str:
    """'seeds 0–9', 'seed 0'."""
    return f"{'seeds' if len(numbers) > 1 else 'seed'} {span(numbers)}"


def level(share: float) -> str:
    """The level of an interval in per cent, with what sets it apart from 100 %: '99.4 %'."""
    return f"{100 * share:.3g}\N{NO-BREAK SPACE}%"


def component(value: Any) -> str:
    """A value of a specification, as `gae(lam=0.95)`."""
    if isinstance(value, Mapping):
        parameters = ", ".join(f"{name}={component(each)}" for name, each in value.items() if name != "kind")
        kind = value.get("kind", "")
        return f"{kind}({parameters})" if parameters or not kind else kind
    if isinstance(value, list | tuple):
        return f"[{', '.join(component(each) for each in value)}]"
    if value is None:
        return "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def scientific(value: float, digits: int) -> str:
    """A number with a power of ten, such as 2·10⁻³, with this many significant digits."""
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa}·10{str(int(exponent)).translate(SUPERSCRIPTS)}".replace("-", "−")


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows as text, in columns as wide as they need to be."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
