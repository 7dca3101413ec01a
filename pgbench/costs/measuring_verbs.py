"""The verbs that measure on this machine and write what they found into `workflows/`.

A verb imports what it needs when it is called, so that help is quick.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pgbench.base import places
from pgbench.base.places import WORKFLOWS, from_here, visible
from pgbench.base.yaml_files import read_yaml
from pgbench.methods import runs
from pgbench.studies.configuration import parse_configuration
from pgbench.studies.plans import StudyPlan, plan_studies

Costs = Annotated[Path, typer.Option(help="The file with the measured costs of training.")]
Configured = Annotated[Path, typer.Option(help="The configuration: which studies, and how much to spend.")]
Rounds = Annotated[int, typer.Option(help="Measurements of each figure, of which the median is kept.", min=1)]
CONFIGURATION = from_here(WORKFLOWS / "config.yaml")
COSTS = from_here(WORKFLOWS / "costs.csv")
STUDIES = from_here(places.STUDIES)


def write_costs(
    directory: Annotated[Path, typer.Option(help="Studies whose variants are measured too.")] = STUDIES,
    rounds: Rounds = 3,
    into: Costs = COSTS,
) -> None:
    """Measure on this machine what training costs, for `plan`; several seconds a method in each round."""
    plans = _all_plans(directory, "measure")
    from pgbench.costs.measure import measure_costs  # noqa: PLC0415 (imports torch)

    _write_table(into, measure_costs(plans, rounds))


def write_growth(
    rounds: Rounds = 3,
    into: Annotated[Path, typer.Option(help="The table.")] = Path("workflows/growth.csv"),
    configuration: Configured = CONFIGURATION,
) -> None:
    """Measure on this machine how speed and memory grow with the block size, and advise on it."""
    chosen = parse_configuration(read_yaml(configuration), str(configuration))
    from pgbench.costs.growth import advice, growth_table, measure_growth  # noqa: PLC0415 (imports torch)

    measured = measure_growth(rounds)
    _write_table(into, growth_table(measured, rounds))
    print(advice(measured, chosen))


def write_random_returns(
    directory: Annotated[Path, typer.Option(help="Studies whose environments are measured.")] = STUDIES,
    seeds: Annotated[str, typer.Option(help="One seed or a range.")] = "0-9",
    episodes: Annotated[int, typer.Option(help="Episodes of each seed.", min=1)] = 10,
    into: Annotated[Path, typer.Option(help="The table.")] = Path("workflows/random_returns.csv"),
) -> None:
    """Measure what a uniformly random policy scores in each environment of the studies."""
    plans = _all_plans(directory, "measure-random")
    names = sorted({name for plan in plans for name in plan.study.environments})
    from pgbench.running.measure_random import measure_random_returns  # noqa: PLC0415 (imports torch)

    _write_table(into, measure_random_returns(names, runs.seeds_of(seeds), episodes))


def _all_plans(directory: Path, where: str) -> list[StudyPlan]:
    """The plans of all studies in a folder, at the papers' budgets."""
    files = {file.stem: file for file in visible(directory, "*.yaml")}
    everything = {"preset": "all", "studies": list(files), "presets": {"all": {}}}
    return list(plan_studies(parse_configuration(everything, where), files).values())


def _write_table(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")
