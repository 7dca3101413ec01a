"""The forest plot, read back from its axes."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from pgbench.figures import forests

NO_BOUND = (0.1, np.inf)


def line(value, low, high, verdict="replicated", bounds=NO_BOUND):
    return forests.ForestLine("claim", value, low, high, bounds, verdict, True)


def drawn(lines):
    axis = Figure().subplots()
    forests.draw_lines(axis, lines)
    return axis


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
        lines = list(forests.environment_lines(row, effects[effects["claim"] == row["claim"]]))
        environments = row["environments"].split()
        assert [each.label for each in lines] == (environments if len(environments) > 1 else [])
