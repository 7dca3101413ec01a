"""What people write about methods: a member's name, and values at paths. Mistakes are refused with a hint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from pgbench.base.refusals import Refusal, explain, nearest
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.lineage import LINEAGE
from pgbench.methods.members import Member
from pgbench.methods.paths import settable_paths, with_values


def member(name: str, where: str) -> Member:
    """The member of the lineage with this name.

    Args:
        name: the name that somebody wrote.
        where: the place where it was written, for the message.

    Raises:
        Refusal: if the lineage has no such member; the message names the nearest one.
    """
    if name not in LINEAGE:
        raise Refusal(f"{where}: '{name}' is not in the lineage; {nearest(name, LINEAGE)}")
    return LINEAGE[name]


def override(algorithm: Algorithm, overrides: Mapping[str, Any], where: str) -> Algorithm:
    """`paths.with_values`, with errors for people.

    Args:
        algorithm: the algorithm to start from.
        overrides: the new value at each dotted path.
        where: the place where the overrides were written, for the message.

    Raises:
        Refusal: if a path does not exist or a value is not allowed there; the message names the path.
    """
    try:
        return with_values(algorithm, overrides)
    except KeyError as error:
        path = error.args[0]
        raise Refusal(f"{where}: unknown key '{path}'; {nearest(path, settable_paths(algorithm))}") from None
    except ValidationError as error:
        raise explain(error, where, Algorithm) from None
