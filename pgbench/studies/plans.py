"""Plans: the named runs and blocks that studies need under a preset."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveInt, ValidationError

from pgbench.base.refusals import Refusal, explain, nearest
from pgbench.base.specification import Specification
from pgbench.base.yaml_files import read_yaml
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.naming import run_name
from pgbench.methods.paths import difference
from pgbench.methods.runs import Run
from pgbench.studies.claims import AgainstReference
from pgbench.studies.configuration import Configuration, Preset, parse_configuration, study_files
from pgbench.studies.loading import load_study
from pgbench.studies.study import FileName, Study, resolve_variant

MOST_LOOKS = 4
"""At a study's own number of seeds, and at 2, 4 and 8 times as many."""


class PlannedRun(Specification):
    """One variant on one environment: the run's name, specification and blocks of seeds."""

    variant: str
    environment: str
    name: Annotated[str, Field(pattern=r"^[\w-]+\.[\w-]+\.[0-9a-f]{8}$")]
    run: Run
    blocks: tuple[Annotated[str, Field(pattern="^[0-9]+-[0-9]+$")], ...] = Field(
        description="Names of the blocks, such as '0-9'."
    )


class StudyPlan(Specification):
    """A study under one preset: every variant resolved, and only the environments that the preset keeps."""

    name: FileName
    preset: FileName
    study: Study
    parents: dict[str, str] = Field(description="Variant → member of the lineage that it starts from.")
    algorithms: dict[str, Algorithm] = Field(description="Variant → its resolved algorithm.")
    runs: tuple[PlannedRun, ...]
    left_out: tuple[str, ...] = Field((), description="The study's environments that the preset leaves out.")
    seeds: PositiveInt = Field(description="Replicas of each run at the first look.")
    looks: Annotated[int, Field(ge=1, le=MOST_LOOKS)] = Field(
        1,
        description="How often the claims are judged; each further look has twice the seeds of the one before.",
    )

    @property
    def seeds_at_looks(self) -> tuple[int, ...]:
        """The replicas of each run that count at each look, from the first to the last."""
        return tuple(self.seeds * 2**look for look in range(self.looks))

    def extended(self, looks: int, block_size: int) -> StudyPlan:
        """The plan with so many looks. Blocks of earlier looks stay what they are.

        Args:
            looks: at least 1, at most `MOST_LOOKS`.
            block_size: replicas that one job trains in lockstep.
        """
        blocks = blocks_of_looks(self.seeds, looks, block_size)
        runs = tuple(planned.model_copy(update={"blocks": blocks}) for planned in self.runs)
        return self.model_copy(update={"looks": looks, "runs": runs})

    def blocks(self) -> tuple[str, ...]:
        """Every distinct block of the study, as `<run>/<block>`."""
        return tuple(
            dict.fromkeys(f"{planned.name}/{block}" for planned in self.runs for block in planned.blocks)
        )

    def differences(self) -> dict[str, dict[str, tuple[Any, Any]]]:
        """Variant → its differences from the variant before it, path → (before, after); none for the first."""
        labels = list(self.algorithms)
        pairs = zip([labels[0], *labels[:-1]], labels, strict=True)
        return {label: difference(self.algorithms[before], self.algorithms[label]) for before, label in pairs}


def plan_study(name: str, study: Study, configuration: Configuration) -> StudyPlan:
    """Resolve a study under the configured preset: every variant on every environment that the preset keeps.

    Raises:
        Refusal: if the preset would keep an environment that the study does not have.
    """
    spending = configuration.spending
    environments = _kept_environments(name, study, configuration)
    seeds = min(study.seeds, spending.seeds or study.seeds)
    resolved = {label: resolve_variant(study, label, name) for label in study.variants}
    runs = []
    for label, (_, algorithm) in resolved.items():
        for environment, full in environments.items():
            run = Run(
                algorithm=algorithm,
                environment=environment,
                steps=min(full, spending.steps or full),
                evaluation=study.evaluation,
                reference=study.reference,
            )
            runs.append(
                PlannedRun(
                    variant=label,
                    environment=environment,
                    name=run_name(run),
                    run=run,
                    blocks=blocks_of_looks(seeds, 1, configuration.block_size),
                )
            )
    return StudyPlan(
        name=name,
        preset=configuration.preset,
        study=_judged(study, spending).model_copy(update={"environments": environments}),
        parents={label: parent for label, (parent, _) in resolved.items()},
        algorithms={label: algorithm for label, (_, algorithm) in resolved.items()},
        runs=tuple(runs),
        left_out=tuple(name for name in study.environments if name not in environments),
        seeds=seeds,
    )


def blocks_of_looks(seeds: int, looks: int, block_size: int) -> tuple[str, ...]:
    """Names of the blocks that hold the seeds of all looks; no block holds seeds of two looks.

    For 5 seeds, two looks and blocks of 10, they are ('0-4', '5-9'): the second look trains only what it adds.

    Args:
        seeds: of the first look.
        looks: at least 1.
        block_size: replicas that one job trains in lockstep.
    """
    ends = [0, *(seeds * 2**look for look in range(looks))]
    return tuple(
        f"{first}-{min(first + block_size, end) - 1}"
        for begin, end in pairwise(ends)
        for first in range(begin, end, block_size)
    )


def _judged(study: Study, spending: Preset) -> Study:
    """The study, in which claims about `last_100` are judged by the preset's final score if it bounds the steps.

    A published score stays what it is: it is compared at the study's own budget only. Where the study has no margin
    for the final score in a unit, the one for `last_100` holds.
    """
    by = spending.final_score
    if by == "last_100" or max(study.environments.values()) <= (spending.steps or math.inf):
        return study
    words = f"The study says last_100; at this budget the test is {by}."
    claims = {
        name: claim.model_copy(update={"score": by, "caveat": " ".join(filter(None, (claim.caveat, words)))})
        for name, claim in study.claims.items()
        if claim.score == "last_100" and not isinstance(claim, AgainstReference)
    }
    units = {**study.margins.get("last_100", {}), **study.margins.get(by, {})}
    margins = study.margins | ({by: units} if units else {})
    return study.model_copy(update={"claims": study.claims | claims, "margins": margins})


def _kept_environments(name: str, study: Study, configuration: Configuration) -> dict[str, int]:
    """Environment → steps, for the study's environments that the preset keeps."""
    kept = (configuration.spending.studies or {}).get(name) or study.environments
    for environment in kept:
        if environment not in study.environments:
            raise Refusal(
                f"presets.{configuration.preset}.studies.{name}: the study has no environment '{environment}'; "
                f"{nearest(environment, study.environments)}"
            )
    return {environment: full for environment, full in study.environments.items() if environment in kept}


def plan_studies(configuration: Configuration, files: Mapping[str, Path]) -> dict[str, StudyPlan]:
    """Load and resolve studies: name → plan.

    Raises:
        Refusal: at the first study that cannot be used.
    """
    return {name: plan_study(name, load_study(file), configuration) for name, file in files.items()}


def configured_plans(
    path: Path, preset: str | None = None, studies: Sequence[str] | None = None
) -> tuple[Configuration, list[StudyPlan]]:
    """Read a configuration and plan its studies.

    Args:
        path: the configuration's file; the studies that it names lie in `studies/` beside it.
        preset: the preset to use instead of the configured one.
        studies: studies to plan instead of the configured ones, if there are any.

    Raises:
        Refusal: if the configuration or a study is not valid.
    """
    values = read_yaml(path) | ({"preset": preset} if preset else {})
    values |= {"studies": list(studies)} if studies else {}
    chosen = parse_configuration(values, str(path))
    return chosen, list(plan_studies(chosen, study_files(chosen, path.parent / "studies")).values())


def read_plan(path: Path) -> StudyPlan:
    """A plan as `pgbench resolve` wrote it.

    Raises:
        Refusal: if the file cannot be read or is not a plan.
    """
    try:
        return StudyPlan.model_validate_json(path.read_bytes())
    except OSError as error:
        raise Refusal(f"{path}: cannot be read ({error.strerror}); `pgbench resolve` writes it") from None
    except ValidationError as error:
        raise explain(error, str(path), StudyPlan) from None


def runs_by_name(plans: Iterable[StudyPlan]) -> dict[str, Run]:
    """Every distinct run of the plans."""
    return {planned.name: planned.run for plan in plans for planned in plan.runs}
