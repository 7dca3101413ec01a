"""Panels against Matplotlib's own axes, and PNGs against another reader."""

import io

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from pgbench.analysis import drawing, figures, panels


@pytest.fixture
def sheet():
    return panels.Sheet(3.0)


def panel_on(sheet):
    x, y = panels.limited(0.0, 10.0, 5), panels.limited(-1.0, 1.0, 4)
    return panels.Panel(sheet, 2.0, 1.0, 5.0, 1.5, x, y)


def curves(rows):
    """A table of curves, and the scores that belong to it, of `rows`: variant, seed, status."""
    steps = np.arange(1, 101) * 100
    table = pd.concat(
        [
            pd.DataFrame(
                {"variant": variant, "seed": seed, "step": steps, "episodic_return": steps / 100 + seed}
            )
            for variant, seed, _ in rows
        ]
    )
    return table, pd.DataFrame(rows, columns=["variant", "seed", "status"])


def test_a_png_reads_as_the_pixels_that_were_written():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 3)).astype(np.uint8)
    read = matplotlib.image.imread(io.BytesIO(drawing.png(pixels)))
    np.testing.assert_array_equal(np.round(255 * read), pixels)


def test_a_panel_puts_its_scales_where_matplotlib_puts_those_of_axes(sheet):
    panel = panel_on(sheet)
    figure = Figure(figsize=(panels.WIDTH, 3.0))
    axes = figure.add_axes((2.0 / panels.WIDTH, 1.0 / 3.0, 5.0 / panels.WIDTH, 1.5 / 3.0))
    axes.set(xlim=(0.0, 10.0), ylim=(-1.0, 1.0))
    points = [(0.0, -1.0), (10.0, 1.0), (3.0, 0.25)]
    np.testing.assert_allclose(panel.transform.transform(points), axes.transData.transform(points))


def test_a_scale_holds_what_is_drawn_and_its_ticks():
    scale = panels.numeric([3.0, np.nan, 103.0, -np.inf], 5)
    assert (scale.first, scale.last) == (-2.0, 108.0)
    assert scale.ticks == (0.0, 25.0, 50.0, 75.0, 100.0)
    assert scale.labels == ("0", "25", "50", "75", "100")


def test_a_scale_of_one_value_or_none_has_a_width():
    for values in ([], [np.nan], [0.0], [-7.0, -7.0]):
        scale = panels.numeric(values, 5)
        assert scale.first < scale.last


def test_labels_are_plain():
    assert [panels.plain(value) for value in (-0.25, -0.0, 1500.0, 0.1 + 0.2)] == [
        "−0.25",
        "0",
        "1500",
        "0.3",
    ]
    assert panels.steps(250_000.0) == EngFormatter(sep="")(250_000.0)


def test_words_are_where_they_belong(sheet):
    sheet.write(4.0, 2.0, "Hxx", across="right", up="baseline")
    sheet.write(4.0, 2.0, "H", across="middle", up="middle")
    right, middle = (word.outline.get_extents() for word in sheet.words)
    assert (right.x1, right.y0) == pytest.approx((4.0, 2.0), abs=0.01)
    assert ((middle.x0 + middle.x1) / 2, (middle.y0 + middle.y1) / 2) == pytest.approx((4.0, 2.0), abs=0.01)


def test_a_text_that_is_too_long_is_written_smaller(sheet):
    sheet.write(1.0, 1.0, "long " * 40, most=2.0)
    assert sheet.words[0].outline.get_extents().x1 <= 3.0
    assert sheet.label_width(["long " * 40]) < panels.LONGEST + 0.2


def test_a_dollar_sign_is_not_mathematics(sheet):
    sheet.write(1.0, 1.0, "$x$")
    assert sheet.width_of("$x$") > sheet.width_of("x")
    assert sheet.drawing().svg


def test_a_width_is_that_of_matplotlibs_text(sheet):
    text = Figure(dpi=1000).text(0.0, 0.0, "episodic return", family="DejaVu Sans", fontsize=panels.SIZE)
    assert sheet.width_of("episodic return") == pytest.approx(
        text.get_window_extent().width / 1000.0, rel=0.02
    )


def test_the_lowest_panels_are_those_with_none_below():
    grid = panels.Grid(count=5, columns=3, left=0.5, top=4.0, height=2.0, between=0.1, below=0.1)
    assert [grid.is_lowest(index) for index in range(5)] == [False, False, True, True, True]


def test_panels_of_a_grid_do_not_overlap_and_fill_the_width(sheet):
    grid = panels.Grid(count=4, columns=2, left=0.5, top=4.0, height=2.0, between=0.1, below=0.3)
    scale = panels.limited(0.0, 1.0, 5)
    first, second, third, _ = (grid.panel(sheet, index, scale, scale) for index in range(4))
    assert second.left - first.left - first.width == pytest.approx(0.1)
    assert second.left + second.width + grid.right == pytest.approx(panels.WIDTH)
    assert first.bottom - third.bottom == pytest.approx(2.0)


def test_a_sample_is_what_the_tables_say():
    table, scores = curves([("a", 0, "scored"), ("b", 0, "scored"), ("a", 1, "diverged"), ("a", 2, "scored")])
    samples = dict(figures._samples(table, scores))
    assert list(samples) == ["a", "b"]
    assert samples["a"].scored.tolist() == [True, False, True]
    for label, sample in samples.items():
        own = table[table["variant"] == label].pivot(index="step", columns="seed", values="episodic_return")
        np.testing.assert_array_equal(sample.steps, own.index)
        np.testing.assert_array_equal(sample.replicas, own)
    np.testing.assert_array_equal(samples["a"].mean, samples["a"].replicas[:, [0, 2]].mean(axis=1))


def test_every_replica_is_drawn_and_a_lost_one_ends_in_a_cross(sheet):
    table, scores = curves([("a", 0, "scored"), ("a", 1, "diverged"), ("a", 2, "scored")])
    table.loc[(table["seed"] == 1) & (table["step"] > 5000), "episodic_return"] = np.nan
    ((_, sample),) = figures._samples(table, scores)
    panel = panel_on(sheet)
    figures._draw_panel(panel, sample, sample.band(), drawing.looks_of(["a"])["a"])
    whole, lost, cross, band, mean = sheet.figure.artists
    assert [len(path.vertices) for path in whole.get_paths()] == [100, 100]
    assert [len(path.vertices) for path in lost.get_paths()] == [50]
    assert (cross.get_marker(), cross.get_xdata().tolist()) == ("x", [5000.0])
    assert len(band.get_paths()[0].vertices) >= 200
    np.testing.assert_array_equal(mean.get_ydata(), np.arange(1, 101) + 1.0)
    assert [word.text for word in sheet.words] == ["1 of 3 replicas without a score"]
