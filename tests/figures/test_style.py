"""Rendering, and the styles of lines."""

from matplotlib.figure import Figure

from helpers.pixels import pixels
from pgbench.figures import style


def test_a_figure_has_whole_labels():
    figure = Figure(figsize=(2.0, 1.0), layout="constrained")
    axis = figure.subplots()
    axis.set_yticks([0.0], ["a label that is long"])
    picture = pixels(figure)
    assert picture.shape[:2] == (style.DOTS_PER_INCH, 2 * style.DOTS_PER_INCH)
    assert (picture[:, 0] == 1.0).all()
    assert (picture < 1.0).any()


def test_ten_variants_differ_in_colour_and_in_dash_or_marker():
    styles = style.line_styles([str(number) for number in range(10)]).values()
    assert len({each.colour for each in styles}) == 10
    assert len({(each.dash, each.marker) for each in styles}) == 10


def test_forty_variants_differ_in_colour_dash_or_marker():
    styles = style.line_styles([str(number) for number in range(40)]).values()
    assert len({(each.colour, each.dash, each.marker) for each in styles}) == 40
