"""The figures of a page, each with its caption and an alternative text for a reader who cannot see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from pgbench.analysis import summaries
from pgbench.analysis.study_tables import StudyTables
from pgbench.analysis.summaries import ALL_ENVIRONMENTS
from pgbench.figures import curves as curving
from pgbench.figures import forests, score_figures
from pgbench.figures.style import Drawing, render
from pgbench.methods.runs import path_safe
from pgbench.report import alternatives
from pgbench.report.captions import curves_caption, study_caption
from pgbench.report.claim_rows import claim_rows
from pgbench.studies.references import read_papers


class Illustration(NamedTuple):
    """A figure of a page.

    Attributes:
        name: of its files.
        draw: draws it.
        caption: the text below it.
        alternative: the text for a reader who cannot see it.
    """

    name: str
    draw: Callable[[], Drawing]
    caption: str
    alternative: str


def study_illustrations(tables: StudyTables) -> Iterator[Illustration]:
    """The figures of a study's page: `claims`, `final-scores`, `effects`, and `learning-curves-<environment>`."""
    if len(tables.judgement.verdicts):
        yield claims(tables)
    yield final_scores(tables)
    if (tables.effects["environment"] != ALL_ENVIRONMENTS).any():
        yield effects(tables)
    for environment in tables.environments:
        yield learning_curves(tables, environment)


def claims(tables: StudyTables) -> Illustration:
    """The forest plot of a study's claims; the study must have one."""

    def draw() -> Drawing:
        return render(forests.claims_forest(tables.judgement.verdicts, tables.judgement.claims))

    rows = claim_rows(tables.judgement, read_papers(), {})
    return Illustration("claims", draw, study_caption("claims", tables), alternatives.of_claims(rows))


def final_scores(tables: StudyTables) -> Illustration:
    """Final scores of every variant on every environment."""

    def draw() -> Drawing:
        return render(score_figures.final_scores(tables.scores, tables.summary))

    alternative = alternatives.of_means("final score", tables.summary)
    return Illustration("final-scores", draw, study_caption("final-scores", tables), alternative)


def lineage(tables: StudyTables) -> Illustration:
    """How the methods of the lineage compare, for the index."""
    means = summaries.means(tables.scores, "area_under_curve")

    def draw() -> Drawing:
        return render(score_figures.lineage(tables.scores, means))

    alternative = alternatives.of_means("return over training", means)
    return Illustration("lineage", draw, study_caption("lineage", tables), alternative)


def effects(tables: StudyTables) -> Illustration:
    """The difference of every variant from the variant before it; the study must have two variants."""

    def draw() -> Drawing:
        single = tables.effects[tables.effects["environment"] != ALL_ENVIRONMENTS]
        return render(score_figures.effects(single))

    alternative = alternatives.of_effects(tables.effects)
    return Illustration("effects", draw, study_caption("effects", tables), alternative)


def curves_name(environment: str) -> str:
    """The name of the learning curves on an environment."""
    return f"learning-curves-{path_safe(environment)}"


def learning_curves(tables: StudyTables, environment: str) -> Illustration:
    """Learning curves of every variant on one environment."""
    curves, scores = (table[table["environment"] == environment] for table in (tables.curves, tables.scores))

    def draw() -> Drawing:
        return render(curving.learning_curves(curves, scores))

    alternative = alternatives.of_curves(environment, curves, scores)
    return Illustration(curves_name(environment), draw, curves_caption(tables, environment), alternative)
