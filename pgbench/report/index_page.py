"""The index: every claim of every study, and every statement of the laboratory, counted and in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from pgbench.analysis import study_tables
from pgbench.analysis.judging import REPLICATED, VERDICT_NAMES
from pgbench.analysis.study_tables import StudyTables, load
from pgbench.laboratory.records import read_record, read_statements
from pgbench.report import citing, illustrations
from pgbench.report.claim_rows import claim_rows, verdict_counts
from pgbench.report.publishing import published, render, write, write_tables
from pgbench.report.statement_rows import VERDICTS, statement_rows
from pgbench.report.study_page import headline_view
from pgbench.report.tables import PageTable, View, printed_claims
from pgbench.studies.references import read_papers


def write_index(
    directories: Sequence[Path], html: Path, markdown: Path, laboratory: Sequence[Path] = ()
) -> None:
    """Write the scoreboard of claims and the list of studies, whose pages and figures must stand beside it.

    Args:
        directories: one a study, as `write_study` takes it; one at least.
        html: the self-contained page.
        markdown: the same page for code hosts.
        laboratory: directories of measurements, whose page stands beside it too, if there are any.

    Raises:
        Refusal: if a plan, a record, a table or a study's figure is missing or unreadable.
    """
    studies = [load(directory) for directory in directories]
    view = index_view(studies, laboratory)
    for headline, tables in zip(view["studies"], studies, strict=True):
        overview = illustrations.final_scores(tables)
        headline["overview"] = published(overview, html.parent / "figures" / tables.plan.name)
    folder = html.parent / "tables" / "index"
    context = view | {
        "files": write_tables(index_tables(studies, view, laboratory), folder),
        "bibliography": write(folder / "citation.bib", view["entry"] + "\n"),
    }
    render("index", context, html, markdown)


LABORATORY = "laboratory"


def index_view(studies: Sequence[StudyTables], laboratory: Sequence[Path] = ()) -> View:
    """Everything on the index but its figures.

    Args:
        studies: in the order of the page; one at least.
        laboratory: directories of measurements.

    Raises:
        Refusal: if a measurement is not whole.
    """
    papers = read_papers()
    claims = [
        row | {"study": tables.plan.name, "page": tables.plan.name, "anchor": f"claim-{row['id']}"}
        for tables in studies
        for row in claim_rows(tables.judgement, papers)
    ]
    statements = [row for directory in laboratory for row in _measured(directory, papers)]
    measured = [study_tables.identifier(directory) for directory in laboratory]
    identity = study_tables.joint_identifier([*(tables.identity for tables in studies), *measured])
    return {
        "rows": claims + statements,
        "tally": _tally(claims),
        "laboratory": _tally(statements) if statements else [],
        "papers": _by_paper(claims, statements),
        "verdicts": VERDICT_NAMES,
        "studies": [headline_view(tables) for tables in studies],
        "identity": identity,
        "entry": citing.index_entry(identity, [(tables.plan, tables.provenance) for tables in studies]),
    }


def index_tables(
    studies: Sequence[StudyTables], view: View, laboratory: Sequence[Path] = ()
) -> list[PageTable]:
    """The scoreboard as files: nothing where no study has a claim.

    Args:
        studies: as in `index_view`.
        view: its result.
        laboratory: as in `index_view`.
    """
    if not view["rows"]:
        return []
    verdicts = [tables.judgement.verdicts.assign(study=tables.plan.name) for tables in studies]
    verdicts += [_numbers(directory) for directory in laboratory]
    numbers = pd.concat([each for each in verdicts if len(each)], ignore_index=True)
    return [PageTable("claims", numbers, printed_claims(view["rows"]))]


def _measured(directory: Path, papers: Mapping[str, str]) -> list[View]:
    """The statements of a measurement as rows of the board; they have no margin, no seeds and no budget."""
    name = read_record(directory).measurement.name
    nothing = {"reservation": "", "reason": "", "published": [], "seeds": ""}
    return [
        nothing
        | {key: row[key] for key in ("statement", "paper", "source", "verdict", "interval")}
        | {"judged": True, "effect": row["estimate"], "claimed": f"{row['quantity']} {row['expected']}"}
        | {"study": LABORATORY, "page": LABORATORY, "anchor": name}
        for row in statement_rows(read_statements(directory), papers)
    ]


def _numbers(directory: Path) -> pd.DataFrame:
    """The statements of a measurement with the columns of verdicts that they have."""
    named = read_statements(directory).rename(
        columns={"estimate": "effect", "outcome": "verdict", "quantity": "score"}
    )
    named["verdict"] = named["verdict"].map(VERDICTS)
    columns = ["statement", "paper", "where", "score", "verdict", "effect", "low", "high"]
    return named[columns].assign(study=LABORATORY, claim=read_record(directory).measurement.name)


def _tally(rows: Sequence[View]) -> list[tuple[str, int]]:
    return verdict_counts(pd.DataFrame(rows, columns=["verdict"]))


def _by_paper(claims: Sequence[View], statements: Sequence[View]) -> list[View]:
    """Each paper, with how many of its claims have which verdict; the most often tested first.

    What the laboratory says is counted apart: statements that are exact would drown claims that take training.
    """

    def verdicts(rows: Sequence[View], paper: str) -> list[str]:
        return [row["verdict"] for row in rows if row["paper"] == paper]

    papers = sorted({row["paper"] for row in [*claims, *statements]})
    counted = [(paper, verdicts(claims, paper), verdicts(statements, paper)) for paper in papers]
    return [
        {
            "name": paper,
            "total": len(trained),
            "counts": [trained.count(name) for name in VERDICT_NAMES],
            "measured": f"{measured.count(REPLICATED)} of {len(measured)}" if measured else "",
        }
        for paper, trained, measured in sorted(counted, key=lambda each: (-len(each[1]), -len(each[2])))
    ]
