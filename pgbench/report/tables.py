"""A page's tables as files: the full numbers for a spreadsheet, and what the page shows for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pandas as pd

from pgbench.analysis.study_tables import StudyTables
from pgbench.base import wording

View = dict[str, Any]
"""What a template is given, name → value."""


class PageTable(NamedTuple):
    """A table of a page.

    Attributes:
        name: of its files.
        numbers: every number as it was computed, for `<name>.csv`.
        printed: as a reader sees it, in texts, for `<name>.tex`.
    """

    name: str
    numbers: pd.DataFrame
    printed: pd.DataFrame


def study_page_tables(tables: StudyTables, view: View) -> list[PageTable]:
    """The tables of a study's page that have rows.

    Args:
        tables: the study's tables.
        view: what its page says, from `views.study_view`.
    """
    differences = [
        (rung["variant"], rung["before"], path, before, after)
        for rung in view["rungs"]
        for path, before, after in rung["changes"]
    ]
    specifications = _texts(differences, ["Variant", "Against", "Field", "Before", "After"])
    runs = pd.DataFrame([run.model_dump(exclude={"seeds"}) for run in tables.provenance.runs])
    runs.insert(3, "seeds", [" ".join(map(str, run.seeds)) for run in tables.provenance.runs])
    found = [
        PageTable("claims", tables.judgement.verdicts, printed_claims(view["claims"]["rows"])),
        PageTable(
            "claims-by-environment", tables.judgement.claims, _printed_effects(view["claims"]["effects"])
        ),
        PageTable(
            "published-scores", tables.judgement.published, _printed_published(view["claims"]["published"])
        ),
        PageTable("final-scores", tables.summary, _printed_scores(view)),
        PageTable("replicas", tables.scores, _printed_replicas(tables.scores)),
        PageTable("effects", tables.effects, _printed_differences(view)),
        PageTable("specifications", specifications, specifications),
        PageTable("runs", runs, _printed_runs(view["provenance"]["runs"])),
    ]
    return [table for table in found if len(table.printed)]


def printed_claims(rows: Sequence[View]) -> pd.DataFrame:
    """Claims, one a row, as on a study's page or the scoreboard."""
    cells = [
        (
            *(row["statement"], row["source"], " ".join(filter(None, [row["verdict"], row["reservation"]]))),
            *(row["claimed"], row["effect"], row["interval"], row["seeds"]),
        )
        for row in rows
    ]
    return _texts(cells, ["Claim", "Source", "Verdict", "Claimed", "Effect", "Interval", "Seeds"])


def _printed_effects(rows: Sequence[View]) -> pd.DataFrame:
    columns = ["claim", "compared", "environment", "effect", "interval", "seeds"]
    return _texts([[row[name] for name in columns] for row in rows], [name.capitalize() for name in columns])


def _printed_published(rows: Sequence[View]) -> pd.DataFrame:
    cells = [
        (
            *(row["variant"], row["source"], row["published"], row["published_interval"]),
            *(row["own"], row["own_interval"], row["mismatches"] or "nothing found"),
        )
        for row in rows
    ]
    columns = ["Variant", "Published as", "Published", "Interval", "Here", "Interval here", "Not the same"]
    return _texts(cells, columns)


def _printed_scores(view: View) -> pd.DataFrame:
    """Mean and interval of every variant, an environment a column."""
    cells = [[row["variant"], *map(_printed_score, row["cells"])] for row in view["score_rows"]]
    return _texts(cells, ["Variant", *view["environments"]])


def _printed_score(cell: View) -> str:
    return f"{cell['mean']} {cell['mean_interval']}" if cell["scored"] else "no score"


def _printed_replicas(scores: pd.DataFrame) -> pd.DataFrame:
    returns = ["last_100", "area_under_curve", "maximum"]
    texts = scores[["variant", "environment", "seed", "status"]].astype("str")
    return texts.join(scores[returns].map(wording.number, places=1))


def _printed_differences(view: View) -> pd.DataFrame:
    """Differences from the variant before with their intervals, an environment a column."""
    cells = [
        [row["variant"], row["before"], *(_printed_difference(cell) for cell in row["cells"])]
        for row in view["effect_rows"]
    ]
    return _texts(cells, ["Variant", "Against", *view["effect_columns"]])


def _printed_difference(cell: View) -> str:
    """The difference, or where there is none, as over all environments, the probability of improvement."""
    if cell["difference"]:
        return f"{cell['difference']} {cell['interval']}"
    return f"{cell['probability']} {cell['probability_interval']}"


def _printed_runs(rows: Sequence[View]) -> pd.DataFrame:
    columns = ["variant", "environment", "run", "seeds", "steps", "time", "rate"]
    titles = ["Variant", "Environment", "Run", "Seeds", "Steps", "Time", "Steps/s"]
    return _texts([[row[name] for name in columns] for row in rows], titles)


def _texts(rows: Sequence[Sequence[str]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame([list(row) for row in rows], columns=list(columns), dtype="str")
