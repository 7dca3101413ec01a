"""The answer of a study, made from its verdicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pgbench.base import wording
from pgbench.report.claim_rows import ClaimRow
from pgbench.report.tallies import JUDGED

MOST_QUOTED = 2
"""Claims of one verdict are quoted up to this many, and only counted if there are more."""


def answer(rows: Sequence[ClaimRow]) -> str:
    """How the claims of a study came out: at its own budget, then at less; empty where no claim was judged."""
    full = [(row.full.verdict, row) for row in rows if row.full]
    provisional = [(row.verdict, row) for row in rows if row.provisional]
    begins = (("At the study’s own budget,", full), ("At less than the study’s own budget,", provisional))
    return " ".join(f"{begin} {_outcome(found)}." for begin, found in begins if found)


def _outcome(found: Sequence[tuple[str, ClaimRow]]) -> str:
    """How many claims have which verdict, as a clause that quotes them if they are few."""
    groups = [(name, [row for verdict, row in found if verdict == name]) for name in JUDGED]
    present = [(name, rows) for name, rows in groups if rows]
    total = wording.count(len(found), "claim")
    subjects: list[Callable[[int], str]] = [lambda number: f"{number} of {total}"]
    subjects += [str] * (len(present) - 1)
    return wording.enumeration(
        [
            f"{subject(len(rows))} {'is' if len(rows) == 1 else 'are'} {name}{_quoted(rows)}"
            for subject, (name, rows) in zip(subjects, present, strict=True)
        ]
    )


def _quoted(rows: Sequence[ClaimRow]) -> str:
    if len(rows) > MOST_QUOTED:
        return ""
    quotes = [f"“{row.statement.removesuffix('.')}”" for row in rows]
    return f" ({wording.enumeration(quotes)})"
