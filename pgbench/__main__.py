"""The command line: `python -m pgbench <verb>`. The workflow's jobs are these verbs, and people may call them too.

A verb imports what trains, computes or draws when it is called, so that help and planning are quick.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pgbench.base import surroundings, wording
from pgbench.base.importing import quickly_imported
from pgbench.base.places import STUDIES, from_here
from pgbench.base.refusals import Breakdown, Refusal
from pgbench.base.specification import Specification
from pgbench.base.yaml_files import whole_number
from pgbench.costs import measuring_verbs, planning_verbs
from pgbench.methods import naming, runs
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.lineage import LINEAGE
from pgbench.methods.paths import difference
from pgbench.methods.runs import Run
from pgbench.report import installation_verbs, published_verbs
from pgbench.running import verbs
from pgbench.storage import digests
from pgbench.storage.layout import PLAN, RESULTS, Layout
from pgbench.studies import catalogue
from pgbench.studies.configuration import Configuration, parse_configuration, study_files
from pgbench.studies.loading import describe_run, parse_overrides
from pgbench.studies.plans import MOST_LOOKS, plan_studies, read_plan
from pgbench.studies.scores import FinalScore
from pgbench.studies.study import Study

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # loading rich would double the time that help takes
)

Html = Annotated[Path, typer.Option(help="The HTML file.")]
Markdown = Annotated[Path, typer.Option(help="The Markdown file.")]
Results = Annotated[Path, typer.Option(help="The results folder, with runs/ and studies/ in it.")]
StudyDirectories = Annotated[
    list[Path],
    typer.Argument(metavar="STUDIES...", help="Directories of studies' results, each with its plan.json."),
]

SCHEMAS: dict[str, type[Specification]] = {
    "algorithm": Algorithm,
    "configuration": Configuration,
    "run": Run,
    "study": Study,
}


app.command()(planning_verbs.plan)
app.command()(planning_verbs.status)
app.command()(planning_verbs.scaling)
app.command()(planning_verbs.settle)
app.command("measure")(measuring_verbs.write_costs)
app.command("measure-growth")(measuring_verbs.write_growth)
app.command("measure-random")(measuring_verbs.write_random_returns)


Override = Annotated[
    list[str] | None, typer.Option(help="A change, such as advantage.lam=0.9; may be repeated.")
]
CheckpointEvery = Annotated[
    float, typer.Option(help="Seconds between checkpoints, from which a killed block continues.", min=0.0)
]
EvaluationEpisodes = Annotated[
    int | None, typer.Option(help="Episodes of each evaluation of a replica; by default no evaluation.")
]
Evaluations = Annotated[
    int | None, typer.Option(help="Evaluations, evenly over the budget; by default one, at its end.")
]
EvaluationActions = Annotated[str | None, typer.Option(help="mean (the default), or sampled as in training.")]
EvaluationTimeLimit = Annotated[
    int | None, typer.Option(help="Steps of an evaluation episode; by default the environment's own limit.")
]
ReferenceEvery = Annotated[
    int | None, typer.Option(help="Updates between comparisons of the gradient with a large batch's.")
]
ReferenceBatches = Annotated[
    int | None, typer.Option(help="Size of the large batch, in batches of an update; by default 20.")
]


@app.command()
def train(
    algorithm: Annotated[str, typer.Argument(help="A member of the lineage, such as ppo.")],
    environment: Annotated[str, typer.Argument(help="A Gymnasium id, such as HalfCheetah-v5.")],
    steps: Annotated[
        int, typer.Option(parser=whole_number, metavar="INTEGER", help="Environment steps of each replica.")
    ],
    seeds: Annotated[str, typer.Option(help="One seed or a range; they are trained in lockstep.")] = "0-9",
    override: Override = None,
    name: Annotated[str | None, typer.Option(help="Refuse if the run has another name.")] = None,
    into: Annotated[
        Path | None, typer.Option(help="The block's directory; by default results/runs/<name>/<seeds>.")
    ] = None,
    checkpoint_every: CheckpointEvery = 60.0,
    evaluation_episodes: EvaluationEpisodes = None,
    evaluations: Evaluations = None,
    evaluation_actions: EvaluationActions = None,
    evaluation_time_limit: EvaluationTimeLimit = None,
    reference_every: ReferenceEvery = None,
    reference_batches: ReferenceBatches = None,
) -> None:
    """Train one block of replicas of a run."""
    values = {
        "environment": environment,
        "steps": steps,
        "evaluation": _evaluation(
            evaluation_episodes, evaluations, evaluation_actions, evaluation_time_limit
        ),
        "reference": _reference(reference_every, reference_batches),
    }
    run = describe_run(algorithm, parse_overrides(override or [], "train"), values, "train")
    block = runs.seeds_of(seeds)
    actual_name = naming.run_name(run)
    if name not in (None, actual_name):
        raise Refusal(f"train: these arguments describe the run '{actual_name}', not '{name}'")
    with quickly_imported():
        from pgbench.running.block import train_block

    train_block(run, block, into or Layout().block(f"{actual_name}/{block[0]}-{block[-1]}"), checkpoint_every)


app.command()(verbs.evaluate)
app.command()(verbs.watch)
app.command()(published_verbs.publish)
app.command()(published_verbs.restore)
app.command()(published_verbs.headline)
app.command("published")(published_verbs.print_published)
app.command("snakefile")(installation_verbs.print_snakefile)
app.callback()(installation_verbs.options)


@app.command()
def resolve(
    study: Annotated[str, typer.Argument(help="A name in workflows/studies, or the path of a YAML file.")],
    preset: Annotated[str, typer.Option(help="The name of this preset.")] = "paper",
    seeds: Annotated[int | None, typer.Option(help="The most replicas of each run.")] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            parser=whole_number, metavar="INTEGER", help="The most environment steps of each replica."
        ),
    ] = None,
    environment: Annotated[
        list[str] | None, typer.Option(help="An environment to keep, instead of all; may be repeated.")
    ] = None,
    final_score: Annotated[
        FinalScore,
        typer.Option(help="What claims about last_100 are judged by where --steps bounds a study."),
    ] = "last_100",
    block_size: Annotated[int, typer.Option(help="Replicas that one job trains in lockstep.")] = 10,
    looks: Annotated[int, typer.Option(help="How often the claims are judged.", min=1, max=MOST_LOOKS)] = 1,
    into: Annotated[
        Path | None, typer.Option(help="The plan; by default results/studies/<preset>/<study>/plan.json.")
    ] = None,
) -> None:
    """Write a study's plan: its runs and their blocks."""
    values = {
        "preset": preset,
        "studies": [study],
        "block_size": block_size,
        "presets": {
            preset: {
                **{"seeds": seeds, "steps": steps, "final_score": final_score},
                "studies": {Path(study).stem: environment or None},
            }
        },
    }
    configuration = parse_configuration(values, "resolve")
    files = study_files(configuration, from_here(STUDIES))
    for name, resolved in plan_studies(configuration, files).items():
        destination = into or Layout().study(preset, name) / PLAN
        _write(destination, resolved.extended(looks, block_size).model_dump_json(indent=2))


@app.command()
def gather(
    directories: StudyDirectories,
    results: Results = RESULTS,
) -> None:
    """Collect studies' blocks into their tables, beside their plans."""
    with quickly_imported():
        from pgbench.analysis import gathering

    for directory in directories:
        gathering.gather(read_plan(directory / PLAN), results, directory)


@app.command()
def report(
    directories: StudyDirectories,
    into: Annotated[
        Path | None,
        typer.Option(
            help="The folder of the pages, <study>.html and <study>.md; by default reports/<preset>."
        ),
    ] = None,
    previous: Annotated[str | None, typer.Option(help="The study before, whose page lies beside.")] = None,
    following: Annotated[
        str | None, typer.Option("--next", help="The study after, whose page lies beside.")
    ] = None,
) -> None:
    """Write studies' pages, with their figures and tables beside them."""
    with quickly_imported():
        from pgbench.report import study_page

    names = [previous, *(directory.resolve().name for directory in directories), following]
    for before, directory, after in zip(names, directories, names[2:], strict=False):
        place = directory.resolve()  # results/studies/<preset>/<study>
        page = (into or Path("reports", place.parent.name)) / place.name
        study_page.write_study(
            directory,
            page.with_suffix(".html"),
            page.with_suffix(".md"),
            study_page.Neighbours(before, after),
        )


@app.command()
def index(
    directories: StudyDirectories,
    html: Html,
    markdown: Markdown,
    laboratory: Annotated[
        list[Path] | None,
        typer.Option(help="Directory of a measurement, whose page stands beside it; may be repeated."),
    ] = None,
) -> None:
    """Write the page that leads to all studies."""
    from pgbench.report import index_page

    index_page.write_index(directories, html, markdown, laboratory or [])


@app.command()
def laboratory(
    name: Annotated[str | None, typer.Argument(help="A measurement; without a name: list them all.")] = None,
    preset: Annotated[
        str, typer.Option(help="How much to sample: smoke, quick, standard or paper.")
    ] = "standard",
    seed: Annotated[int, typer.Option(min=0, help="The seed of all random numbers.")] = 0,
    output: Annotated[
        Path | None, typer.Option(help="The folder; by default results/laboratory/<preset>/<name>.")
    ] = None,
) -> None:
    """Compare estimators with the exact policy gradient on small worlds."""
    if name is None:
        entries = [(entry.name, entry.title) for entry in catalogue.CATALOGUE.values()]
        print(wording.text_table(("name", "measures"), entries))
        return
    catalogue.check_measurement(name)
    catalogue.check_size(preset)
    code = digests.of_measurement(name)  # before measuring: the checkout may be edited meanwhile
    with quickly_imported():
        from pgbench.laboratory import measuring

    measuring.write(name, preset, seed, output or Layout().measurement(preset, name), code)


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
    results: Results = RESULTS,
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
    results: Annotated[
        Path, typer.Argument(help="The results folder, with runs/ and studies/ in it.")
    ] = RESULTS,
) -> None:
    """Check results against their records; exit code 1 if a result does not match its record."""
    from pgbench.analysis import verification

    findings = verification.verify(results)
    print(verification.described(findings, results))
    if any(finding.state == "invalid" for finding in findings):
        raise typer.Exit(1)


@app.command()
def compare(
    one: Annotated[str, typer.Argument(help="A results folder, a preset, or a commit's published results.")],
    other: Annotated[str, typer.Argument(help="What it is compared with.")],
    results: Results = RESULTS,
) -> None:
    """Compare results; exit code 0: same bytes, 3: alike but for chance, 4: different beyond it."""
    from pgbench.analysis import comparing

    with comparing.side(one, results) as first, comparing.side(other, results) as second:
        text, code = comparing.compare(first, second)
    print(text)
    raise typer.Exit(code)


@app.command("lineage")
def print_lineage() -> None:
    """Print each method with its parent and its one change."""
    for member in LINEAGE.values():
        print(member.name if member.parent is None else f"{member.name} (from {member.parent})")
        start = LINEAGE[member.parent or member.name].algorithm
        for path, (before, after) in difference(start, member.algorithm).items():
            print(f"    {path}: {wording.component(before)} → {wording.component(after)}")
        print(f"    {member.idea} [{member.source}]\n")


@app.command()
def schemas(
    into: Annotated[Path, typer.Option(help="The folder of the schemas.")] = Path("workflows/schemas"),
) -> None:
    """Write the JSON schemas of the files that people write."""
    for name, model in SCHEMAS.items():
        _write(into / f"{name}.json", json.dumps(model.model_json_schema(), indent=2, ensure_ascii=False))


def main() -> None:
    """Run a verb; a refused input ends with its reason and exit code 2, a failing machine with exit code 1."""
    surroundings.settle()
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


def _evaluation(
    episodes: int | None, times: int | None, actions: str | None, time_limit: int | None
) -> dict[str, Any] | None:
    """The fields of `runs.Evaluation` that the options give; None if they give none."""
    options = {"episodes": episodes, "times": times, "actions": actions, "time_limit": time_limit}
    given = {name: value for name, value in options.items() if value is not None}
    if given and episodes is None:
        raise Refusal(
            "train: how often or how to evaluate is given, but not in how many --evaluation-episodes"
        )
    return given or None


def _reference(every: int | None, batches: int | None) -> dict[str, Any] | None:
    """The fields of `runs.Reference` that the options give; None if they give none."""
    options = {"every": every, "batches": batches}
    given = {name: value for name, value in options.items() if value is not None}
    if given and every is None:
        raise Refusal("train: the batches of a reference are given, but not how often, --reference-every")
    return given or None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
