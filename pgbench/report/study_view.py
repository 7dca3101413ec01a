"""All that a study's page says besides its figures. Every number comes from the study's tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from pgbench.analysis import inference, published_verdicts, statistics
from pgbench.analysis.looks import SHARES
from pgbench.analysis.replicas import GRID_POINTS, LAST_EPISODES
from pgbench.analysis.study_tables import StudyProvenance, StudyTables
from pgbench.analysis.summaries import FEWEST
from pgbench.base import wording
from pgbench.base.places import STUDIES
from pgbench.report import citing, texts
from pgbench.report.answers import answer
from pgbench.report.claim_rows import ClaimSection, claim_section
from pgbench.report.headlines import Headline, headline
from pgbench.report.score_rows import (
    EffectRow,
    ScoreRow,
    UnscoredReplica,
    effect_rows,
    score_rows,
    unscored_replicas,
)
from pgbench.report.specification_rows import Rung, rungs
from pgbench.report.texts import Definition
from pgbench.storage.layout import PUBLISHED
from pgbench.studies.claims import Source
from pgbench.studies.references import address, citation, read_papers


@dataclass(frozen=True)
class RunRow:
    """The cost of a run, as texts."""

    variant: str
    environment: str
    run: str
    seeds: str
    steps: str
    time: str
    rate: str


@dataclass(frozen=True)
class ProvenanceView:
    """Where a study's numbers come from.

    Attributes:
        facts: each kind of fact, and every value of it that occurs.
        agree: whether all replicas have one value of each.
        runs: one row for each run.
    """

    facts: tuple[tuple[str, tuple[str, ...]], ...]
    agree: bool
    runs: tuple[RunRow, ...]


@dataclass(frozen=True)
class StudyView:
    """What a study's page says.

    Attributes:
        headline: the study in a few sentences.
        source: the publication that the study replicates; none if it is not one.
        answer: how the claims came out, in a sentence or two; empty where none was judged.
        claims: the claims and their verdicts.
        commands: what to type to get the page again.
        identity: the identifier of the tables.
        entry: BibTeX of the results.
        papers: BibTeX of the papers that are tested.
        addresses: citation and address of those of them whose address is known.
        environments: in the study's order.
        score_rows: one for each variant.
        effect_columns: the environments of the effects, and all of them together.
        effect_rows: one for each variant but the first.
        unscored: every replica without a score.
        rungs: one for each variant.
        start: each slot of the first variant's specification, and its value.
        definitions: what the words of the page mean.
        paragraphs: name → paragraph, as `paragraphs.yaml` has it.
        provenance: where the numbers come from.
    """

    headline: Headline
    source: str | None
    answer: str
    claims: ClaimSection
    commands: tuple[str, ...]
    identity: str
    entry: str
    papers: tuple[str, ...]
    addresses: tuple[tuple[str, str], ...]
    environments: tuple[str, ...]
    score_rows: tuple[ScoreRow, ...]
    effect_columns: tuple[str, ...]
    effect_rows: tuple[EffectRow, ...]
    unscored: tuple[UnscoredReplica, ...]
    rungs: tuple[Rung, ...]
    start: tuple[tuple[str, str], ...]
    definitions: tuple[Definition, ...]
    paragraphs: Mapping[str, str]
    provenance: ProvenanceView


def study_view(tables: StudyTables, results: Path = PUBLISHED) -> StudyView:
    """What the page of a study says.

    Args:
        tables: the study's tables.
        results: the folder of the published results, whose verdicts stand beside provisional ones.
    """
    plan, papers = tables.plan, read_papers()
    full = published_verdicts.read(plan, results)
    first = plan.algorithms[tables.variants[0]].model_dump(mode="json")
    claims = claim_section(tables.judgement, papers, len(tables.seeds), full)
    numbers, cited = _numbers(tables, claims), [papers[key] for key in _cited(tables)]
    return StudyView(
        headline=headline(tables),
        source=_source(plan.study.source, papers),
        answer=answer(claims.rows),
        claims=claims,
        commands=_commands(tables),
        identity=tables.identity,
        entry=citing.study_entry(plan, tables.provenance, tables.identity),
        papers=tuple(cited),
        addresses=tuple((citation(entry), found) for entry in cited if (found := address(entry))),
        environments=tuple(tables.environments),
        score_rows=score_rows(tables.summary, tables.variants, tables.environments),
        effect_columns=tuple(tables.effects["environment"].unique()),
        effect_rows=effect_rows(tables.effects),
        unscored=unscored_replicas(tables.scores, tables.budgets),
        rungs=rungs(plan),
        start=tuple((slot, wording.component(value)) for slot, value in first.items()),
        definitions=_definitions(tables, claims, numbers),
        paragraphs=texts.paragraphs("study", numbers),
        provenance=_provenance(tables.provenance),
    )


def _source(source: Source | None, papers: Mapping[str, str]) -> str | None:
    return f"{citation(papers[source.paper])}, {source.where}" if source else None


def _cited(tables: StudyTables) -> list[str]:
    """Keys of the papers that the study and its claims name, in the order of the page."""
    source = tables.plan.study.source
    keys = [*([source.paper] if source else []), *tables.judgement.verdicts["paper"]]
    return list(dict.fromkeys([*keys, *tables.judgement.published["paper"]]))


def _commands(tables: StudyTables) -> tuple[str, ...]:
    plan, commits = tables.plan, tables.provenance.commits
    known = (STUDIES / f"{plan.name}.yaml").exists()
    study = plan.name if known else f"path/to/{plan.name}.yaml"
    run = f"snakemake --cores 2 {plan.name} --config preset={plan.preset} 'studies=[{study}]'"
    return (*(f"git checkout {commit}" for commit in commits if commit and len(commits) == 1), run)


def _numbers(tables: StudyTables, claims: ClaimSection) -> dict[str, str]:
    """What the names in braces of definitions and paragraphs stand for."""
    replicas = len(tables.seeds)
    return {
        "last": wording.number(LAST_EPISODES),
        "points": wording.number(GRID_POINTS),
        "level": wording.percent(statistics.LEVEL),
        "resamples": wording.number(statistics.RESAMPLES),
        "replicas": wording.count(replicas, "replica"),
        "coverage": wording.percent(_bootstrap_coverage(replicas)) if replicas > 1 else "",
        "alpha": wording.percent(inference.ALPHA),
        "power": wording.percent(inference.POWER),
        "shares": wording.enumeration([wording.percent(share) for share in SHARES]),
        "calibration": claims.calibration,
        "unequal": claims.unequal,
    }


def _definitions(
    tables: StudyTables, claims: ClaimSection, numbers: Mapping[str, str]
) -> tuple[Definition, ...]:
    """The definitions that the study needs, then the scores and the published statistics of its claims."""
    needed = {
        "every study": True,
        "several replicas": len(tables.seeds) >= FEWEST,
        "several variants": len(tables.variants) > 1,
        "claims": bool(claims.rows),
    }
    scores = dict(claims.scores)
    statistics_only = (
        (f"{name} (published)", text) for name, text in claims.statistics if name not in scores
    )
    terms = (
        Definition(term, f"{text[0].upper()}{text[1:]}.") for term, text in (*claims.scores, *statistics_only)
    )
    return (
        *texts.definitions([section for section, is_needed in needed.items() if is_needed], numbers),
        *terms,
    )


@cache
def _bootstrap_coverage(replicas: int) -> float:
    """The coverage of bootstrap intervals; simulated once for all studies with this number of replicas."""
    return statistics.simulated_coverage(replicas, np.random.default_rng(0))


def _provenance(record: StudyProvenance) -> ProvenanceView:
    dirty = {True: ", with uncommitted changes", False: "", None: ""}
    commits = tuple(
        (commit or "not a git checkout") + "".join(dirty[flag] for flag in record.dirty)
        for commit in record.commits
    )
    machines = tuple(
        f"{m.processor}, {wording.count(m.cores, 'core')}, {m.platform}" for m in record.machines
    )
    versions = tuple(", ".join(f"{name} {number}" for name, number in v.items()) for v in record.versions)
    trained = f"{record.started:%Y-%m-%d %H:%M} to {record.finished:%Y-%m-%d %H:%M} UTC"
    facts = (
        ("commit", commits),
        ("training code", record.code_digests),
        ("versions", versions),
        ("machine", machines),
        ("trained", (trained,)),
    )
    runs = tuple(
        RunRow(
            **run.model_dump(include={"variant", "environment", "run"}),
            seeds=wording.span(run.seeds),
            steps=wording.number(run.steps),
            time=wording.duration(run.seconds),
            rate=wording.number(run.steps_per_second),
        )
        for run in record.runs
    )
    return ProvenanceView(facts, record.agree, runs)
