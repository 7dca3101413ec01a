"""Writes the page of a study: HTML and Markdown, with figures and tables beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pgbench.analysis.study_tables import load
from pgbench.report import illustrations
from pgbench.report.publishing import ShownFigure, TableFiles, publish, render, write, write_tables
from pgbench.report.study_view import StudyView, study_view
from pgbench.report.tables import study_page_tables
from pgbench.report.texts import table_captions
from pgbench.storage.layout import PUBLISHED


class Neighbours(NamedTuple):
    """The names of the studies before and after a study, whose pages lie beside its own; none at either end."""

    previous: str | None = None
    following: str | None = None


ALONE = Neighbours()


@dataclass(frozen=True)
class StudyPage:
    """What the templates `study.html` and `study.md` receive.

    Attributes:
        study: what the page says.
        neighbours: the studies before and after.
        figures: name → figure.
        panels: environment → its learning curves.
        files: name of a table → its files.
        table_captions: name of a table → its caption.
        bibliography: the BibTeX file.
    """

    study: StudyView
    neighbours: Neighbours
    figures: Mapping[str, ShownFigure]
    panels: Mapping[str, ShownFigure]
    files: Mapping[str, TableFiles]
    table_captions: Mapping[str, str]
    bibliography: Path


def write_study(
    directory: Path,
    html: Path,
    markdown: Path,
    neighbours: Neighbours = ALONE,
    results: Path = PUBLISHED,
) -> None:
    """Write the page of one study, and its figures and tables beside the HTML.

    Args:
        directory: holds `plan.json` and the tables that `gathering.gather` wrote.
        html: the self-contained page.
        markdown: the same page for code hosts.
        neighbours: the studies before and after, which the page links.
        results: the folder of the published results, whose verdicts stand beside provisional ones.

    Raises:
        Refusal: if the plan or a table is missing or unreadable.
    """
    tables = load(directory)
    view = study_view(tables, results)
    figures = {
        figure.name: publish(figure, html.parent / "figures" / tables.plan.name)
        for figure in illustrations.study_illustrations(tables)
    }
    folder = html.parent / "tables" / tables.plan.name
    page = StudyPage(
        study=view,
        neighbours=neighbours,
        figures=figures,
        panels={name: figures[illustrations.curves_name(name)] for name in tables.environments},
        files=write_tables(study_page_tables(tables, view), folder),
        table_captions=table_captions(),
        bibliography=write(folder / "citation.bib", "\n\n".join([view.entry, *view.papers]) + "\n"),
    )
    render("study", page, html, markdown)
