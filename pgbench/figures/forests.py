"""The forest plot of claims: measured effects against the bounds of the claims."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from pgbench.analysis.judging import CONTRADICTED, INCONCLUSIVE, REPLICATED
from pgbench.base import wording
from pgbench.figures.style import INK, STYLE, WIDTH

CLAIMED = "#dedcd3"


class _Mark(NamedTuple):
    """How an effect is drawn. Shape and filling tell verdicts apart without the colour."""

    marker: str
    colour: str
    filling: str


VERDICT_MARKS = {
    REPLICATED: _Mark("o", "#0072b2", "#0072b2"),
    CONTRADICTED: _Mark("X", "#c44e00", "#c44e00"),
    INCONCLUSIVE: _Mark("o", "#666666", "white"),
}
ENVIRONMENT_MARK = _Mark("|", "#666666", "#666666")
UNITS = {
    "range": "effect, as a share of the range from the untrained policy to the best variant",
    "comparator": "effect, as a share of the comparator's mean",
}
LINE_HEIGHT = 0.21
"""The height of a line, in inches."""


class ForestLine(NamedTuple):
    """A line of the plot: the effect of a claim, or its effect in one environment, which has no verdict."""

    label: str
    value: float
    low: float
    high: float
    bounds: tuple[float, float]
    verdict: str | None
    difference: bool


def claims_forest(verdicts: pd.DataFrame, claims: pd.DataFrame) -> Figure:
    """Every claim: its effect and interval, the bounds that the claim sets, and the effect in each environment.

    Claims in the same unit share an axis. An interval that is much wider than the range of all effects and
    bounds is cut off and ends in an arrow.

    Args:
        verdicts: `verdicts.parquet`, one row at least.
        claims: `claims.parquet`.
    """
    panels: dict[str, list[ForestLine]] = {}
    for _, row in verdicts.iterrows():
        lines = panels.setdefault(_unit(row), [])
        lines += [_overall(row), *environment_lines(row, claims[claims["claim"] == row["claim"]])]
    heights = [LINE_HEIGHT * len(lines) + 0.6 for lines in panels.values()]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, sum(heights) + 0.35), layout="constrained")
        axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights).flatten()
        for axis, (unit, lines) in zip(axes, panels.items(), strict=True):
            draw_lines(axis, lines)
            axis.set_xlabel(unit)
            if unit in UNITS.values():
                axis.xaxis.set_major_formatter(PercentFormatter(1.0))
        figure.legend(handles=_legend(), loc="outside upper left", ncols=4, handlelength=1.4)
    return figure


def _unit(row: pd.Series) -> str:
    """The label of a claim's axis; claims with the same label share the axis."""
    environments = row["environments"].split()
    where = environments[0] if len(environments) == 1 else wording.count(len(environments), "environment")
    return UNITS.get(row["unit"], f"{row['score']} on {where}")


def _overall(row: pd.Series) -> ForestLine:
    bounds = (row["bound_low"], row["bound_high"])
    ends = (row["effect"], row["low"], row["high"])
    return ForestLine(row["claim"], *ends, bounds, row["verdict"], bool(row["comparator"]))


def environment_lines(row: pd.Series, effects: pd.DataFrame) -> Iterable[ForestLine]:
    """The effect of the decisive pair of variants in each environment, if there are several environments."""
    pair = (effects["variant"] == row["variant"]) & (effects["comparator"] == row["comparator"])
    decisive = effects[pair]
    if len(decisive) < 2:
        return
    bounds = (row["bound_low"], row["bound_high"])
    for _, single in decisive.iterrows():
        ends = (single["effect"], single["low"] / single["scale"], single["high"] / single["scale"])
        yield ForestLine(single["environment"], *ends, bounds, None, bool(row["comparator"]))


def draw_lines(axis: Axes, lines: Sequence[ForestLine]) -> None:
    """Draw lines below each other: the band of the claim, the interval and the mark of the effect."""
    left, right = _limits(lines)
    for height, line in enumerate(lines):
        low, high = np.clip(line.bounds, left, right)
        axis.fill_betweenx([height - 0.5, height + 0.5], low, high, color=CLAIMED, linewidth=0, zorder=0)
        if np.isnan(line.value):
            axis.text(
                0.01, height, "not judged", transform=axis.get_yaxis_transform(), va="center", fontsize=7.5
            )
            continue
        mark = VERDICT_MARKS[line.verdict] if line.verdict else ENVIRONMENT_MARK
        width = 2.0 if line.verdict else 1.0
        _draw_interval(axis, height, (line.low, line.high), (left, right), mark.colour, width)
        axis.plot(
            *(line.value, height),
            marker=mark.marker,
            color=mark.colour,
            markerfacecolor=mark.filling,
            markersize=6.5,
            linestyle="none",
            zorder=3,
        )
    if left < 0 < right:
        axis.axvline(0.0, color="#999999", linewidth=0.8, zorder=1)
    axis.set_yticks(range(len(lines)), [line.label for line in lines])
    for label, line in zip(axis.get_yticklabels(), lines, strict=True):
        label.set(color=INK if line.verdict else "#666666", fontsize=8.5 if line.verdict else 7.5)
    axis.set(xlim=(left, right), ylim=(len(lines) - 0.5, -0.5))
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", length=0)
    axis.xaxis.set_major_locator(MaxNLocator(8))


def _draw_interval(
    axis: Axes, height: int, ends: tuple[float, float], limits: tuple[float, float], colour: str, width: float
) -> None:
    """Draw a line between two ends, with an arrow where it leaves the axis."""
    low, high = np.clip(ends, *limits)
    axis.plot([low, high], [height, height], color=colour, linewidth=width, zorder=2)
    for end, limit, marker in zip(ends, limits, "<>", strict=True):
        if np.clip(end, *limits) != end:
            axis.plot(limit, height, marker=marker, color=colour, markersize=4, clip_on=False, zorder=3)


def _limits(lines: Sequence[ForestLine]) -> tuple[float, float]:
    """The ends of an axis.

    The axis holds all effects and bounds, and zero for differences. Beyond them, it holds intervals as far as the
    width of all these.
    """
    known = [line for line in lines if np.isfinite(line.value)]
    bounds = [bound for line in lines for bound in line.bounds if np.isfinite(bound)]
    zero = [0.0] if any(line.difference for line in lines) else []
    points = np.array([*zero, *bounds, *(line.value for line in known)])
    width = float(np.ptp(points)) or 1.0
    low = max(min([points.min(), *(line.low for line in known)]), points.min() - width)
    high = min(max([points.max(), *(line.high for line in known)]), points.max() + width)
    padding = 0.05 * (high - low) or 1.0
    return low - padding, high + padding


def _legend() -> list[Line2D | Patch]:
    marks = [
        Line2D(
            *([], []),
            marker=mark.marker,
            color=mark.colour,
            markerfacecolor=mark.filling,
            markersize=6.5,
            linewidth=2.0,
            label=name,
        )
        for name, mark in VERDICT_MARKS.items()
    ]
    return [*marks, Patch(color=CLAIMED, label="where the claim puts the effect")]
