"""Learning curves, read back from their axes."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from helpers.invented_curves import invented_curves
from pgbench.figures import curves, style


@pytest.mark.parametrize("variants", [2, 13, 40])
def test_a_panel_above_shows_all_means_together_however_many(variants):
    labels = [f"variant {number}" for number in range(variants)]
    figure = curves.learning_curves(*invented_curves(labels))
    overview = figure.axes[0]
    assert overview.get_title(loc="left") == "Mean of every variant"
    assert [line.get_label() for line in overview.lines] == labels
    renderer = figure.canvas.get_renderer()
    legend = overview.get_legend().get_window_extent(renderer)
    assert legend.height <= overview.get_window_extent(renderer).height * 1.25
    assert legend.y1 <= figure.bbox.y1


def test_one_variant_has_no_panel_of_all():
    assert len(curves.learning_curves(*invented_curves(["alone"])).axes) == 1


def test_a_panel_has_every_replica_and_the_mean_of_those_with_a_score():
    table, scores = invented_curves(["first", "second"])
    sample = curves.samples_of(table, scores)["first"]
    by_seed = table[table["variant"] == "first"].pivot(index="step", columns="seed", values="episodic_return")
    np.testing.assert_array_equal(sample.mean.value, by_seed[[1, 2]].mean(axis=1))
    axis = Figure().subplots()
    curves.draw_curves(axis, sample, None, style.line_style(0))
    lines = [path.vertices for each in axis.collections[:2] for path in each.get_paths()]
    for seed, line in zip([1, 2, 0], lines, strict=True):
        np.testing.assert_array_equal(line, by_seed[seed].dropna().reset_index())
    assert [text.get_text() for text in axis.texts] == ["1 of 3 replicas without a score"]


def test_labels_are_texts_whatever_is_in_them():
    labels = [r"$\nosuch$", "50% of $a_b_c$", "_lower", "cost $x^2$", "α & <b>β</b> {c}"]
    figure = curves.learning_curves(*invented_curves(labels))
    assert style.render(figure)
    (legend,) = [axis.get_legend() for axis in figure.axes if axis.get_legend()]
    assert [text.get_text() for text in legend.get_texts()] == labels
    assert not any(text.get_parse_math() for axis in figure.axes for text in [*axis.texts, axis.title])


def test_all_panels_show_all_curves():
    samples = curves.samples_of(*invented_curves(["first", "second", "third"]))
    steps, returns = curves.scales_of(samples)
    for sample in samples.values():
        assert steps.limits[0] <= sample.steps.min() <= sample.steps.max() <= steps.limits[1]
        assert (
            returns.limits[0] <= np.nanmin(sample.returns) <= np.nanmax(sample.returns) <= returns.limits[1]
        )
