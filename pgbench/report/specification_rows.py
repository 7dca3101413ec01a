"""The variants of a study as rows of its page: how each follows from the variant before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pgbench.base import wording
from pgbench.methods import lineage
from pgbench.methods.members import Member
from pgbench.studies.plans import StudyPlan


class FieldChange(NamedTuple):
    """A field of a specification, and its values in the variant before and in this one."""

    field: str
    before: str
    after: str


@dataclass(frozen=True)
class Rung:
    """A variant of a study.

    Attributes:
        variant: its name in the study.
        parent: the member of the lineage that it changes.
        before: the variant before it; none for the first.
        changes: in what its specification differs from that of the variant before.
        steps: the members of the lineage between the two, whose ideas explain the changes.
    """

    variant: str
    parent: str
    before: str | None
    changes: tuple[FieldChange, ...]
    steps: tuple[Member, ...]


def rungs(plan: StudyPlan) -> tuple[Rung, ...]:
    """Every variant of a study, in the study's order."""
    rows: list[Rung] = []
    before: str | None = None
    for label, changes in plan.differences().items():
        parent = plan.parents[label]
        rows.append(
            Rung(
                variant=label,
                parent=parent,
                before=before,
                changes=tuple(
                    FieldChange(path, *map(wording.component, pair)) for path, pair in changes.items()
                ),
                steps=steps_between(plan.parents[before] if before else None, parent),
            )
        )
        before = label
    return tuple(rows)


def steps_between(before: str | None, name: str) -> tuple[Member, ...]:
    """The members of the lineage after one and up to another; only the last if no line joins the two."""
    members: list[Member] = []
    walker: str | None = name
    while walker is not None and walker != before:
        members.insert(0, lineage.LINEAGE[walker])
        walker = lineage.LINEAGE[walker].parent
    return tuple(members if walker is not None else members[-1:])
