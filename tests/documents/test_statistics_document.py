"""The figures of docs/statistics.md are those of simulations, to a percentage point."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from helpers.documents import table
from helpers.places import CHECKOUT
from helpers.simulated_verdicts import alike, difference, errors, judged
from pgbench.analysis import calibration, inference
from pgbench.analysis.calibration import Draw, at_a_ceiling, failing, normal, skewed, two_gaits

DOCUMENT = CHECKOUT / "docs" / "statistics.md"
STUDIES, CLAIMS = 20_000, 6
SHAPES: dict[str, tuple[Draw, Draw]] = {
    "normal, both": (normal, normal),
    "skewed, both": (skewed, skewed),
    "two gaits, both": (two_gaits, two_gaits),
    "two gaits, and a steady variant": (two_gaits, normal),
    "failures, and a steady variant": (failing, normal),
    "a ceiling, and a steady variant": (at_a_ceiling, normal),
}


def same(printed: list[str], simulated: list[float]) -> bool:
    """Whether percentages are printed as they were simulated."""
    return bool(np.all(np.abs(np.array(printed, dtype=float) - 100 * np.array(simulated)) <= 1.0))


def of_shapes(one: Draw, other: Draw) -> Iterator[float]:
    """The share of studies with a wrong verdict: with one claim and with six, each with 5 and 10 seeds."""
    rng = np.random.default_rng(20)
    for claims in (1, CLAIMS):
        for seeds in (5, 10):
            shape = (seeds, STUDIES, claims)
            effects = difference(one(rng, shape), other(rng, shape), 0.0)
            either = (
                judged([[effects]], 0.0, math.inf),
                judged([[effects._replace(value=-effects.value)]], 0.0, math.inf),
            )
            yield max(errors(*verdicts) for verdicts in either)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name):
    rows = {first: rest for first, *rest in table(DOCUMENT, "scores")}
    assert set(rows) == set(SHAPES)
    assert same(rows[name], list(of_shapes(*SHAPES[name])))


def of_kinds(draw: Draw, seeds: int) -> dict[str, float]:
    """Kind → the share of studies of six claims with a wrong verdict."""
    a, b, c, d, e = alike(draw, (seeds, STUDIES, CLAIMS), 5)
    ordering = [[difference(a, b, 9.0)], [difference(b, c, 9.0)], [difference(c, d, 0.5)]]
    optimum = [[difference(best, rest, 0.1) for best in (a, b)] for rest in (c, d, e)]
    verdicts = {
        "`directional`": judged([[difference(a, b, 0.5)]], 0.5, math.inf),
        "`equivalence`": judged([[difference(a, b, 1.0)]], -1.0, 1.0),
        "`ordering`": judged(ordering, 0.5, math.inf),
        "`optimum`": judged(optimum, 0.1, math.inf),
        "`level`": judged([[inference.contrast([a], [1.0])]], 0.0, math.inf),
    }
    return {kind: errors(*found) for kind, found in verdicts.items()}


@pytest.mark.parametrize("column", range(4))
def test_kinds(column):
    draw, seeds = [(normal, 5), (normal, 10), (two_gaits, 5), (two_gaits, 10)][column]
    rows = {first: rest for first, *rest in table(DOCUMENT, "kind of all six claims")}
    simulated = of_kinds(draw, seeds)
    assert same([rows[kind][column] for kind in simulated], list(simulated.values()))
    assert set(rows) == set(simulated)


@pytest.mark.parametrize(("column", "seeds"), [(0, 5), (1, 10)])
def test_looking_again(column, seeds):
    """A claim just below its bound, judged again at the full level each time that its seeds are doubled."""
    scores = np.random.default_rng(21).standard_normal((8 * seeds, STUDIES))
    found = [
        inference.tail(inference.contrast([scores[: seeds * 2**look]], [1.0]), 0.0) <= inference.ALPHA
        for look in range(4)
    ]
    rows = table(DOCUMENT, "times that seeds were doubled")
    assert [row[0] for row in rows] == ["0", "1", "2", "3"]
    simulated = [float(np.any(found[: looks + 1], axis=0).mean()) for looks in range(4)]
    assert same([row[1 + column] for row in rows], simulated)


@pytest.mark.parametrize("distance", ["0.5", "1", "2"])
def test_power(distance):
    rng = np.random.default_rng(22)
    rows = {first: rest for first, *rest in table(DOCUMENT, "distance from the bound")}
    variants = (calibration.normal(rng, (80, STUDIES // 2)) for _ in range(2))
    scores = np.subtract(*variants) + float(distance)
    simulated = [
        float(np.mean(inference.tail(inference.contrast([scores[:seeds]], [1.0]), 0.0) <= 0.05 / CLAIMS))
        for seeds in (5, 10, 20, 40, 80)
    ]
    assert same(rows[distance], simulated)
