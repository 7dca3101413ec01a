"""How every figure looks, and how it becomes files.

Variants differ in colour, dash and marker, so that a figure survives colour blindness and a black-and-white
printer. The same tables give the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import seaborn as sns  # type: ignore[import-untyped]
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from PIL import Image

mpl.use("Agg")

DOTS_PER_INCH = 160

STYLE = {
    **sns.axes_style("ticks"),
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same glyphs on every machine
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # matplotlib would look for what is in its way, at every drawing
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
# After Okabe and Ito 2008, with light colours darkened to be seen as lines; grey is for comparison.
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


@dataclass(frozen=True)
class Drawing:
    """A rendered figure."""

    svg: bytes
    png: bytes


@dataclass(frozen=True)
class LineStyle:
    """How a variant is drawn in every figure."""

    colour: str
    dash: str | tuple[int, tuple[float, ...]]
    marker: str


def looks_of(labels: Sequence[str]) -> dict[str, LineStyle]:
    """Variant → its look: by its place in the study, so that it is the same in every figure of a page."""
    return {
        label: LineStyle(COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)], MARKERS[i % len(MARKERS)])
        for i, label in enumerate(labels)
    }


def render(figure: Figure) -> Drawing:
    """A figure as SVG and PNG; the same figure gives the same bytes."""
    figure.set_dpi(DOTS_PER_INCH)
    layout = figure.get_layout_engine()
    if layout is not None:
        layout.execute(figure)
    figure.set_layout_engine("none")  # laid out: once is enough for both formats
    svg, png = io.BytesIO(), io.BytesIO()
    # `savefig` would draw each of them twice. SVG comes last, for it sets the resolution to its own.
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    picture = Image.fromarray(pixels).convert("RGB")  # nothing is transparent
    # Level 3 takes half the time of the default, for files that are up to a fifth larger.
    picture.save(png, "png", compress_level=3, dpi=(DOTS_PER_INCH, DOTS_PER_INCH))
    FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None})  # type: ignore[no-untyped-call]
    return Drawing(svg.getvalue(), png.getvalue())
