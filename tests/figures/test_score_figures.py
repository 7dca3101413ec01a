"""Final scores, and the room for labels in figures with panels."""

import pandas as pd
import pytest

from helpers.invented_curves import invented_curves
from helpers.pixels import pixels
from pgbench.figures import curves, score_figures

LONG = "a label that is longer than those of most variants"


@pytest.mark.parametrize("labels", [[LONG], [LONG, "second", "third", "fourth"]])
def test_labels_fit_into_the_room_that_is_left_for_them(labels):
    table, scores = invented_curves(labels)
    summary = scores.groupby(["variant", "environment"], sort=False)["last_100"].agg(mean="mean")
    summary = summary.assign(mean_low=summary["mean"] - 1.0, mean_high=summary["mean"] + 1.0).reset_index()
    for figure in (curves.learning_curves(table, scores), score_figures.final_scores(scores, summary)):
        picture = pixels(figure)
        assert (picture[:, :8] == 1.0).all()
        assert (picture[:, -8:] == 1.0).all()
        assert (picture[:8] == 1.0).all()
        assert (picture[-8:] == 1.0).all()


def test_replicas_fan_out_in_the_order_of_their_seeds():
    scores = pd.DataFrame({"variant": ["a", "b", "a", "a"], "seed": [0, 0, 1, 2]})
    assert score_figures.fan(scores).tolist() == [-0.25, 0.0, 0.0, 0.25]
