"""Perform a measurement by its name, and write its files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch

from pgbench.figures.style import STYLE, Drawing, render
from pgbench.laboratory.modules import MODULES
from pgbench.laboratory.records import Performed
from pgbench.laboratory.statements import MeasurementResult, as_table
from pgbench.storage.files import replacing, write_table, write_text
from pgbench.storage.layout import MEASUREMENT as RECORD
from pgbench.storage.provenance import provenance
from pgbench.studies.catalogue import CATALOGUE, SIZES


def perform(name: str, preset: str, seed: int) -> MeasurementResult:
    """Perform a measurement.

    The same name, preset and seed give the same numbers, on the same machine and with the same versions.

    Args:
        name: a key of `CATALOGUE`.
        preset: a key of `SIZES`.
        seed: seeds the random streams. Each measurement draws from the stream with its number in the catalogue.
    """
    stream = np.random.SeedSequence(seed, spawn_key=(CATALOGUE[name].random_stream,))
    rng = np.random.default_rng(stream)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # a job has one core, and the number of threads changes how sums are rounded
    try:
        return MODULES[name].measure(SIZES[preset], rng)
    finally:
        torch.set_num_threads(threads)


def drawing(name: str, result: MeasurementResult) -> Drawing:
    """Draw the figure of a measurement."""
    with mpl.rc_context(STYLE):
        return render(MODULES[name].draw(result.table))


def write(name: str, preset: str, seed: int, directory: Path, code: str) -> None:
    """Perform a measurement and write its tables, figure and record.

    Args:
        name: a key of `CATALOGUE`.
        preset: a key of `SIZES`.
        seed: seeds the random streams.
        directory: receives `table` and `statements` as `.parquet` and `.csv`, `figure.svg` and `measurement.json`.
            The record `measurement.json` is removed first and written last, so that it stands
            only beside whole files.
        code: the digest of the code that the measurement reaches.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / RECORD).unlink(missing_ok=True)
    start = time.monotonic()
    result = perform(name, preset, seed)
    figure = drawing(name, result)
    seconds = time.monotonic() - start
    tables = {"table": result.table, "statements": as_table(result.statements)}
    for file, table in tables.items():
        write_table(directory / f"{file}.parquet", table)
        write_text(directory / f"{file}.csv", table.to_csv(index=False))
    with replacing(directory / "figure.svg") as temporary:
        temporary.write_bytes(figure)
    facts: dict[str, Any] = {"provenance": provenance(), "size": SIZES[preset], "seconds": seconds}
    record = Performed(measurement=CATALOGUE[name], preset=preset, seed=seed, code_digest=code, **facts)
    write_text(directory / RECORD, record.model_dump_json(indent=2) + "\n")
