"""How every figure looks, and how it becomes SVG.

Variants differ in colour, dash and marker, so that a figure survives colour blindness and a black-and-white
printer. The same tables give the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NewType

import matplotlib as mpl
import seaborn as sns  # type: ignore[import-untyped]
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font_names

from pgbench.figures.short_svg import shortened

DOTS_PER_INCH = 160
"""How finely texts are measured, when room is left for them."""
WIDTH = 9.6
"""The width of every figure, in inches."""

OTHER_SCRIPTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "WenQuanYi Zen Hei",
    "Noto Sans",
    "Noto Emoji",
    "Unifont",
)
"""Fonts that are asked, where they are installed, for signs that the first font lacks."""

STYLE = {
    **{key: value for key, value in mpl.rcParamsDefault.items() if key not in ("backend", "interactive")},
    **sns.axes_style("ticks"),
    # DejaVu Sans ships with matplotlib: the same glyphs on every machine
    "font.family": ["DejaVu Sans", *(name for name in OTHER_SCRIPTS if name in get_font_names())],
    "text.parse_math": False,  # labels are texts, whatever is in them
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # a fixed place: matplotlib would search for a free one at every drawing
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.grid": True,
    "grid.color": "#ebebeb",
    "legend.frameon": False,
    "svg.hashsalt": "pgbench",
    "svg.fonttype": "path",
}
INK = "#1c1c1a"
GREY = "#8c8c8c"
# Okabe and Ito 2008; the light colours are darker here, so that lines of them can be seen. Grey is for comparison.
COLOURS = (
    *("#0072b2", "#d08700", "#009e73", "#c44e00", "#a8579b"),
    *("#3aa3e0", "#6b4c1e", "#222222", "#8a8f00", "#e0508c"),
)
DASHES = (
    "-",
    (0, (5, 1.5)),
    (0, (1.5, 1.2)),
    (0, (6, 1.5, 1.5, 1.5)),
    (0, (3, 1, 1, 1, 1, 1)),
    (0, (9, 2)),
    "-.",
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h")


Drawing = NewType("Drawing", bytes)
"""A rendered figure: an SVG file."""


@dataclass(frozen=True)
class LineStyle:
    """Colour, dash and marker of a line."""

    colour: str
    dash: str | tuple[int, tuple[float, ...]]
    marker: str


def line_style(index: int) -> LineStyle:
    """The style of the line with this index; neighbours differ in colour, dash and marker."""
    return LineStyle(
        COLOURS[index % len(COLOURS)], DASHES[index % len(DASHES)], MARKERS[index % len(MARKERS)]
    )


def line_styles(variants: Sequence[str]) -> dict[str, LineStyle]:
    """Variant → its style. The place in the study decides it, so it is the same in every figure of a page."""
    return {variant: line_style(index) for index, variant in enumerate(variants)}


def render(figure: Figure) -> Drawing:
    """A figure as SVG; the same figure gives the same bytes."""
    with mpl.rc_context(STYLE):
        return _render(figure)


def _render(figure: Figure) -> Drawing:
    figure.set_dpi(DOTS_PER_INCH)
    layout = figure.get_layout_engine()
    if layout is not None:
        layout.execute(figure)
    figure.set_layout_engine("none")  # the figure is laid out; once is enough
    file = io.StringIO()
    FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})  # type: ignore[no-untyped-call]
    return Drawing(shortened(file.getvalue()).encode())
