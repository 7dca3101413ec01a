"""What a member of the lineage is, and how one follows from another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pgbench.base.specification import Specification
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.paths import difference, replace


class Member(Specification):
    """A named method: its algorithm, its parent's name, the idea of its one change, and the source."""

    name: str
    parent: str | None
    algorithm: Algorithm
    idea: str
    source: str


def successor(parent: Member, name: str, change: Mapping[str, Any], idea: str, source: str) -> Member:
    """The parent's algorithm with exactly one field replaced.

    Raises:
        ValueError: if the change replaces more or fewer than one field.
    """
    algorithm = replace(parent.algorithm, change)
    if len(change) != 1 or len(difference(parent.algorithm, algorithm)) != 1:
        raise ValueError(
            f"{name}: a successor replaces exactly one field of {parent.name}, not {list(change)}"
        )
    return Member(name=name, parent=parent.name, algorithm=algorithm, idea=idea, source=source)
