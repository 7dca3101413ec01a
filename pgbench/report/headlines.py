"""What the index and a study's page both say about a study: how it was done, and how its comparisons came out."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pgbench.analysis import statistics
from pgbench.analysis.study_tables import StudyTables
from pgbench.analysis.summaries import ALL_ENVIRONMENTS
from pgbench.base import wording
from pgbench.methods.runs import Evaluation, Reference
from pgbench.report.score_rows import direction
from pgbench.studies.plans import MOST_LOOKS, StudyPlan


@dataclass(frozen=True)
class Headline:
    """A study in a few sentences.

    Attributes:
        name: the study's name.
        question: what it asks.
        about: what was said, by whom, and how it is tested here; none where the study does not say.
        notes: why results differ from what is published, a paragraph each.
        reduced: what the preset leaves out; none if it leaves out nothing.
        methods: what was trained, at which cost.
        outcome: how the comparisons with the variant before came out; none where there are none.
    """

    name: str
    question: str
    about: str | None
    notes: tuple[str, ...]
    reduced: str | None
    methods: str
    outcome: str | None


def headline(tables: StudyTables) -> Headline:
    """A study in a few sentences."""
    return Headline(
        name=tables.plan.name,
        question=tables.plan.study.question,
        about=tables.plan.study.about,
        notes=tables.plan.study.notes or (),
        reduced=_reduction(tables),
        methods=_methods(tables),
        outcome=_outcome(tables.effects),
    )


def is_reduced(tables: StudyTables) -> bool:
    """Whether the preset spends less than the study's own budget."""
    plan = tables.plan
    full = all(planned.run.steps >= plan.study.environments[planned.environment] for planned in plan.runs)
    return not full or len(tables.seeds) < plan.study.seeds or bool(plan.left_out)


def _reduction(tables: StudyTables) -> str | None:
    if not is_reduced(tables):
        return None
    study, left_out = tables.plan.study, tables.plan.left_out
    without = f", without {wording.enumeration(left_out)}" if left_out else ""
    return (
        f"Preset {tables.plan.preset}: at most {wording.count(max(tables.budgets.values()), 'step')} and "
        f"{wording.count(len(tables.seeds), 'seed')}{without} — not a replication at the study’s own budget, "
        f"which is up to {wording.count(max(study.environments.values()), 'step')} and "
        f"{wording.count(study.seeds, 'seed')}."
    )


def _methods(tables: StudyTables) -> str:
    worlds = [f"{name} ({wording.count(steps, 'step')})" for name, steps in tables.budgets.items()]
    seeds, cost = tables.seeds, tables.provenance
    replicas = len(tables.scores[["run", "seed"]].drop_duplicates())  # two variants may share a run
    return (
        f"{wording.count(len(tables.variants), 'variant')} on {wording.enumeration(worlds)}, each as "
        f"{wording.count(len(seeds), 'independent replica')} ({wording.seeds(seeds)}), under the preset "
        f"“{tables.plan.preset}”: {wording.count(replicas, 'replica')} and "
        f"{wording.count(cost.steps, 'environment step')} in {wording.duration(cost.seconds)} of training, "
        f"summed over all jobs, at {wording.number(cost.steps_per_second)} steps a second."
        f"{evaluations(tables.plan.study.evaluation)}{comparisons(tables.plan.study.reference)}"
        f"{looks(tables.plan)}"
    )


def evaluations(evaluation: Evaluation | None) -> str:
    """A sentence on the evaluations, with the space before it; empty where there were none."""
    if evaluation is None:
        return ""
    when = f"{evaluation.times} times, evenly over its budget," if evaluation.times > 1 else "at its end"
    how = "with the mean action" if evaluation.actions == "mean" else "with sampled actions"
    return f" Each replica was evaluated {when} in {wording.count(evaluation.episodes, 'episode')} {how}."


def looks(plan: StudyPlan) -> str:
    """A sentence on the looks at the claims, with the space before it; empty for a single look."""
    if plan.looks == 1:
        return ""
    seeds = wording.enumeration([f"{count}" for count in plan.seeds_at_looks])
    most = plan.seeds * 2 ** (MOST_LOOKS - 1)
    return f" The claims were judged at {seeds} seeds. A fixed design would have spent {most}."


def comparisons(reference: Reference | None) -> str:
    """A sentence on the comparisons of gradients, with the space before it; empty where there were none."""
    if reference is None:
        return ""
    which = f"one update in {reference.every}" if reference.every > 1 else "every update"
    return f" The gradient of {which} was compared with that of a batch {reference.batches} times as large."


def _outcome(effects: pd.DataFrame) -> str | None:
    single = effects[(effects["environment"] != ALL_ENVIRONMENTS) & effects["difference"].notna()]
    if single.empty:
        return None
    directions = [direction(row) for row in single.to_dict("records")]
    higher, lower = directions.count("higher"), directions.count("lower")
    return (
        f"A variant was compared with the variant before it {wording.count(len(single), 'time')}, on one "
        f"environment each. It raised the final score {wording.count(higher, 'time')} and lowered it "
        f"{wording.count(lower, 'time')}, by nominal {wording.percent(statistics.LEVEL)} intervals that exclude "
        f"zero; {wording.count(len(single) - higher - lower, 'comparison')} stayed open. Nothing is corrected for "
        "the number of comparisons."
    )
