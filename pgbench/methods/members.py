"""A member of the lineage, and how one follows from another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pgbench.base.specification import Specification
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.paths import difference, with_values


class Member(Specification):
    """A method with a name.

    Attributes:
        name: the member's name, by which people choose it.
        parent: the parent's name; None: the member is the root of the lineage.
        algorithm: the algorithm.
        idea: the idea behind the one change to the parent, as a clause.
        source: where the change was published.
    """

    name: str
    parent: str | None
    algorithm: Algorithm
    idea: str
    source: str


def successor(parent: Member, name: str, change: Mapping[str, Any], idea: str, source: str) -> Member:
    """The member whose algorithm is the parent's with exactly one field replaced.

    Args:
        parent: the member to start from.
        name: name of the new member.
        change: one dotted path and its new value; see `paths.with_values`.
        idea: see `Member`.
        source: see `Member`.

    Raises:
        ValueError: if the change replaces no field or several.
    """
    algorithm = with_values(parent.algorithm, change)
    if len(change) != 1 or len(difference(parent.algorithm, algorithm)) != 1:
        raise ValueError(
            f"{name}: a successor replaces exactly one field of {parent.name}, but this one replaces {list(change)}"
        )
    return Member(name=name, parent=parent.name, algorithm=algorithm, idea=idea, source=source)
