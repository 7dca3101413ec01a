"""What the laboratory's figures share, in the style of the studies' figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from pgbench.base import wording
from pgbench.figures.style import COLOURS, DASHES, GREY, MARKERS

WIDTH = 9.6
"""Inches, as in the studies' figures."""

Scale = Literal["linear", "log"]


def panels(columns: int, height: float = 3.4, rows: int = 1, **shared: Any) -> tuple[Figure, list[Axes]]:
    """A figure of panels side by side."""
    figure = Figure(figsize=(WIDTH, height * rows), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False, **shared).flatten())


def look(index: int) -> dict[str, Any]:
    """Colour, dash and marker of the index-th line: they differ in all three."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": DASHES[index % len(DASHES)],
        "marker": MARKERS[index % len(MARKERS)],
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
        labels: its values, in order; none: as they come.
        first: how many looks are taken already.
    """
    for index, label in enumerate(table[by].unique() if labels is None else labels):
        own = table[table[by] == label].sort_values(x)
        style = look(first + index)
        axis.plot(own[x], own["estimate"], label=label, **style)
        axis.fill_between(own[x], own["low"], own["high"], color=style["color"], alpha=0.18, linewidth=0)


def finish(
    axis: Axes, title: str, x: str, y: str, xscale: Scale = "linear", yscale: Scale = "linear"
) -> None:
    """Title, labels and scales of a panel in which everything is drawn."""
    axis.set(title=title, xlabel=x, ylabel=y, xscale=xscale, yscale=yscale)
    axis.autoscale_view()
    for scale, each in ((xscale, axis.xaxis), (yscale, axis.yaxis)):
        if scale == "log":
            _mark_powers(each)


def _mark_powers(axis: Axis) -> None:
    """Ticks at powers of ten, or, on a short axis, at 1, 2 and 5 times them; written without mathematical text."""
    low, high = axis.get_view_interval()
    short = high < 50 * low
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if short else (1.0,), numticks=7))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: power_of_ten(value)))


def power_of_ten(value: float) -> str:
    """A tick's label: 0.01 to 100 as they are, others as 10⁻³ or 2·10⁻³."""
    if 0.01 <= value <= 100.0:
        return f"{value:g}"
    mantissa, exponent = f"{value:.0e}".split("e")
    power = wording.power_of_ten(int(exponent))
    return power if mantissa == "1" else f"{mantissa}·{power}"


def level(axis: Axes, value: float) -> None:
    """A grey line at a value that is compared with."""
    axis.axhline(value, color=GREY, linewidth=1.0, zorder=1)


def legend(figure: Figure, axes: Axes | Sequence[Axes], columns: int = 4) -> None:
    """One legend below all panels, each label once."""
    found: dict[str, Any] = {}
    for axis in [axes] if isinstance(axes, Axes) else axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    figure.legend(
        list(found.values()), list(found), loc="outside lower center", ncols=columns, handlelength=3.5
    )
