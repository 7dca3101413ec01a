"""Studies: a question in YAML, with the environments, variants and claims that answer it.

A variant is a member of the lineage, or a member with a few values overridden. A preset says how much to spend.
Study and preset together give the runs, each named by its content, so that two studies that share a run compute it
once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator

from pgbench.base.specification import Specification
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.lookup import member, override
from pgbench.methods.runs import MAXIMAL_BLOCK, Evaluation, Reference
from pgbench.studies.claims import Claim, Margins, Source


def file_name(name: str) -> str:
    """The name, if a file can have it.

    Raises:
        ValueError: if no file can.
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
    about: str | None = Field(
        None,
        min_length=1,
        description="A paragraph for a newcomer: what was said, by whom, why it matters, how it is tested here, "
        "and what is different from the paper.",
    )
    notes: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)] | None = Field(
        None,
        description="Why results differ from what is published, as far as it was found out; a paragraph each.",
    )
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
    reference: Reference | None = Field(
        None,
        description="Comparisons of the gradients of every run with those of large batches; none by default.",
    )
    source: Source | None = Field(
        None, description="The publication that the study replicates; none if it replicates no single one."
    )
    margins: Margins = Field(
        {}, description="Score → unit → the smallest difference that matters, for all claims about the score."
    )
    claims: dict[ClaimId, Claim] = Field({}, description="Id → a published statement, and how it is tested.")

    @field_validator("variants", mode="before")
    @classmethod
    def _a_bare_label_overrides_nothing(cls, variants: Any) -> Any:
        if not isinstance(variants, Mapping):
            return variants
        return {label: {} if overrides is None else overrides for label, overrides in variants.items()}


def resolve_variant(study: Study, label: str, where: str) -> tuple[str, Algorithm]:
    """The name of the member that a variant starts from, and its algorithm."""
    overrides = dict(study.variants[label])
    parent = str(overrides.pop("parent", study.parent))
    start = member(parent, f"{where}: variant '{label}': parent")
    return parent, override(start.algorithm, overrides, f"{where}: variant '{label}'")
