"""How every figure looks, and how it becomes files.

Variants differ in colour, dash and marker, so that a figure survives colour blindness and a black-and-white
printer. The same tables give the same bytes.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from numpy.typing import NDArray

mpl.use("Agg")

DOTS_PER_INCH = 120

INK = "#262626"

STYLE: dict[Any, Any] = {  # Matplotlib lists the names of its settings in their type
    "axes.axisbelow": True,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.solid_capstyle": "round",
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same glyphs on every machine
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#666666",
    "axes.grid": True,
    "grid.color": "#ebebeb",
    "legend.frameon": False,
    "svg.hashsalt": "pgbench",
    "svg.fonttype": "path",
}
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
class Look:
    """How a variant is drawn in every figure."""

    colour: str
    dash: str | tuple[int, tuple[float, ...]]
    marker: str


def looks_of(labels: Sequence[str]) -> dict[str, Look]:
    """Variant → its look: by its place in the study, so that it is the same in every figure of a page."""
    return {
        label: Look(COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)], MARKERS[i % len(MARKERS)])
        for i, label in enumerate(labels)
    }


def render(figure: Figure) -> Drawing:
    """A figure as SVG and PNG; the same figure gives the same bytes."""
    figure.set_dpi(DOTS_PER_INCH)
    layout = figure.get_layout_engine()
    if layout is not None:
        layout.execute(figure)
    figure.set_layout_engine("none")  # laid out: once is enough for both formats
    # `savefig` would draw each of them twice. SVG comes last, for it sets the resolution to its own.
    canvas, svg = FigureCanvasAgg(figure), io.BytesIO()
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
    FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None})  # type: ignore[no-untyped-call]
    return Drawing(svg.getvalue(), png(pixels))


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Pixels as a PNG (ISO/IEC 15948).

    Its rows have no filter, which suits lines: trying every filter on every row takes four times as long, and the
    file becomes larger.

    Args:
        pixels: red, green and blue, `[rows, columns, 3]`.
    """
    height, width, channels = pixels.shape
    rows = np.zeros((height, 1 + width * channels), dtype=np.uint8)  # the first byte of a row: no filter
    rows[:, 1:] = pixels.reshape(height, -1)
    per_metre = round(DOTS_PER_INCH / 0.0254)
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0),
        b"pHYs": struct.pack(">IIB", per_metre, per_metre, 1),
        b"IDAT": zlib.compress(rows.tobytes(), 3),
        b"IEND": b"",
    }
    parts = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
