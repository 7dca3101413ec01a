"""What stands below each figure: its question, the replicas behind it, what the marks are, and the budget."""

from __future__ import annotations

from pgbench.analysis import inference
from pgbench.analysis.study_tables import StudyTables
from pgbench.base import wording
from pgbench.figures.curves import has_overview


def claims(tables: StudyTables) -> str:
    """Of the forest plot of claims."""
    return (
        "Does what is published hold? A large mark is the effect that a verdict hangs on, with its interval at "
        f"{wording.level(tables.judgement.verdicts['level'].max())}, corrected for the number of claims; below it, "
        f"thin, the same effect in each environment at {wording.percent(1 - inference.ALPHA)}, uncorrected. The "
        "shaded band is where the claim puts the effect: past the margin within which differences do not matter. "
        "An interval wholly inside replicates the claim, one wholly outside contradicts it. An arrow marks an "
        "interval that goes on. "
        f"{_replicas(tables)}; {_budgets(tables)}."
    )


def final_scores(tables: StudyTables) -> str:
    """Of the final scores."""
    return (
        "Where does each variant end? A dot is a replica, the upright bar the mean over replicas, the line its "
        f"{_interval()}. {_replicas(tables)}; {_budgets(tables)}."
    )


def effects(tables: StudyTables) -> str:
    """Of the effects."""
    return (
        "What did each variant change? A diamond is the mean difference of the final scores of equal seeds from "
        f"the variant before, the line its {_interval()}; it is filled where that excludes zero. Nothing is "
        f"corrected for the number of comparisons. {_replicas(tables)}; {_budgets(tables)}."
    )


def learning_curves(tables: StudyTables, environment: str) -> str:
    """Of the learning curves of one environment."""
    means = "On top the means of all variants. " if has_overview(len(tables.variants)) else ""
    before = ", and, grey and dashed, the mean of the variant before" if len(tables.variants) > 1 else ""
    steps = wording.count(tables.budgets[environment], "environment step")
    return (
        f"How fast does each variant learn {environment}? {means}In each panel every replica is a thin line, their "
        f"mean the thick one, with the {_interval()} of the mean as a band{before}. A dotted line that ends in a "
        f"cross is a replica that diverged. {_replicas(tables)}; {steps} each."
    )


def _interval() -> str:
    return f"{wording.percent(1 - inference.ALPHA)} interval"


def _replicas(tables: StudyTables) -> str:
    return f"{wording.count(len(tables.seeds), 'replica')} of each variant ({wording.seeds(tables.seeds)})"


def _budgets(tables: StudyTables) -> str:
    """The steps of a replica, or the least and the most of any environment."""
    steps = sorted(set(tables.budgets.values()))
    amount = wording.count(steps[-1], "environment step")
    return f"{f'{wording.number(steps[0])} to ' if len(steps) > 1 else ''}{amount} each"
