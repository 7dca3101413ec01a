"""A measurement from its name to its files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from pydantic import NonNegativeFloat, NonNegativeInt, ValidationError

from pgbench.analysis.drawing import STYLE, Drawing, render
from pgbench.components import Specification
from pgbench.laboratory.catalogue import CATALOGUE, SIZES, Measurement, Size
from pgbench.laboratory.measurements import MODULES
from pgbench.laboratory.statements import Findings, as_table
from pgbench.provenance import Provenance, provenance
from pgbench.refusals import Refusal
from pgbench.storage import replacing, write_table, write_text

RECORD = "measurement.json"
REMEDY = "`python -m pgbench laboratory` writes it"


class Performed(Specification):
    """What was measured, how much, and where; the last file to be written."""

    measurement: Measurement
    preset: str
    size: Size
    seed: NonNegativeInt
    seconds: NonNegativeFloat
    provenance: Provenance


def perform(name: str, preset: str, seed: int) -> Findings:
    """Measure; the same name, preset and seed give the same numbers on the same machine and versions.

    Args:
        name: of the catalogue.
        preset: a key of `SIZES`.
        seed: of all chance; each measurement draws from a stream of its own.
    """
    place = list(CATALOGUE).index(name)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(place,)))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # a job has one core, and sums are rounded alike everywhere
    try:
        return MODULES[name].measure(SIZES[preset], rng)
    finally:
        torch.set_num_threads(threads)


def drawing(name: str, findings: Findings) -> Drawing:
    """The measurement's figure."""
    with mpl.rc_context(STYLE):
        return render(MODULES[name].draw(findings.table))


def write(name: str, preset: str, seed: int, directory: Path) -> None:
    """Measure, and write tables, figure and record.

    Args:
        name: of the catalogue.
        preset: a key of `SIZES`.
        seed: of all chance.
        directory: is given `table.parquet`, `table.csv`, `statements.csv`, `figure.svg`, `figure.png` and
            `measurement.json`, the last being removed first and written last.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / RECORD).unlink(missing_ok=True)
    start = time.monotonic()
    findings = perform(name, preset, seed)
    figure = drawing(name, findings)
    seconds = time.monotonic() - start
    write_table(directory / "table.parquet", findings.table)
    write_text(directory / "table.csv", findings.table.to_csv(index=False))
    write_text(directory / "statements.csv", as_table(findings.statements).to_csv(index=False))
    for ending, content in (("svg", figure.svg), ("png", figure.png)):
        with replacing(directory / f"figure.{ending}") as temporary:
            temporary.write_bytes(content)
    facts: dict[str, Any] = {"provenance": provenance(), "size": SIZES[preset], "seconds": seconds}
    record = Performed(measurement=CATALOGUE[name], preset=preset, seed=seed, **facts)
    write_text(directory / RECORD, record.model_dump_json(indent=2) + "\n")


def read_record(directory: Path) -> Performed:
    """The record that `write` left.

    Raises:
        Refusal: if it is missing or is not one.
    """
    try:
        return Performed.model_validate_json((directory / RECORD).read_bytes())
    except (OSError, ValidationError) as error:
        reason = getattr(error, "strerror", None) or "it is not a record of a measurement"
        raise Refusal(f"{directory / RECORD}: cannot be used ({reason}); {REMEDY}") from None
