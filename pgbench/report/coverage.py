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
        there: the blocks of it that are published.
        blocks: how many it has at its first look.
        claims: how many claims it has.
    """

    study: str
    there: tuple[str, ...]
    blocks: int
    claims: int

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return len(self.there) == self.blocks


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
            there=tuple(name for name in plan.blocks() if (layout.block(name) / RECORD).exists()),
            blocks=len(plan.blocks()),
            claims=len(plan.study.claims),
        )
        for plan in plans
    )


def summary(covered: Sequence[Coverage]) -> str:
    """How many studies lack blocks, as a sentence; empty if none does."""
    missing = [one for one in covered if not one.whole]
    begun = sum(bool(one.there) for one in missing)
    claims = wording.count(sum(one.claims for one in missing), "claim")
    return (
        f"{len(missing)} of {wording.count(len(covered), 'study', 'studies')} lack results at their own budgets, "
        f"with {claims}; of {begun} of them a part is published."
        if missing
        else ""
    )
