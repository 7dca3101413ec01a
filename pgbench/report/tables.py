"""The tables of a page as files: all digits for a spreadsheet, and the printed texts for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from pgbench.analysis.study_tables import StudyTables
from pgbench.base import wording
from pgbench.report.claim_rows import ClaimEffectRow, Finding
from pgbench.report.published_rows import PublishedRow
from pgbench.report.score_rows import EffectCell, EffectRow, ScoreCell, ScoreRow
from pgbench.report.specification_rows import Rung
from pgbench.report.study_view import RunRow, StudyView


class PageTable(NamedTuple):
    """A table of a page.

    Attributes:
        name: the name of its files.
        numbers: every number as it was computed, for `<name>.csv`.
        printed: the texts that a reader sees, for `<name>.tex`.
    """

    name: str
    numbers: pd.DataFrame
    printed: pd.DataFrame


def study_page_tables(tables: StudyTables, view: StudyView) -> list[PageTable]:
    """The tables of a study's page that have rows.

    Args:
        tables: the study's tables.
        view: what its page says.
    """
    judgement, claims = tables.judgement, view.claims
    specifications = _printed_specifications(view.rungs)
    runs = pd.DataFrame([run.model_dump(exclude={"seeds"}) for run in tables.provenance.runs])
    runs.insert(3, "seeds", [" ".join(map(str, run.seeds)) for run in tables.provenance.runs])
    candidates = [
        PageTable("claims", judgement.verdicts, printed_findings(claims.rows)),
        PageTable("claims-by-environment", judgement.claims, _printed_claim_effects(claims.effects)),
        PageTable("published-scores", judgement.published, _printed_published(claims.published)),
        PageTable("final-scores", tables.summary, _printed_scores(view.score_rows, view.environments)),
        PageTable("replicas", tables.scores, _printed_replicas(tables.scores)),
        PageTable("effects", tables.effects, _printed_effects(view.effect_rows, view.effect_columns)),
        PageTable("specifications", specifications, specifications),
        PageTable("runs", runs, _printed_runs(view.provenance.runs)),
    ]
    return [table for table in candidates if len(table.printed)]


def printed_findings(rows: Sequence[Finding]) -> pd.DataFrame:
    """One row for each claim, as on the page of a study or on the scoreboard."""
    cells = [
        (
            *(row.statement, row.source, _verdict(row)),
            *(row.claimed, row.effect, row.interval, row.seeds),
        )
        for row in rows
    ]
    return _texts(cells, ["Claim", "Source", "Verdict", "Claimed", "Effect", "Interval", "Seeds"])


def _verdict(row: Finding) -> str:
    """The verdict, and how much less than the study's budget it rests on."""
    budget = f"at {row.reservation}" if row.reservation else ""
    return ", ".join(filter(None, [row.verdict, "provisional" if row.provisional else "", budget]))


def _printed_claim_effects(rows: Sequence[ClaimEffectRow]) -> pd.DataFrame:
    cells = [(row.claim, row.compared, row.environment, row.effect, row.interval, row.seeds) for row in rows]
    return _texts(cells, ["Claim", "Compared", "Environment", "Effect", "Interval", "Seeds"])


def _printed_published(rows: Sequence[PublishedRow]) -> pd.DataFrame:
    cells = [
        (
            *(row.variant, row.source, row.published, row.published_spread, row.published_interval),
            *(row.measured, row.measured_interval),
            row.not_the_same,
        )
        for row in rows
    ]
    columns = [
        "Variant",
        "Published as",
        "Published",
        "Spread",
        "Interval",
        "This study",
        "Its interval",
        "Not the same",
    ]
    return _texts(cells, columns)


def _printed_scores(rows: Sequence[ScoreRow], environments: Sequence[str]) -> pd.DataFrame:
    """Mean and interval of every variant, with a column for each environment."""
    cells = [[row.variant, *map(_printed_score, row.cells)] for row in rows]
    return _texts(cells, ["Variant", *environments])


def _printed_score(cell: ScoreCell) -> str:
    return f"{cell.mean} {cell.mean_interval}" if cell.scored else "no score"


def _printed_replicas(scores: pd.DataFrame) -> pd.DataFrame:
    returns = ["last_100", "area_under_curve", "maximum"]
    texts = scores[["variant", "environment", "seed", "status"]].astype("str")
    return texts.join(scores[returns].map(wording.number, places=1))


def _printed_effects(rows: Sequence[EffectRow], columns: Sequence[str]) -> pd.DataFrame:
    """Differences from the variant before and their intervals, with a column for each environment."""
    cells = [[row.variant, row.before, *map(_printed_effect, row.cells)] for row in rows]
    return _texts(cells, ["Variant", "Against", *columns])


def _printed_effect(cell: EffectCell) -> str:
    """The difference; over all environments, which have none, the probability of improvement."""
    if cell.difference:
        return f"{cell.difference} {cell.interval}"
    return f"{cell.probability} {cell.probability_interval}"


def _printed_specifications(rungs: Sequence[Rung]) -> pd.DataFrame:
    cells = [(rung.variant, rung.before or "", *change) for rung in rungs for change in rung.changes]
    return _texts(cells, ["Variant", "Against", "Field", "Before", "After"])


def _printed_runs(rows: Sequence[RunRow]) -> pd.DataFrame:
    cells = [
        (row.variant, row.environment, row.run, row.seeds, row.steps, row.time, row.rate) for row in rows
    ]
    return _texts(cells, ["Variant", "Environment", "Run", "Seeds", "Steps", "Time", "Steps/s"])


def _texts(rows: Sequence[Sequence[str]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame([list(row) for row in rows], columns=list(columns), dtype="str")
