"""The figures of docs/statistics.md are those of simulations, to a percentage point."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from helpers.documents import table
from helpers.places import CHECKOUT
from helpers.simulated_verdicts import Groups, alike, difference, errors, judged, marked
from pgbench.analysis import calibration, inference, looks
from pgbench.analysis.calibration import Draw, at_a_ceiling, failing, normal, skewed, two_gaits
from pgbench.analysis.statistics import Array

DOCUMENT = CHECKOUT / "docs" / "statistics.md"
CLAIMS, LOOKS = 6, len(looks.SHARES)
DESIGNS = ((5, 1), (10, 1), (5, LOOKS), (10, LOOKS))
"""Seeds of the first look, and looks: the columns of the tables of errors."""
SHAPES: dict[str, tuple[Draw, Draw]] = {
    "normal, both": (normal, normal),
    "skewed, both": (skewed, skewed),
    "two gaits, both": (two_gaits, two_gaits),
    "two gaits, and a steady variant": (two_gaits, normal),
    "failures, and a steady variant": (failing, normal),
    "a ceiling, and a steady variant": (at_a_ceiling, normal),
}
KINDS = ("`directional`", "`equivalence`", "`ordering`", "`optimum`", "`level`")


def studies(seeds: int) -> int:
    """How many are simulated: as many as fit in half a gigabyte."""
    return 20_000 if seeds <= 10 else 5_000


def same(printed: list[str], simulated: list[float]) -> bool:
    """Whether percentages are printed as they were simulated."""
    return bool(np.all(np.abs(np.array(printed, dtype=float) - 100 * np.array(simulated)) <= 1.0))


def at_looks(samples: list[Array], seeds: int, count: int) -> Iterator[list[Array]]:
    """The samples as each look sees them; a sample is `[seeds, …]`."""
    for look in range(count):
        yield [sample[: seeds * 2**look] for sample in samples]


def of_shapes(one: Draw, other: Draw, claims: int, seeds: int, count: int) -> float:
    """The share of studies with a wrong verdict."""
    most = seeds * 2 ** (count - 1)
    rng, shape = np.random.default_rng(20), (most, studies(most), claims)
    effects = [difference(a, b, 0.0) for a, b in at_looks([one(rng, shape), other(rng, shape)], seeds, count)]
    return max(
        errors(*judged([[[each._replace(value=sign * each.value)]] for each in effects], 0.0, math.inf))
        for sign in (1, -1)
    )


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name):
    rows = {first: rest for first, *rest in table(DOCUMENT, "scores")}
    assert set(rows) == set(SHAPES)
    designs = [(1, *DESIGNS[0]), (1, *DESIGNS[1]), *((CLAIMS, *design) for design in DESIGNS)]
    assert same(rows[name], [of_shapes(*SHAPES[name], *design) for design in designs])


def of_kinds(draw: Draw, seeds: int, count: int) -> dict[str, float]:
    """Kind → the share of studies of six claims with a wrong verdict."""
    most = seeds * 2 ** (count - 1)
    kinds: dict[str, list[Groups]] = {kind: [] for kind in KINDS}
    for a, b, c, d, e in at_looks(alike(draw, (most, studies(most), CLAIMS), 5), seeds, count):
        kinds["`directional`"].append([[difference(a, b, 0.5)]])
        kinds["`equivalence`"].append([[difference(a, b, 1.0)]])
        kinds["`ordering`"].append(
            [[difference(a, b, 9.0)], [difference(b, c, 9.0)], [difference(c, d, 0.5)]]
        )
        kinds["`optimum`"].append([[difference(best, rest, 0.1) for best in (a, b)] for rest in (c, d, e)])
        kinds["`level`"].append([[inference.contrast([a], [1.0])]])
    bounds = zip(kinds, (0.5, -1.0, 0.5, 0.1, 0.0), (math.inf, 1.0, *[math.inf] * 3), strict=True)
    return {kind: errors(*judged(kinds[kind], low, high)) for kind, low, high in bounds}


@pytest.mark.parametrize("draw", [normal, two_gaits])
@pytest.mark.parametrize("design", range(len(DESIGNS)))
def test_kinds(design, draw):
    column = design + (0 if draw is normal else len(DESIGNS))
    rows = {first: rest for first, *rest in table(DOCUMENT, "kind of all six claims")}
    simulated = of_kinds(draw, *DESIGNS[design])
    assert same([rows[kind][column] for kind in simulated], list(simulated.values()))
    assert set(rows) == set(simulated)


@pytest.mark.parametrize(("column", "seeds"), [(0, 5), (1, 10)])
def test_looking_again(column, seeds):
    """A claim just below its bound, judged after each doubling: at the full level, and at its share of it."""
    scores = np.random.default_rng(21).standard_normal((8 * seeds, 20_000))
    p = np.stack(
        [
            inference.tail(inference.contrast([sample], [1.0]), 0.0)
            for (sample,) in at_looks([scores], seeds, LOOKS)
        ]
    )
    rows = table(DOCUMENT, "times that seeds were doubled")
    assert [row[0] for row in rows] == ["0", "1", "2", "3"]
    full = [float(np.any(p[: count + 1] <= inference.ALPHA, axis=0).mean()) for count in range(LOOKS)]
    assert same([row[1 + column] for row in rows], full)
    shared = [float(looks.decide(p[: count + 1, :, None]).rejected.mean()) for count in range(LOOKS)]
    assert same([row[3 + column] for row in rows], shared)


@pytest.mark.parametrize("name", list(SHAPES)[3:])
def test_the_flag_of_one_more_seed(name):
    """One claim, and three more variants of the same shape, whose replicas may have shown the rare outcome."""
    one, other = SHAPES[name]
    rows = {first: rest for first, *rest in table(DOCUMENT, "wrong verdicts")}
    simulated = []
    for seeds in (5, 10):
        rng, shape = np.random.default_rng(23), (seeds, 20_000)
        a, b, *others = one(rng, shape), other(rng, shape), *(one(rng, shape) for _ in range(3))
        flags = [marked(a, b, [a, b, *others]), marked(a, b, [a, b])]
        wrong = flags[0].wrong
        simulated += [float(wrong.mean()), *(float((wrong & ~flag.fragile).mean()) for flag in flags)]
    assert same(rows[name], simulated)


@pytest.mark.parametrize("distance", ["0.5", "1", "2"])
def test_power(distance):
    rng = np.random.default_rng(22)
    rows = {first: rest for first, *rest in table(DOCUMENT, "distance from the bound")}
    variants = (calibration.normal(rng, (80, 10_000)) for _ in range(2))
    scores = np.subtract(*variants) + float(distance)
    p = {
        seeds: inference.tail(inference.contrast([scores[:seeds]], [1.0]), 0.0)
        for seeds in (5, 10, 20, 40, 80)
    }
    level = inference.ALPHA / CLAIMS
    fixed = [float(np.mean(each <= level * looks.SHARES[0])) for each in p.values()]
    settled = np.array(
        [p[seeds] <= level * share for seeds, share in zip((10, 20, 40, 80), looks.SHARES, strict=True)]
    )
    spent = np.where(settled.any(axis=0), 10 * 2 ** settled.argmax(axis=0), 80).mean()
    assert same(rows[distance][:-1], [*fixed, float(settled.any(axis=0).mean())])
    assert float(rows[distance][-1]) == pytest.approx(spent, abs=1.0)
