# Shared by the rules: the plans of the configured studies, functions that read them, and the paths of results.
import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.utils import update_config

from pgbench.base import surroundings

surroundings.settle()

from pgbench import environments
from pgbench.base.places import visible
from pgbench.base.refusals import Refusal, nearest
from pgbench.base.yaml_files import read_yaml
from pgbench.costs import settling
from pgbench.methods import naming
from pgbench.storage import digests
from pgbench.storage.layout import MEASUREMENT, PLAN, PROVENANCE, PUBLISHED_VERDICTS, RECORD, Layout
from pgbench.studies import catalogue, configuration, plans

# Jobs call `python`: it must be the one that runs Snakemake, whether or not its environment is activated.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
)


def refuse(reason):
    """End with a message for people; an exception would add Snakemake's traceback."""
    sys.exit(f"Refused, before any work: {reason}")


def configuration_sources():
    """Where the configuration comes from, in words."""
    files = [os.path.relpath(file) for file in workflow.configfiles]
    return " + ".join([*files, "--config"] if workflow.config_settings.config else files)


def refuse_target(wildcards):
    """Refuse a target that is neither a rule nor a path."""
    hint = nearest(wildcards.target, ["all", "laboratory", *PLANS])
    refuse(f"there is no target '{wildcards.target}'; {hint} (from {configuration_sources()})")


def study_file(wildcards):
    """The file of a study."""
    return str(FILES[wildcards.study])


def plan_digest(wildcards):
    """A digest that changes whenever a study resolves to another plan, for whatever reason."""
    return PLANS[wildcards.study].digest


def planning_arguments(wildcards):
    """The command line that says how much to spend on a study."""
    looks = PLANS[wildcards.study].looks
    return shlex.join(configuration.planning_arguments(CONFIGURATION, wildcards.study, looks))


def training_arguments(wildcards):
    """The command line of a run."""
    return ARGUMENTS[wildcards.run]


def training_code(wildcards):
    """Changes whenever the code that a run reaches does: edited mathematics retrains what uses it."""
    run = RUNS[wildcards.run]
    origin = environments.origin(run.environment)
    return digests.of_run(run) if origin is None else f"{digests.of_run(run)} {origin}"


def code_of(entries):
    """Changes whenever the code that tables or pages reach does; looked up only where there is something to make."""
    return lambda wildcards: digests.of_anything(entries)


def measuring_code(wildcards):
    """Changes whenever the code that a measurement of the laboratory reaches does."""
    return digests.of_measurement(wildcards.measurement)


def blocks(wildcards):
    """All files of all blocks of a study."""
    directories = [LAYOUT.block(name) for name in PLANS[wildcards.study].blocks()]
    return [str(directory / file) for directory in directories for file in BLOCK_FILES]


def neighbours(wildcards):
    """The command line that names the studies before and after a study, whose pages its own page links."""
    names = list(PLANS)
    place = names.index(wildcards.study)
    before = [f"--previous={name}" for name in names[max(place - 1, 0) : place]]
    after = [f"--next={name}" for name in names[place + 1 : place + 2]]
    return shlex.join([*before, *after])


def plans_of_run(wildcards):
    """The plans of the studies that need a run."""
    needed = [name for name, plan in PLANS.items() if wildcards.run in plans.runs_by_name([plan])]
    return expand(f"{TABLES}/{PLAN}", study=needed)


def indexed(wildcards):
    """The tables of the studies on the index: the configured ones, and those whose pages earlier commands left."""
    gathered = [path for path in LAYOUT.gathered_studies() if path.parent.name == CONFIGURATION.preset]
    others = {path.name for path in gathered if Path(PAGES, f"{path.name}.html").exists()}
    # In the order of the preset, whatever was asked for, so that asking for less writes the same index.
    order = [*(CONFIGURATION.spending.studies or []), *sorted(others | set(PLANS))]
    return expand(TABLES, study=sorted(others | set(PLANS), key=order.index))


def shown_measurements(wildcards):
    """The options that name the index's measurements: the configured ones, else those whose page is there."""
    there = [
        name for name in catalogue.CATALOGUE if Path(MEASURED.format(measurement=name), MEASUREMENT).exists()
    ]
    earlier = there if Path(PAGES, "laboratory.html").exists() else []
    return expand(f"--laboratory {MEASURED}", measurement=CONFIGURATION.laboratory or earlier)


def tracked(studies):
    """The marks that all blocks of these plans were offered to tracking; none if the configuration wants none."""
    blocks = {block for plan in studies for block in plan.blocks()} if CONFIGURATION.tracking else ()
    return [str(LAYOUT.tracking_mark(block)) for block in sorted(blocks)]


LAYOUT = Layout()
try:
    # Snakemake has read the files too, but takes `1e6` for text, `010` for 8, and of a repeated key the last.
    for file in [*filter(Path.exists, map(Path, workflow.configfiles))][::-1]:
        update_config(config, read_yaml(file))
    update_config(config, dict(workflow.config_settings.config))
    CONFIGURATION = configuration.parse_configuration(config, configuration_sources())
    FILES = configuration.study_files(
        CONFIGURATION, Path(os.path.relpath(workflow.basedir), "workflows", "studies")
    )
    PLANS = settling.planned(
        CONFIGURATION, FILES, LAYOUT, Path(os.path.relpath(workflow.basedir), "workflows", "costs.csv")
    )
except Refusal as refusal:
    refuse(refusal)

RUNS = plans.runs_by_name(PLANS.values())
# Once a run and not once a block: on a large plan, these functions took most of the time of planning.
ARGUMENTS = {name: shlex.join(naming.training_arguments(run)) for name, run in RUNS.items()}
WORKFLOWS = Path(os.path.relpath(workflow.basedir), "workflows")
TEMPLATES = [str(file) for file in visible(WORKFLOWS / "report", "*.*")]
REFERENCES = [str(file) for file in visible(WORKFLOWS / "references", "*")]
# Pages show the verdicts of what is published beside provisional ones.
VERDICTS = [str(PUBLISHED_VERDICTS)] if PUBLISHED_VERDICTS.exists() else []
BLOCK = str(LAYOUT.block("{run}/{block}"))
BLOCK_FILES = (
    RECORD,
    "replicas.parquet",
    "episodes.parquet",
    "metrics.parquet",
    "evaluations.parquet",
)
# A preset that the laboratory does not know measures as much as `standard`.
LABORATORY_PRESET = CONFIGURATION.preset if CONFIGURATION.preset in catalogue.SIZES else "standard"
MEASURED = str(LAYOUT.measurement(LABORATORY_PRESET, "{measurement}"))
PAGES = CONFIGURATION.pages
TABLES = str(LAYOUT.study(CONFIGURATION.preset, "{study}"))


wildcard_constraints:
    run="[^/]+",
    block="[0-9]+-[0-9]+",
    measurement="|".join(catalogue.CATALOGUE),
    study="|".join(map(re.escape, PLANS)),
    target="[^/.]+",
