"""Final scores and their differences: a panel for each environment, a row for each variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns  # type: ignore[import-untyped]
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pgbench.analysis.replicas import LAST_EPISODES
from pgbench.figures.panels import PANEL_STYLE, Room, blank, draw_grid, label_below, places, width_of
from pgbench.figures.style import INK, WIDTH, line_styles

PANEL_COLUMNS = 2
NARROW = 6.4
"""The width of a figure that takes half a page, in inches."""
ROOM = Room(left=0.15, right=0.15, bottom=0.55, top=0.38, beside=0.15, below=0.65)


def final_scores(scores: pd.DataFrame, summary: pd.DataFrame) -> Figure:
    """The final scores: a dot for each replica, and the mean of each variant with its interval.

    Args:
        scores: `scores.parquet`.
        summary: `summary.parquet`.
    """
    labels, environments = list(scores["variant"].unique()), list(scores["environment"].unique())
    with mpl.rc_context(PANEL_STYLE):
        figure, axes = _panels(labels, environments, 0.3)
        for environment, axis in axes.items():
            replicas = scores[scores["environment"] == environment]
            means = summary[summary["environment"] == environment].set_index("variant").loc[labels]
            _draw_scores(axis, replicas, means, "last_100")
        label_below(figure, f"mean return of a replica's last {LAST_EPISODES} training episodes")
    return figure


def lineage(scores: pd.DataFrame, means: pd.DataFrame) -> Figure:
    """How much each method of the lineage learned: the mean return over the whole of training.

    The figure is narrow, because a table stands beside it.

    Args:
        scores: `scores.parquet`.
        means: `summaries.means` of the area under the curve.
    """
    labels, environments = list(scores["variant"].unique()), list(scores["environment"].unique())
    with mpl.rc_context(PANEL_STYLE):
        figure, axes = _panels(labels, environments, 0.22, NARROW)
        for environment, axis in axes.items():
            replicas = scores[scores["environment"] == environment]
            single = means[means["environment"] == environment].set_index("variant").loc[labels]
            _draw_scores(axis, replicas, single, "area_under_curve")
            axis.xaxis.set_major_locator(MaxNLocator(4))
        label_below(figure, "mean return over all steps of training")
    return figure


def effects(differences: pd.DataFrame) -> Figure:
    """The difference of each variant from the variant before it.

    Args:
        differences: the rows of `effects.parquet` that are about single environments, one at least.
    """
    labels, environments = list(differences["variant"].unique()), list(differences["environment"].unique())
    with mpl.rc_context(PANEL_STYLE):
        figure, axes = _panels(labels, environments, 0.27)
        for environment, axis in axes.items():
            single = differences[differences["environment"] == environment].set_index("variant").loc[labels]
            _draw_effects(axis, single)
        label_below(figure, "difference from the variant before, in units of the final score")
    return figure


def _panels(
    labels: Sequence[str], environments: Sequence[str], row_height: float, width: float = WIDTH
) -> tuple[Figure, Mapping[str, Axes]]:
    """A figure and the panel of each environment; the variant with index `i` lies at height `i`."""
    columns = min(PANEL_COLUMNS, len(environments))
    rows = -(-len(environments) // columns)
    panel = row_height * len(labels)
    figure = blank(ROOM.top + ROOM.bottom + rows * panel + (rows - 1) * ROOM.below, width)
    room = ROOM._replace(left=ROOM.left + width_of(figure, labels))
    axes: dict[str, Axes] = {}
    for index, (place, name) in enumerate(
        zip(places(figure, rows, columns, room), environments, strict=False)
    ):
        axis = figure.add_subplot(place, title=name, ylim=(len(labels) - 0.5, -0.5))
        axis.grid(axis="x")
        draw_grid(axis, along=range(len(labels)))
        if index % columns == 0:
            axis.set_yticks(range(len(labels)), labels)
        else:
            axis.yaxis.set_visible(False)
        axis.xaxis.set_major_locator(MaxNLocator(6))
        axes[name] = axis
    return figure, axes


def _draw_scores(axis: Axes, scores: pd.DataFrame, summary: pd.DataFrame, score: str) -> None:
    """Draw a dot for each replica, an upright bar for each mean, and a line for its interval."""
    rows = {label: row for row, label in enumerate(summary.index)}
    sns.scatterplot(
        x=scores[score],
        y=scores["variant"].map(rows) + fan(scores),
        hue=scores["variant"],
        palette={label: style.colour for label, style in line_styles(list(rows)).items()},
        ax=axis,
        s=14,
        alpha=0.7,
        linewidth=0,
        legend=False,
    )
    heights = np.arange(len(summary))
    axis.hlines(heights, summary["mean_low"], summary["mean_high"], color="black", linewidth=1.5)
    axis.plot(
        *(summary["mean"], heights),
        marker="|",
        color="black",
        markersize=11,
        markeredgewidth=2,
        linestyle="none",
    )
    axis.set(xlabel="", ylabel="")
    _note_gaps(axis, summary["mean"], "no score")


def fan(scores: pd.DataFrame) -> pd.Series:
    """The distance of each replica from the row of its variant.

    Replicas fan out in the order of their seeds. Random distances would change with every drawing.
    """
    groups = scores.groupby("variant", sort=False)["seed"]
    place, last = groups.cumcount(), groups.transform("size") - 1
    return 0.25 * (2.0 * place / last - 1.0).where(last > 0, 0.0)


def _draw_effects(axis: Axes, effects: pd.DataFrame) -> None:
    """Draw each difference and its interval; the mark is filled if the interval excludes zero."""
    value, low, high = (
        effects[name].to_numpy() for name in ("difference", "difference_low", "difference_high")
    )
    heights, excludes_zero = np.arange(len(effects)), (low > 0) | (high < 0)
    axis.axvline(0.0, color="#999999", linewidth=0.8)
    axis.hlines(heights, low, high, color=INK, linewidth=1.3)
    for rows, filling in ((excludes_zero, INK), (~excludes_zero, "white")):
        axis.plot(
            *(value[rows], heights[rows]),
            marker="D",
            markersize=5,
            color=INK,
            markerfacecolor=filling,
            linestyle="none",
        )
    _note_gaps(axis, effects["difference"], "no pairs")


def _note_gaps(axis: Axes, values: pd.Series, note: str) -> None:
    """Write a note in the row of each missing value."""
    for row in np.flatnonzero(values.isna()).tolist():
        axis.text(0.02, row, note, transform=axis.get_yaxis_transform(), va="center", fontsize=7.5)
