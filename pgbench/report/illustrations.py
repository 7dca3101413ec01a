"""Which figures a page has, each with its caption and what a reader who cannot see it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from pgbench.analysis.study_tables import StudyTables
from pgbench.analysis.summaries import ALL_ENVIRONMENTS
from pgbench.figures import curves as curving
from pgbench.figures import forests, score_figures
from pgbench.figures.style import Drawing
from pgbench.methods.runs import path_safe
from pgbench.report import captions


class Illustration(NamedTuple):
    """A figure of a page: the name of its files, how it is drawn, and the text below it and instead of it."""

    name: str
    draw: Callable[[], Drawing]
    caption: str
    alternative: str


def study_illustrations(tables: StudyTables) -> Iterator[Illustration]:
    """The figures of a study's page: `claims`, `final-scores`, `effects`, and `learning-curves-<environment>`."""
    if len(tables.judgement.verdicts):
        yield claims(tables)
    yield final_scores(tables)
    differences = tables.effects[tables.effects["environment"] != ALL_ENVIRONMENTS]
    if len(differences):
        words = "Differences from the variant before: a panel an environment, a row a variant, a line an interval."
        draw = partial(score_figures.effects, differences)
        yield Illustration("effects", draw, captions.effects(tables), words)
    for environment in tables.environments:
        yield learning_curves(tables, environment)


def claims(tables: StudyTables) -> Illustration:
    """The forest plot of a study's claims; it must have one."""
    draw = partial(forests.claims_forest, tables.judgement.verdicts, tables.judgement.claims)
    words = "Claims: a row each, its effect and interval against the band in which the claim puts it."
    return Illustration("claims", draw, captions.claims(tables), words)


def final_scores(tables: StudyTables) -> Illustration:
    """Final scores of every variant on every environment."""
    draw = partial(score_figures.final_scores, tables.scores, tables.summary)
    words = "Final scores on every environment: a row a variant, a dot a replica, a line for the interval."
    return Illustration("final-scores", draw, captions.final_scores(tables), words)


def curves_name(environment: str) -> str:
    """The name of the learning curves on an environment."""
    return f"learning-curves-{path_safe(environment)}"


def learning_curves(tables: StudyTables, environment: str) -> Illustration:
    """Learning curves of every variant on one environment."""
    curves, scores = tables.curves, tables.scores
    draw = partial(
        curving.learning_curves,
        curves[curves["environment"] == environment],
        scores[scores["environment"] == environment],
    )
    words = f"Learning curves on {environment}: a panel a variant, with every replica, their mean and its interval."
    return Illustration(curves_name(environment), draw, captions.learning_curves(tables, environment), words)
