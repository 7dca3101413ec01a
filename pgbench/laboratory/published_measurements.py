"""Measurements that the repository keeps, beside its published blocks; see `storage.published_blocks`."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from pgbench.laboratory.records import read_record
from pgbench.storage import digests
from pgbench.storage.layout import MEASUREMENT as RECORD
from pgbench.storage.layout import Layout
from pgbench.storage.published_blocks import Copied, Copy, copied


def copy(source: Path, destination: Path, preset: str, names: Iterable[str]) -> list[Copy]:
    """Copy the finished measurements of a preset; one of other code gives way to one of this code.

    Results become published ones, and published ones results, by the same copy.

    Args:
        source: the results folder, or the folder of what is published.
        destination: the other of the two.
        preset: under which they were measured.
        names: keys of `catalogue.CATALOGUE`; those that are not finished are passed over.
    """
    places = {
        name: [Layout(root).measurement(preset, name) for root in (source, destination)] for name in names
    }
    return [
        copied(name, partial(_copy, name, *directories))
        for name, directories in places.items()
        if (directories[0] / RECORD).exists()
    ]


def reproducible(published: Path, preset: str, names: Iterable[str]) -> list[str]:
    """The published measurements that this code would make again as they are; the others are out of date.

    Args:
        published: the folder of what is published.
        preset: under which they were measured.
        names: keys of `catalogue.CATALOGUE`.
    """
    directories = {name: Layout(published).measurement(preset, name) for name in names}
    return [
        name
        for name, directory in directories.items()
        if (directory / RECORD).exists()
        and read_record(directory).code_digest == digests.of_measurement(name)
    ]


def _copy(name: str, source: Path, destination: Path) -> Copied:
    code = read_record(source).code_digest
    if code != digests.of_measurement(name):
        return "other code"
    if (destination / RECORD).exists() and read_record(destination).code_digest == code:
        return "there already"
    destination.parent.mkdir(parents=True, exist_ok=True)
    # A copy that is interrupted leaves the destination as it was.
    with TemporaryDirectory(prefix=".", dir=destination.parent) as beside:
        whole = Path(beside) / "whole"
        shutil.copytree(source, whole, copy_function=shutil.copyfile)
        if destination.exists():
            destination.rename(Path(beside) / "before")
        whole.rename(destination)
    return "copied"
