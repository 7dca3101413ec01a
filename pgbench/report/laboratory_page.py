"""The laboratory's page: every measurement with its question, its figure and what the sources say of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pgbench.base import wording
from pgbench.base.refusals import Refusal
from pgbench.figures.style import Drawing
from pgbench.laboratory.records import REMEDY, Performed, read_record, read_statements
from pgbench.report.illustrations import Illustration
from pgbench.report.publishing import ShownFigure, publish, render
from pgbench.report.statement_rows import OUTCOMES, StatementRow, statement_rows
from pgbench.studies.catalogue import Measurement
from pgbench.studies.references import read_papers


@dataclass(frozen=True)
class Section:
    """A measurement.

    Attributes:
        measurement: its name, title, question and source.
        figure: its figure.
        statements: one row a statement.
        duration: how long the measurement took.
    """

    measurement: Measurement
    figure: ShownFigure
    statements: tuple[StatementRow, ...]
    duration: str


@dataclass(frozen=True)
class LaboratoryPage:
    """What the templates `laboratory.html` and `laboratory.md` receive.

    Attributes:
        sections: one a measurement.
        counts: a sentence that counts the outcomes.
        facts: each kind of fact on where the numbers come from, and every value of it that occurs.
        presets: every preset that occurs.
        command: what to type to get the page again.
    """

    sections: tuple[Section, ...]
    counts: str
    facts: tuple[tuple[str, tuple[str, ...]], ...]
    presets: str
    command: str


def write_page(directories: Sequence[Path], html: Path, markdown: Path) -> None:
    """Write the page of some measurements, and their figures, as SVG and PNG, to `figures/laboratory` beside it.

    Args:
        directories: one a measurement, as `measuring.write` leaves it.
        html: the self-contained page.
        markdown: the same page for code hosts.

    Raises:
        Refusal: if a file is missing or unreadable.
    """
    papers, figures = read_papers(), html.parent / "figures" / "laboratory"
    sections = tuple(_section(directory, papers, figures) for directory in directories)
    records = [read_record(directory) for directory in directories]
    page = LaboratoryPage(
        sections=sections,
        counts=_counts(sections),
        facts=_facts(records),
        presets=wording.enumeration(sorted({record.preset for record in records})),
        command="snakemake --cores 2 laboratory",
    )
    render("laboratory", page, html, markdown)


def _section(directory: Path, papers: Mapping[str, str], folder: Path) -> Section:
    record = read_record(directory)
    entry = record.measurement
    try:
        drawing = Drawing((directory / "figure.svg").read_bytes(), (directory / "figure.png").read_bytes())
    except OSError as error:
        raise Refusal(f"{directory}: is not a whole measurement ({error}); {REMEDY}") from None
    illustration = Illustration(entry.name, lambda: drawing, entry.caption, f"{entry.title}. {entry.caption}")
    return Section(
        measurement=entry,
        figure=publish(illustration, folder),
        statements=statement_rows(read_statements(directory), papers),
        duration=wording.duration(record.seconds),
    )


def _counts(sections: Sequence[Section]) -> str:
    """How many statements hold, do not, and are open."""
    outcomes = Counter(row.outcome for section in sections for row in section.statements)
    parts = [
        f"{outcomes[outcome]} {word}"
        for outcome, word in zip(OUTCOMES.values(), ("hold", "do not", "are open"), strict=True)
    ]
    return f"Of {outcomes.total()} statements {wording.enumeration(parts)}."


def _facts(records: Sequence[Performed]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Commits, versions, machines and costs, each that occurs."""
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
