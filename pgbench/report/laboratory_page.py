"""The laboratory's page: every measurement with its question, its figure and the statements of its sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pgbench.analysis import statistics
from pgbench.base import wording
from pgbench.base.refusals import Refusal
from pgbench.figures.style import Drawing
from pgbench.laboratory.records import REMEDY, Performed, read_record, read_statements
from pgbench.report import texts
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
        statements: one row for each statement.
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
        sections: one for each measurement.
        facts: each kind of fact on where the numbers come from, and every value of it that occurs.
        paragraphs: name → paragraph, as `paragraphs.yaml` has it.
        command: what to type to get the page again.
    """

    sections: tuple[Section, ...]
    facts: tuple[tuple[str, tuple[str, ...]], ...]
    paragraphs: Mapping[str, str]
    command: str


def write_page(directories: Sequence[Path], html: Path, markdown: Path) -> None:
    """Write the page of some measurements, and their figures to `figures/laboratory` beside it.

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
    page = LaboratoryPage(
        sections=sections,
        facts=_facts(records),
        paragraphs=_paragraphs(sections, records),
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


def _paragraphs(sections: Sequence[Section], records: Sequence[Performed]) -> dict[str, str]:
    outcomes = Counter(row.outcome for section in sections for row in section.statements)
    numbers = {
        "statements": wording.count(outcomes.total(), "statement"),
        "outcomes": ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in OUTCOMES.values()),
        "level": wording.percent(statistics.LEVEL),
        "alpha": wording.percent(1 - statistics.LEVEL),
        "presets": wording.enumeration(sorted({record.preset for record in records})),
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
