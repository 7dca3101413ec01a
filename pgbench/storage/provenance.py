"""Where a result comes from: the code, the versions of the packages that it uses, and the machine.

The packages are not imported: their versions come from the metadata of the installation.
"""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, Field, NonNegativeFloat, NonNegativeInt, PositiveInt

from pgbench.base.places import CHECKOUT
from pgbench.base.specification import Specification

PACKAGES = ("torch", "numba", "numpy", "gymnasium", "mujoco", "pgbench", "pandas", "pyarrow", "safetensors")
"""The packages that decide a number; the last three decide the bytes of the file that holds it."""


class Machine(Specification):
    """The computer that trained."""

    platform: str = Field(description="Operating system, its version and architecture.")
    processor: str = Field(description="The processor's model.")
    cores: PositiveInt = Field(description="Logical cores.")


class Provenance(Specification):
    """The code, its versions and its machine."""

    commit: str | None = Field(description="Git commit of the checkout; none outside a checkout.")
    dirty: bool | None = Field(description="Whether the checkout had uncommitted changes.")
    versions: dict[str, str] = Field(description="Package (and python) → version.")
    machine: Machine


class Resumption(Specification):
    """A process that continued training from a checkpoint."""

    at: AwareDatetime
    steps: NonNegativeInt = Field(description="Environment steps of all replicas that the checkpoint held.")
    commit: str | None
    machine: Machine


class History(Provenance):
    """How a block has been trained so far; commit, versions and machine are those of the first process."""

    code_digest: str = Field(description="Digest of the code that training reaches.")
    environment_origin: str | None = Field(
        None,
        exclude_if=lambda value: value is None,
        description="The distribution and version of an environment that Gymnasium does not bring, "
        "or its module and a digest of the module's file.",
    )
    started: AwareDatetime
    seconds: NonNegativeFloat = Field(description="Wall time spent on training.")
    steps: NonNegativeInt = Field(description="Environment steps of all the block's replicas together.")
    resumptions: tuple[Resumption, ...] = Field((), description="The processes that continued it.")

    @property
    def machines(self) -> list[Machine]:
        """The machines that trained, in order."""
        return [self.machine, *(resumption.machine for resumption in self.resumptions)]


def provenance() -> dict[str, Any]:
    """The `Provenance` of this process, as plain values."""
    commit, dirty = _checkout(CHECKOUT)
    versions = {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}
    machine = Machine(platform=platform.platform(), processor=_processor(), cores=os.cpu_count() or 1)
    return Provenance(commit=commit, dirty=dirty, versions=versions, machine=machine).model_dump()


def origin_comment() -> str:
    """Comments of a table that say where its figures come from: when, which machine, versions and commit."""
    source = Provenance.model_validate(provenance())
    versions = ", ".join(f"{name} {version}" for name, version in source.versions.items())
    busy, _, _ = os.getloadavg()
    return f"""\
# Measured {datetime.now(UTC):%Y-%m-%d %H:%M} UTC on {source.machine.processor}, {source.machine.cores} cores, \
{busy:.1f} jobs running; {source.machine.platform};
# {versions}; commit {source.commit}."""


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _git(directory: Path, *arguments: str) -> str | None:
    """What git prints; None if there is no git, or no checkout that it trusts."""
    # A shell that git itself started, for a hook, says with `GIT_DIR` which checkout it works on.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(directory), *arguments]
    try:
        run = subprocess.run(
            command, capture_output=True, check=True, encoding="utf-8", timeout=60, env=variables
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return run.stdout.strip()


def _checkout(directory: Path) -> tuple[str | None, bool | None]:
    """Commit of the checkout whose root is the directory, and whether it has uncommitted changes."""
    root = _git(directory, "rev-parse", "--show-toplevel")
    # The directory may lie inside another project's checkout, whose commit says nothing about this code.
    if root is None or Path(root).resolve() != directory.resolve():
        return None, None
    changes = _git(directory, "status", "--porcelain")
    return _git(directory, "rev-parse", "HEAD"), None if changes is None else bool(changes)


def _processor() -> str:
    """The processor's model: from the kernel if it tells, else from the platform."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or "unknown"
