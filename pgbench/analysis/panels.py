"""Panels of a figure, drawn without Matplotlib's axes: four fifths of the time of these go into ticks and layout.

Everything lies on a sheet, in inches from its lower left corner. A panel is a rectangle of it with two scales, and
draws in units of these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.textpath import text_to_path
from matplotlib.ticker import EngFormatter, MaxNLocator
from matplotlib.transforms import Affine2D, Transform

from pgbench.analysis.drawing import INK, STYLE, Drawing, render
from pgbench.analysis.statistics import Array

WIDTH = 9.6
EDGE, GRID = "#666666", "#ebebeb"
SIZE, NOTE = 9.0, 7.5
"""Of letters, and of small ones, in points."""
TITLE = 0.2
"""Inches above a panel that its title takes."""
LONGEST = 3.0
"""Inches that a label beside a panel may take."""
TICK = 0.05
FOOT = 0.22
"""Inches below a panel that its numbers take."""
MARGIN = 0.05
"""Share of the range of what is drawn that a scale has besides at either end."""
POINTS = 72.0
"""To an inch."""
FONT = FontProperties(family=STYLE["font.family"])
FONT_SCALE = float(text_to_path.FONT_SCALE)
"""Size at which letters have their outlines."""

Across = Literal["left", "middle", "right"]
Up = Literal["baseline", "middle", "top"]
ACROSS: dict[Across, float] = {"left": 0.0, "middle": 0.5, "right": 1.0}
UP: dict[Up, float] = {"baseline": 0.0, "middle": 0.36, "top": 0.73}
"""Shares of the size: a capital is 0.73 high."""


@dataclass(frozen=True)
class Scale:
    """One direction of a panel: its two ends, which may fall, and what is written where."""

    first: float
    last: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]


def plain(value: float) -> str:
    """A number with a typographic minus and no more digits than it needs."""
    return f"{value + 0.0:.10g}".replace("-", "−")


def steps(value: float) -> str:
    """Environment steps, such as 250k."""
    return str(EngFormatter(sep="").format_data(value))


def numeric(
    values: Iterable[float], most: int, write: Callable[[float], str] = plain, first: float | None = None
) -> Scale:
    """A scale that holds all finite numbers, with a margin.

    Args:
        values: that are drawn; without any that is finite the scale is that of 0 and 1.
        most: intervals between ticks.
        write: a tick's label.
        first: where it begins, instead of the least value with a margin.
    """
    array = np.asarray(list(values), dtype=np.float64)
    known = array[np.isfinite(array)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    low = low if first is None else min(first, low)
    margin = MARGIN * (high - low) or MARGIN * abs(high) or 1.0
    return limited(low - margin if first is None else low, high + margin, most, write)


def limited(low: float, high: float, most: int, write: Callable[[float], str] = plain) -> Scale:
    """A scale between two ends."""
    positions = np.asarray(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    # What is next to nothing beside the distance of two ticks is a rounded zero.
    positions = np.where(np.abs(positions) < 1e-9 * np.ptp(positions), 0.0, positions)
    ticks = [float(each) for each in positions if low <= each <= high]
    return Scale(float(low), float(high), tuple(ticks), tuple(map(write, ticks)))


def rows(labels: Sequence[str]) -> Scale:
    """A scale with a row for each label, from the top down."""
    return Scale(len(labels) - 0.5, -0.5, tuple(range(len(labels))), tuple(labels))


class Word(NamedTuple):
    """A text on a sheet: what it says, its colour, and the shapes of its letters in inches."""

    text: str
    colour: str
    outline: Path


class Sheet:
    """A figure of the page's width, and what is written on it.

    Letters are collected and drawn together as one shape a colour: one by one they take as long as all the rest.

    Args:
        height: in inches.
    """

    def __init__(self, height: float) -> None:
        self.height = height
        self.figure = Figure(figsize=(WIDTH, height))
        self.words: list[Word] = []
        self._outlines: dict[str, Path] = {}

    def write(
        self,
        x: float,
        y: float,
        text: str,
        across: Across = "left",
        up: Up = "middle",
        size: float = SIZE,
        colour: str = INK,
        upwards: bool = False,
        most: float = math.inf,
    ) -> None:
        """Write a text.

        Args:
            x: inches.
            y: inches.
            text: one line; a dollar sign is one, and no mathematics.
            across: which part of the text is at x.
            up: which part of the letters is at y.
            size: points.
            colour: of the letters.
            upwards: whether it is turned by a right angle, about its middle.
            most: inches that it may take; a longer one is written in smaller letters.
        """
        outline = self._outline(text)
        width = _width(outline)
        scale = min(size / FONT_SCALE / POINTS, most / max(width, 1.0))
        place = Affine2D().translate(-ACROSS[across] * width, -UP[up] * FONT_SCALE).scale(scale)
        place = (place.rotate_deg(90.0) if upwards else place).translate(x, y)
        self.words.append(Word(text, colour, place.transform_path(outline)))

    def width_of(self, text: str, size: float = SIZE) -> float:
        """Inches that a text takes."""
        return _width(self._outline(text)) * size / FONT_SCALE / POINTS

    def label_width(self, labels: Iterable[str], size: float = SIZE) -> float:
        """Inches to the left of a panel that its labels take, ticks included; at most `LONGEST`."""
        return min(max((self.width_of(label, size) for label in labels), default=0.0), LONGEST) + 2.6 * TICK

    def line(self, x: Sequence[float], y: Sequence[float], **look: Any) -> None:
        """One line, perhaps with markers, in inches."""
        self.figure.add_artist(Line2D(x, y, transform=self.figure.dpi_scale_trans, **look))

    def segments(self, lines: Sequence[Any], colour: str, width: float, zorder: float) -> None:
        """Straight lines in inches, `[points, 2]` each."""
        self._add(LineCollection(lines, colors=colour, linewidths=width, zorder=zorder, capstyle="butt"))

    def drawing(self) -> Drawing:
        """The figure, rendered."""
        for colour in dict.fromkeys(word.colour for word in self.words):
            letters = [word.outline for word in self.words if word.colour == colour]
            self._add(PathPatch(Path.make_compound_path(*letters), color=colour, linewidth=0.0, zorder=3.0))
        return render(self.figure)

    def _add(self, artist: Artist) -> None:
        artist.set_transform(self.figure.dpi_scale_trans)
        self.figure.add_artist(artist)

    def _outline(self, text: str) -> Path:
        """The shapes of a text's letters, at the size `FONT_SCALE`."""
        if text not in self._outlines:
            vertices, codes = text_to_path.get_text_path(FONT, text)
            self._outlines[text] = Path(np.reshape(vertices, (-1, 2)), codes or None)
        return self._outlines[text]


@dataclass(frozen=True)
class Panel:
    """A rectangle of a sheet: its place and size in inches, and its scales."""

    sheet: Sheet
    left: float
    bottom: float
    width: float
    height: float
    x: Scale
    y: Scale

    @property
    def transform(self) -> Transform:
        """From units of the scales to the figure's pixels."""
        across, up = self.x.last - self.x.first, self.y.last - self.y.first
        inches = Affine2D().translate(-self.x.first, -self.y.first)
        inches = inches.scale(self.width / across, self.height / up).translate(self.left, self.bottom)
        return inches + self.sheet.figure.dpi_scale_trans

    def frame(
        self, title: str = "", below: bool = True, beside: bool = True, across_rows: bool = True
    ) -> None:
        """Grid, left and lower edge, ticks, title and labels.

        Args:
            title: above the panel.
            below: whether the horizontal scale has labels.
            beside: whether the vertical scale has.
            across_rows: whether the vertical scale has ticks and lines.
        """
        x = _places(self.x, self.left, self.width, self.x.ticks)
        y = _places(self.y, self.bottom, self.height, self.y.ticks)
        right, top = self.left + self.width, self.bottom + self.height
        ruled = y if across_rows else []
        grid = [[(at, self.bottom), (at, top)] for at in x] + [[(self.left, at), (right, at)] for at in ruled]
        self.sheet.segments(grid, GRID, 0.8, 0.5)
        ticks = [[(at, self.bottom), (at, self.bottom - TICK)] for at in x]
        ticks += [[(self.left, at), (self.left - TICK, at)] for at in ruled]
        edges = [[(self.left, top), (self.left, self.bottom), (right, self.bottom)]]
        self.sheet.segments([*edges, *ticks], EDGE, 0.8, 2.5)
        self.sheet.write(self.left, top + 0.08, title, up="baseline", most=self.width)
        if below:
            for at, label in zip(x, self.x.labels, strict=True):
                self.sheet.write(at, self.bottom - 2 * TICK, label, across="middle", up="top")
        if beside:
            for at, label in zip(y, self.y.labels, strict=True):
                self.sheet.write(self.left - 1.6 * TICK, at, label, across="right", most=LONGEST)

    def lines(self, curves: Sequence[Array], **look: Any) -> None:
        """Lines, `[points, 2]` each, that share a look; a line breaks where a value is missing."""
        self._add(LineCollection(curves, **{"zorder": 2.0} | look))

    def line(self, x: Any, y: Any, **look: Any) -> None:
        """One line, perhaps with markers."""
        self._add(Line2D(x, y, **{"zorder": 2.0} | look))

    def band(self, x: Array, low: Array, high: Array, **look: Any) -> None:
        """What lies between two lines, filled."""
        outline = np.concatenate([np.column_stack([x, low]), np.column_stack([x, high])[::-1]])
        self.shapes([outline], **{"zorder": 1.0} | look)

    def shapes(self, outlines: Sequence[Array], **look: Any) -> None:
        """Filled shapes, the corners `[points, 2]` of each."""
        self._add(PolyCollection(outlines, **{"linewidth": 0.0} | look))

    def label(self, y: float, text: str, size: float, colour: str) -> None:
        """A label to the left, at a height in units of the scale."""
        (height,) = _places(self.y, self.bottom, self.height, [y])
        self.sheet.write(
            self.left - 1.6 * TICK, height, text, across="right", size=size, colour=colour, most=LONGEST
        )

    def note(self, across: float, y: float, text: str) -> None:
        """A small text, from a share of the width on, at a height in units of the scale."""
        (height,) = _places(self.y, self.bottom, self.height, [y])
        self.sheet.write(self.left + across * self.width, height, text, size=NOTE)

    def _add(self, artist: Artist) -> None:
        artist.set_transform(self.transform)
        self.sheet.figure.add_artist(artist)


@dataclass(frozen=True)
class Grid:
    """Panels of one size in rows, from the top left: how many, and what surrounds each.

    Attributes:
        count: panels.
        columns: in a row, at most.
        left: inches to the left of the first column.
        top: inches from the bottom of the figure to the top of the first row's titles.
        height: inches of a row, with its title and what is below it.
        between: inches between columns.
        below: inches below each panel.
    """

    count: int
    columns: int
    left: float
    top: float
    height: float
    between: float
    below: float
    right: float = field(default=0.05)

    @property
    def width(self) -> float:
        """Inches of a panel."""
        gaps = self.between * (self.columns - 1)
        return (WIDTH - self.left - self.right - gaps) / self.columns

    def panel(self, sheet: Sheet, index: int, x: Scale, y: Scale) -> Panel:
        """The panel in a place, counted from 0."""
        row, column = divmod(index, self.columns)
        left = self.left + column * (self.width + self.between)
        bottom = self.top - (row + 1) * self.height + self.below
        return Panel(sheet, left, bottom, self.width, self.height - TITLE - self.below, x, y)

    def is_lowest(self, index: int) -> bool:
        """Whether no panel is below this one."""
        return index + self.columns >= self.count


def rows_by_environment(labels: Sequence[str], count: int, row: float, name: str) -> tuple[Sheet, Grid]:
    """A figure for a panel an environment, in two columns at most, with a row a label in each.

    Args:
        labels: of the rows.
        count: of the panels.
        row: inches of a row.
        name: of the horizontal axis.
    """
    columns = min(2, count)
    height = TITLE + 0.4 + row * len(labels)
    top = height * -(-count // columns) + FOOT
    sheet = Sheet(top)
    sheet.write(WIDTH / 2, 0.12, name, across="middle")
    return sheet, Grid(count, columns, sheet.label_width(labels), top, height, 0.15, 0.3)


def _places(scale: Scale, start: float, length: float, values: Iterable[float]) -> list[float]:
    """Where values of a scale are, in inches."""
    return [start + length * (value - scale.first) / (scale.last - scale.first) for value in values]


def _width(outline: Path) -> float:
    return float(np.asarray(outline.vertices)[:, 0].max(initial=0.0))
