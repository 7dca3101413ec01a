"""Measurements that the repository keeps, beside its published blocks; see `storage.published_blocks`."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from pgbench.laboratory.records import read_record
from pgbench.storage import digests
from pgbench.storage.layout import MEASUREMENT as RECORD
from pgbench.storage.layout import Layout
from pgbench.storage.published_blocks import Copied, Copy


def publish(results: Path, into: Path, preset: str, names: Iterable[str]) -> list[Copy]:
    """Copy the finished measurements of a preset; one of other code takes the place of a published one.

    Args:
        results: the results folder.
        into: the folder of what is published.
        preset: under which they were measured.
        names: keys of `catalogue.CATALOGUE`; those that are not finished are passed over.

    Raises:
        Refusal: if a record is damaged.
    """
    return _copy_all(results, into, preset, names)


def restore(published: Path, results: Path, preset: str, names: Iterable[str]) -> list[Copy]:
    """Put published measurements where the workflow finds them; see `publish` for the arguments.

    Raises:
        Refusal: if a record is damaged.
    """
    return _copy_all(published, results, preset, names)


def _copy_all(source: Path, destination: Path, preset: str, names: Iterable[str]) -> list[Copy]:
    directories = {name: Layout(source).measurement(preset, name) for name in names}
    return [
        Copy(name, _copy(name, directory, Layout(destination).measurement(preset, name)))
        for name, directory in directories.items()
        if (directory / RECORD).exists()
    ]


def _copy(name: str, source: Path, destination: Path) -> Copied:
    code = read_record(source).code_digest
    if code != digests.of_measurement(name):
        return "other code"
    if (destination / RECORD).exists() and read_record(destination).code_digest == code:
        return "there already"
    shutil.rmtree(destination, ignore_errors=True)
    # The record is copied last, so that it stands only beside whole files.
    destination.mkdir(parents=True)
    for path in sorted(source.iterdir(), key=lambda path: path.name == RECORD):
        shutil.copyfile(path, destination / path.name)
    return "copied"
