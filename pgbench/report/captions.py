"""The captions of figures: the texts of `captions.yaml`, with the numbers of a study."""

from __future__ import annotations

from pgbench.analysis import inference
from pgbench.analysis.study_tables import StudyTables
from pgbench.base import wording
from pgbench.report.texts import figure_texts


def study_caption(name: str, tables: StudyTables) -> str:
    """The caption of a figure of the whole study: `claims`, `final-scores`, `lineage` or `effects`."""
    texts = figure_texts(name)
    numbers = texts.numbers.format_map(
        {
            "level": wording.percent(1 - inference.ALPHA),
            "replicas": _replicas(tables),
            "steps": _budgets(tables),
        }
    )
    return f"{texts.text} {numbers}"


def curves_caption(tables: StudyTables, environment: str) -> str:
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
        *([texts.overview, texts.before] if variants > 1 else []),
        numbers,
    ]
    return " ".join(sentences)


def _replicas(tables: StudyTables) -> str:
    return f"{wording.count(len(tables.seeds), 'replica')} of each variant ({wording.seeds(tables.seeds)})"


def _budgets(tables: StudyTables) -> str:
    """The steps of a replica: one number, or the smallest and the largest of any environment."""
    steps = sorted(set(tables.budgets.values()))
    amount = wording.count(steps[-1], "environment step")
    return f"{f'{wording.number(steps[0])} to ' if len(steps) > 1 else ''}{amount} each"
