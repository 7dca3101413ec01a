"""Panels of one size, placed in inches.

Matplotlib's own layout measures every text of a figure, and takes as long as drawing it. Panels that have the same
labels around them need no more than the room for these.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from pgbench.figures.style import DOTS_PER_INCH, STYLE

PANEL_STYLE = STYLE | {"axes.grid": False}  # see `draw_grid`
WIDTH = 9.6
"""Of every figure, in inches."""
EDGE = 0.1
"""Inches between a label and the edge of the figure."""


class Room(NamedTuple):
    """What is left free around all panels and between two of them, in inches."""

    left: float
    right: float
    bottom: float
    top: float
    beside: float = 0.0
    below: float = 0.0


def blank(height: float) -> Figure:
    """A figure without a layout of its own, so many inches high."""
    figure = Figure(figsize=(WIDTH, height), dpi=DOTS_PER_INCH)
    FigureCanvasAgg(figure)  # by which texts are measured
    return figure


def places(figure: Figure, rows: int, columns: int, room: Room) -> list[SubplotSpec]:
    """Where the panels of a grid go, row by row."""
    width, height = figure.get_size_inches()
    inner_width = (width - room.left - room.right - (columns - 1) * room.beside) / columns
    inner_height = (height - room.bottom - room.top - (rows - 1) * room.below) / rows
    grid = figure.add_gridspec(
        rows,
        columns,
        left=room.left / width,
        right=1 - room.right / width,
        bottom=room.bottom / height,
        top=1 - room.top / height,
        wspace=room.beside / inner_width,
        hspace=room.below / inner_height,
    )
    return [grid[row, column] for row in range(rows) for column in range(columns)]


def width_of(figure: Figure, texts: Sequence[str]) -> float:
    """Inches that the longest of some labels takes."""
    label = figure.text(0.0, 0.0, "\n".join(texts))
    extent = label.get_window_extent()
    label.remove()
    return extent.width / figure.dpi


def label_below(figure: Figure, text: str) -> None:
    """Say at the lower edge what all horizontal axes show."""
    figure.text(0.5, EDGE / figure.get_figheight(), text, ha="center", va="bottom")


def label_left(figure: Figure, text: str, room: Room) -> None:
    """Say at the left edge, beside the panels that have this room around them, what their vertical axes show."""
    height = figure.get_figheight()
    middle = (height - room.top + room.bottom) / 2 / height
    figure.text(EDGE / WIDTH, middle, text, rotation="vertical", ha="left", va="center")


def draw_grid(axis: Axes, across: Iterable[float] = (), along: Iterable[float] = ()) -> None:
    """Grid lines at some places of a panel, as one collection: an axis would draw each of them for itself.

    Args:
        axis: the panel.
        across: where lines cross the horizontal axis, as data.
        along: where lines cross the vertical axis.
    """
    upright = [[(place, 0.0), (place, 1.0)] for place in across]
    level = [[(0.0, place), (1.0, place)] for place in along]
    for lines, transform in ((upright, axis.get_xaxis_transform()), (level, axis.get_yaxis_transform())):
        grid = LineCollection(
            lines,
            colors=mpl.rcParams["grid.color"],
            linewidths=mpl.rcParams["grid.linewidth"],
            transform=transform,
            zorder=0,
        )
        axis.add_collection(grid, autolim=False)
