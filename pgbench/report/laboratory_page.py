"""The laboratory's page: every measurement with its question, its figure and what the sources say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from pgbench.base import wording
from pgbench.base.refusals import Refusal
from pgbench.figures.style import Drawing
from pgbench.laboratory.records import REMEDY, Performed, read_record, read_statements
from pgbench.report.illustrations import Illustration
from pgbench.report.publishing import publish, render
from pgbench.report.statement_rows import OUTCOMES, statement_rows
from pgbench.report.tables import View
from pgbench.studies.references import read_papers


def write_page(directories: Sequence[Path], html: Path, markdown: Path) -> None:
    """Write the page of some measurements, and their figures, as SVG and PNG, to `figures/laboratory` beside it.

    Args:
        directories: one a measurement, as `running.write` leaves it.
        html: the self-contained page.
        markdown: the same page for code hosts.

    Raises:
        Refusal: if a file is missing or unreadable.
    """
    papers, figures = read_papers(), html.parent / "figures" / "laboratory"
    sections = [_section(directory, papers, figures) for directory in directories]
    records = [read_record(directory) for directory in directories]
    context = {
        "sections": sections,
        "counts": _counts(sections),
        "facts": _facts(records),
        "presets": wording.enumeration(sorted({record.preset for record in records})),
        "command": "snakemake --cores 2 laboratory",
    }
    render("laboratory", context, html, markdown)


def _section(directory: Path, papers: Mapping[str, str], folder: Path) -> View:
    record = read_record(directory)
    entry = record.measurement
    try:
        figure = Drawing((directory / "figure.svg").read_bytes(), (directory / "figure.png").read_bytes())
    except OSError as error:
        raise Refusal(f"{directory}: is not a whole measurement ({error}); {REMEDY}") from None
    illustration = Illustration(entry.name, lambda: figure, entry.caption, f"{entry.title}. {entry.caption}")
    return {
        **entry.model_dump(),
        "figure": publish(illustration, folder),
        "statements": statement_rows(read_statements(directory), papers),
        "seconds": wording.duration(record.seconds),
    }


def _counts(sections: Sequence[View]) -> str:
    """How many statements hold, do not, and are open."""
    outcomes = pd.Series([each["outcome"] for section in sections for each in section["statements"]])
    found = outcomes.value_counts()
    parts = [
        f"{found.get(outcome, 0)} {word}"
        for outcome, word in zip(OUTCOMES.values(), ("hold", "do not", "are open"), strict=True)
    ]
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
