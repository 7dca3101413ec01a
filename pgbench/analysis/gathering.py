"""From the blocks of a study to its tables.

`gather` writes into one directory all that figures and pages are made of:

* `episodes.parquet`: every training episode that has an end;
* `curves.parquet`: the return of each replica on a grid of steps that all variants on an environment share;
* `scores.parquet`: one row a replica, each published statistic under its own name;
* `summary.parquet` and `summary.csv`: each variant on each environment, over replicas;
* `effects.parquet`: each variant against the one before it;
* `verdicts.parquet` and `.csv`: each claim and its verdict;
* `claims.parquet` and `.csv`: the effects of each claim in each environment;
* `published.parquet` and `.csv`: the published scores that claims name, beside the study's own;
* `provenance.json`: what was run, where, from which code and for how long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from pgbench.analysis import judging, summaries, variant_scores
from pgbench.analysis.replicas import Replica, metric_scores, replicas_of, scores_of
from pgbench.analysis.study_tables import RunProvenance, StudyProvenance
from pgbench.base.refusals import Refusal
from pgbench.methods.runs import seeds_of
from pgbench.storage.blocks import REMEDY, Block, BlockRecord, read_block
from pgbench.storage.files import write_table, write_text
from pgbench.storage.layout import PROVENANCE, Layout
from pgbench.studies.plans import PlannedRun, StudyPlan
from pgbench.studies.references import read_references

Value = TypeVar("Value")


class Trained(NamedTuple):
    """A planned run with one of its blocks."""

    planned: PlannedRun
    block: Block


def gather(plan: StudyPlan, results: Path, destination: Path) -> None:
    """Read every block of a study and write its tables.

    Args:
        plan: the study.
        results: the results folder that holds its blocks; see `storage.layout`.
        destination: where the tables go; made if missing.

    Raises:
        Refusal: if a block is missing, unfinished, altered, or not the one that the plan names.
    """
    trained = [
        Trained(planned, block) for planned in plan.runs for block in _read_blocks(planned, Layout(results))
    ]
    replicas = [replica for one in trained for replica in replicas_of(*one)]
    claimed = dict.fromkeys(claim.score for claim in plan.study.claims.values())
    rows = [scores_of(replica) | metric_scores(replica, claimed) for replica in replicas]
    looks = [_at_look(rows, replicas, seeds) for seeds in plan.seeds_at_looks]
    scores = looks[-1]
    tables = {
        "episodes": _episode_table(trained),
        "curves": _curve_table(replicas),
        "scores": scores,
        "effects": summaries.effects(scores),
    }
    judgement = judging.judge(plan, looks, read_references())
    spreadsheets = {"summary": summaries.summary(scores), **judgement._asdict()}
    destination.mkdir(parents=True, exist_ok=True)
    for name, table in (tables | spreadsheets).items():
        write_table(destination / f"{name}.parquet", table)
    for name, table in spreadsheets.items():
        write_text(destination / f"{name}.csv", table.to_csv(index=False))
    write_text(destination / PROVENANCE, _provenance(trained).model_dump_json(indent=2) + "\n")


def _at_look(rows: Sequence[Mapping[str, Any]], replicas: Sequence[Replica], seeds: int) -> pd.DataFrame:
    """The scores as a look sees them: of the first seeds only, and normalised by nothing else."""
    counted = [place for place, replica in enumerate(replicas) if replica.seed < seeds]
    return variant_scores.with_variant_scores(
        pd.DataFrame([rows[place] for place in counted]), [replicas[place] for place in counted]
    )


def _read_blocks(planned: PlannedRun, layout: Layout) -> Iterable[Block]:
    """The blocks of a run, each with the seeds that its name promises."""
    for name in planned.blocks:
        directory = layout.block(f"{planned.name}/{name}")
        block = read_block(directory, planned.name)
        if list(block.record.seeds) != seeds_of(name):
            raise Refusal(f"{directory}: holds the seeds {list(block.record.seeds)}, not {name}; {REMEDY}")
        yield block


def _episode_table(trained: Sequence[Trained]) -> pd.DataFrame:
    """All episodes that ended; each row names the variant, environment and run that it belongs to."""
    names = [(planned.variant, planned.environment, planned.name) for planned, _ in trained]
    columns = ["seed", "step", "episodic_return", "episodic_length"]
    finished = [block.episodes.loc[~block.episodes["cut"], columns] for _, block in trained]
    counts, values = list(map(len, finished)), pd.concat(finished, ignore_index=True)
    return pd.concat([_repeated(["variant", "environment", "run"], names, counts), values], axis=1)


def _curve_table(replicas: Sequence[Replica]) -> pd.DataFrame:
    """The curves of all replicas, one below the other."""
    curves = [replica.curve for replica in replicas]
    names = [(replica.planned.variant, replica.planned.environment) for replica in replicas]
    lengths = [len(grid) for grid, _ in curves]
    values = {
        "seed": np.repeat([replica.seed for replica in replicas], lengths),
        "step": np.concatenate([grid for grid, _ in curves]),
        "episodic_return": np.concatenate([points for _, points in curves]),
    }
    return _repeated(["variant", "environment"], names, lengths).astype("str").assign(**values)


def _repeated(columns: Sequence[str], rows: Sequence[tuple[str, ...]], counts: Sequence[int]) -> pd.DataFrame:
    """A table of texts that repeats each row; as categories, so that each text is in memory once.

    Args:
        columns: names of the columns.
        rows: the distinct rows.
        counts: how often each of them is repeated.
    """
    return pd.DataFrame(
        {
            name: pd.Categorical(values).take(np.repeat(np.arange(len(rows)), counts))
            for name, values in zip(columns, zip(*rows, strict=True), strict=True)
        }
    )


def _provenance(trained: Sequence[Trained]) -> StudyProvenance:
    """What was run and where, with the distinct origins in the order in which they appear."""
    of_runs: dict[tuple[str, str], tuple[PlannedRun, list[BlockRecord]]] = {}
    for planned, block in trained:
        of_runs.setdefault((planned.variant, planned.environment), (planned, []))[1].append(block.record)
    # Two variants may share a run; it was trained once, and counts once in the totals.
    records = list({(block.record.name, block.record.seeds): block.record for _, block in trained}.values())
    steps, seconds = _totals(records)
    return StudyProvenance(
        runs=tuple(_run_provenance(planned, of_run) for planned, of_run in of_runs.values()),
        started=min(record.started for record in records),
        finished=max(record.finished for record in records),
        steps=steps,
        seconds=seconds,
        steps_per_second=_rate(steps, seconds),
        commits=_distinct(record.commit for record in records),
        dirty=_distinct(record.dirty for record in records),
        code_digests=_distinct(record.code_digest for record in records),
        machines=_distinct(machine for record in records for machine in record.machines),
        versions=_distinct(record.versions for record in records),
    )


def _run_provenance(planned: PlannedRun, records: Sequence[BlockRecord]) -> RunProvenance:
    steps, seconds = _totals(records)
    return RunProvenance(
        variant=planned.variant,
        environment=planned.environment,
        run=planned.name,
        seeds=tuple(seed for record in records for seed in record.seeds),
        steps=steps,
        seconds=seconds,
        steps_per_second=_rate(steps, seconds),
    )


def _totals(records: Sequence[BlockRecord]) -> tuple[int, float]:
    """Steps and seconds of blocks together."""
    return sum(record.steps for record in records), sum(record.seconds for record in records)


def _rate(steps: int, seconds: float) -> float:
    return steps / seconds if seconds > 0 else 0.0


def _distinct(values: Iterable[Value]) -> tuple[Value, ...]:
    """The values without repetitions; they need not be hashable."""
    distinct: list[Value] = []
    for value in values:
        if value not in distinct:
            distinct.append(value)
    return tuple(distinct)
