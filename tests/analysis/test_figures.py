"""What figures show, read back from their axes."""

import io

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pgbench.analysis import drawing, figures, forests, panels

NO_BOUND = (0.1, np.inf)


def line(value, low, high, verdict="replicated", bounds=NO_BOUND):
    return forests._Line("claim", value, low, high, bounds, verdict, True)


def drawn(lines):
    """The sheet on which claims were drawn, and their panel."""
    sheet = panels.Sheet(3.0)
    rows = panels.rows([each.label for each in lines])
    panel = panels.Panel(sheet, 1.0, 1.0, 5.0, 1.0, forests._across(lines, "score"), rows)
    forests._draw_lines(panel, lines)
    return panel


def lines_of(panel):
    return [artist for artist in panel.sheet.figure.artists if isinstance(artist, Line2D)]


def test_a_png_has_its_resolution_and_whole_labels():
    figure = Figure(figsize=(2.0, 1.0), layout="constrained")
    axis = figure.subplots()
    axis.set_yticks([0.0], ["a label that is long"])
    picture = matplotlib.image.imread(io.BytesIO(drawing.render(figure).png))
    assert picture.shape[:2] == (drawing.DOTS_PER_INCH, 2 * drawing.DOTS_PER_INCH)
    assert (picture[:, 0, :3] == 1.0).all()


def test_an_interval_is_drawn_from_end_to_end():
    panel = drawn([line(0.3, 0.2, 0.4)])
    assert [0.2, 0.4] in [list(each.get_xdata()) for each in lines_of(panel)]


def test_the_band_reaches_from_the_bound_to_the_edge():
    panel = drawn([line(0.3, 0.2, 0.4)])
    (band,) = (each for each in panel.sheet.figure.artists if isinstance(each, PolyCollection))
    corners = band.get_paths()[0].vertices[:, 0]
    assert (corners.min(), corners.max()) == pytest.approx((0.1, panel.x.last))


def test_an_interval_far_wider_than_the_effects_ends_in_arrows():
    panel = drawn([line(0.3, -50.0, 60.0), line(0.2, 0.1, 0.25)])
    markers = [each.get_marker() for each in lines_of(panel)]
    assert markers.count("<") == markers.count(">") == 1
    assert panel.x.last < 1.0


def test_a_claim_that_was_not_judged_says_so():
    panel = drawn([line(np.nan, np.nan, np.nan, "inconclusive", (0.0, np.inf))])
    assert "not judged" in [word.text for word in panel.sheet.words]


def test_verdicts_differ_without_their_colours():
    marks = {(mark.marker, mark.filling == "white") for mark in forests.VERDICT_MARKS.values()}
    assert len(marks) == len(forests.VERDICT_MARKS)


def test_a_claim_of_several_environments_has_a_line_for_each(gathered):
    verdicts, effects = (pd.read_parquet(gathered / f"{name}.parquet") for name in ("verdicts", "claims"))
    judged = verdicts[verdicts["effect"].notna()]
    for _, row in judged.iterrows():
        lines = list(forests._single(row, effects[effects["claim"] == row["claim"]]))
        environments = row["environments"].split()
        assert [each.label for each in lines] == (environments if len(environments) > 1 else [])


def test_ten_variants_differ_in_colour_and_in_dash_or_marker():
    looks = drawing.looks_of([str(number) for number in range(figures.MOST_MEANS)]).values()
    assert len({look.colour for look in looks}) == figures.MOST_MEANS
    assert len({(look.dash, look.marker) for look in looks}) == figures.MOST_MEANS


@pytest.mark.parametrize(
    ("variants", "expected"), [(1, False), (2, True), (10, True), (11, False), (28, False)]
)
def test_means_share_a_panel_only_where_they_can_be_told_apart(variants, expected):
    assert figures.has_overview(variants) is expected
