"""Numbers and specifications as a reader sees them."""

import math

import pytest

from pgbench.base import wording


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [(1234.5, 0, "1,234"), (-3.14159, 2, "−3.14"), (-0.001, 1, "0.0"), (math.nan, 1, "–"), (12, 0, "12")],
)
def test_number(value, places, text):
    assert wording.number(value, places) == text


def test_decimals_follow_the_largest():
    assert [wording.decimals(each) for each in ([1.0, -2000.0], [150.0, math.nan], [0.3], [])] == [0, 1, 2, 2]


def test_interval_and_percent():
    assert wording.interval(-1.0, 2.5, 1) == "[−1.0, 2.5]"
    assert wording.interval(math.nan, math.nan, 1) == "–"
    assert wording.percent(0.954) == "95\N{NO-BREAK SPACE}%"
    assert wording.percent(math.nan) == "–"


@pytest.mark.parametrize(
    ("seconds", "text"), [(12.4, "12 s"), (59.9, "1 min"), (3599.0, "1 h 0 min"), (7380, "2 h 3 min")]
)
def test_duration(seconds, text):
    assert wording.duration(seconds) == text


def test_lists_and_plurals():
    assert [wording.enumeration(list(items)) for items in ("", "a", "ab", "abc")] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert wording.count(1, "seed") == "1 seed"
    assert wording.count(1000, "seed") == "1,000 seeds"


def test_component():
    value = {
        "kind": "learned_value",
        "target": {"kind": "monte_carlo"},
        "fit": {"kind": "joint", "coefficient": 0.5},
    }
    assert wording.component(value) == "learned_value(target=monte_carlo, fit=joint(coefficient=0.5))"
    assert wording.component({"clip": None}) == "(clip=none)"
    assert wording.component([64, 64]) == "[64, 64]"
    assert wording.component(1e-5) == "1e-05"
