"""How many looks a study has had, by the blocks that are on disk."""

from __future__ import annotations

from pgbench.storage.layout import RECORD, Layout
from pgbench.studies.plans import MOST_LOOKS, StudyPlan


def is_whole(plan: StudyPlan, layout: Layout) -> bool:
    """Whether all blocks of a study are on disk."""
    return all((layout.block(name) / RECORD).exists() for name in plan.blocks())


def with_looks_on_disk(plan: StudyPlan, layout: Layout, block_size: int) -> StudyPlan:
    """The plan with as many looks as have all their blocks on disk, at least one."""
    looks = 1
    while looks < MOST_LOOKS and is_whole(plan.extended(looks + 1, block_size), layout):
        looks += 1
    return plan.extended(looks, block_size)
