"""Files of measurements: comments that say where the figures come from, and below them a table as CSV."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from pgbench.refusals import Refusal

ORIGIN = "Measured "
"""The last comment begins so: when, on which machine, with which versions."""


class MeasuredTable(NamedTuple):
    """The comments of a file, as one line, and its rows, each column → text; nothing is validated."""

    comments: str
    rows: list[dict[str, str]]


def read_measured(path: Path, remedy: str) -> MeasuredTable:
    """Read a file of measurements.

    Args:
        path: the file.
        remedy: what writes it.

    Raises:
        Refusal: if the file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise Refusal(f"{path}: cannot be read ({error.strerror}); {remedy}") from None
    except ValueError as error:
        raise Refusal(f"{path}: is not a text file ({error}); {remedy}") from None
    comments = " ".join(line.removeprefix("#").strip() for line in lines if line.startswith("#"))
    return MeasuredTable(comments, list(csv.DictReader(line for line in lines if line[:1] != "#")))
