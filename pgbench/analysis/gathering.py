"""From the blocks of a study to its tables.

`gather` writes, into one directory, everything that figures and pages are made of:

* `episodes.parquet`: every finished training episode;
* `curves.parquet`: each replica's return on a grid of steps that is common to an environment's variants;
* `scores.parquet`: one row a replica, each published statistic under its own name;
* `summary.parquet` and `summary.csv`: each variant on each environment, over replicas;
* `effects.parquet`: each variant against the one before it;
* `verdicts.parquet` and `.csv`: each claim and what became of it;
* `claims.parquet` and `.csv`: each claim's effects in each environment;
* `published.parquet` and `.csv`: the published scores that claims name, beside the study's own;
* `provenance.json`: what was run, where, from which code and for how long.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pgbench.analysis import comparable, judging, summaries
from pgbench.analysis.replicas import Replica, T, metric_scores, replicas_of, score
from pgbench.analysis.study_tables import RunProvenance, StudyProvenance
from pgbench.base.refusals import Refusal
from pgbench.methods.runs import seeds_of
from pgbench.storage.blocks import REMEDY, Block, BlockRecord, read_block
from pgbench.storage.files import write_table, write_text
from pgbench.studies.plans import PlannedRun, StudyPlan
from pgbench.studies.references import read_references


def gather(plan: StudyPlan, results: Path, destination: Path) -> None:
    """Read every block of a study and write its tables.

    Args:
        plan: the study.
        results: the directory that holds `runs/<run>/<block>/`.
        destination: where the tables go; made if missing.

    Raises:
        Refusal: if a block is missing, unfinished, altered, or not the one that the plan names.
    """
    blocks = [(planned, _read_blocks(planned, results)) for planned in plan.runs]
    destination.mkdir(parents=True, exist_ok=True)
    each = [(planned, block) for planned, found in blocks for block in found]
    replicas = [replica for pair in each for replica in replicas_of(*pair)]
    asked = dict.fromkeys(claim.score for claim in plan.study.claims.values())
    scores = pd.DataFrame([score(replica) | metric_scores(replica.metrics, asked) for replica in replicas])
    scores = comparable.normalised(scores)
    summary = summaries.summary(scores)
    write_table(destination / "episodes.parquet", _episode_table(each))
    write_table(destination / "curves.parquet", _curve_table(replicas))
    write_table(destination / "scores.parquet", scores)
    write_table(destination / "summary.parquet", summary)
    write_text(destination / "summary.csv", summary.to_csv(index=False))
    write_table(destination / "effects.parquet", summaries.effects(scores))
    judgement = judging.judge(plan, scores, read_references())
    for name, table in judgement._asdict().items():
        write_table(destination / f"{name}.parquet", table)
        write_text(destination / f"{name}.csv", table.to_csv(index=False))
    records = [(planned, [block.record for block in found]) for planned, found in blocks]
    write_text(destination / "provenance.json", _provenance(records).model_dump_json(indent=2) + "\n")


def _read_blocks(planned: PlannedRun, results: Path) -> list[Block]:
    """The blocks of a run, each with the seeds that its name promises."""
    blocks = []
    for name in planned.blocks:
        directory = results / "runs" / planned.name / name
        block = read_block(directory, planned.name)
        if list(block.record.seeds) != seeds_of(name):
            raise Refusal(f"{directory}: holds the seeds {list(block.record.seeds)}, not {name}; {REMEDY}")
        blocks.append(block)
    return blocks


def _episode_table(blocks: Sequence[tuple[PlannedRun, Block]]) -> pd.DataFrame:
    """All episodes, each row saying all that it belongs to."""
    parts = [(planned.variant, planned.environment, planned.name) for planned, _ in blocks]
    names = _repeated(["variant", "environment", "run"], parts, [len(block.episodes) for _, block in blocks])
    columns = ["seed", "step", "episodic_return", "episodic_length"]
    values = pd.concat([block.episodes[columns] for _, block in blocks], ignore_index=True)
    return pd.concat([names, values], axis=1)


def _curve_table(replicas: Sequence[Replica]) -> pd.DataFrame:
    """The curves of all replicas, one below the other."""
    curves = [replica.curve for replica in replicas]
    parts = [(replica.planned.variant, replica.planned.environment) for replica in replicas]
    lengths = [len(grid) for grid, _ in curves]
    values = {
        "seed": np.repeat([replica.seed for replica in replicas], lengths),
        "step": np.concatenate([grid for grid, _ in curves]),
        "episodic_return": np.concatenate([points for _, points in curves]),
    }
    return _repeated(["variant", "environment"], parts, lengths).astype("str").assign(**values)


def _repeated(columns: Sequence[str], rows: Sequence[tuple[str, ...]], counts: Sequence[int]) -> pd.DataFrame:
    """A table of texts, each row of which stands so many times; as categories, so that each text is kept once."""
    return pd.DataFrame(
        {
            name: pd.Categorical(values).take(np.repeat(np.arange(len(rows)), counts))
            for name, values in zip(columns, zip(*rows, strict=True), strict=True)
        }
    )


def _provenance(records: Sequence[tuple[PlannedRun, list[BlockRecord]]]) -> StudyProvenance:
    """What was run and where, with the distinct origins in the order in which they appear."""
    every = [record for _, found in records for record in found]
    # A run that two variants share was trained, and is counted in the totals, once.
    trained = list({(record.name, record.seeds): record for record in every}.values())
    steps, seconds = sum(r.steps for r in trained), sum(r.seconds for r in trained)
    return StudyProvenance(
        runs=tuple(_run_provenance(planned, found) for planned, found in records),
        started=min(record.started for record in trained),
        finished=max(record.finished for record in trained),
        steps=steps,
        seconds=seconds,
        steps_per_second=_rate(steps, seconds),
        commits=_distinct(record.commit for record in trained),
        dirty=_distinct(record.dirty for record in trained),
        code_digests=_distinct(record.code_digest for record in trained),
        machines=_distinct(machine for record in trained for machine in record.machines),
        versions=_distinct(record.versions for record in trained),
    )


def _run_provenance(planned: PlannedRun, records: list[BlockRecord]) -> RunProvenance:
    steps, seconds = sum(record.steps for record in records), sum(record.seconds for record in records)
    return RunProvenance(
        variant=planned.variant,
        environment=planned.environment,
        run=planned.name,
        seeds=tuple(seed for record in records for seed in record.seeds),
        steps=steps,
        seconds=seconds,
        steps_per_second=_rate(steps, seconds),
    )


def _rate(steps: int, seconds: float) -> float:
    return steps / seconds if seconds > 0 else 0.0


def _distinct(values: Iterable[T]) -> tuple[T, ...]:
    found: list[T] = []
    for value in values:
        if value not in found:
            found.append(value)
    return tuple(found)
