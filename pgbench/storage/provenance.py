"""Where a result comes from: the code, the versions of what it stands on, and the machine.

Nothing that is described here is imported: versions come from the installed packages' metadata.
"""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from pgbench.base.places import CHECKOUT
from pgbench.base.specification import Specification

# What decides a number, and, with the last two, the bytes of the table that it stands in.
PACKAGES = ("torch", "numba", "numpy", "gymnasium", "mujoco", "pgbench", "pandas", "pyarrow")


class Machine(Specification):
    """The computer that trained."""

    platform: str = Field(description="Operating system, its version and architecture.")
    processor: str = Field(description="The processor's model.")
    cores: PositiveInt = Field(description="Logical cores.")


class Provenance(Specification):
    """The code, its versions and its machine."""

    commit: str | None = Field(description="Git commit of the checkout; none outside one.")
    dirty: bool | None = Field(description="Whether the checkout had changes that no commit holds.")
    versions: dict[str, str] = Field(description="Package (and python) → version.")
    machine: Machine


class Resumption(Specification):
    """Training that went on from a checkpoint in another process."""

    at: AwareDatetime
    steps: NonNegativeInt = Field(description="Environment steps of all replicas that the checkpoint held.")
    commit: str | None
    machine: Machine


class History(Provenance):
    """How a block has been trained so far; commit, versions and machine are those with which it began."""

    code_digest: str = Field(description="Digest of the code that training reaches.")
    started: AwareDatetime
    seconds: NonNegativeFloat = Field(description="Wall time spent on training.")
    steps: NonNegativeInt = Field(description="Environment steps of all the block's replicas together.")
    resumptions: tuple[Resumption, ...] = Field((), description="Where it went on from a checkpoint.")

    @property
    def machines(self) -> list[Machine]:
        """The machines that trained, in turn."""
        return [self.machine, *(resumption.machine for resumption in self.resumptions)]


def provenance() -> dict[str, Any]:
    """Commit, dirtiness, versions and machine of this process, as plain values; see `Provenance`."""
    commit, dirty = _checkout(CHECKOUT)
    versions = {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}
    machine = Machine(platform=platform.platform(), processor=_processor(), cores=os.cpu_count() or 1)
    return Provenance(commit=commit, dirty=dirty, versions=versions, machine=machine).model_dump()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _git(directory: Path, *arguments: str) -> str | None:
    """What git prints, or none where git, or a checkout that it trusts, is missing."""
    try:
        run = subprocess.run(
            ["git", "-C", str(directory), *arguments], capture_output=True, check=True, text=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return run.stdout.strip()


def _checkout(directory: Path) -> tuple[str | None, bool | None]:
    """Commit and dirtiness of a checkout whose root is the directory."""
    root = _git(directory, "rev-parse", "--show-toplevel")
    # An installed copy may lie inside another project's checkout, whose commit says nothing about this code.
    if root is None or Path(root).resolve() != directory.resolve():
        return None, None
    changes = _git(directory, "status", "--porcelain")
    return _git(directory, "rev-parse", "HEAD"), None if changes is None else bool(changes)


def _processor() -> str:
    """The processor's model: from the kernel where it tells, else from the platform."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or "unknown"
