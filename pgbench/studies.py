"""Studies: from a question in YAML to the runs that answer it.

A study names environments and variants; a variant is a member of the lineage, or one with a few values
overridden. A preset says how much to spend. Together they give the runs, each named by its content, so that
two studies that share a run compute it once. Imports no tensor library.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, field_validator

from pgbench import environments, lineage
from pgbench.claim_checks import check_claims
from pgbench.claims import Claim, Source
from pgbench.components import Specification
from pgbench.laboratory import catalogue
from pgbench.members import Member
from pgbench.refusals import Refusal, explain, nearest, read_yaml
from pgbench.specs import Algorithm, Evaluation, Run, difference, path_safe, paths, replace

MAXIMAL_BLOCK = 10_000
RULES = ("all", "gather", "index", "laboratory", "measure", "misspelt", "page", "resolve", "track", "train")
"""Names of the workflow's rules, which a study may not have."""


def _file_name(name: str) -> str:
    if not re.fullmatch(r"\w[\w-]{0,99}", name):
        raise ValueError("it names files, so it must consist of at most 100 letters, digits, '_' and '-'")
    return name


def _label(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("it labels figures and tables, so it must be one line of printable text")
    return text


FileName = Annotated[str, AfterValidator(_file_name)]
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


StudyEnvironments = Annotated[tuple[str, ...], Field(min_length=1)] | None


class Preset(Specification):
    """How much to spend: which studies, and bounds on their seeds and steps. None: as the study says."""

    seeds: Replicas | None = Field(None, description="At most so many replicas of each run.")
    steps: Steps | None = Field(None, description="At most so many environment steps of each replica.")
    studies: Annotated[dict[str, StudyEnvironments], Field(min_length=1)] | None = Field(
        None,
        description="Study → those of its environments that are kept, or nothing for all of them. "
        "By default every study in workflows/studies, whole.",
    )


class Configuration(Specification):
    """What `workflows/config.yaml` may say."""

    preset: str = Field(description="One of the presets below.")
    studies: Annotated[list[str], Field(min_length=1)] | None = Field(
        None,
        description="Names of files in workflows/studies, or paths of other YAML files; instead of the preset's.",
    )
    laboratory: list[catalogue.Name] = Field([], description="What the laboratory measures.")
    block_size: Replicas = Field(10, description="Replicas that one job trains in lockstep.")
    presets: dict[FileName, Preset]
    tracking: Literal["wandb"] | None = Field(
        None, description="Where finished blocks are shown besides: in Weights & Biases, or nowhere."
    )

    @property
    def spending(self) -> Preset:
        """The chosen preset."""
        return self.presets[self.preset]


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
    """A study with every variant resolved, under one preset; its environments are those that the preset keeps."""

    name: FileName
    preset: FileName
    study: Study
    parents: dict[str, str] = Field(description="Variant → member of the lineage that it starts from.")
    algorithms: dict[str, Algorithm] = Field(description="Variant → its resolved algorithm.")
    runs: tuple[PlannedRun, ...]
    left_out: tuple[str, ...] = Field((), description="The study's environments that the preset leaves out.")

    def blocks(self) -> tuple[str, ...]:
        """Every distinct block of the study, as `<run>/<block>`."""
        return tuple(
            dict.fromkeys(f"{planned.name}/{block}" for planned in self.runs for block in planned.blocks)
        )

    def differences(self) -> dict[str, dict[str, tuple[Any, Any]]]:
        """Variant → where it differs from the variant before it (the first: nothing)."""
        labels = list(self.algorithms)
        pairs = zip([labels[0], *labels[:-1]], labels, strict=True)
        return {label: difference(self.algorithms[before], self.algorithms[label]) for before, label in pairs}


def parse_configuration(values: Mapping[str, Any], where: str) -> Configuration:
    """Validate a configuration.

    Raises:
        Refusal: naming the place, the key and the nearest spelling.
    """
    try:
        configuration = Configuration.model_validate(values)
    except ValidationError as error:
        raise explain(error, where, Configuration) from None
    if configuration.preset not in configuration.presets:
        hint = nearest(configuration.preset, configuration.presets)
        raise Refusal(f"{where}: preset '{configuration.preset}' does not exist; {hint}")
    return configuration


def study_files(configuration: Configuration, directory: Path) -> dict[str, Path]:
    """Name → file of each study to plan: `<name>.yaml` in the directory, or any path that ends in `.yaml`.

    They are those that the configuration names, else those of its preset, else all in the directory.

    Raises:
        Refusal: if the directory has no such study, with the nearest name, or if a name is not to be had: two have
            it, a rule of the workflow has it, or no file could.
    """
    known = sorted(file.stem for file in directory.glob("*.yaml"))
    files: dict[str, Path] = {}
    for entry in configuration.studies or configuration.spending.studies or known:
        if not entry.endswith(".yaml") and entry not in known:
            raise Refusal(f"studies: there is no '{entry}' in {directory}; {nearest(entry, known)}")
        file = Path(entry) if entry.endswith(".yaml") else directory / f"{entry}.yaml"
        try:
            _file_name(file.stem)
        except ValueError as error:
            raise Refusal(f"studies: {file} cannot be called '{file.stem}': {error}") from None
        if file.stem in RULES:
            raise Refusal(
                f"studies: {file} is called as a rule of the workflow is; give the file another name"
            )
        if file.stem in files:
            raise Refusal(f"studies: the name '{file.stem}' stands for {files[file.stem]} and for {file}")
        files[file.stem] = file
    return files


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
    algorithms = {label: _resolve_variant(study, label, str(path))[1] for label in study.variants}
    check_claims(study.claims, algorithms, study.environments, study.evaluation, str(path))
    return study


def member(name: str, where: str) -> Member:
    """The member of the lineage with this name.

    Raises:
        Refusal: if there is none, with the nearest name.
    """
    if name not in lineage.LINEAGE:
        raise Refusal(f"{where}: '{name}' is not in the lineage; {nearest(name, lineage.LINEAGE)}")
    return lineage.LINEAGE[name]


def override(algorithm: Algorithm, overrides: Mapping[str, Any], where: str) -> Algorithm:
    """`specs.replace` with refusals that name the place, the path and the nearest one.

    Raises:
        Refusal: if a path does not exist or a value is not allowed there.
    """
    try:
        return replace(algorithm, overrides)
    except KeyError as error:
        raise Refusal(
            f"{where}: unknown key '{error.args[0]}'; {nearest(error.args[0], paths(algorithm))}"
        ) from None
    except ValidationError as error:
        raise explain(error, where, Algorithm) from None


def check_environment(environment: str, where: str) -> None:
    """Refuse an environment that cannot be made here.

    Raises:
        Refusal: naming the place and the nearest id.
    """
    try:
        environments.check(environment)
    except ValueError as error:
        raise Refusal(f"{where}: {error}") from None


def _resolve_variant(study: Study, label: str, where: str) -> tuple[str, Algorithm]:
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


def run_name(run: Run) -> str:
    """`<algorithm>.<environment>.<digest>`: the nearest member of the lineage, and the run's identity."""
    return f"{lineage.nearest(run.algorithm).name}.{path_safe(run.environment)}.{run.digest}"


def planning_arguments(configuration: Configuration, study: str) -> list[str]:
    """The arguments of `pgbench resolve` that say how much to spend on a study."""
    arguments = ["--preset", configuration.preset, "--block-size", str(configuration.block_size)]
    spending = configuration.spending
    for name, bound in (("seeds", spending.seeds), ("steps", spending.steps)):
        arguments += [f"--{name}", str(bound)] if bound is not None else []
    for environment in (spending.studies or {}).get(study) or ():
        arguments += ["--environment", environment]
    return arguments


def training_arguments(run: Run) -> list[str]:
    """The arguments of `pgbench train` that describe a run: the nearest member, and what differs from it."""
    start = lineage.nearest(run.algorithm)
    changes = difference(start.algorithm, run.algorithm)
    overrides = [f"{path}={json.dumps(value)}" for path, (_, value) in changes.items()]
    options = [argument for override in overrides for argument in ("--override", override)]
    if run.evaluation is not None:
        asked = run.evaluation
        options += ["--evaluation-episodes", str(asked.episodes), "--evaluations", str(asked.times)]
        options += ["--evaluation-actions", asked.actions]
    return [start.name, run.environment, "--steps", str(run.steps), *options]


def blocks_of(seeds: int, block_size: int) -> tuple[str, ...]:
    """Names of the blocks that hold seeds 0 … seeds − 1, such as ('0-9', '10-14')."""
    firsts = range(0, seeds, block_size)
    return tuple(f"{first}-{min(first + block_size, seeds) - 1}" for first in firsts)


def seeds_of(block: str) -> list[int]:
    """The seeds of a block's name: '3-5' → [3, 4, 5], '7' → [7].

    Raises:
        Refusal: if the text is neither a seed nor a rising range.
    """
    ends = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", block)
    seeds = range(int(ends[1]), int(ends[2] or ends[1]) + 1) if ends else range(0)
    if not 1 <= len(seeds) <= MAXIMAL_BLOCK:
        raise Refusal(
            f"seeds '{block}' must be one seed or a rising range, such as '0-9', of at most {MAXIMAL_BLOCK:,}"
        )
    return list(seeds)


def plan_study(name: str, study: Study, configuration: Configuration) -> StudyPlan:
    """Resolve a study under the configured preset: every variant on every environment that it keeps.

    Raises:
        Refusal: if the preset would keep an environment that the study does not have.
    """
    spending = configuration.spending
    environments = _kept_environments(name, study, configuration)
    seeds = min(study.seeds, spending.seeds or study.seeds)
    resolved = {label: _resolve_variant(study, label, name) for label in study.variants}
    runs = []
    for label, (_, algorithm) in resolved.items():
        for environment, full in environments.items():
            run = Run(
                algorithm=algorithm,
                environment=environment,
                steps=min(full, spending.steps or full),
                evaluation=study.evaluation,
            )
            runs.append(
                PlannedRun(
                    variant=label,
                    environment=environment,
                    name=run_name(run),
                    run=run,
                    blocks=blocks_of(seeds, configuration.block_size),
                )
            )
    return StudyPlan(
        name=name,
        preset=configuration.preset,
        study=study.model_copy(update={"environments": environments}),
        parents={label: parent for label, (parent, _) in resolved.items()},
        algorithms={label: algorithm for label, (_, algorithm) in resolved.items()},
        runs=tuple(runs),
        left_out=tuple(each for each in study.environments if each not in environments),
    )


def _kept_environments(name: str, study: Study, configuration: Configuration) -> dict[str, int]:
    """Environment → steps, for those of the study that the preset keeps."""
    kept = (configuration.spending.studies or {}).get(name) or study.environments
    for environment in kept:
        if environment not in study.environments:
            raise Refusal(
                f"presets.{configuration.preset}.studies.{name}: the study has no environment '{environment}'; "
                f"{nearest(environment, study.environments)}"
            )
    return {environment: full for environment, full in study.environments.items() if environment in kept}


def plan(configuration: Configuration, files: Mapping[str, Path]) -> dict[str, StudyPlan]:
    """Load and resolve studies: name → plan.

    Raises:
        Refusal: at the first study that cannot be used.
    """
    return {name: plan_study(name, load_study(file), configuration) for name, file in files.items()}


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
    return {planned.name: planned.run for study in plans for planned in study.runs}
