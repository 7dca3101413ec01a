"""Which code a result comes from: digests over the definitions that decide it, and over no others.

Each digest follows the names in the code from where a job begins. Comments, docstrings, annotations and the texts
of refusals do not count, nor does the file in which a definition stands. For a run, an arm of a `match` counts only
if the run has its component; a table of environments counts only with the entry of the run's environment.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel

from pgbench.base.places import PACKAGE
from pgbench.methods.runs import Run
from pgbench.storage.code.package import Package, read_sources
from pgbench.storage.code.reach import Job, Model, digest
from pgbench.studies.catalogue import CATALOGUE

TRAINING = (
    "pgbench.training.loop.Trainer",
    "pgbench.running.recording.Tables",
    "pgbench.running.condensing.condensed",
    "pgbench.running.keeping.policies_of",
)
CHECKPOINTS = ("pgbench.running.checkpoints.Checkpoints",)
TABLES = ("pgbench.analysis.gathering.gather",)
STUDY_PAGE = ("pgbench.report.study_page.write_study",)
INDEX_PAGE = ("pgbench.report.index_page.write_index",)
MEASUREMENT = ("pgbench.laboratory.measuring.write",)
LABORATORY_PAGE = ("pgbench.report.laboratory_page.write_page",)


def of_run(run: Run) -> str:
    """The digest of what training a run reaches, down to the rows of its tables and the tensors of its policies."""
    return _digest(TRAINING, job_of(run))


def of_checkpoints(run: Run) -> str:
    """The digest of what saves a run in the middle of its training."""
    return _digest(CHECKPOINTS, job_of(run))


def of_measurement(name: str) -> str:
    """The digest of what a measurement of the laboratory reaches."""
    return _digest(MEASUREMENT, job_of_measurement(name))


def of_anything(entries: tuple[str, ...]) -> str:
    """The digest of what tables or pages reach, whichever studies they are of; see the constants of this module."""
    return _digest(entries, Job())


def job_of(run: Run) -> Job:
    """What is known of the training of a run: every model in its specification, and its environment."""
    return Job(frozenset(_models(run)), frozenset({run.environment}))


def job_of_measurement(name: str) -> Job:
    """What is known of a measurement: which one it is."""
    return Job(names=frozenset({name}), others=frozenset(CATALOGUE))


def _models(value: Any) -> Iterator[Model]:
    """The models in a value, each with those of its values that a pattern can ask for."""
    if isinstance(value, BaseModel):
        fields = dict(value)
        asked = (
            (name, each) for name, each in fields.items() if each is None or isinstance(each, str | bool)
        )
        yield Model(type(value).__name__, tuple(asked))
        for each in fields.values():
            yield from _models(each)


@cache
def _digest(entries: tuple[str, ...], job: Job) -> str:
    return digest(_package(), entries, job)


@cache
def _package() -> Package:
    """The code as it is when it is first asked for: a checkout may be edited while a process runs."""
    return Package(read_sources(PACKAGE))
