"""Shortened SVG is the same picture: every line and mark stands where matplotlib puts it."""

import io
import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_svg import FigureCanvasSVG

from helpers.invented_curves import invented_curves
from pgbench.figures import curves, style
from pgbench.figures.short_svg import shortened

HALF = 0.0050001
"""Half of a hundredth of a point."""


@pytest.fixture(scope="module")
def pictures():
    """A figure as matplotlib writes it, and shortened."""
    figure = curves.learning_curves(*invented_curves(["first", "second", "third"]))
    file = io.StringIO()
    with matplotlib.rc_context(style.STYLE):
        FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})
    return file.getvalue(), shortened(file.getvalue())


def subpaths(path):
    """The points of each part of a path of straight lines, in page coordinates."""
    drawn = []
    for command, numbers in re.findall(r"([MLlz])([^MLlz]*)", path):
        pairs = np.array(re.findall(r"-?(?:\d+\.?\d*|\.\d+)", numbers), dtype=float).reshape(-1, 2)
        if command == "M":
            drawn.append(pairs)
        elif command == "z":
            drawn[-1] = np.vstack([drawn[-1], drawn[-1][0]])
        else:
            steps = pairs if command == "L" else drawn[-1][-1] + np.cumsum(pairs, axis=0)
            drawn[-1] = np.vstack([drawn[-1], steps])
    return drawn


def elements(svg):
    return list(ElementTree.fromstring(svg).iter())


def test_every_point_stays_within_half_a_hundredth(pictures):
    before, after = map(elements, pictures)
    lines = 0
    for old, new in zip(before, after, strict=True):
        path = old.get("d", "")
        if not re.fullmatch(r"[MLz\s\d.-]+", path):
            assert path == new.get("d", "")
            continue
        for theirs, ours in zip(subpaths(path), subpaths(new.get("d")), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=HALF)
            lines += 1
    assert lines > 50


def test_every_mark_stays_and_nothing_else_changes(pictures):
    for old, new in zip(*map(elements, pictures), strict=True):
        assert (old.tag, old.text) == (new.tag, new.text)
        places = {"x", "y", "d"}
        assert {key: text for key, text in old.items() if key not in places} == {
            key: text for key, text in new.items() if key not in places
        }
        for key in ("x", "y"):
            if old.get(key):
                assert float(new.get(key)) == pytest.approx(float(old.get(key)), abs=HALF)


def test_lines_take_half_of_the_bytes():
    points = np.random.default_rng(0).uniform(0.0, 500.0, size=(200, 2))
    path = "".join(f"{'L' if number else 'M'} {x:f} {y:f} \n" for number, (x, y) in enumerate(points))
    assert len(shortened(f'<path d="{path}"/>')) < len(path) / 1.5
    near = points[0] + np.cumsum(np.random.default_rng(1).normal(size=(200, 2)), axis=0)
    path = "".join(f"{'L' if number else 'M'} {x:f} {y:f} \n" for number, (x, y) in enumerate(near))
    assert len(shortened(f'<path d="{path}"/>')) < len(path) / 2


def test_numbers_are_as_short_as_svg_allows():
    path = '<path d="M 0.004 10.000000 \nL 0.5 9.5 \nL 3.25 9.501 \nM 1 -0.25 \nL 1 -1.25 \nz\n"/>'
    assert shortened(path) == '<path d="M0 10l.5-.5 2.75 0M1-.25l0-1z"/>'
    assert shortened('<use x="72" y="142.060772"/>') == '<use x="72" y="142.06"/>'
    glyph = '<path d="M 2034 4250 \nQ 1547.5 4250 1301 3770 \nz\n"/>'
    assert shortened(glyph) == glyph
