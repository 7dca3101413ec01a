"""How much of each study is published: by its blocks, and by the claims that have a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pgbench.base import wording
from pgbench.storage.layout import RECORD, Layout
from pgbench.studies.plans import StudyPlan


@dataclass(frozen=True)
class Coverage:
    """How much of a study is published.

    Attributes:
        study: its name.
        question: what it asks.
        there: how many of its blocks are published.
        blocks: how many it has at its first look.
        claims: how many claims it has.
    """

    study: str
    question: str
    there: int
    blocks: int
    claims: int

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return self.there == self.blocks

    @property
    def share(self) -> str:
        """In words, such as "9 of 52 blocks"."""
        return f"{self.there} of {wording.count(self.blocks, 'block')}"


def coverage(plans: Iterable[StudyPlan], published: Path) -> tuple[Coverage, ...]:
    """How much of each study is published, in the order of the plans.

    Args:
        plans: the studies at their own budgets.
        published: the folder of the published blocks.
    """
    layout = Layout(published)
    return tuple(
        Coverage(
            study=plan.name,
            question=plan.study.question,
            there=sum((layout.block(name) / RECORD).exists() for name in plan.blocks()),
            blocks=len(plan.blocks()),
            claims=len(plan.study.claims),
        )
        for plan in plans
    )


def lacking(covered: Sequence[Coverage]) -> tuple[Coverage, ...]:
    """The studies that lack blocks: those of which most is published come first."""
    return tuple(sorted((one for one in covered if not one.whole), key=lambda one: -one.there / one.blocks))


def summary(covered: Sequence[Coverage]) -> str:
    """How many studies lack blocks, as a sentence; empty if none does."""
    missing = lacking(covered)
    begun = sum(bool(one.there) for one in missing)
    claims = wording.count(sum(one.claims for one in missing), "claim")
    return (
        f"{len(missing)} of {wording.count(len(covered), 'study', 'studies')} lack results at their own budgets, "
        f"with {claims}; of {begun} of them a part is published."
        if missing
        else ""
    )
