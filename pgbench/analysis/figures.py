"""Learning curves, and final scores, with every replica visible."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pgbench.analysis import panels, statistics
from pgbench.analysis.drawing import GREY, STYLE, Drawing, Look, looks_of
from pgbench.analysis.panels import Grid, Panel, Scale, Sheet
from pgbench.analysis.statistics import Array

PANEL_COLUMNS = 3
MOST_MEANS = 10
"""Mean curves that can be told apart in one panel."""
OVERVIEW, ROW, FOOT = 3.4, 2.0, 0.45
"""Inches of the panel of all means, of a row of panels, and of what is below the last one."""
LEGEND_LINE = 0.55
NAME = 0.22
"""Inches that the name of an axis takes."""


@dataclass(frozen=True)
class _Sample:
    """The curves of one variant.

    Attributes:
        steps: `[points]`.
        replicas: returns, `[points, seeds]`.
        scored: which of the replicas have a score, `[seeds]`.
    """

    steps: Array
    replicas: Array
    scored: NDArray[np.bool_]

    @property
    def mean(self) -> Array:
        """The mean of the scored replicas at each step, NaN where one of them has no value."""
        if not self.scored.any():
            return np.full(len(self.steps), np.nan)
        return statistics.mean(self.replicas[:, self.scored], axis=1)

    def band(self) -> tuple[Array, statistics.Estimate]:
        """The steps at which all scored replicas have a value, and the interval of their mean there."""
        own = self.replicas[:, self.scored]
        known = np.isfinite(own).all(axis=1)
        return self.steps[known], statistics.bootstrap_mean(own[known].T, np.random.default_rng(0))


def learning_curves(curves: pd.DataFrame, scores: pd.DataFrame) -> Drawing:
    """Learning curves of one environment: all means together, where they can be told apart; a panel a variant.

    A panel shows every replica as a thin line behind the mean and its 95 % interval, and the mean of the
    variant before in grey. Means are over the replicas that have a score, from the first step at which each
    of them has finished an episode. A replica that diverged is dotted and ends in a cross.

    Args:
        curves: that environment's rows of `curves.parquet`.
        scores: that environment's rows of `scores.parquet`.
    """
    samples = dict(_samples(curves, scores))
    looks = looks_of(list(samples))
    columns = min(PANEL_COLUMNS, len(samples))
    below = ROW * -(-len(samples) // columns) + FOOT
    overview = OVERVIEW if has_overview(len(samples)) else 0.0
    with mpl.rc_context(STYLE):
        sheet = Sheet(below + overview)
        if overview:
            _draw_overview(sheet, below, samples, looks)
        _draw_panels(sheet, below, columns, samples, looks)
        return sheet.drawing()


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
        sheet, grid = panels.rows_by_environment(
            labels, len(environments), 0.3, "mean return of a replica's last 100 training episodes"
        )
        for index, environment in enumerate(environments):
            own = scores[scores["environment"] == environment]
            cells = summary[summary["environment"] == environment].set_index("variant").loc[labels]
            ends = cells[["mean", "mean_low", "mean_high"]].to_numpy(dtype=np.float64)
            returns = own["last_100"].to_numpy(dtype=np.float64)
            across = panels.numeric([*returns, *ends.ravel()], 6)
            panel = grid.panel(sheet, index, across, panels.rows(labels))
            panel.frame(environment, beside=index % grid.columns == 0)
            variants = own["variant"].to_numpy(dtype=object)
            _draw_scores(panel, [returns[variants == label] for label in labels], ends, looks)
        return sheet.drawing()


def _samples(curves: pd.DataFrame, scores: pd.DataFrame) -> Iterator[tuple[str, _Sample]]:
    """Each variant with its curves; their steps are those of the environment."""
    table = curves.pivot(index="step", columns=["variant", "seed"], values="episodic_return")
    steps = table.index.to_numpy(dtype=np.float64)
    labels = table.columns.get_level_values("variant").to_numpy(dtype=object)
    seeds = table.columns.get_level_values("seed").to_numpy()
    returns = table.to_numpy()
    for label, own in scores.groupby("variant", sort=False):
        scored = own.loc[own["status"] == "scored", "seed"]
        columns = labels == label
        yield str(label), _Sample(steps, returns[:, columns], np.isin(seeds[columns], scored))


def _draw_overview(
    sheet: Sheet, bottom: float, samples: Mapping[str, _Sample], looks: dict[str, Look]
) -> None:
    """All means, each with a marker every so often; the markers of two variants do not coincide."""
    means = {label: sample.mean for label, sample in samples.items()}
    x, y = _scales(samples.values(), means.values(), most=9)
    left = NAME + sheet.label_width(y.labels)
    legend = LEGEND_LINE + 0.3 + min(max(map(sheet.width_of, samples)), panels.LONGEST)
    top = sheet.height - panels.TITLE
    height = top - bottom - panels.FOOT - 0.3
    panel = Panel(sheet, left, top - height, panels.WIDTH - left - legend, height, x, y)
    panel.frame("Mean of every variant")
    sheet.write(0.1, top - height / 2, "episodic return", across="middle", upwards=True)
    beside = panel.left + panel.width + 0.15
    for index, (label, sample) in enumerate(samples.items()):
        look = looks[label]
        line = {"color": look.colour, "linestyle": look.dash, "linewidth": 1.6, "marker": look.marker}
        line |= {"markersize": 6, "markeredgecolor": "white", "markeredgewidth": 0.75}
        panel.line(sample.steps, means[label], markevery=(index, 11), **line)
        height_here = top - height / 2 + 0.19 * ((len(samples) - 1) / 2 - index)
        ends = [beside, beside + LEGEND_LINE / 2, beside + LEGEND_LINE]
        sheet.line(ends, [height_here] * 3, markevery=[1], **line)
        sheet.write(ends[-1] + 0.1, height_here, label, most=panels.LONGEST)


def _draw_panels(
    sheet: Sheet, top: float, columns: int, samples: Mapping[str, _Sample], looks: dict[str, Look]
) -> None:
    """A panel a variant, all on the same scales."""
    bands = {label: sample.band() for label, sample in samples.items() if sample.scored.any()}
    drawn = [sample.replicas for sample in samples.values()]
    x, y = _scales(samples.values(), drawn, most=6)
    grid = Grid(len(samples), columns, NAME + sheet.label_width(y.labels), top, ROW, 0.12, 0.14)
    for index, (label, before) in enumerate(zip(samples, [None, *samples], strict=False)):
        panel = grid.panel(sheet, index, x, y)
        panel.frame(label, below=grid.is_lowest(index), beside=index % columns == 0)
        _draw_panel(panel, samples[label], bands.get(label), looks[label])
        if before is not None:
            mean = samples[before].mean
            panel.line(x=samples[before].steps, y=mean, color=GREY, linewidth=1.2, linestyle=(0, (4, 2)))
    sheet.write(panels.WIDTH / 2, 0.12, "environment steps", across="middle")
    sheet.write(0.1, (top + FOOT) / 2, "episodic return", across="middle", upwards=True)


def _draw_panel(
    panel: Panel, sample: _Sample, band: tuple[Array, statistics.Estimate] | None, look: Look
) -> None:
    curves = [_known(sample.steps, replica) for replica in sample.replicas.T]
    thin = {"colors": look.colour, "alpha": 0.45, "linewidths": 0.6}
    whole = [curve for curve, scored in zip(curves, sample.scored, strict=True) if scored]
    lost = [curve for curve, scored in zip(curves, sample.scored, strict=True) if not scored and len(curve)]
    panel.lines(whole, **thin)
    if lost:
        panel.lines(lost, linestyles=":", **thin)
        ends = np.stack([curve[-1] for curve in lost])
        panel.line(*ends.T, linestyle="none", marker="x", color="black", markersize=5)
    if band is not None:
        steps, interval = band
        panel.band(steps, interval.low, interval.high, facecolors=look.colour, alpha=0.25)
        panel.line(sample.steps, sample.mean, color=look.colour, linewidth=1.8, zorder=2.2)
    if missing := int(np.sum(~sample.scored)):
        note = f"{missing} of {len(curves)} replicas without a score"
        panel.note(0.03, panel.y.first + 0.92 * (panel.y.last - panel.y.first), note)


def _draw_scores(panel: Panel, returns: list[Array], ends: Array, looks: Mapping[str, Look]) -> None:
    """Replicas as dots, and the mean with its interval, `[variants, 3]`, in black."""
    for row, (values, look) in enumerate(zip(returns, looks.values(), strict=True)):
        # Replicas fan out in the order of their seeds: chance would place them differently at every drawing.
        heights = row + 0.25 * np.linspace(-1.0, 1.0, len(values)) if len(values) > 1 else np.array([row])
        dots = {"marker": "o", "markersize": 3.8, "markeredgewidth": 0.0, "alpha": 0.7}
        panel.line(values, heights, linestyle="none", color=look.colour, **dots)
        if np.isnan(ends[row, 0]):
            panel.note(0.02, row, "no score")
    places = np.arange(len(ends))
    lines = [np.array([[low, row], [high, row]]) for row, (_, low, high) in enumerate(ends)]
    panel.lines(lines, colors="black", linewidths=1.5)
    look_of_means = {"marker": "|", "markersize": 11, "markeredgewidth": 2, "color": "black"}
    panel.line(ends[:, 0], places, linestyle="none", **look_of_means)


def _known(steps: Array, returns: Array) -> Array:
    """A curve without the points that it lacks, `[points, 2]`."""
    known = np.isfinite(returns)
    return np.column_stack([steps[known], returns[known]])


def _scales(samples: Iterable[_Sample], drawn: Iterable[Array], most: int) -> tuple[Scale, Scale]:
    """Steps from 0, and the returns that are drawn."""
    steps = next(iter(samples)).steps
    returns = np.concatenate([each.ravel() for each in drawn])
    return panels.numeric([steps[-1]], 5, panels.steps, first=0.0), panels.numeric(returns, most)
