"""The verbs of the command line for published blocks: those that the repository keeps.

A verb imports what reads tables when it is called, so that help is quick.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pgbench.base import wording
from pgbench.base.places import SNAKEFILE, WORKFLOWS, from_here
from pgbench.base.refusals import Breakdown, Refusal
from pgbench.storage.layout import MEASUREMENT, PUBLISHED, RECORD, RESULTS, Layout
from pgbench.storage.looks_on_disk import with_looks_on_disk
from pgbench.studies import catalogue
from pgbench.studies.plans import MOST_LOOKS, StudyPlan, configured_plans

if TYPE_CHECKING:
    from pgbench.storage.published_blocks import Copy

Results = Annotated[Path, typer.Option(help="The results folder, with runs/ in it.")]
Published = Annotated[Path, typer.Option(help="The folder of the published blocks.")]
Source = Annotated[Path, typer.Option("--published", help="The folder of the published blocks.")]
Configured = Annotated[Path, typer.Option(help="The configuration, which names the studies.")]
Preset = Annotated[str, typer.Option(help="The preset whose blocks are meant.")]
CONFIGURATION = from_here(WORKFLOWS / "config.yaml")
PAPER = "paper"
README = Path("README.md")
PUBLISHED_PAGES = Path("reports/published")
"""Where `make report` writes the pages of what is published."""


def publish(
    results: Results = RESULTS,
    into: Published = PUBLISHED,
    policies: Annotated[bool, typer.Option("--policies", help="With the trained policies.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Also in place of other results.")] = False,
    configuration: Configured = CONFIGURATION,
    preset: Preset = PAPER,
) -> None:
    """Copy finished blocks and measurements to what is published, with a table of contents and of verdicts."""
    from pgbench.analysis import published_verdicts
    from pgbench.laboratory import published_measurements
    from pgbench.storage import published_blocks

    copies = published_blocks.publish(results, into, policies=policies, replace=replace)
    chosen, plans = configured_plans(configuration, preset)
    variants: dict[str, list[str]] = {}
    for plan in plans:
        for planned in plan.runs:
            variants.setdefault(planned.name, []).append(f"{plan.name}: {planned.variant}")
    copies += published_measurements.copy(results, into, preset, catalogue.CATALOGUE)
    published_blocks.write_contents(into, variants)
    layout, size = Layout(into), chosen.block_size
    published_verdicts.write(into, [with_looks_on_disk(plan, layout, size) for plan in plans])
    print(f"{_counts(copies)}; {into / published_blocks.CONTENTS} lists the blocks")
    _name(
        copies,
        "differs",
        "another result of this name is published; say --replace to publish this one instead",
    )
    # The README speaks of the checkout's own published results; another folder has none that it could speak of.
    if into == PUBLISHED and README.exists():
        _renew_headline(README, plans, into)
    _end(copies)


def headline(
    readme: Annotated[Path, typer.Option(help="The file whose headline is renewed.")] = README,
    source: Source = PUBLISHED,
    configuration: Configured = CONFIGURATION,
    preset: Preset = PAPER,
) -> None:
    """Write the headline of the README: what the published results say."""
    from pgbench.storage import published_blocks

    published_blocks.directories_in(source)
    if not readme.exists():
        raise Refusal(f"{readme}: does not exist; call this in the folder of the checkout, or name the file")
    _, plans = configured_plans(configuration, preset)
    _renew_headline(readme, plans, source)
    print(f"{readme}: its headline says what {source} holds")


def _renew_headline(readme: Path, plans: Sequence[StudyPlan], published: Path) -> None:
    from pgbench.report import readme_block

    readme_block.renew(readme, readme_block.block(plans, published, PUBLISHED_PAGES))


def restore(
    source: Source = PUBLISHED,
    configuration: Configured = CONFIGURATION,
    preset: Preset = PAPER,
) -> None:
    """Put what is published into results/, so that the workflow makes only what is missing."""
    from pgbench.laboratory import published_measurements
    from pgbench.storage import published_blocks

    chosen, plans = configured_plans(configuration, preset)
    # Blocks of further looks, too, where they are published.
    most = [plan.extended(MOST_LOOKS, chosen.block_size) for plan in plans]
    wanted = dict.fromkeys(block for plan in most for block in plan.blocks())
    copies = published_blocks.restore(source, RESULTS, wanted)
    measured = published_measurements.copy(source, RESULTS, preset, catalogue.CATALOGUE)
    layout = Layout()
    files = [layout.block(copy.block) / RECORD for copy in copies if copy.outcome == "copied"]
    files += [
        layout.measurement(preset, copy.block) / MEASUREMENT for copy in measured if copy.outcome == "copied"
    ]
    _tell_snakemake(files, configuration, preset)
    print(_counts([*copies, *measured]))
    _name(
        [*copies, *measured], "other code", "this code would not reproduce it, so the workflow makes it again"
    )
    _end([*copies, *measured])


def print_published(
    source: Source = PUBLISHED,
    complete: Annotated[
        bool, typer.Option("--complete", help="Only the names of the studies that are complete, as a list.")
    ] = False,
    measurements: Annotated[
        bool,
        typer.Option(
            "--measurements",
            help="Only the measurements that are published and up to date, as a list.",
        ),
    ] = False,
    configuration: Configured = CONFIGURATION,
    preset: Preset = PAPER,
) -> None:
    """Say how much of each study is published."""
    from pgbench.report import coverage
    from pgbench.storage import published_blocks

    published_blocks.directories_in(source)
    if measurements:
        from pgbench.laboratory import published_measurements

        print(_listed(published_measurements.reproducible(source, preset, catalogue.CATALOGUE)))
        return
    hours = {
        f"{directory.parent.name}/{directory.name}": record.seconds / 3600
        for directory, record in published_blocks.records(source)
    }
    covered = coverage.coverage(configured_plans(configuration, preset)[1], source)
    if complete:
        names = [one.study for one in covered if one.whole]
        if not names:
            raise Refusal(f"{source}: holds all blocks of no study, so there is nothing to report")
        print(_listed(names))
        return
    rows = [
        (one.study, f"{len(one.there)} of {one.blocks}", f"{sum(map(hours.__getitem__, one.there)):.1f}")
        for one in covered
    ]
    print(wording.text_table(("study", "blocks published", "core hours"), rows))
    print(f"\n{wording.count(len(hours), 'block')}, {sum(hours.values()):.1f} core hours")
    print(coverage.summary(covered))


def _listed(names: Sequence[str]) -> str:
    """Names as a list that Snakemake's --config reads."""
    return f"[{', '.join(names)}]"


def _tell_snakemake(files: Sequence[Path], configuration: Path, preset: str) -> None:
    """Let Snakemake note with which parameters and code these were made, as if it had made them.

    It makes a result again when these change, but only if it knows them.
    """
    if not files:
        return
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE), "--cores", "1"]
    command += ["--configfile", str(configuration), "--config", f"preset={preset}"]
    command += ["--touch", "--forcerun", "train", "laboratory_measurement"]
    command += ["--quiet", "rules", "progress", "--", *map(str, files)]
    noted = subprocess.run(command, capture_output=True, text=True, check=False)
    if noted.returncode != 0:
        raise Breakdown(
            f"restore: Snakemake could not take note of what was restored:\n{noted.stderr.strip()}"
        )


def _counts(copies: Sequence[Copy]) -> str:
    """How many blocks had each outcome, in words."""
    counted = Counter(copy.outcome for copy in copies)
    return wording.enumeration([f"{number} {outcome}" for outcome, number in counted.items()]) or "no blocks"


def _name(copies: Sequence[Copy], outcome: str, meaning: str) -> None:
    """Name the blocks with an outcome that a person should know of."""
    for copy in copies:
        if copy.outcome == outcome:
            print(f"{copy.block}: {meaning}", file=sys.stderr)


def _end(copies: Sequence[Copy]) -> None:
    """Say why blocks were refused, after all others have been copied; end with exit code 1 if any was."""
    faults = [copy.fault for copy in copies if copy.outcome == "refused"]
    if faults:
        raise Breakdown("\n".join(faults))
