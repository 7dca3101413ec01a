"""The tables that `gathering.gather` wrote for a study, read back: all that its page is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import AwareDatetime, ValidationError

from pgbench.analysis.judging import Judgement
from pgbench.base.places import visible
from pgbench.base.refusals import Refusal
from pgbench.base.specification import Specification
from pgbench.methods.runs import seeds_of
from pgbench.storage.files import sha256
from pgbench.storage.layout import PLAN, PROVENANCE
from pgbench.storage.provenance import Machine
from pgbench.studies.plans import StudyPlan

DIGITS = 12


def identifier(directory: Path) -> str:
    """Twelve hexadecimal digits over a study's tables as written: every `*.parquet` in its directory.

    Time and machine are no results and are left out. Two people who train the same study on the same versions and
    get the same numbers get the same identifier.
    """
    tables = visible(directory, "*.parquet")
    return _digest(f"{table.name} {sha256(table)}" for table in tables)


def joint_identifier(identifiers: Iterable[str]) -> str:
    """One identifier for several studies, in their order."""
    return _digest(identifiers)


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:DIGITS]


class RunProvenance(Specification):
    """The cost of one planned run, all its blocks together."""

    variant: str
    environment: str
    run: str
    seeds: tuple[int, ...]
    steps: int
    seconds: float
    steps_per_second: float


class StudyProvenance(Specification):
    """Where a study's numbers come from: the distinct values over its blocks, one of each if all blocks agree."""

    runs: tuple[RunProvenance, ...]
    started: AwareDatetime
    finished: AwareDatetime
    steps: int
    seconds: float
    steps_per_second: float
    commits: tuple[str | None, ...]
    dirty: tuple[bool | None, ...]
    code_digests: tuple[str, ...]
    machines: tuple[Machine, ...]
    versions: tuple[dict[str, str], ...]

    @property
    def agree(self) -> bool:
        """Whether all blocks come from one state of the code, one set of versions and one machine."""
        traits: tuple[Sequence[Any], ...] = (
            self.commits,
            self.dirty,
            self.code_digests,
            self.machines,
            self.versions,
        )
        return all(len(values) == 1 for values in traits)


@dataclass(frozen=True)
class StudyTables:
    """A study's plan and its tables; `identity` is the identifier of the tables."""

    plan: StudyPlan
    curves: pd.DataFrame
    scores: pd.DataFrame
    summary: pd.DataFrame
    effects: pd.DataFrame
    judgement: Judgement
    provenance: StudyProvenance
    identity: str

    @property
    def environments(self) -> list[str]:
        """In the study's order."""
        return list(self.plan.study.environments)

    @property
    def variants(self) -> list[str]:
        """In the study's order."""
        return list(self.plan.algorithms)

    @property
    def seeds(self) -> list[int]:
        """The seeds of every run."""
        return [seed for block in self.plan.runs[0].blocks for seed in seeds_of(block)]

    @property
    def budgets(self) -> dict[str, int]:
        """Environment → steps of each replica."""
        return {planned.environment: planned.run.steps for planned in self.plan.runs}


def load(directory: Path) -> StudyTables:
    """Read a study's plan and tables.

    Raises:
        Refusal: if one is missing or unreadable.
    """
    try:
        return StudyTables(
            plan=StudyPlan.model_validate_json((directory / PLAN).read_bytes()),
            curves=pd.read_parquet(directory / "curves.parquet"),
            scores=pd.read_parquet(directory / "scores.parquet"),
            summary=pd.read_parquet(directory / "summary.parquet"),
            effects=pd.read_parquet(directory / "effects.parquet"),
            judgement=Judgement(
                *(pd.read_parquet(directory / f"{name}.parquet") for name in Judgement._fields)
            ),
            provenance=StudyProvenance.model_validate_json((directory / PROVENANCE).read_bytes()),
            identity=identifier(directory),
        )
    except ValidationError:
        raise Refusal(
            f"{directory}: another version of pgbench gathered this study; gather it again"
        ) from None
    except (OSError, ValueError) as error:
        raise Refusal(f"{directory}: is not a gathered study ({error}); gather it again") from None
