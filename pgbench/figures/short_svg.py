"""SVG in fewer bytes. Pages hold thousands of curves, and are kept in repositories.

Matplotlib writes every position with six decimals, and every point of a line with its place on the page. A
hundredth of a point, 1/7200 inch, is finer than what printers and screens can show.
"""

from __future__ import annotations

import re

_AT = r" -?\d+(?:\.\d+)? -?\d+(?:\.\d+)? \n"
_LINES = re.compile(rf' d="((?:M{_AT}(?:L{_AT})*(?:z\n)?)+)"')
_POINT = re.compile(r"([MLz])(?: (\S+) (\S+))?")
_PLACE = re.compile(r'(?<= [xy]=")-?\d+\.\d{3,}(?=")')


def shortened(svg: str) -> str:
    """The same picture, with positions in hundredths of a point, and lines as steps from point to point.

    Errors do not add up: a step leads from one rounded point to the next.

    Args:
        svg: as matplotlib writes it.
    """
    svg = _LINES.sub(lambda found: f' d="{_steps(found[1])}"', svg)
    return _PLACE.sub(lambda found: _written(_hundredths(found[0])), svg)


def _steps(path: str) -> str:
    """A path of straight lines, with relative commands."""
    parts: list[str] = []
    drawing, x, y = False, 0, 0
    for command, to_x, to_y in _POINT.findall(path):
        if command == "z":
            parts.append("z")
            continue
        from_x, from_y, x, y = x, y, _hundredths(to_x), _hundredths(to_y)
        if command == "M":
            parts.append(f"M{_written(x)} {_written(y)}")
        else:
            parts.append(f"{' ' if drawing else 'l'}{_written(x - from_x)} {_written(y - from_y)}")
        drawing = command == "L"
    return "".join(parts).replace(" -", "-")


def _hundredths(number: str) -> int:
    return round(100 * float(number))


def _written(hundredths: int) -> str:
    """A number of hundredths as short as SVG allows."""
    text = f"{hundredths / 100:.2f}".rstrip("0").rstrip(".")
    return re.sub(r"^(-?)0\.", r"\1.", text)
