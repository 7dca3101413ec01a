"""Forest plots: the effects of claims against what is claimed, and of variants against the one before them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd

from pgbench.analysis import panels, wording
from pgbench.analysis.claims import CONTRADICTED, INCONCLUSIVE, REPLICATED
from pgbench.analysis.drawing import STYLE, Drawing
from pgbench.analysis.panels import Panel, Scale, Sheet
from pgbench.analysis.statistics import Array

INK, GREY = "#1c1c1a", "#666666"
CLAIMED = "#dedcd3"


class _Mark(NamedTuple):
    """How an effect is drawn: shape and filling tell verdicts apart without the colour."""

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
LINE_HEIGHT, LEGEND = 0.21, 0.35
"""Inches."""


class _Line(NamedTuple):
    """One line of a forest plot: a claim's effect, or that in one environment, which has no verdict."""

    label: str
    value: float
    low: float
    high: float
    bounds: tuple[float, float]
    verdict: str | None
    difference: bool


def claims_forest(verdicts: pd.DataFrame, claims: pd.DataFrame) -> Drawing:
    """Every claim's effect with its interval, where the claim puts it, and the effect in each environment.

    Claims in the same unit share an axis. An interval that is much wider than all effects and bounds are apart is
    cut off and ends in an arrow.

    Args:
        verdicts: `verdicts.parquet`, one row at least.
        claims: `claims.parquet`.
    """
    grouped: dict[str, list[_Line]] = {}
    for _, row in verdicts.iterrows():
        lines = grouped.setdefault(_unit(row), [])
        lines += [_overall(row), *_single(row, claims[claims["claim"] == row["claim"]])]
    with mpl.rc_context(STYLE):
        sheet = Sheet(LEGEND + sum(map(_panel_height, grouped.values())))
        top = sheet.height - LEGEND
        _draw_legend(sheet, top + 0.15)
        left = max(
            sheet.label_width([line.label for line in lines if bool(line.verdict) == major], size)
            for lines in grouped.values()
            for major, size in ((True, 8.5), (False, 7.5))
        )
        for unit, lines in grouped.items():
            height = LINE_HEIGHT * len(lines)
            place = (left, top - height, panels.WIDTH - left - 0.05, height)
            panel = Panel(sheet, *place, _across(lines, unit), panels.rows([line.label for line in lines]))
            _draw_lines(panel, lines)
            sheet.write(left + place[2] / 2, top - height - 0.38, unit, across="middle")
            top -= _panel_height(lines)
        return sheet.drawing()


def effects_forest(effects: pd.DataFrame) -> Drawing:
    """Each variant's difference from the one before it, a panel an environment.

    Args:
        effects: the rows of `effects.parquet` that are about single environments, one at least.
    """
    labels, environments = list(effects["variant"].unique()), list(effects["environment"].unique())
    name = "difference from the variant before, in units of the final score"
    with mpl.rc_context(STYLE):
        sheet, grid = panels.rows_by_environment(labels, len(environments), 0.27, name)
        for index, environment in enumerate(environments):
            own = effects[effects["environment"] == environment].set_index("variant").loc[labels]
            values = own[["difference", "difference_low", "difference_high"]].to_numpy(dtype=np.float64)
            across = panels.numeric([0.0, *values.ravel()], 6)
            panel = grid.panel(sheet, index, across, panels.rows(labels))
            panel.frame(environment, beside=index % grid.columns == 0)
            _draw_effects(panel, values)
        return sheet.drawing()


def _panel_height(lines: Sequence[_Line]) -> float:
    """Inches of the lines of one unit, with the axis below them."""
    return LINE_HEIGHT * len(lines) + 0.6


def _unit(row: pd.Series) -> str:
    """What a claim's axis shows; claims with the same words share it."""
    environments = row["environments"].split()
    where = environments[0] if len(environments) == 1 else wording.count(len(environments), "environment")
    return UNITS.get(row["unit"], f"{row['score']} on {where}")


def _overall(row: pd.Series) -> _Line:
    bounds = (row["bound_low"], row["bound_high"])
    ends = (row["effect"], row["low"], row["high"])
    return _Line(row["claim"], *ends, bounds, row["verdict"], bool(row["comparator"]))


def _single(row: pd.Series, effects: pd.DataFrame) -> Iterable[_Line]:
    """The environments of the pair of variants that the verdict hangs on, where there are several."""
    pair = (effects["variant"] == row["variant"]) & (effects["comparator"] == row["comparator"])
    own = effects[pair]
    if len(own) < 2:
        return
    bounds = (row["bound_low"], row["bound_high"])
    for _, one in own.iterrows():
        ends = (one["effect"], one["low"] / one["scale"], one["high"] / one["scale"])
        yield _Line(one["environment"], *ends, bounds, None, bool(row["comparator"]))


def _across(lines: Sequence[_Line], unit: str) -> Scale:
    """The horizontal scale of claims in one unit."""
    return panels.limited(*_limits(lines), 8, _share if unit in UNITS.values() else panels.plain)


def _share(value: float) -> str:
    return f"{panels.plain(100 * value)}%"


def _draw_lines(panel: Panel, lines: Sequence[_Line]) -> None:
    limits = left, right = panel.x.first, panel.x.last
    panel.frame(beside=False, across_rows=False)
    bands = [(height, np.clip(line.bounds, *limits)) for height, line in enumerate(lines)]
    corners = [_rectangle(low, high, height) for height, (low, high) in bands]
    panel.shapes(corners, facecolors=CLAIMED, zorder=0.4)
    for height, line in enumerate(lines):
        colour, size = (INK, 8.5) if line.verdict else (GREY, 7.5)
        panel.label(height, line.label, size, colour)
        if np.isnan(line.value):
            panel.note(0.01, height, "not judged")
            continue
        mark = VERDICT_MARKS[line.verdict] if line.verdict else ENVIRONMENT_MARK
        width = 2.0 if line.verdict else 1.0
        _draw_interval(panel, height, (line.low, line.high), mark.colour, width)
        panel.line([line.value], [height], linestyle="none", **_mark_look(mark), zorder=3)
    if left < 0 < right:
        panel.line([0.0, 0.0], [panel.y.first, panel.y.last], color="#999999", linewidth=0.8, zorder=1)


def _rectangle(low: float, high: float, height: float) -> Array:
    """A band one line high."""
    below, above = height - 0.5, height + 0.5
    return np.array([(low, below), (high, below), (high, above), (low, above)])


def _mark_look(mark: _Mark) -> dict[str, Any]:
    return {
        "marker": mark.marker,
        "color": mark.colour,
        "markerfacecolor": mark.filling,
        "markersize": 6.5,
    }


def _draw_interval(panel: Panel, height: int, ends: tuple[float, float], colour: str, width: float) -> None:
    """A line between two ends, with an arrow where it leaves the panel."""
    limits = panel.x.first, panel.x.last
    panel.line(np.clip(ends, *limits), [height, height], color=colour, linewidth=width, zorder=2)
    for end, limit, marker in zip(ends, limits, "<>", strict=True):
        if np.clip(end, *limits) != end:
            panel.line([limit], [height], marker=marker, color=colour, markersize=4, zorder=3)


def _limits(lines: Sequence[_Line]) -> tuple[float, float]:
    """Both ends of an axis: zero for differences, all effects and bounds, and of intervals as much again."""
    known = [line for line in lines if np.isfinite(line.value)]
    bounds = [bound for line in lines for bound in line.bounds if np.isfinite(bound)]
    zero = [0.0] if any(line.difference for line in lines) else []
    points = np.array([*zero, *bounds, *(line.value for line in known)])
    width = float(np.ptp(points)) or 1.0
    low = max(min([points.min(), *(line.low for line in known)]), points.min() - width)
    high = min(max([points.max(), *(line.high for line in known)]), points.max() + width)
    padding = 0.05 * (high - low) or 1.0
    return low - padding, high + padding


def _draw_legend(sheet: Sheet, height: float) -> None:
    """What the marks mean, in one line."""
    at = 0.1
    for name, mark in VERDICT_MARKS.items():
        sheet.line([at, at + 0.09, at + 0.18], [height] * 3, markevery=[1], linewidth=2.0, **_mark_look(mark))
        sheet.write(at + 0.26, height, name)
        at += 0.5 + sheet.width_of(name)
    sheet.line([at, at + 0.18], [height] * 2, color=CLAIMED, linewidth=7.0, solid_capstyle="butt")
    sheet.write(at + 0.26, height, "where the claim puts the effect")


def _draw_effects(panel: Panel, effects: Array) -> None:
    """Differences and the ends of their intervals, `[variants, 3]`; filled where the interval excludes zero."""
    panel.line([0.0, 0.0], [panel.y.first, panel.y.last], color="#999999", linewidth=0.8, zorder=1)
    for height, (value, low, high) in enumerate(effects):
        if np.isnan(value):
            panel.note(0.02, height, "no pairs")
            continue
        panel.line([low, high], [height, height], color=INK, linewidth=1.3)
        filling = INK if low > 0 or high < 0 else "white"
        panel.line([value], [height], marker="D", markersize=5, color=INK, markerfacecolor=filling)
