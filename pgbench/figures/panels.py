"""Panels of one size, placed in inches.

Matplotlib's layout engine measures every text of a figure and takes as long as drawing it. Panels with the same
labels around them need only the room for these labels.
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

from pgbench.figures.style import DOTS_PER_INCH, STYLE, WIDTH

PANEL_STYLE = STYLE | {"axes.grid": False}  # see `draw_grid`
EDGE = 0.1
"""Inches between a label and the edge of the figure."""


class Room(NamedTuple):
    """Free space around all panels and between two of them, in inches."""

    left: float
    right: float
    bottom: float
    top: float
    beside: float = 0.0
    below: float = 0.0


def blank(height: float, width: float = WIDTH) -> Figure:
    """A figure of this height and width in inches, whose panels are placed by `places`."""
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH)
    FigureCanvasAgg(figure)  # measures texts
    return figure


def places(figure: Figure, rows: int, columns: int, room: Room) -> list[SubplotSpec]:
    """The places of the panels of a grid, row by row."""
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
    """The width of the longest of these labels, in inches."""
    label = figure.text(0.0, 0.0, "\n".join(texts))
    extent = label.get_window_extent()
    label.remove()
    return extent.width / figure.dpi


def label_below(figure: Figure, text: str) -> None:
    """Write at the lower edge what all horizontal axes show."""
    figure.text(0.5, EDGE / figure.get_figheight(), text, ha="center", va="bottom")


def label_left(figure: Figure, text: str, room: Room) -> None:
    """Write at the left edge what the vertical axes of the panels with this room around them show."""
    height = figure.get_figheight()
    middle = (height - room.top + room.bottom) / 2 / height
    figure.text(EDGE / WIDTH, middle, text, rotation="vertical", ha="left", va="center")


def draw_grid(axis: Axes, across: Iterable[float] = (), along: Iterable[float] = ()) -> None:
    """Draw the grid lines of a panel as one collection, which is quicker than the lines that an axis draws.

    Args:
        axis: the panel.
        across: where lines cross the horizontal axis, in units of the data.
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
