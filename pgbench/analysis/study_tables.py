"""What `gathering.gather` wrote for a study, read back: all that its page is made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from pgbench.analysis import citing
from pgbench.analysis.claims import Judgement
from pgbench.analysis.gathering import StudyProvenance
from pgbench.refusals import Refusal
from pgbench.studies import StudyPlan, seeds_of


@dataclass(frozen=True)
class StudyTables:
    """A study's plan and its tables; `identity` is the identifier of the latter."""

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
            plan=StudyPlan.model_validate_json((directory / "plan.json").read_bytes()),
            curves=pd.read_parquet(directory / "curves.parquet"),
            scores=pd.read_parquet(directory / "scores.parquet"),
            summary=pd.read_parquet(directory / "summary.parquet"),
            effects=pd.read_parquet(directory / "effects.parquet"),
            judgement=Judgement(
                *(pd.read_parquet(directory / f"{name}.parquet") for name in Judgement._fields)
            ),
            provenance=StudyProvenance.model_validate_json((directory / "provenance.json").read_bytes()),
            identity=citing.identifier(directory),
        )
    except ValidationError:
        raise Refusal(f"{directory}: was gathered by another version of pgbench; gather it again") from None
    except (OSError, ValueError) as error:
        raise Refusal(f"{directory}: is not a gathered study ({error}); gather it again") from None
