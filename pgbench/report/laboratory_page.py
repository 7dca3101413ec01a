"""The laboratory's page: every measurement with its question, its figure and the statements of its sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pgbench.analysis import statistics
from pgbench.base import wording
from pgbench.base.refusals import Refusal
from pgbench.figures.style import Drawing
from pgbench.laboratory.records import REMEDY, Performed, read_record, read_statements
from pgbench.report import texts
from pgbench.report.illustrations import Illustration
from pgbench.report.publishing import ShownFigure, TableFiles, publish, render, write_tables
from pgbench.report.statement_rows import StatementRow, outcomes, statement_rows
from pgbench.report.tables import PageTable
from pgbench.studies.catalogue import Measurement
from pgbench.studies.references import read_papers

MOST_QUANTITIES = 6
"""How many quantities an alternative text names."""


@dataclass(frozen=True)
class Section:
    """A measurement.

    Attributes:
        measurement: its name, title, question and source.
        figure: its figure.
        statements: one row for each statement.
        duration: how long the measurement took.
        command: what to type to measure again.
    """

    measurement: Measurement
    figure: ShownFigure
    statements: tuple[StatementRow, ...]
    duration: str
    command: str


@dataclass(frozen=True)
class LaboratoryPage:
    """What the templates `laboratory.html` and `laboratory.md` receive.

    Attributes:
        sections: one for each measurement.
        facts: each kind of fact on where the numbers come from, and every value of it that occurs.
        paragraphs: name → paragraph, as `paragraphs.yaml` has it.
        command: what to type to get the page again.
        files: name of a table → its files.
    """

    sections: tuple[Section, ...]
    facts: tuple[tuple[str, tuple[str, ...]], ...]
    paragraphs: Mapping[str, str]
    command: str
    files: Mapping[str, TableFiles]


def write_page(directories: Sequence[Path], html: Path, markdown: Path) -> None:
    """Write the page of some measurements, with figures in `figures/laboratory` and a table in `tables/laboratory`.

    Args:
        directories: one for each measurement, as `measuring.write` leaves it.
        html: the self-contained page.
        markdown: the same page for code hosts.

    Raises:
        Refusal: if a file is missing or unreadable.
    """
    papers, figures = read_papers(), html.parent / "figures" / "laboratory"
    sections = tuple(_section(directory, papers, figures) for directory in directories)
    records = [read_record(directory) for directory in directories]
    statements = pd.concat(
        [
            read_statements(directory).assign(measurement=record.measurement.name)
            for directory, record in zip(directories, records, strict=True)
        ]
    )
    presets = list(dict.fromkeys(record.preset for record in records))
    page = LaboratoryPage(
        sections=sections,
        facts=_facts(records),
        paragraphs=_paragraphs(statements, presets),
        command=f"snakemake --cores 2 laboratory --config preset={presets[0]}",
        files=write_tables([_table(statements, sections)], html.parent / "tables" / "laboratory"),
    )
    render("laboratory", page, html, markdown)


def _section(directory: Path, papers: Mapping[str, str], folder: Path) -> Section:
    record = read_record(directory)
    entry = record.measurement
    try:
        drawing = Drawing((directory / "figure.svg").read_bytes())
    except OSError as error:
        raise Refusal(f"{directory}: is not a whole measurement ({error}); {REMEDY}") from None
    rows = statement_rows(read_statements(directory), papers)
    illustration = Illustration(entry.name, lambda: drawing, entry.caption, _alternative(entry.title, rows))
    return Section(
        measurement=entry,
        figure=publish(illustration, folder),
        statements=rows,
        duration=wording.duration(record.seconds),
        command=f"python -m pgbench laboratory {entry.name} --preset {record.preset}",
    )


def _alternative(title: str, rows: Sequence[StatementRow]) -> str:
    """What a figure shows, from its numbers: the first quantities and what was measured of them."""
    measured = [f"{row.quantity}: {row.estimate}, {row.verdict}" for row in rows[:MOST_QUANTITIES]]
    more = f"; and {len(rows) - len(measured)} more" if len(rows) > len(measured) else ""
    return f"{title}. {'; '.join(measured)}{more}."


def _table(statements: pd.DataFrame, sections: Sequence[Section]) -> PageTable:
    """Every statement, with all digits and as it is printed."""
    rows = [row for section in sections for row in section.statements]
    printed = pd.DataFrame(
        {
            "Statement": [row.statement for row in rows],
            "Source": [row.source for row in rows],
            "Quantity": [row.quantity for row in rows],
            "Measured": [f"{row.estimate} {row.interval}".strip() for row in rows],
            "Said": [row.expected for row in rows],
            "Verdict": [row.verdict for row in rows],
        },
        dtype="str",
    )
    return PageTable("statements", statements, printed)


def _paragraphs(statements: pd.DataFrame, presets: Sequence[str]) -> dict[str, str]:
    numbers = {
        "statements": wording.count(len(statements), "statement"),
        "outcomes": outcomes(statements),
        "level": wording.percent(statistics.LEVEL),
        "alpha": wording.percent(1 - statistics.LEVEL),
        "presets": wording.enumeration(presets),
    }
    return texts.paragraphs("laboratory", numbers)


def _facts(records: Sequence[Performed]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Every commit, version, machine and seed that occurs, and the time."""
    origins = [record.provenance for record in records]
    commits = {f"{origin.commit}{' with changes' if origin.dirty else ''}" for origin in origins}
    versions = {
        ", ".join(f"{name} {number}" for name, number in origin.versions.items()) for origin in origins
    }
    machines = {f"{origin.machine.processor}, {origin.machine.platform}" for origin in origins}
    total = wording.duration(sum(record.seconds for record in records))
    return (
        ("Commit", tuple(sorted(commits))),
        ("Versions", tuple(sorted(versions))),
        ("Machine", tuple(sorted(machines))),
        ("Seed", tuple(sorted({str(record.seed) for record in records}))),
        ("Time, all measurements together", (total,)),
    )
