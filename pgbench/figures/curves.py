"""Learning curves that show every replica."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator
from numpy.typing import NDArray

from pgbench.analysis import inference
from pgbench.analysis.statistics import Array, Estimate
from pgbench.figures.panels import (
    PANEL_STYLE,
    Room,
    blank,
    draw_grid,
    label_below,
    label_left,
    places,
    width_of,
)
from pgbench.figures.style import GREY, LineStyle, line_styles

PANEL_COLUMNS = 3
ROOM = Room(left=1.0, right=0.15, bottom=0.55, top=0.38, beside=0.15, below=0.38)
TICKS = 0.4
"""Inches below the panel of all means, for its ticks."""
OVERVIEW = 3.2
"""The least height of the panel of all means with the room around it, in inches."""
LINE = 0.17
"""The height of a line of its legend, in inches."""
KEY = 0.85
"""The width of a legend without its labels, in inches."""
ROW = 2.0
"""The height of a row of panels, in inches."""


@dataclass(frozen=True)
class Sample:
    """The curves of one variant.

    Attributes:
        steps: where the curves have points, `[points]`.
        returns: the curve of every replica, `[points, replicas]`; NaN where it has no value.
        scored: which replicas have a score, `[replicas]`.
    """

    steps: Array
    returns: Array
    scored: NDArray[np.bool_]

    @cached_property
    def mean(self) -> Estimate:
        """The mean over the scored replicas at each step; NaN if one of them has no value, or if none is scored."""
        if not self.scored.any():
            return Estimate(*np.full((3, len(self.steps)), np.nan))
        return inference.mean(self.returns[:, self.scored].T)

    def lines(self, replicas: NDArray[np.bool_]) -> list[Array]:
        """The known points of the curves of some replicas, `[points, 2]` each."""
        curves = (np.column_stack([self.steps, curve]) for curve in self.returns[:, replicas].T)
        return [curve[np.isfinite(curve[:, 1])] for curve in curves]


class Scale(NamedTuple):
    """The limits and ticks of an axis, the same in all panels of a figure."""

    limits: tuple[float, float]
    ticks: Array


def learning_curves(curves: pd.DataFrame, scores: pd.DataFrame) -> Figure:
    """The learning curves of one environment, with a panel for each variant.

    A panel shows every replica as a thin line behind the mean and its 95 % interval, and in grey the mean of the
    variant before. Means are over the replicas that have a score, from the first step at which each of them has
    finished an episode. A replica without a score is dotted and ends in a cross. A panel above shows all means
    together, if there are several.

    Args:
        curves: the environment's rows of `curves.parquet`.
        scores: the environment's rows of `scores.parquet`.
    """
    samples = samples_of(curves, scores)
    styles = line_styles(list(samples))
    overview = max(OVERVIEW, LINE * len(samples) + ROOM.top + TICKS) if len(samples) > 1 else 0.0
    columns = min(PANEL_COLUMNS, len(samples))
    rows = -(-len(samples) // columns)
    with mpl.rc_context(PANEL_STYLE):
        figure = blank(overview + rows * ROW + ROOM.bottom)
        if overview:
            _draw_overview(figure, samples, styles, overview)
        _draw_panels(figure, samples, styles, columns, ROOM._replace(top=overview + ROOM.top))
    return figure


def samples_of(curves: pd.DataFrame, scores: pd.DataFrame) -> dict[str, Sample]:
    """Variant → its curves, in the order of the scores."""
    table = curves.pivot(index="step", columns=["variant", "seed"], values="episodic_return")
    scored = scores.set_index(["variant", "seed"])["status"].eq("scored")[table.columns]
    variants, steps = table.columns.get_level_values("variant"), table.index.to_numpy(np.float64)
    return {
        label: Sample(steps, table.to_numpy()[:, variants == label], scored.to_numpy()[variants == label])
        for label in scores["variant"].unique()
    }


def _draw_overview(
    figure: Figure, samples: Mapping[str, Sample], styles: Mapping[str, LineStyle], height: float
) -> None:
    """Draw all means; markers show at every eleventh point, each variant's at other points."""
    below, legend = figure.get_figheight() - height, KEY + width_of(figure, list(samples))
    room = ROOM._replace(right=ROOM.right + legend, bottom=below + TICKS)
    (place,) = places(figure, 1, 1, room)
    axis = figure.add_subplot(place)
    for index, (label, sample) in enumerate(samples.items()):
        style = styles[label]
        axis.plot(
            *(sample.steps, sample.mean.value),
            label=label,
            color=style.colour,
            linestyle=style.dash,
            linewidth=1.6,
            marker=style.marker,
            markersize=6,
            markeredgecolor="white",
            markevery=(index % 11, 11),
        )
    axis.set(title="Mean of every variant", xlim=(0.0, None))
    axis.grid()
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.xaxis.set_major_locator(MaxNLocator(5))
    axis.legend(axis.lines, list(samples), loc="center left", bbox_to_anchor=(1.01, 0.5), handlelength=4)
    label_left(figure, "episodic return", room)


def _draw_panels(
    figure: Figure, samples: Mapping[str, Sample], styles: Mapping[str, LineStyle], columns: int, room: Room
) -> None:
    """Draw a panel for each variant, all on the same scales, with ticks at the left and below."""
    steps, returns = scales_of(samples)
    spots = places(figure, -(-len(samples) // columns), columns, room)
    for index, (place, label, before) in enumerate(zip(spots, samples, [None, *samples], strict=False)):
        axis = figure.add_subplot(place, title=label)
        draw_grid(axis, steps.ticks, returns.ticks)
        draw_curves(axis, samples[label], samples.get(before) if before else None, styles[label])
        _mark(axis.xaxis, steps, labelled=index + columns >= len(samples))
        _mark(axis.yaxis, returns, labelled=index % columns == 0)
        axis.xaxis.set_major_formatter(EngFormatter(sep=""))
        axis.set(xlim=steps.limits, ylim=returns.limits)
    label_below(figure, "environment steps")
    label_left(figure, "episodic return", room)


def scales_of(samples: Mapping[str, Sample]) -> tuple[Scale, Scale]:
    """The scales of steps and returns: they hold all curves and intervals, and a twentieth more."""
    steps = max(sample.steps[-1] for sample in samples.values())
    values = [part.ravel() for sample in samples.values() for part in (sample.returns, *sample.mean)]
    known = np.concatenate(values)
    known = known[np.isfinite(known)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    margin = 0.05 * (high - low) or 1.0
    return _scale(0.0, 1.05 * steps), _scale(low - margin, high + margin)


def _scale(low: float, high: float) -> Scale:
    ticks = np.asarray(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    return Scale((low, high), ticks[(low <= ticks) & (ticks <= high)])


def _mark(axis: Axis, scale: Scale, labelled: bool) -> None:
    """Give a panel its ticks if it lies at the edge; else hide the axis."""
    if labelled:
        axis.set_ticks(scale.ticks)
    else:
        axis.set_visible(False)


def draw_curves(axis: Axes, sample: Sample, before: Sample | None, style: LineStyle) -> None:
    """Draw the curves of a variant: its replicas, its mean, and the mean of the variant before."""
    for replicas, dash in ((sample.scored, "-"), (~sample.scored, ":")):
        # matplotlib draws one collection of lines much faster than single lines
        lines = LineCollection(
            sample.lines(replicas), colors=style.colour, alpha=0.45, linewidths=0.6, linestyles=dash
        )
        axis.add_collection(lines, autolim=False)
    for line in sample.lines(~sample.scored):
        axis.plot(*line[-1:].T, marker="x", color="black", markersize=5)
    if before is not None:
        axis.plot(before.steps, before.mean.value, color=GREY, linewidth=1.2, linestyle=(0, (4, 2)))
    if sample.scored.any():
        mean, low, high = sample.mean
        axis.fill_between(sample.steps, low, high, color=style.colour, alpha=0.25, linewidth=0)
        axis.plot(sample.steps, mean, color=style.colour, linewidth=1.8)
    if missing := int((~sample.scored).sum()):
        note = f"{missing} of {len(sample.scored)} replicas without a score"
        axis.text(0.03, 0.95, note, transform=axis.transAxes, va="top", fontsize=7.5)
