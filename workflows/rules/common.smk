# What the rules share: the plans of the configured studies, and functions that look something up in them.
import os
import re
import shlex
import sys
from pathlib import Path

from pgbench.base.refusals import Refusal, nearest
from pgbench.base.yaml_files import read_yaml
from pgbench.costs import growth
from pgbench.methods import naming
from pgbench.storage import digests
from pgbench.studies import catalogue, configuration, plans

# Jobs call `python`: let it be the one that runs Snakemake, whether or not its environment is activated.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
)


def refuse(reason):
    """End with a message for a person; an exception would add Snakemake's traceback."""
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
    """Where a study is written."""
    return str(FILES[wildcards.study])


def plan_digest(wildcards):
    """Changes whenever a study resolves to something else, whatever the reason."""
    return PLANS[wildcards.study].digest


def planning_arguments(wildcards):
    """The command line that says how much to spend on a study."""
    return shlex.join(configuration.planning_arguments(CONFIGURATION, wildcards.study))


def training_arguments(wildcards):
    """The command line of a run."""
    return ARGUMENTS[wildcards.run]


def training_code(wildcards):
    """Changes whenever the code that a run reaches does: edited mathematics retrains what uses it."""
    return digests.of_run(RUNS[wildcards.run])


def code_of(entries):
    """Changes whenever the code that tables or pages reach does; looked up only where there is something to make."""
    return lambda wildcards: digests.of_anything(entries)


def measuring_code(wildcards):
    """Changes whenever the code that a measurement of the laboratory reaches does."""
    return digests.of_measurement(wildcards.measurement)


def blocks(wildcards):
    """All files of all blocks of a study."""
    return expand(
        "results/runs/{block}/{file}",
        block=PLANS[wildcards.study].blocks(),
        file=BLOCK_FILES,
    )


def plans_of_run(wildcards):
    """The plans of the studies that need a run."""
    needed = [name for name, plan in PLANS.items() if wildcards.run in plans.runs_by_name([plan])]
    return expand(f"{TABLES}/plan.json", study=needed)


def tracked(studies):
    """What says that all blocks of some studies' plans were shown where the configuration wants them; maybe nothing."""
    blocks = {block for plan in studies for block in plan.blocks()} if CONFIGURATION.tracking else ()
    return expand("results/tracking/{block}.attempted", block=sorted(blocks))


try:
    for file in workflow.configfiles:
        read_yaml(Path(file))  # Snakemake has read it, but not refused what would get lost
    CONFIGURATION = configuration.parse_configuration(config, configuration_sources())
    FILES = configuration.study_files(
        CONFIGURATION, Path(os.path.relpath(workflow.basedir), "workflows", "studies")
    )
    PLANS = plans.plan_studies(CONFIGURATION, FILES)
except Refusal as refusal:
    refuse(refusal)

RUNS = plans.runs_by_name(PLANS.values())
# Of every run once, and not of every block: most of the time of a large plan's own functions went there.
ARGUMENTS = {name: shlex.join(naming.training_arguments(run)) for name, run in RUNS.items()}
TEMPLATES = sorted(map(str, Path(os.path.relpath(workflow.basedir), "workflows", "report").glob("*.*")))
REFERENCES = sorted(map(str, Path(os.path.relpath(workflow.basedir), "workflows", "references").iterdir()))
# Whoever has no such table has a report without it.
GROWTH = sorted(map(str, Path(os.path.relpath(workflow.basedir), "workflows").glob("growth.csv")))
BLOCK_FILES = ("run.json", "episodes.parquet", "metrics.parquet", "evaluations.parquet")
# A preset of one's own measures as much as `standard` does.
LABORATORY_PRESET = CONFIGURATION.preset if CONFIGURATION.preset in catalogue.SIZES else "standard"
MEASURED = f"results/laboratory/{LABORATORY_PRESET}/{{measurement}}"
TABLES = f"results/studies/{CONFIGURATION.preset}/{{study}}"


wildcard_constraints:
    run="[^/]+",
    block="[0-9]+-[0-9]+",
    measurement="|".join(catalogue.CATALOGUE),
    study="|".join(map(re.escape, PLANS)),
    target="[^/.]+",
