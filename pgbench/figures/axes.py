"""Panels, lines, scales and legends of the laboratory's figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from pgbench.base import wording
from pgbench.figures.style import GREY, WIDTH, line_style

Scale = Literal["linear", "log"]


def panels(columns: int, height: float = 3.4, rows: int = 1, **shared: Any) -> tuple[Figure, list[Axes]]:
    """A figure of panels side by side."""
    figure = Figure(figsize=(WIDTH, height * rows), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False, **shared).flatten())


def look(index: int) -> dict[str, Any]:
    """The keywords with which matplotlib draws the line with this index."""
    style = line_style(index)
    return {
        "color": style.colour,
        "linestyle": style.dash,
        "marker": style.marker,
        "markersize": 3.8,
        "linewidth": 1.4,
    }


def lines(
    axis: Axes, table: pd.DataFrame, x: str, by: str, labels: Sequence[str] | None = None, first: int = 0
) -> None:
    """A line for each value of a column, its interval as a band.

    Args:
        axis: where to draw.
        table: rows of one quantity.
        x: column of the horizontal axis.
        by: column that tells lines apart.
        labels: the values of that column, in the order of the lines; none: in the order of the table.
        first: the number of lines that the panel has already.
    """
    for index, label in enumerate(table[by].unique() if labels is None else labels):
        points = table[table[by] == label].sort_values(x)
        style = look(first + index)
        axis.plot(points[x], points["estimate"], label=label, **style)
        axis.fill_between(
            points[x], points["low"], points["high"], color=style["color"], alpha=0.18, linewidth=0
        )


def finish(
    axis: Axes, title: str, x: str, y: str, xscale: Scale = "linear", yscale: Scale = "linear"
) -> None:
    """Give a panel its title, labels and scales, after everything in it is drawn."""
    axis.set(title=title, xlabel=x, ylabel=y, xscale=xscale, yscale=yscale)
    axis.autoscale_view()
    for scale, direction in ((xscale, axis.xaxis), (yscale, axis.yaxis)):
        if scale == "log":
            _mark_powers(direction)


def _mark_powers(axis: Axis) -> None:
    """Put ticks at powers of ten; on a short axis, also at 2 and 5 times a power of ten."""
    low, high = axis.get_view_interval()
    short = high < 50 * low
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if short else (1.0,), numticks=7))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick_label(value)))


def tick_label(value: float) -> str:
    """The label of a tick: 0.01 to 100 as they are, others as 10⁻³ or 2·10⁻³."""
    if 0.01 <= value <= 100.0:
        return f"{value:g}"
    return wording.scientific(value, digits=1).removeprefix("1·")


def level(axis: Axes, value: float) -> None:
    """Draw a grey line at a value that the panel's lines are compared with."""
    axis.axhline(value, color=GREY, linewidth=1.0, zorder=1)


def legend(figure: Figure, axes: Axes | Sequence[Axes], columns: int = 4) -> None:
    """Put one legend below all panels, with each label once."""
    handles: dict[str, Any] = {}
    for axis in [axes] if isinstance(axes, Axes) else axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=columns, handlelength=3.5
    )
