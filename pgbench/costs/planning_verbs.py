"""The verbs that say what studies cost, and how far they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from pgbench.costs import budgets, settling
from pgbench.costs.measuring_verbs import CONFIGURATION, COSTS, Configured, Costs
from pgbench.costs.model import finished_blocks, read_costs
from pgbench.storage.layout import RESULTS, Layout
from pgbench.storage.looks_on_disk import with_looks_on_disk
from pgbench.studies.plans import configured_plans

Results = Annotated[Path, typer.Option(help="The results folder, with runs/ and studies/ in it.")]
OtherPreset = Annotated[str | None, typer.Option(help="A preset to use instead of the configured one.")]


def plan(
    configuration: Configured = CONFIGURATION,
    preset: OtherPreset = None,
    cores: Annotated[int, typer.Option(help="Jobs that train side by side.", min=1)] = os.cpu_count() or 1,
    costs: Costs = COSTS,
    results: Results = RESULTS,
    runs: Annotated[
        bool, typer.Option("--runs", help="List each run, and what its estimate rests on.")
    ] = False,
) -> None:
    """Print what the configured studies need: runs, environment steps, and hours on a number of cores."""
    chosen, plans = configured_plans(configuration, preset)
    model = read_costs(costs, finished_blocks(results))
    print(f"preset {chosen.preset}\n\n{budgets.describe(plans, model, cores, results)}")
    if runs:
        print(f"\n{budgets.describe_runs(plans, model)}")


def status(
    studies: Annotated[
        list[str] | None,
        typer.Argument(help="Names in workflows/studies, or YAML files; by default what is configured."),
    ] = None,
    configuration: Configured = CONFIGURATION,
    preset: OtherPreset = None,
    costs: Costs = COSTS,
    results: Results = RESULTS,
) -> None:
    """Print how far studies are: blocks that are done, running, stopped or waiting, and the time left."""
    from pgbench.costs import status as progress  # noqa: PLC0415 (imports pandas)

    chosen, plans = configured_plans(configuration, preset, studies)
    layout, model = Layout(results), read_costs(costs, finished_blocks(results))
    planned = [progress.as_last_planned(plan, layout, chosen.block_size) for plan in plans]
    statuses = progress.block_statuses(planned, layout, model)
    print(f"preset {chosen.preset}\n\n{progress.describe(planned, statuses)}")


def scaling(
    configuration: Configured = CONFIGURATION,
    preset: OtherPreset = None,
    costs: Costs = COSTS,
    results: Results = RESULTS,
    overhead: Annotated[float, typer.Option(help="Seconds to submit and start a job.", min=0.0)] = 15.0,
) -> None:
    """Print how long the configured studies would take on 2 to 512 cores, by the estimated costs of blocks."""
    chosen, plans = configured_plans(configuration, preset)
    model = read_costs(costs, finished_blocks(results))
    print(f"preset {chosen.preset}\n\n{budgets.scaling(plans, model, overhead)}")


def settle(
    configuration: Configured = CONFIGURATION,
    preset: OtherPreset = None,
    costs: Costs = COSTS,
    results: Results = RESULTS,
    hours: Annotated[
        float | None, typer.Option(help="Hours of one core for all looks after the first together.", min=0.0)
    ] = None,
) -> None:
    """List the open claims, with the chance that the next look settles each, and what it costs."""
    chosen, plans = configured_plans(configuration, preset)
    layout, size = Layout(results), chosen.block_size
    had = [with_looks_on_disk(plan, layout, size) for plan in plans]
    model = read_costs(costs, finished_blocks(results))
    print(settling.describe(*settling.offered(had, layout, size, model, hours or 0.0), hours))
