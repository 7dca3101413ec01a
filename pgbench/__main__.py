"""The command line: `python -m pgbench <verb>`. The workflow's jobs are these verbs; people may call them.

What trains, computes or draws is imported by the verb that needs it, so that help and planning are quick.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from pgbench.base import wording
from pgbench.base.refusals import Breakdown, Refusal
from pgbench.base.specification import Specification
from pgbench.base.yaml_files import parse_yaml, read_yaml
from pgbench.costs import budgets
from pgbench.costs.model import finished_blocks, read_costs
from pgbench.methods import lineage as family
from pgbench.methods import naming, runs
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.paths import difference
from pgbench.methods.runs import Run
from pgbench.studies import catalogue
from pgbench.studies.configuration import Configuration, parse_configuration, study_files
from pgbench.studies.plans import StudyPlan, plan_studies, read_plan
from pgbench.studies.study import Study, describe_run

app = typer.Typer(
    help="Replicates the policy-gradient literature, from REINFORCE to PPO.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # loading rich would double the time that help takes
)

Html = Annotated[Path, typer.Option(help="Where the HTML goes.")]
Markdown = Annotated[Path, typer.Option(help="Where the Markdown goes.")]
Results = Annotated[Path, typer.Option(help="Directory that holds runs/<run>/<block>, and studies/.")]
Costs = Annotated[Path, typer.Option(help="What was measured of the costs of training.")]
StudyDirectories = Annotated[
    list[Path],
    typer.Argument(metavar="STUDIES...", help="Directories of studies' results, which hold their plan.json."),
]

Configured = Annotated[Path, typer.Option(help="Which studies, and how much to spend.")]

SCHEMAS: dict[str, type[Specification]] = {
    "algorithm": Algorithm,
    "configuration": Configuration,
    "run": Run,
    "study": Study,
}


@app.command()
def plan(
    configuration: Configured = Path("workflows/config.yaml"),
    preset: Annotated[
        str | None, typer.Option(help="Instead of the preset that the configuration names.")
    ] = None,
    cores: Annotated[int, typer.Option(help="Cores that train side by side.", min=1)] = os.cpu_count() or 1,
    costs: Costs = Path("workflows/costs.csv"),
    results: Results = Path("results"),
) -> None:
    """Print what the configured studies need: runs, environment steps, and hours on so many cores."""
    chosen, plans = _plans(configuration, preset)
    model = read_costs(costs, finished_blocks(results))
    print(f"preset {chosen.preset}\n\n{budgets.describe(plans, model, cores, results)}")


@app.command()
def scaling(
    configuration: Configured = Path("workflows/config.yaml"),
    preset: Annotated[str | None, typer.Option(help="Instead of the configured preset.")] = None,
    costs: Costs = Path("workflows/costs.csv"),
    results: Results = Path("results"),
    overhead: Annotated[float, typer.Option(help="Seconds to submit and start a job.", min=0.0)] = 15.0,
) -> None:
    """Simulate the configured studies on 2 to 512 cores, with the estimated times of their blocks."""
    chosen, plans = _plans(configuration, preset)
    model = read_costs(costs, finished_blocks(results))
    print(f"preset {chosen.preset}\n\n{budgets.scaling(plans, model, overhead)}")


@app.command()
def measure(
    directory: Annotated[Path, typer.Option(help="Studies whose variants are measured too.")] = Path(
        "workflows/studies"
    ),
    rounds: Annotated[int, typer.Option(help="The median of so many measurements is kept.", min=1)] = 3,
    into: Costs = Path("workflows/costs.csv"),
) -> None:
    """Measure on this machine what training costs, for `plan`; several seconds a method in each round."""
    files = {file.stem: file for file in sorted(directory.glob("*.yaml"))}
    everything = {"preset": "all", "studies": list(files), "presets": {"all": {}}}
    plans = plan_studies(parse_configuration(everything, "measure"), files)
    from pgbench.costs.measure import measure as measured

    _write(into, measured(list(plans.values()), rounds))


@app.command()
def measure_growth(
    rounds: Annotated[int, typer.Option(help="The median of so many measurements is kept.", min=1)] = 3,
    into: Annotated[Path, typer.Option(help="Where the table goes.")] = Path("workflows/growth.csv"),
) -> None:
    """Measure on this machine how speed and memory grow with replicas, width and environments."""
    from pgbench.costs.measure_growth import measure as measured

    _write(into, measured(rounds))


@app.command()
def train(
    algorithm: Annotated[str, typer.Argument(help="A member of the lineage, such as ppo.")],
    environment: Annotated[str, typer.Argument(help="A Gymnasium id, such as HalfCheetah-v5.")],
    steps: Annotated[int, typer.Option(help="Environment steps of each replica.")],
    seeds: Annotated[str, typer.Option(help="One seed or a range; they are trained in lockstep.")] = "0-9",
    override: Annotated[
        list[str] | None, typer.Option(help="A change, such as advantage.lam=0.9; may be repeated.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Refuse if the run has another name.")] = None,
    into: Annotated[
        Path | None, typer.Option(help="Directory; by default results/runs/<name>/<seeds>.")
    ] = None,
    checkpoint_every: Annotated[
        float, typer.Option(help="Seconds between checkpoints, from which a killed block goes on.", min=0.0)
    ] = 60.0,
    evaluation_episodes: Annotated[
        int | None, typer.Option(help="Evaluate each replica, in so many episodes of their own.")
    ] = None,
    evaluations: Annotated[
        int | None, typer.Option(help="How often, evenly over the budget; by default once, at its end.")
    ] = None,
    evaluation_actions: Annotated[
        str | None, typer.Option(help="mean, which is the default, or sampled, as in training.")
    ] = None,
    reference_every: Annotated[
        int | None, typer.Option(help="Compare the gradient with a large batch's every so many updates.")
    ] = None,
    reference_batches: Annotated[
        int, typer.Option(help="How many batches of an update's size make up the large one.")
    ] = 20,
) -> None:
    """Train one block of replicas of a run."""
    evaluation = _evaluation(evaluation_episodes, evaluations, evaluation_actions)
    changes = _overrides(override or [])
    run = describe_run(algorithm, environment, steps, changes, "train", evaluation)
    block = runs.seeds_of(seeds)
    found = naming.run_name(run)
    if name not in (None, found):
        raise Refusal(f"train: these arguments describe the run '{found}', not '{name}'")
    from pgbench.running.block import train_block

    # a block with metrics of its own must not be taken for one of the workflow's
    folder = "runs" if reference_every is None else "references"
    directory = into or Path("results", folder, found, f"{block[0]}-{block[-1]}")
    if reference_every is None:
        train_block(run, block, directory, checkpoint_every)
    else:
        from pgbench.training.gradient_reference import GradientReference

        look = GradientReference(run, block, reference_every, reference_batches)
        train_block(run, block, directory, checkpoint_every, look)


@app.command()
def resolve(
    study: Annotated[str, typer.Argument(help="A name in workflows/studies, or the path of a YAML file.")],
    preset: Annotated[str, typer.Option(help="What this way to spend is called.")] = "paper",
    seeds: Annotated[int | None, typer.Option(help="At most so many replicas of each run.")] = None,
    steps: Annotated[
        int | None, typer.Option(help="At most so many environment steps of each replica.")
    ] = None,
    environment: Annotated[
        list[str] | None, typer.Option(help="An environment to keep, instead of all; may be repeated.")
    ] = None,
    block_size: Annotated[int, typer.Option(help="Replicas trained in lockstep.")] = 10,
    into: Annotated[
        Path | None, typer.Option(help="By default results/studies/<preset>/<study>/plan.json.")
    ] = None,
) -> None:
    """Write a study's plan: its runs and their blocks."""
    values = {
        "preset": preset,
        "studies": [study],
        "block_size": block_size,
        "presets": {
            preset: {"seeds": seeds, "steps": steps, "studies": {Path(study).stem: environment or None}}
        },
    }
    configuration = parse_configuration(values, "resolve")
    files = study_files(configuration, Path("workflows", "studies"))
    for name, resolved in plan_studies(configuration, files).items():
        destination = into or Path("results", "studies", preset, name, "plan.json")
        _write(destination, resolved.model_dump_json(indent=2))


@app.command()
def gather(
    directories: StudyDirectories,
    results: Results = Path("results"),
) -> None:
    """Collect studies' blocks into their tables, beside their plans."""
    from pgbench.analysis import gathering

    for directory in directories:
        gathering.gather(read_plan(directory / "plan.json"), results, directory)


@app.command()
def report(
    directories: StudyDirectories,
    into: Annotated[Path, typer.Option(help="Directory of the pages, <study>.html and .md.")] = Path(
        "reports"
    ),
) -> None:
    """Write studies' pages, with their figures and tables beside them."""
    from pgbench.report import study_page

    for directory in directories:
        page = into / directory.resolve().name
        study_page.write_study(directory, page.with_suffix(".html"), page.with_suffix(".md"))


@app.command()
def index(
    directories: StudyDirectories,
    html: Html,
    markdown: Markdown,
    laboratory: Annotated[
        list[Path] | None,
        typer.Option(help="Directory of a measurement, whose page stands beside it; may be repeated."),
    ] = None,
    growth: Annotated[
        Path | None, typer.Option(help="How training grows, as measure-growth writes it; none: left out.")
    ] = None,
) -> None:
    """Write the page that leads to all studies."""
    from pgbench.report import index_page

    index_page.write_index(directories, html, markdown, laboratory or [], growth)


@app.command()
def laboratory(
    name: Annotated[str | None, typer.Argument(help="A measurement; none: list them all.")] = None,
    preset: Annotated[
        str, typer.Option(help="How much to sample: smoke, quick, standard or paper.")
    ] = "standard",
    seed: Annotated[int, typer.Option(min=0, help="Of all chance.")] = 0,
    output: Annotated[
        Path | None, typer.Option(help="Directory; by default results/laboratory/<preset>/<name>.")
    ] = None,
) -> None:
    """Compare estimators with the exact policy gradient on small worlds."""
    if name is None:
        entries = [(each.name, each.title) for each in catalogue.CATALOGUE.values()]
        print(wording.text_table(("name", "measures"), entries))
        return
    catalogue.measurement(name)
    catalogue.size(preset)

    from pgbench.laboratory import measuring

    measuring.write(name, preset, seed, output or Path("results", "laboratory", preset, name))


@app.command()
def laboratory_report(
    directories: Annotated[
        list[Path], typer.Argument(metavar="MEASUREMENTS...", help="Directories of measurements.")
    ],
    html: Html,
    markdown: Markdown,
) -> None:
    """Write the laboratory's page."""
    from pgbench.report import laboratory_page

    laboratory_page.write_page(directories, html, markdown)


@app.command()
def track(
    paths: Annotated[
        list[Path], typer.Argument(metavar="RESULTS...", help="Directories of blocks, runs or studies.")
    ],
    results: Results = Path("results"),
) -> None:
    """Show finished results in Weights & Biases; offline where no key is configured."""
    from pgbench.report import tracking

    try:
        print(tracking.track(paths, results))
    except tracking.TrackingError as failure:
        print(failure, file=sys.stderr)
        raise typer.Exit(1) from None


@app.command()
def verify(
    results: Annotated[Path, typer.Argument(help="Directory that holds runs and studies.")] = Path("results"),
) -> None:
    """Check results against their records; exit code 1 if any is not what it says it is."""
    from pgbench.analysis import verification

    findings = verification.verify(results)
    rows = [
        (
            str(finding.place.relative_to(results)),
            finding.state,
            "" if finding.unchanged is None else "unchanged" if finding.unchanged else "changed",
            "yes" if finding.reproducible else "no",
            finding.remark,
        )
        for finding in findings
    ]
    print(
        wording.text_table(("result", "state", "its code", "this code would reproduce it", "why not"), rows)
    )
    states = [finding.state for finding in findings]
    counts = ", ".join(f"{states.count(state)} {state}" for state in ("valid", "unfinished", "invalid"))
    same = sum(finding.reproducible for finding in findings)
    print(f"\n{len(findings)} results: {counts}; this code would reproduce {same}")
    if "invalid" in states:
        raise typer.Exit(1)


@app.command()
def lineage() -> None:
    """Print each method with its parent and its one change."""
    from pgbench.base.wording import component

    for member in family.LINEAGE.values():
        print(f"{member.name}" + (f" (from {member.parent})" if member.parent else ""))
        if member.parent:
            changes = difference(family.LINEAGE[member.parent].algorithm, member.algorithm)
            for path, (before, after) in changes.items():
                print(f"    {path}: {component(before)} → {component(after)}")
        print(f"    {member.idea} [{member.source}]\n")


@app.command()
def schemas(
    into: Annotated[Path, typer.Option(help="Directory of the schemas.")] = Path("workflows/schemas"),
) -> None:
    """Write the JSON schemas of what people write."""
    for name, model in SCHEMAS.items():
        _write(into / f"{name}.json", json.dumps(model.model_json_schema(), indent=2, ensure_ascii=False))


def main() -> None:
    """Run a verb; a refused input ends with its reason and exit code 2, what the machine cannot do with 1."""
    try:
        app()
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        sys.exit(2)
    except Breakdown as breakdown:
        print(breakdown, file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        print(f"{error.filename or 'pgbench'}: {error.strerror or error}", file=sys.stderr)
        sys.exit(1)


def _plans(configuration: Path, preset: str | None) -> tuple[Configuration, list[StudyPlan]]:
    """A configuration, perhaps with another preset, and the plans of its studies."""
    values = read_yaml(configuration) | ({"preset": preset} if preset else {})
    chosen = parse_configuration(values, str(configuration))
    files = study_files(chosen, configuration.parent / "studies")
    return chosen, list(plan_studies(chosen, files).values())


def _overrides(texts: Iterable[str]) -> dict[str, Any]:
    """`path=value` → {path: value}, each value read as YAML."""
    overrides: dict[str, Any] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals or path in overrides:
            fault = "is given twice" if equals else "must look like advantage.lam=0.9"
            raise Refusal(f"train: override '{text if not equals else path}' {fault}")
        overrides[path] = parse_yaml(value, f"train: override '{text}'")
    return overrides


def _evaluation(episodes: int | None, times: int | None, actions: str | None) -> dict[str, Any] | None:
    """What the options say of evaluations; None where they ask for none."""
    given = {"episodes": episodes, "times": times, "actions": actions}
    asked = {name: value for name, value in given.items() if value is not None}
    if asked and episodes is None:
        raise Refusal(
            "train: how often or how to evaluate is said, but not in how many --evaluation-episodes"
        )
    return asked or None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
