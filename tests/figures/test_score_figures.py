"""What figures show, read back from their axes."""

import io

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from pgbench.figures import curves, forests, score_figures, style

NO_BOUND = (0.1, np.inf)


def line(value, low, high, verdict="replicated", bounds=NO_BOUND):
    return forests._Line("claim", value, low, high, bounds, verdict, True)


def drawn(lines):
    axis = Figure().subplots()
    forests._draw_lines(axis, lines)
    return axis


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


def test_an_interval_is_drawn_from_end_to_end():
    axis = drawn([line(0.3, 0.2, 0.4)])
    assert [0.2, 0.4] in [list(each.get_xdata()) for each in axis.lines]


def test_the_band_reaches_from_the_bound_to_the_edge():
    axis = drawn([line(0.3, 0.2, 0.4)])
    band = axis.collections[0].get_paths()[0].vertices[:, 0]
    assert (band.min(), band.max()) == pytest.approx((0.1, axis.get_xlim()[1]))


def test_an_interval_far_wider_than_the_effects_ends_in_arrows():
    axis = drawn([line(0.3, -50.0, 60.0), line(0.2, 0.1, 0.25)])
    assert [each.get_marker() for each in axis.lines].count("<") == 1
    assert [each.get_marker() for each in axis.lines].count(">") == 1
    assert axis.get_xlim()[1] < 1.0


def test_a_claim_that_was_not_judged_says_so():
    axis = drawn([line(np.nan, np.nan, np.nan, "inconclusive", (0.0, np.inf))])
    assert [text.get_text() for text in axis.texts] == ["not judged"]


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
    styles = style.line_styles([str(number) for number in range(curves.MOST_MEANS)]).values()
    assert len({each.colour for each in styles}) == curves.MOST_MEANS
    assert len({(each.dash, each.marker) for each in styles}) == curves.MOST_MEANS


@pytest.mark.parametrize(
    ("variants", "expected"), [(1, False), (2, True), (10, True), (11, False), (28, False)]
)
def test_means_share_a_panel_only_where_they_can_be_told_apart(variants, expected):
    assert curves.has_overview(variants) is expected


LONG = "a label that is longer than those of most variants"


def trained(labels, seeds=3):
    """Curves and scores on one environment, where seed 0 of the first variant diverged."""
    steps = np.linspace(10_000, 1_000_000, 10).astype(int)
    tables, scores = [], []
    for number, label in enumerate(labels):
        for seed in range(seeds):
            diverged = number == seed == 0
            returns = -100_000.0 * (number + 1.0) + 1000.0 * seed + 0.01 * steps
            returns[5:] = np.nan if diverged else returns[5:]
            keys = {"variant": label, "environment": "Hopper-v5", "seed": seed}
            tables.append(pd.DataFrame(keys | {"step": steps, "episodic_return": returns}))
            scores.append(keys | {"status": "diverged" if diverged else "scored", "last_100": returns[-1]})
    return pd.concat(tables, ignore_index=True), pd.DataFrame(scores)


def test_a_panel_has_every_replica_and_the_mean_of_those_with_a_score():
    table, scores = trained(["first", "second"])
    sample = curves._samples(table, scores)["first"]
    by_seed = table[table["variant"] == "first"].pivot(index="step", columns="seed", values="episodic_return")
    np.testing.assert_array_equal(sample.mean.value, by_seed[[1, 2]].mean(axis=1))
    axis = Figure().subplots()
    curves._draw_curves(axis, sample, None, style.line_style(0))
    lines = [path.vertices for each in axis.collections[:2] for path in each.get_paths()]
    for seed, line in zip([1, 2, 0], lines, strict=True):
        np.testing.assert_array_equal(line, by_seed[seed].dropna().reset_index())
    assert [text.get_text() for text in axis.texts] == ["1 of 3 replicas without a score"]


def test_all_panels_show_all_curves():
    samples = curves._samples(*trained(["first", "second", "third"]))
    steps, returns = curves._scales(samples)
    for sample in samples.values():
        assert steps.limits[0] <= sample.steps.min() <= sample.steps.max() <= steps.limits[1]
        assert (
            returns.limits[0] <= np.nanmin(sample.returns) <= np.nanmax(sample.returns) <= returns.limits[1]
        )


@pytest.mark.parametrize("labels", [[LONG], [LONG, "second", "third", "fourth"]])
def test_labels_fit_into_the_room_that_is_left_for_them(labels):
    table, scores = trained(labels)
    summary = scores.groupby(["variant", "environment"], sort=False)["last_100"].agg(mean="mean")
    summary = summary.assign(mean_low=summary["mean"] - 1.0, mean_high=summary["mean"] + 1.0).reset_index()
    for figure in (curves.learning_curves(table, scores), score_figures.final_scores(scores, summary)):
        picture = matplotlib.image.imread(io.BytesIO(style.render(figure).png))
        assert (picture[:, :8] == 1.0).all()
        assert (picture[:, -8:] == 1.0).all()
        assert (picture[:8] == 1.0).all()
        assert (picture[-8:] == 1.0).all()


def test_replicas_fan_out_in_the_order_of_their_seeds():
    scores = pd.DataFrame({"variant": ["a", "b", "a", "a"], "seed": [0, 0, 1, 2]})
    assert score_figures._fan(scores).tolist() == [-0.25, 0.0, 0.0, 0.25]
