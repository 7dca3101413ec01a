"""Files of measurements: comments that say where the figures come from, and below them a table as CSV."""

from __future__ import annotations

import csv
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pgbench.base.refusals import Refusal
from pgbench.storage.provenance import Provenance, provenance

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


def origin() -> str:
    """The last comment of a file of measurements: when, where, and with which versions and commit."""
    found = Provenance.model_validate(provenance())
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    busy, _, _ = os.getloadavg()
    return f"""\
# {ORIGIN}{datetime.now(UTC):%Y-%m-%d %H:%M} UTC on {found.machine.processor}, {found.machine.cores} cores, \
{busy:.1f} jobs running; {found.machine.platform};
# {versions}; commit {found.commit}."""
