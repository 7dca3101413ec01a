"""How training grows with replicas, width and environments: a figure, and what it says of the block size."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from pgbench.base import wording
from pgbench.base.places import WORKFLOWS
from pgbench.base.yaml_files import read_yaml
from pgbench.costs.growth import DEFAULT, ENVIRONMENT, FACTORS, JOB_MEBIBYTES, GrowthTable, fastest
from pgbench.figures.style import COLOURS, GREY, STYLE, Drawing, render
from pgbench.report.illustrations import Illustration
from pgbench.studies.configuration import parse_configuration

CONFIGURATION = WORKFLOWS / "config.yaml"
LABELS = {
    "replicas": "replicas in lockstep",
    "width": "units of a hidden layer",
    "environments": "environments of each replica",
}


def illustration(table: GrowthTable) -> Illustration:
    """The figure with its caption, which says where it was measured."""
    words = (
        "Speed and memory of training: a column for replicas, width and environments, steps a second above, "
        "memory below."
    )
    return Illustration("growth", partial(draw, table), caption(table), words)


def caption(table: GrowthTable) -> str:
    """What stands below the figure."""
    start = (
        f"{wording.count(DEFAULT.replicas, 'replica')}, {wording.count(DEFAULT.width, 'unit')} in each hidden "
        f"layer and {wording.count(DEFAULT.environments, 'environment')} of each replica"
    )
    rounds = wording.enumeration(sorted({wording.number(row.rounds) for row in table.rows}))
    return (
        f"How do speed and memory grow? PPO on {ENVIRONMENT}, on one core, with one of three factors varied at "
        f"a time from {start}, which the grey lines mark. Above, environment steps in a second of CPU time, of all "
        "replicas together and, dashed, of one of them; below, the process’s largest memory. Medians; rounds: "
        f"{rounds}. {table.origin}"
    )


def block_size_sentence(table: GrowthTable, block_size: int) -> str:
    """Which number of replicas makes the most of a core in the memory that a job has, and what the default makes.

    Args:
        table: what was measured.
        block_size: the default, as `configured_block_size` reads it.
    """
    blocks = table.along("replicas")
    best = fastest(blocks, JOB_MEBIBYTES)
    limit = f"the {wording.number(JOB_MEBIBYTES)} MiB that a job has"
    chosen = f"the default block of {block_size} (block_size in workflows/config.yaml)"
    if best is None:
        return f"None of the blocks measured fits into {limit}; {chosen} has to be smaller than all of them."
    own = next((row for row in blocks if row.replicas == block_size), None)
    if own is None:
        made = "was not measured"
    else:
        made = (
            f"makes {wording.number(own.steps_per_second)} in {wording.number(own.mebibytes)} MiB, "
            f"{wording.percent(own.steps_per_second / best.steps_per_second)} of that"
        )
    return (
        f"In {limit}, a block of {wording.count(best.replicas, 'replica')} makes the most of a core: "
        f"{wording.number(best.steps_per_second)} steps a second in {wording.number(best.mebibytes)} MiB; "
        f"{chosen} {made}."
    )


def configured_block_size() -> int:
    """The block size that the workflow's configuration says.

    Raises:
        Refusal: if the configuration cannot be used.
    """
    return parse_configuration(read_yaml(CONFIGURATION), str(CONFIGURATION)).block_size


def draw(table: GrowthTable) -> Drawing:
    """A column a factor: steps a second above, memory below, on the same scales."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.6, 5.0), layout="constrained")
        speeds, memories = figure.subplots(2, len(FACTORS), sharex="col", sharey="row")
        for speed, memory, factor in zip(speeds, memories, FACTORS, strict=True):
            _draw_factor(speed, memory, table, factor)
        for row in (speeds, memories):  # now that all is drawn: the panels of a row share their scale
            row[0].set_ylim(bottom=0.0)
        speeds[0].legend(loc="upper left", handlelength=3)
        speeds[0].set_ylabel("steps a second")
        memories[0].set_ylabel("memory, MiB")
        return render(figure)


def _draw_factor(speed: Axes, memory: Axes, table: GrowthTable, factor: str) -> None:
    rows = table.along(factor)
    values = [getattr(row, factor) for row in rows]
    together = [row.steps_per_second for row in rows]
    speed.plot(values, together, label="all replicas", color=COLOURS[0], marker="o", markersize=4)
    shares = [row.share for row in rows]
    speed.plot(
        values, shares, label="one replica", color=COLOURS[1], marker="s", markersize=4, linestyle="--"
    )
    memory.plot(values, [row.mebibytes for row in rows], color=COLOURS[2], marker="^", markersize=4)
    memory.set_xlabel(LABELS[factor])
    for axis in (speed, memory):
        axis.axvline(getattr(DEFAULT, factor), color=GREY, linewidth=1.0, zorder=1)
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: wording.number(value)))
        _double(axis, values)


def _double(axis: Axes, values: Sequence[int]) -> None:
    """A horizontal scale on which doubling is a step, with the powers of two that were measured as ticks."""
    axis.set_xscale("log", base=2)
    powers = [value for value in values if value.bit_count() == 1]
    axis.set_xticks(powers, [str(value) for value in powers])
    axis.xaxis.set_minor_locator(NullLocator())
