"""What a page says, as plain values for its template: every number comes from a study's tables."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pgbench.analysis import statistics
from pgbench.analysis.replicas import GRID_POINTS, LAST_EPISODES
from pgbench.analysis.study_tables import StudyProvenance, StudyTables, load
from pgbench.analysis.summaries import ALL_ENVIRONMENTS
from pgbench.base import wording
from pgbench.base.places import STUDIES
from pgbench.methods import lineage
from pgbench.methods.members import Member
from pgbench.methods.runs import Evaluation
from pgbench.report import citing, illustrations
from pgbench.report.claim_rows import claims_view, verdict_counts
from pgbench.report.publishing import publish, render, write, write_tables
from pgbench.report.tables import View, study_page_tables
from pgbench.studies.claims import Source
from pgbench.studies.plans import StudyPlan
from pgbench.studies.references import citation, read_papers


def write_study(directory: Path, html: Path, markdown: Path) -> None:
    """Write the page of one study, and its figures and tables beside the HTML.

    Args:
        directory: holds `plan.json` and the tables that `gathering.gather` wrote.
        html: the self-contained page.
        markdown: the same page for code hosts.

    Raises:
        Refusal: if the plan or a table is missing or unreadable.
    """
    tables = load(directory)
    view = study_view(tables)
    drawn = {
        each.name: publish(each, html.parent / "figures" / tables.plan.name)
        for each in illustrations.study_illustrations(tables)
    }
    folder = html.parent / "tables" / tables.plan.name
    context = view | {
        "figures": drawn,
        "panels": {name: drawn[illustrations.curves_name(name)] for name in tables.environments},
        "files": write_tables(study_page_tables(tables, view), folder),
        "bibliography": write(folder / "citation.bib", "\n\n".join([view["entry"], *view["papers"]]) + "\n"),
    }
    render("study", context, html, markdown)


def study_view(tables: StudyTables) -> View:
    """Everything on a study's page but its figures."""
    plan, papers = tables.plan, read_papers()
    return {
        **headline_view(tables),
        "source": _source(plan.study.source, papers),
        "claims": claims_view(tables.judgement, papers, len(tables.seeds)),
        "commands": _commands(tables),
        "identity": tables.identity,
        "entry": citing.study_entry(plan, tables.provenance, tables.identity),
        "papers": [papers[key] for key in _cited(tables)],
        "environments": tables.environments,
        "score_rows": _score_rows(tables),
        "effect_columns": list(tables.effects["environment"].unique()),
        "effect_rows": _effect_rows(tables),
        "unscored": _unscored(tables.scores),
        "rungs": _rungs(plan),
        "start": [
            (slot, wording.component(value))
            for slot, value in plan.algorithms[tables.variants[0]].model_dump(mode="json").items()
        ],
        "definitions": _definitions(tables),
        "provenance": _provenance(tables.provenance),
    }


def headline_view(tables: StudyTables) -> View:
    """What the index says of a study."""
    plan = tables.plan
    return {
        "name": plan.name,
        "question": plan.study.question,
        "preset": plan.preset,
        "reduced": _reduction(tables),
        "methods": _methods(tables),
        "outcome": _outcome(tables.effects),
        "tally": verdict_counts(tables.judgement.verdicts),
    }


def _source(source: Source | None, papers: Mapping[str, str]) -> str | None:
    """What the study replicates, if one publication."""
    return f"{citation(papers[source.paper])}, {source.where}" if source else None


def _cited(tables: StudyTables) -> list[str]:
    """Keys of the papers that the study and its claims name, in the order of the page."""
    source = tables.plan.study.source
    own = [source.paper] if source else []
    return list(
        dict.fromkeys([*own, *tables.judgement.verdicts["paper"], *tables.judgement.published["paper"]])
    )


def _commands(tables: StudyTables) -> list[str]:
    """What to type to get the page again."""
    plan, commits = tables.plan, tables.provenance.commits
    known = (STUDIES / f"{plan.name}.yaml").exists()
    study = plan.name if known else f"path/to/{plan.name}.yaml"
    run = f"snakemake --cores 2 {plan.name} --config preset={plan.preset} 'studies=[{study}]'"
    return [f"git checkout {commit}" for commit in commits if commit and len(commits) == 1] + [run]


def _reduction(tables: StudyTables) -> str | None:
    """What a reduced preset leaves out of the study; none where nothing is."""
    study, seeds = tables.plan.study, len(tables.seeds)
    steps = max(planned.run.steps for planned in tables.plan.runs)
    full = all(planned.run.steps >= study.environments[planned.environment] for planned in tables.plan.runs)
    if full and seeds >= study.seeds and not tables.plan.left_out:
        return None
    without = f", without {wording.enumeration(tables.plan.left_out)}" if tables.plan.left_out else ""
    return (
        f"Preset {tables.plan.preset}: at most {wording.count(steps, 'step')} and "
        f"{wording.count(seeds, 'seed')}{without} — not a replication at the paper’s budget, which is up to "
        f"{wording.count(max(study.environments.values()), 'step')} and {wording.count(study.seeds, 'seed')}."
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
        f"all jobs added up, at {wording.number(cost.steps_per_second)} steps a second."
        f"{_evaluations(tables.plan.study.evaluation)}"
    )


def _evaluations(asked: Evaluation | None) -> str:
    """A sentence on the evaluations, with the space before it; empty where there were none."""
    if asked is None:
        return ""
    when = f"{asked.times} times, evenly over its budget," if asked.times > 1 else "as it ended"
    how = "with the mean action" if asked.actions == "mean" else "with sampled actions"
    return f" Each was evaluated {when} in {wording.count(asked.episodes, 'episode')} {how}."


def _outcome(effects: pd.DataFrame) -> str | None:
    """How many comparisons with the variant before came out which way; none where there are none."""
    single = effects[effects["environment"] != ALL_ENVIRONMENTS]
    if single.empty:
        return None
    directions = [_direction(row) for row in single.to_dict("records")]
    higher, lower = directions.count("higher"), directions.count("lower")
    return (
        f"Of {wording.count(len(single), 'comparison')} of a variant with the one before it on one "
        f"environment, {higher} raised the final score and {lower} lowered it, by nominal "
        f"{wording.percent(statistics.LEVEL)} intervals that exclude zero; "
        f"{len(single) - higher - lower} remain open. Nothing is corrected for their number."
    )


def _direction(effect: Mapping[Hashable, Any]) -> str:
    """Whether an effect's interval lies above zero, below it or neither."""
    if effect["difference_low"] > 0:
        return "higher"
    return "lower" if effect["difference_high"] < 0 else "open"


def _decimals(table: pd.DataFrame, columns: list[str]) -> dict[str, int]:
    """Environment → decimals that suit its rows' numbers in these columns."""
    return {
        str(environment): wording.decimals(own[columns].to_numpy().ravel())
        for environment, own in table.groupby("environment", sort=False)
    }


def _score_rows(tables: StudyTables) -> list[View]:
    """A row a variant, a cell an environment."""
    places = _decimals(tables.summary, ["mean", "minimum", "maximum"])
    cells = {
        (row["variant"], row["environment"]): _score_cell(row, places[row["environment"]])
        for row in tables.summary.to_dict("records")
    }
    return [
        {"variant": label, "cells": [cells[label, environment] for environment in tables.environments]}
        for label in tables.variants
    ]


def _score_cell(cell: Mapping[Hashable, Any], places: int) -> View:
    reasons = [("diverged", "diverged"), ("no_episode", "no episode finished")]
    missing = [f"{cell[column]} {reason}" for column, reason in reasons if cell[column]]
    return {
        "scored": bool(cell["scored"]),
        "mean": wording.number(cell["mean"], places),
        "mean_interval": wording.interval(cell["mean_low"], cell["mean_high"], places),
        "iqm": wording.number(cell["interquartile_mean"], places),
        "iqm_interval": wording.interval(
            cell["interquartile_mean_low"], cell["interquartile_mean_high"], places
        ),
        "minimum": wording.number(cell["minimum"], places),
        "maximum": wording.number(cell["maximum"], places),
        "note": f"of {wording.count(cell['replicas'], 'replica')}: {', '.join(missing)}" if missing else "",
    }


def _effect_rows(tables: StudyTables) -> list[View]:
    """A row a variant but the first, a cell an environment and one for all of them."""
    places = _decimals(tables.effects, ["difference", "difference_low", "difference_high"])
    rows: dict[str, View] = {}
    for effect in tables.effects.to_dict("records"):
        label, before = effect["variant"], effect["before"]
        row = rows.setdefault(label, {"variant": label, "before": before, "cells": []})
        row["cells"].append(_effect_cell(effect, places[effect["environment"]]))
    return list(rows.values())


def _effect_cell(row: Mapping[Hashable, Any], places: int) -> View:
    over_all = row["environment"] == ALL_ENVIRONMENTS
    low, high = row["probability_of_improvement_low"], row["probability_of_improvement_high"]
    return {
        # Environments differ in the scale of their returns, so there is no difference over all of them.
        "difference": "" if over_all else wording.number(row["difference"], places),
        "interval": wording.interval(row["difference_low"], row["difference_high"], places),
        "direction": _direction(row),
        "probability": wording.percent(row["probability_of_improvement"]),
        "probability_interval": wording.interval(100 * low, 100 * high, 0),
    }


def _unscored(scores: pd.DataFrame) -> list[View]:
    """Every replica without a score, and why."""
    missing = scores[scores["status"] != "scored"]
    reasons = {"diverged": "diverged after {} steps", "no episode": "no episode finished within {} steps"}
    return [
        {
            "variant": row["variant"],
            "environment": row["environment"],
            "seed": row["seed"],
            "reason": reasons[row["status"]].format(wording.number(row["steps"])),
        }
        for _, row in missing.iterrows()
    ]


def _rungs(plan: StudyPlan) -> list[View]:
    """Each variant: what differs from the one before, and the ideas of the lineage's steps between them."""
    rungs = []
    before: str | None = None
    for label, changes in plan.differences().items():
        parent = plan.parents[label]
        rungs.append(
            {
                "variant": label,
                "parent": parent,
                "before": before,
                "changes": [(path, *map(wording.component, pair)) for path, pair in changes.items()],
                "steps": _steps_between(plan.parents[before] if before else None, parent),
            }
        )
        before = label
    return rungs


def _steps_between(before: str | None, name: str) -> list[Member]:
    """Members of the lineage after one and up to another; the last alone where no line joins them."""
    members: list[Member] = []
    walker: str | None = name
    while walker is not None and walker != before:
        members.insert(0, lineage.LINEAGE[walker])
        walker = lineage.LINEAGE[walker].parent
    return members if walker is not None else members[-1:]


def _definitions(tables: StudyTables) -> View:
    replicas = len(tables.seeds)
    return {
        "last": LAST_EPISODES,
        "points": GRID_POINTS,
        "level": wording.percent(statistics.LEVEL),
        "resamples": wording.number(statistics.RESAMPLES),
        "replicas": wording.count(replicas, "replica"),
        "coverage": wording.percent(_bootstrap_coverage(replicas)) if replicas > 1 else None,
    }


@cache
def _bootstrap_coverage(replicas: int) -> float:
    """Simulated once for all studies with as many replicas."""
    return statistics.simulated_coverage(replicas, np.random.default_rng(0))


def _provenance(record: StudyProvenance) -> View:
    dirty = {True: ", with uncommitted changes", False: "", None: ""}
    commits = [
        (commit or "not a git checkout") + "".join(dirty[flag] for flag in record.dirty)
        for commit in record.commits
    ]
    facts = [
        ("commit", commits),
        ("training code", list(record.code_digests)),
        ("versions", [", ".join(f"{k} {v}" for k, v in each.items()) for each in record.versions]),
        (
            "machine",
            [f"{m.processor}, {wording.count(m.cores, 'core')}, {m.platform}" for m in record.machines],
        ),
        ("trained", [f"{record.started:%Y-%m-%d %H:%M} to {record.finished:%Y-%m-%d %H:%M} UTC"]),
    ]
    runs = [
        {
            **run.model_dump(include={"variant", "environment", "run"}),
            "seeds": wording.span(run.seeds),
            "steps": wording.number(run.steps),
            "time": wording.duration(run.seconds),
            "rate": wording.number(run.steps_per_second),
        }
        for run in record.runs
    ]
    return {"facts": facts, "agree": record.agree, "runs": runs}
