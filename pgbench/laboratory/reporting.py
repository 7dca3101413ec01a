"""The laboratory's page: every measurement with its question, its figure and what the sources say of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pgbench.analysis import wording
from pgbench.analysis.drawing import Drawing
from pgbench.analysis.illustrations import Illustration
from pgbench.analysis.reporting import publish, render
from pgbench.analysis.views import View
from pgbench.laboratory.drawing import SUPERSCRIPTS
from pgbench.laboratory.running import REMEDY, Performed, read_record
from pgbench.refusals import Refusal

OUTCOMES = {"holds": "holds", "fails": "does not hold", "open": "open"}
RELATIONS = {"equals": "=", "below": "<", "above": ">"}


def write_page(directories: Sequence[Path], html: Path, markdown: Path) -> None:
    """Write the page of some measurements, and their figures, as SVG and PNG, to `figures/laboratory` beside it.

    Args:
        directories: one a measurement, as `running.write` leaves it.
        html: the self-contained page.
        markdown: the same page for code hosts.

    Raises:
        Refusal: if a file is missing or unreadable.
    """
    sections = [_section(directory, html.parent / "figures" / "laboratory") for directory in directories]
    records = [read_record(directory) for directory in directories]
    context = {
        "sections": sections,
        "counts": _counts(sections),
        "facts": _facts(records),
        "presets": wording.enumeration(sorted({record.preset for record in records})),
        "command": "snakemake --cores 2 laboratory",
    }
    render("laboratory", context, html, markdown)


def _section(directory: Path, folder: Path) -> View:
    record = read_record(directory)
    entry = record.measurement
    try:
        statements = pd.read_csv(directory / "statements.csv")
        figure = Drawing((directory / "figure.svg").read_bytes(), (directory / "figure.png").read_bytes())
    except (OSError, ValueError) as error:
        raise Refusal(f"{directory}: is not a whole measurement ({error}); {REMEDY}") from None
    illustration = Illustration(entry.name, figure, entry.caption, f"{entry.title}. {entry.caption}")
    return {
        **entry.model_dump(),
        "figure": publish(illustration, folder),
        "statements": [_statement(row) for _, row in statements.iterrows()],
        "seconds": wording.duration(record.seconds),
    }


def _statement(row: pd.Series[Any]) -> View:
    """A statement as its row reads."""
    exact = row["low"] == row["high"]
    return {
        "text": row["statement"],
        "source": row["source"],
        "quantity": row["quantity"],
        "estimate": significant(row["estimate"]),
        "interval": "" if exact else f"[{significant(row['low'])}, {significant(row['high'])}]",
        "expected": f"{RELATIONS[row['relation']]} {significant(row['expected'])}",
        "outcome": row["outcome"],
        "verdict": OUTCOMES[row["outcome"]],
    }


def significant(value: float) -> str:
    """A number of any size with four significant digits; two if it is very small or large."""
    if value == 0.0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.4g}".replace("-", "−") if abs(value) < 1000 else wording.number(value)
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}·10{str(int(exponent)).translate(SUPERSCRIPTS)}".replace("-", "−")


def _counts(sections: Sequence[View]) -> str:
    """How many statements hold, do not, and are open."""
    outcomes = pd.Series([each["outcome"] for section in sections for each in section["statements"]])
    found = outcomes.value_counts()
    words = {"holds": "hold", "fails": "do not", "open": "are open"}
    parts = [f"{found.get(outcome, 0)} {word}" for outcome, word in words.items()]
    return f"Of {len(outcomes)} statements {wording.enumeration(parts)}."


def _facts(records: Sequence[Performed]) -> list[tuple[str, list[str]]]:
    """Commits, versions, machines and costs, each that occurs."""
    commits = {
        f"{each.provenance.commit}{' with changes' if each.provenance.dirty else ''}" for each in records
    }
    versions = {", ".join(f"{n} {v}" for n, v in each.provenance.versions.items()) for each in records}
    machines = {
        f"{each.provenance.machine.processor}, {each.provenance.machine.platform}" for each in records
    }
    seeds = {str(each.seed) for each in records}
    total = wording.duration(sum(each.seconds for each in records))
    return [
        ("Commit", sorted(commits)),
        ("Versions", sorted(versions)),
        ("Machine", sorted(machines)),
        ("Seed", sorted(seeds)),
        ("Time, all measurements together", [total]),
    ]
