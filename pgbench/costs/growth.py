"""How training grows: steps a second and memory of PPO with more replicas, wider networks, more environments.

Measured by `pgbench measure-growth` and kept in `workflows/growth.csv` with its origin, for the report and for the
choice of `block_size`. Imports no tensor library.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pydantic import PositiveFloat, PositiveInt, ValidationError

from pgbench.base.refusals import Refusal, explain
from pgbench.base.specification import Specification
from pgbench.costs.measured import ORIGIN, read_measured

REMEDY = "`python -m pgbench measure-growth` writes it"
ENVIRONMENT = "HalfCheetah-v5"
JOB_MEGABYTES = 2000
"""Memory that the workflow grants a job that trains, in 10⁶ bytes."""
JOB_MEBIBYTES = JOB_MEGABYTES * 10**6 / 2**20


class Setting(NamedTuple):
    """What is measured: replicas in lockstep, units of each hidden layer, environments of a replica."""

    replicas: int
    width: int
    environments: int

    def __str__(self) -> str:
        return ", ".join(f"{factor} {value}" for factor, value in self._asdict().items())


DEFAULT = Setting(replicas=10, width=64, environments=1)
"""Where one factor is varied at a time: the block size, the width and the environments that nobody chose."""
FACTORS = {
    "replicas": (1, 2, 4, 8, 10, 16, 32, 64),
    "width": (64, 128, 256, 512),
    "environments": (1, 2, 4, 8, 16),
}


class Growth(Specification):
    """A line of `growth.csv`: medians of `rounds`; steps are of all replicas together, in a second of CPU time."""

    replicas: PositiveInt
    width: PositiveInt
    environments: PositiveInt
    steps_per_second: PositiveFloat
    mebibytes: PositiveFloat
    rounds: PositiveInt

    @property
    def setting(self) -> Setting:
        """What was measured."""
        return Setting(self.replicas, self.width, self.environments)

    @property
    def share(self) -> float:
        """Steps a second of one replica."""
        return self.steps_per_second / self.replicas


@dataclass(frozen=True)
class GrowthTable:
    """What was measured, and when, on which machine and with which versions, in words."""

    origin: str
    rows: tuple[Growth, ...]

    def along(self, factor: str) -> list[Growth]:
        """The default and the settings that differ from it in this factor alone, in its order."""
        return sorted(
            (row for row in self.rows if _varied(row.setting) <= {factor}),
            key=lambda row: getattr(row.setting, factor),
        )


def settings() -> list[Setting]:
    """The settings that are measured: one factor at a time is varied, the default is there once."""
    varied = (DEFAULT._replace(**{factor: value}) for factor, values in FACTORS.items() for value in values)
    return list(dict.fromkeys(varied))


def fastest(rows: Iterable[Growth], mebibytes: float) -> Growth | None:
    """The row with the most steps a second of those that need at most so much memory; None if all need more."""
    return max(
        (row for row in rows if row.mebibytes <= mebibytes),
        key=lambda row: row.steps_per_second,
        default=None,
    )


def read_growth(path: Path) -> GrowthTable:
    """Read what was measured.

    Args:
        path: lines of `Growth`, after comments that begin with '#'.

    Raises:
        Refusal: if the file cannot be read or does not say where its figures come from, a line in it is wrong, or
            the settings are not the default and others that differ from it in one factor.
    """
    comments, lines = read_measured(path, REMEDY)
    _, found, origin = comments.rpartition(ORIGIN)
    if not found:
        raise Refusal(f"{path}: no comment says '# {ORIGIN}…', when and on which machine; {REMEDY}")
    table = GrowthTable(
        found + origin, tuple(_row(path, number, line) for number, line in enumerate(lines, start=1))
    )
    counts = Counter(row.setting for row in table.rows)
    if not counts[DEFAULT]:
        raise Refusal(f"{path}: the default ({DEFAULT}) was not measured; {REMEDY}")
    for setting, count in counts.items():
        if count > 1:
            raise Refusal(f"{path}: {setting} stands there {count} times; keep one of them")
        if len(_varied(setting)) > 1:
            raise Refusal(
                f"{path}: {setting} differs from the default ({DEFAULT}) in more than one factor; {REMEDY}"
            )
    return table


def _row(path: Path, number: int, line: dict[str, str]) -> Growth:
    try:
        return Growth.model_validate(line)
    except ValidationError as error:
        raise explain(error, f"{path}: row {number}", Growth) from None


def _varied(setting: Setting) -> set[str]:
    """The factors in which a setting differs from the default."""
    values = setting._asdict()
    return {factor for factor, value in DEFAULT._asdict().items() if values[factor] != value}
