"""The workflow's configuration: what to replicate, and how much to spend."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveInt, ValidationError

from pgbench.base.places import visible
from pgbench.base.refusals import Refusal, explain, nearest
from pgbench.base.specification import Specification
from pgbench.studies import catalogue
from pgbench.studies.scores import FinalScore
from pgbench.studies.study import FileName, Replicas, Steps, file_name

RULES = (
    *("all", "gather", "index", "laboratory", "laboratory_measurement", "misspelt", "page", "resolve"),
    *("track", "train"),
)
"""Names of the workflow's rules. A study may not have one of them."""

KeptEnvironments = Annotated[tuple[str, ...], Field(min_length=1)] | None


class Preset(Specification):
    """How much to spend: which studies, and bounds on their seeds and steps. A missing bound: as the study says."""

    seeds: Replicas | None = Field(None, description="The most replicas of each run.")
    steps: Steps | None = Field(None, description="The most environment steps of each replica.")
    final_score: FinalScore = Field(
        "last_100",
        description="What claims about `last_100` are judged by, in studies whose steps the preset bounds. Say "
        "`area_under_curve` where the last 100 episodes span most of the budget.",
    )
    studies: Annotated[dict[str, KeptEnvironments], Field(min_length=1)] | None = Field(
        None,
        description="Study → the environments to keep, or nothing to keep all of them. "
        "By default every study in workflows/studies, with all its environments.",
    )


class Configuration(Specification):
    """What `workflows/config.yaml` may contain."""

    preset: str = Field(description="One of the presets below.")
    studies: Annotated[list[str], Field(min_length=1)] | None = Field(
        None,
        description="Names of files in workflows/studies, or paths of other YAML files; they replace the preset's.",
    )
    laboratory: list[catalogue.MeasurementName] = Field([], description="What the laboratory measures.")
    block_size: Replicas = Field(10, description="Replicas that one job trains in lockstep.")
    job_megabytes: PositiveInt = Field(
        2000, description="Memory of a job that trains, in 10⁶ bytes; a cluster ends a job that needs more."
    )
    reports: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="The folder that receives the pages; by default reports/<preset>."
    )
    settle_hours: NonNegativeFloat | None = Field(
        None,
        description="Hours of one core for all looks after the first together; they go to the looks that are "
        "expected to settle most claims. By default no study has a look that it has not had.",
    )
    presets: dict[FileName, Preset]
    tracking: Literal["wandb"] | None = Field(
        None,
        description="`wandb` shows finished blocks in Weights & Biases too; nothing: they are only on disk.",
    )

    @property
    def pages(self) -> str:
        """The folder that receives the pages."""
        return self.reports or f"reports/{self.preset}"

    @property
    def spending(self) -> Preset:
        """The chosen preset."""
        return self.presets[self.preset]


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

    The studies are those that the configuration names, else those of its preset, else all in the directory.

    Raises:
        Refusal: if the directory has no such study, with the nearest name; or if a study cannot have its name,
            because another study or a rule of the workflow has it, or because no file could be called so.
    """
    known = [file.stem for file in visible(directory, "*.yaml")]
    files: dict[str, Path] = {}
    for entry in configuration.studies or configuration.spending.studies or known:
        if not entry.endswith(".yaml") and entry not in known:
            raise Refusal(f"studies: there is no '{entry}' in {directory}; {nearest(entry, known)}")
        file = Path(entry) if entry.endswith(".yaml") else directory / f"{entry}.yaml"
        try:
            file_name(file.stem)
        except ValueError as error:
            raise Refusal(f"studies: {file} cannot be called '{file.stem}': {error}") from None
        if file.stem in RULES:
            raise Refusal(
                f"studies: {file} has the name of a rule of the workflow; give the file another name"
            )
        if file.stem in files:
            raise Refusal(f"studies: the name '{file.stem}' stands for {files[file.stem]} and for {file}")
        files[file.stem] = file
    return files


def planning_arguments(configuration: Configuration, study: str, looks: int) -> list[str]:
    """The arguments of `pgbench resolve` that say how much to spend on a study, and how many looks it has."""
    arguments = ["--preset", configuration.preset, "--block-size", str(configuration.block_size)]
    spending = configuration.spending
    for name, bound in (("seeds", spending.seeds), ("steps", spending.steps)):
        arguments += [f"--{name}", str(bound)] if bound is not None else []
    arguments += ["--final-score", spending.final_score] if spending.final_score != "last_100" else []
    for environment in (spending.studies or {}).get(study) or ():
        arguments += ["--environment", environment]
    return arguments if looks == 1 else [*arguments, "--looks", str(looks)]
