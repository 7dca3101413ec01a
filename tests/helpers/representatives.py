"""Members of the lineage that together have every kind of choice, for tests that are too slow for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from pgbench.base.specification import Specification
from pgbench.environments import ActionKind
from pgbench.methods.compatibility.of_actions import action_faults
from pgbench.methods.lineage import LINEAGE

Choice = tuple[str, Any]
"""A path, and a kind, a word, a switch, or whether a number is set."""


def choices(component: Specification, path: str = "") -> Iterator[Choice]:
    """What a specification chooses. One number stands for all others, because they take the same way."""
    for name in type(component).model_fields:
        value, where = getattr(component, name), f"{path}.{name}"
        if isinstance(value, Specification):
            yield where, type(value).__name__
            yield from choices(value, where)
        else:
            yield where, value if isinstance(value, str | bool | None) else "a number"


def representatives() -> list[str]:
    """Names of few members that have every choice which some member has, in the order of the lineage."""
    wanted = {name: set(choices(member.algorithm)) for name, member in LINEAGE.items()}
    missing: set[Choice] = set().union(*wanted.values())
    taken = []
    while missing:
        best = max(wanted, key=lambda name: len(wanted[name] & missing))
        taken.append(best)
        missing -= wanted[best]
    return [name for name in LINEAGE if name in taken]


def fits(name: str, kind: ActionKind) -> bool:
    """Whether a member has a meaning for a kind of actions."""
    return not any(action_faults(LINEAGE[name].algorithm, kind))


def marked(names: Iterable[str], *others: Any) -> list[Any]:
    """Parameters of a test, for each member: those that represent no choice are tested by `make test-faults`.

    Args:
        names: of members.
        others: values that follow the name in every parameter.
    """
    few = set(representatives())
    return [pytest.param(name, *others, marks=() if name in few else (pytest.mark.faults,)) for name in names]


def on_classic_control() -> list[Any]:
    """Every member, `marked`, with an environment whose actions it has a meaning for."""
    worlds = {name: "CartPole-v1" if fits(name, "discrete") else "Pendulum-v1" for name in LINEAGE}
    return [parameter for name, world in worlds.items() for parameter in marked([name], world)]
