"""Rendering, and the styles of lines."""

import io

import matplotlib.image
import numpy as np
from matplotlib.figure import Figure

from pgbench.figures import style


def test_a_png_has_its_resolution_and_whole_labels():
    figure = Figure(figsize=(2.0, 1.0), layout="constrained")
    axis = figure.subplots()
    axis.set_yticks([0.0], ["a label that is long"])
    picture = matplotlib.image.imread(io.BytesIO(style.render(figure).png))
    assert picture.shape[:2] == (style.DOTS_PER_INCH, 2 * style.DOTS_PER_INCH)
    assert (picture[:, 0] == 1.0).all()


def test_a_png_has_the_pixels_that_matplotlib_saves():
    def plotted():
        figure = Figure(figsize=(3.0, 2.0))
        figure.subplots().plot([0.0, 1.0, 0.5], marker="o", alpha=0.5)
        return figure

    saved = io.BytesIO()
    with matplotlib.rc_context(style.STYLE):
        rendered = style.render(plotted())
        plotted().savefig(saved, format="png", dpi=style.DOTS_PER_INCH)
    ours, theirs = (matplotlib.image.imread(io.BytesIO(png)) for png in (rendered.png, saved.getvalue()))
    np.testing.assert_array_equal(ours, theirs[..., :3])
    assert (theirs[..., 3] == 1.0).all()


def test_ten_variants_differ_in_colour_and_in_dash_or_marker():
    styles = style.line_styles([str(number) for number in range(10)]).values()
    assert len({each.colour for each in styles}) == 10
    assert len({(each.dash, each.marker) for each in styles}) == 10


def test_forty_variants_differ_in_colour_dash_or_marker():
    styles = style.line_styles([str(number) for number in range(40)]).values()
    assert len({(each.colour, each.dash, each.marker) for each in styles}) == 40
