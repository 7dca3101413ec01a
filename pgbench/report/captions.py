"""The captions of figures: the texts of `captions.yaml`, with the numbers of a study."""

from __future__ import annotations

from typing import NamedTuple

from pgbench.analysis import inference
from pgbench.analysis.study_tables import StudyTables
from pgbench.base import wording
from pgbench.figures.curves import has_overview
from pgbench.report.texts import figure_texts


class Caption(NamedTuple):
    """The text below a figure, and the text for a reader who cannot see the figure."""

    text: str
    alternative: str


def study_caption(name: str, tables: StudyTables) -> Caption:
    """The caption of a figure of the whole study: `claims`, `final-scores` or `effects`."""
    texts = figure_texts(name)
    numbers = texts.numbers.format_map(
        {
            "level": wording.percent(1 - inference.ALPHA),
            "replicas": _replicas(tables),
            "steps": _budgets(tables),
        }
    )
    return Caption(f"{texts.text} {numbers}", texts.alternative)


def curves_caption(tables: StudyTables, environment: str) -> Caption:
    """The caption of the learning curves on one environment."""
    texts = figure_texts("learning-curves")
    numbers = texts.numbers.format_map(
        {
            "environment": environment,
            "level": wording.percent(1 - inference.ALPHA),
            "replicas": _replicas(tables),
            "steps": f"{wording.count(tables.budgets[environment], 'environment step')} each",
        }
    )
    variants = len(tables.variants)
    sentences = [
        texts.text,
        texts.overview if has_overview(variants) else "",
        texts.before if variants > 1 else "",
        numbers,
    ]
    alternative = texts.alternative.format_map({"environment": environment})
    return Caption(" ".join(filter(None, sentences)), alternative)


def _replicas(tables: StudyTables) -> str:
    return f"{wording.count(len(tables.seeds), 'replica')} of each variant ({wording.seeds(tables.seeds)})"


def _budgets(tables: StudyTables) -> str:
    """The steps of a replica: one number, or the smallest and the largest of any environment."""
    steps = sorted(set(tables.budgets.values()))
    amount = wording.count(steps[-1], "environment step")
    return f"{f'{wording.number(steps[0])} to ' if len(steps) > 1 else ''}{amount} each"
