"""Studies: from a question in YAML to the runs that answer it.

A study names environments and variants; a variant is a member of the lineage, or one with a few values
overridden. A preset says how much to spend. Together they give the runs, each named by its content, so that
two studies that share a run compute it once. Imports no tensor library.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError, field_validator

from pgbench import environments
from pgbench.base.refusals import Refusal, explain
from pgbench.base.specification import Specification
from pgbench.base.yaml_files import read_yaml
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.lookup import member, override
from pgbench.methods.runs import MAXIMAL_BLOCK, Evaluation, Run
from pgbench.studies.claim_checks import check_claims
from pgbench.studies.claims import Claim, Source


def file_name(name: str) -> str:
    """The name, if files can have it.

    Raises:
        ValueError: if they cannot.
    """
    if not re.fullmatch(r"\w[\w-]{0,99}", name):
        raise ValueError("it names files, so it must consist of at most 100 letters, digits, '_' and '-'")
    return name


def _label(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("it labels figures and tables, so it must be one line of printable text")
    return text


FileName = Annotated[str, AfterValidator(file_name)]
Label = Annotated[str, AfterValidator(_label)]
Replicas = Annotated[int, Field(gt=0, le=MAXIMAL_BLOCK)]
Steps = Annotated[int, Field(gt=0, le=10**12)]
ClaimId = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]*$")]


class Study(Specification):
    """A question, and the comparison that answers it."""

    question: Label = Field(description="What the study asks, as one sentence.")
    parent: str = Field(description="The member of the lineage that variants override.")
    seeds: Replicas = Field(10, description="Replicas of each run, seeds 0, 1, …")
    environments: Annotated[dict[str, Steps], Field(min_length=1)] = Field(
        description="Gymnasium id → environment steps of each replica at the 'paper' preset."
    )
    variants: Annotated[dict[Label, dict[str, Any]], Field(min_length=1)] = Field(
        description="Label → overrides by dotted path; the key 'parent' starts from another member."
    )

    evaluation: Evaluation | None = Field(
        None, description="Evaluation episodes of every run; none by default."
    )
    source: Source | None = Field(None, description="The publication that the study replicates, if one.")
    claims: dict[ClaimId, Claim] = Field({}, description="Id → what is published, and how it is tested.")

    @field_validator("variants", mode="before")
    @classmethod
    def _a_bare_label_overrides_nothing(cls, variants: Any) -> Any:
        if not isinstance(variants, Mapping):
            return variants
        return {label: {} if overrides is None else overrides for label, overrides in variants.items()}


def load_study(path: Path) -> Study:
    """Read and validate one study.

    Raises:
        Refusal: if the file cannot be read, or a key, member, override or environment in it is wrong.
    """
    try:
        study = Study.model_validate(read_yaml(path))
    except ValidationError as error:
        raise explain(error, str(path), Study) from None
    for environment in study.environments:
        check_environment(environment, f"{path}: environments")
    algorithms = {label: resolve_variant(study, label, str(path))[1] for label in study.variants}
    check_claims(study.claims, algorithms, study.environments, study.evaluation, str(path))
    return study


def check_environment(environment: str, where: str) -> None:
    """Refuse an environment that cannot be made here.

    Raises:
        Refusal: naming the place and the nearest id.
    """
    try:
        environments.check(environment)
    except ValueError as error:
        raise Refusal(f"{where}: {error}") from None


def resolve_variant(study: Study, label: str, where: str) -> tuple[str, Algorithm]:
    """The name of the member that a variant starts from, and its algorithm."""
    overrides = dict(study.variants[label])
    parent = str(overrides.pop("parent", study.parent))
    start = member(parent, f"{where}: variant '{label}': parent")
    return parent, override(start.algorithm, overrides, f"{where}: variant '{label}'")


def describe_run(
    start: str,
    environment: str,
    steps: int,
    overrides: Mapping[str, Any],
    where: str,
    evaluation: Mapping[str, Any] | None = None,
) -> Run:
    """The run of a member of the lineage, with values at dotted paths replaced, and perhaps evaluated.

    Raises:
        Refusal: naming the place, the fault and the nearest spelling.
    """
    algorithm = override(member(start, f"{where}: algorithm").algorithm, overrides, f"{where}: override")
    check_environment(environment, f"{where}: environment")
    try:
        values = {
            "algorithm": algorithm,
            "environment": environment,
            "steps": steps,
            "evaluation": evaluation,
        }
        return Run.model_validate(values)
    except ValidationError as error:
        raise explain(error, where, Run) from None
