"""Learning curves, and final scores, with every replica visible."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns  # type: ignore[import-untyped]
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import EngFormatter, MaxNLocator

from pgbench.analysis import inference
from pgbench.analysis.drawing import GREY, STYLE, Drawing, Look, looks_of, render

PANEL_COLUMNS = 3
MOST_MEANS = 10
"""Mean curves that can be told apart in one panel."""


@dataclass(frozen=True)
class _Sample:
    """The curves of one variant, `[steps, seeds]`: of all its replicas, and of those that have a score."""

    replicas: pd.DataFrame
    scored: pd.DataFrame

    @property
    def mean(self) -> pd.Series:
        """The mean of the scored replicas at each step, NaN where one of them has no value."""
        return self.scored.mean(axis=1, skipna=False)


def learning_curves(curves: pd.DataFrame, scores: pd.DataFrame) -> Drawing:
    """Learning curves of one environment: all means together, where they can be told apart; a panel a variant.

    A panel shows every replica as a thin line behind the mean and its 95 % interval, and the mean of the
    variant before in grey. Means are over the replicas that have a score, from the first step at which each
    of them has finished an episode. A replica that diverged is dotted and ends in a cross.

    Args:
        curves: that environment's rows of `curves.parquet`.
        scores: that environment's rows of `scores.parquet`.
    """
    samples = {label: _sample(curves, scores, label) for label in scores["variant"].unique()}
    looks = looks_of(list(samples))
    columns = min(PANEL_COLUMNS, len(samples))
    rows = -(-len(samples) // columns)
    heights = [3.4] * has_overview(len(samples)) + [0.4 + 2.0 * rows]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9.6, sum(heights)), layout="constrained")
        *overview, panels = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights).flatten()
        for part in overview:
            _draw_overview(part.subplots(), samples, looks)
        _draw_panels(panels, samples, looks, rows, columns)
        return render(figure)


def has_overview(variants: int) -> bool:
    """Whether so many mean curves are drawn in one panel."""
    return 1 < variants <= MOST_MEANS


def final_scores(scores: pd.DataFrame, summary: pd.DataFrame) -> Drawing:
    """Final scores of every variant, a panel an environment: a dot a replica, and the mean with its interval.

    Args:
        scores: `scores.parquet`.
        summary: `summary.parquet`.
    """
    labels, environments = list(scores["variant"].unique()), list(scores["environment"].unique())
    looks = looks_of(labels)
    with mpl.rc_context(STYLE):
        columns = min(2, len(environments))
        rows = -(-len(environments) // columns)
        figure = Figure(figsize=(9.6, rows * (0.9 + 0.3 * len(labels))), layout="constrained")
        axes = figure.subplots(rows, columns, sharey=True, squeeze=False).flatten()
        for axis, environment in zip(axes, environments, strict=False):
            own = scores[scores["environment"] == environment]
            rows_here = summary[summary["environment"] == environment].set_index("variant").loc[labels]
            _draw_scores(axis, own, rows_here, looks)
            axis.set_title(environment)
        for axis in axes[len(environments) :]:
            axis.remove()
        figure.supxlabel("mean return of a replica's last 100 training episodes", fontsize=9)
        return render(figure)


def _sample(curves: pd.DataFrame, scores: pd.DataFrame, label: str) -> _Sample:
    own = curves[curves["variant"] == label]
    finished = scores[(scores["variant"] == label) & (scores["status"] == "scored")]
    table = own.pivot(index="step", columns="seed", values="episodic_return")
    return _Sample(table, table[finished["seed"]])


def _draw_overview(axis: Axes, samples: dict[str, _Sample], looks: dict[str, Look]) -> None:
    """All means, each with a marker every so often; the markers of two variants do not coincide."""
    for index, (label, sample) in enumerate(samples.items()):
        look = looks[label]
        sns.lineplot(
            x=sample.mean.index,
            y=sample.mean.to_numpy(),
            ax=axis,
            label=label,
            color=look.colour,
            linestyle=look.dash,
            linewidth=1.6,
            marker=look.marker,
            markersize=6,
            markevery=(index, 11),
            errorbar=None,
        )
    axis.set(title="Mean of every variant", xlabel="", ylabel="episodic return")
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), handlelength=4)
    _number_steps(axis)


def _draw_panels(
    figure: SubFigure, samples: dict[str, _Sample], looks: dict[str, Look], rows: int, columns: int
) -> None:
    """A panel a variant, all on the same scales."""
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flatten()
    for axis, label, before in zip(axes, samples, [None, *samples], strict=False):
        _draw_panel(axis, samples[label], samples.get(before) if before else None, looks[label])
        axis.set_title(label)
    for axis in axes[len(samples) :]:
        axis.remove()
    figure.supxlabel("environment steps", fontsize=9)
    figure.supylabel("episodic return", fontsize=9)


def _draw_panel(axis: Axes, sample: _Sample, before: _Sample | None, look: Look) -> None:
    unscored = sample.replicas.columns.difference(sample.scored.columns)
    for columns, style in ((sample.scored.columns, "-"), (unscored, ":")):
        lines = [_points(sample.replicas[seed]) for seed in columns]
        # one collection of lines is drawn much sooner than as many lines
        axis.add_collection(
            LineCollection(lines, colors=look.colour, alpha=0.45, linewidths=0.6, linestyles=style)
        )
    for seed in unscored:
        axis.plot(sample.replicas[seed].dropna().tail(1), marker="x", color="black", markersize=5)
    if before is not None:
        axis.plot(before.mean, color=GREY, linewidth=1.2, linestyle=(0, (4, 2)))
    if len(sample.scored.columns):
        known = sample.scored.dropna()
        band = inference.mean(known.to_numpy().T)
        axis.fill_between(known.index, band.low, band.high, color=look.colour, alpha=0.25, linewidth=0)
        axis.plot(sample.mean, color=look.colour, linewidth=1.8)
    axis.autoscale_view()
    replicas = len(sample.replicas.columns)
    if missing := replicas - len(sample.scored.columns):
        note = f"{missing} of {replicas} replicas without a score"
        axis.text(0.03, 0.95, note, transform=axis.transAxes, va="top", fontsize=7.5)
    _number_steps(axis)


def _points(curve: pd.Series) -> np.ndarray:
    """A curve as points of a line, `[points, 2]`, from where it is known."""
    known = curve.dropna()
    return np.column_stack([known.index, known])


def _draw_scores(axis: Axes, scores: pd.DataFrame, summary: pd.DataFrame, looks: dict[str, Look]) -> None:
    for row, (label, look) in enumerate(looks.items()):
        values = scores.loc[scores["variant"] == label, "last_100"].to_numpy()
        # Replicas fan out in the order of their seeds: chance would place them differently at every drawing.
        heights = row + 0.25 * np.linspace(-1.0, 1.0, len(values)) if len(values) > 1 else [row]
        sns.scatterplot(
            x=values, y=heights, ax=axis, color=look.colour, marker="o", s=14, alpha=0.7, linewidth=0
        )
        cell = summary.loc[label]
        axis.plot([cell["mean_low"], cell["mean_high"]], [row, row], color="black", linewidth=1.5)
        axis.plot(cell["mean"], row, marker="|", color="black", markersize=11, markeredgewidth=2)
        if np.isnan(cell["mean"]):
            axis.text(0.02, row, "no score", transform=axis.get_yaxis_transform(), va="center", fontsize=7.5)
    axis.set_yticks(range(len(looks)), list(looks))
    axis.set_ylim(len(looks) - 0.5, -0.5)
    axis.xaxis.set_major_locator(MaxNLocator(6))


def _number_steps(axis: Axes) -> None:
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.xaxis.set_major_locator(MaxNLocator(5))
    axis.set_xlim(left=0)
