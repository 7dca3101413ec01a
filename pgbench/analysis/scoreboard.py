"""The index: every claim of every study, counted and in one table, and then the studies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from pgbench.analysis import citing
from pgbench.analysis.claim_views import claim_rows, verdict_counts
from pgbench.analysis.claims import VERDICT_NAMES
from pgbench.analysis.study_tables import StudyTables
from pgbench.analysis.tables import PageTable, printed_claims
from pgbench.analysis.views import headline_view
from pgbench.references import read_papers

View = dict[str, Any]


def index_view(studies: Sequence[StudyTables]) -> View:
    """Everything on the index but its figures.

    Args:
        studies: in the order of the page; one at least.
    """
    papers = read_papers()
    rows = [
        row | {"study": tables.plan.name}
        for tables in studies
        for row in claim_rows(tables.judgement, papers)
    ]
    identity = citing.joint_identifier(tables.identity for tables in studies)
    return {
        "rows": rows,
        "tally": verdict_counts(pd.DataFrame(rows, columns=["verdict"])),
        "papers": _by_paper(rows),
        "verdicts": VERDICT_NAMES,
        "studies": [headline_view(tables) for tables in studies],
        "identity": identity,
        "entry": citing.index_entry(identity, [(tables.plan, tables.provenance) for tables in studies]),
    }


def index_tables(studies: Sequence[StudyTables], view: View) -> list[PageTable]:
    """The scoreboard as files: nothing where no study has a claim.

    Args:
        studies: as in `index_view`.
        view: its result.
    """
    if not view["rows"]:
        return []
    verdicts = [tables.judgement.verdicts.assign(study=tables.plan.name) for tables in studies]
    numbers = pd.concat([each for each in verdicts if len(each)], ignore_index=True)
    return [PageTable("claims", numbers, printed_claims(view["rows"]))]


def _by_paper(rows: Sequence[View]) -> list[View]:
    """Each paper, with how many of its claims have which verdict; the most often tested first."""
    papers = sorted(dict.fromkeys(row["paper"] for row in rows))
    counted = [(paper, [row["verdict"] for row in rows if row["paper"] == paper]) for paper in papers]
    return [
        {"name": paper, "counts": [verdicts.count(name) for name in VERDICT_NAMES], "total": len(verdicts)}
        for paper, verdicts in sorted(counted, key=lambda pair: -len(pair[1]))
    ]
