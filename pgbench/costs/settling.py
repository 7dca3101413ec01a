"""Settling open claims: which studies have had how many looks, and whose next look is worth its cost.

A look at a study (`analysis.looks`) needs more seeds of all its runs. Nothing has to be remembered: a study has had
a look if all its blocks are on disk. `settle_hours` says how much may be spent on all looks after the first,
together, in hours of one core. Blocks on disk count with the time that they took, so calling again goes on, and
does not begin again.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pgbench.base import wording
from pgbench.base.refusals import Refusal
from pgbench.costs.budgets import planned_blocks
from pgbench.costs.model import CostModel, finished_block, finished_blocks, read_costs
from pgbench.storage.layout import PLAN, RECORD, Layout
from pgbench.storage.looks_on_disk import with_looks_on_disk
from pgbench.studies.configuration import Configuration
from pgbench.studies.plans import MOST_LOOKS, StudyPlan, plan_studies

VERDICTS = "verdicts.csv"


class OpenClaim(NamedTuple):
    """A claim that the looks so far left open.

    Attributes:
        study: its name.
        claim: its id.
        chance: that the next look settles it.
    """

    study: str
    claim: str
    chance: float


@dataclass(frozen=True)
class NextLook:
    """A look that a study has not had yet.

    Attributes:
        plan: the study with this look.
        claims: those that are open.
        missing: name → seconds of one core, of its blocks that are not on disk.
        begun: whether some of its blocks are.
    """

    plan: StudyPlan
    claims: tuple[OpenClaim, ...]
    missing: Mapping[str, float]
    begun: bool

    @property
    def worth(self) -> float:
        """How many claims it is expected to settle."""
        return sum(claim.chance for claim in self.claims)

    def seconds(self, chosen: Collection[str] = ()) -> float:
        """What it costs, without blocks that are trained anyway."""
        return sum(cost for name, cost in self.missing.items() if name not in chosen)


def next_looks(
    plans: Iterable[StudyPlan], layout: Layout, block_size: int, model: CostModel
) -> list[NextLook]:
    """The next look at each study that has open claims, and tables of the looks that it has had.

    Args:
        plans: each with the looks that it has had; see `with_looks_on_disk`.
        layout: of the results folder.
        block_size: replicas that one job trains in lockstep.
        model: what training costs.
    """
    found = []
    for plan in plans:
        claims = open_claims(plan, layout)
        if claims and plan.looks < MOST_LOOKS:
            extended = plan.extended(plan.looks + 1, block_size)
            before = set(plan.blocks())
            new = [block for block in planned_blocks([extended], model) if block.name not in before]
            missing = {
                block.name: block.cost.seconds
                for block in new
                if not (layout.block(block.name) / RECORD).exists()
            }
            found.append(NextLook(extended, claims, missing, begun=len(missing) < len(new)))
    return found


def open_claims(plan: StudyPlan, layout: Layout) -> tuple[OpenClaim, ...]:
    """The open claims of a study that another look may settle; none if its tables are not of this plan."""
    directory = layout.study(plan.preset, plan.name)
    try:
        gathered = StudyPlan.model_validate_json((directory / PLAN).read_bytes())
        rows = list(csv.DictReader((directory / VERDICTS).read_text(encoding="utf-8").splitlines()))
        if gathered.digest != plan.digest:
            return ()
        return tuple(
            OpenClaim(plan.name, row["claim"], float(row["chance"])) for row in rows if row["chance"]
        )
    except (OSError, ValueError, KeyError):
        return ()


def best(looks: Sequence[NextLook], seconds: float) -> list[NextLook]:
    """The looks worth most for so many seconds of one core, in the order in which they were chosen.

    Looks that have begun come first. Then each choice is the look that is expected to settle most claims for its
    cost, among those that fit in what is left.
    """
    chosen: list[NextLook] = []
    blocks: set[str] = set()
    rest = [look for look in looks if look.worth > 0]
    while rest:
        affordable = [look for look in rest if look.seconds(blocks) <= seconds]
        if not affordable:
            break
        first = max(affordable, key=lambda look: (look.begun, look.worth / max(look.seconds(blocks), 1.0)))
        seconds -= first.seconds(blocks)
        blocks |= first.missing.keys()
        chosen.append(first)
        rest.remove(first)
    return chosen


def spent(plans: Iterable[StudyPlan], layout: Layout, block_size: int) -> float:
    """The seconds of one core that all blocks on disk took which belong to looks after the first."""
    later: set[str] = set()
    first: set[str] = set()
    for plan in plans:
        first |= set(plan.extended(1, block_size).blocks())
        later |= set(plan.extended(MOST_LOOKS, block_size).blocks())
    blocks = (finished_block(layout.block(name)) for name in sorted(later - first))
    return sum(block.seconds for block in blocks if block is not None)


def planned(
    configuration: Configuration, files: Mapping[str, Path], layout: Layout, costs: Path
) -> dict[str, StudyPlan]:
    """Name → plan of each study, with the looks that it has had, and with those that `settle_hours` pays for.

    Args:
        configuration: of the workflow.
        files: name → file of each study.
        layout: of the results folder.
        costs: what training costs; see `model.read_costs`. It is read only if there are hours to spend.

    Raises:
        Refusal: if a study cannot be used; or if there are hours to spend and nothing says which claims are open.
    """
    size = configuration.block_size
    plans = {
        name: with_looks_on_disk(plan, layout, size)
        for name, plan in plan_studies(configuration, files).items()
    }
    if configuration.settle_hours is None:
        return plans
    if not any((layout.study(plan.preset, name) / VERDICTS).exists() for name, plan in plans.items()):
        raise Refusal(
            "settle_hours: no study has been gathered, so nothing says which claims are open; "
            "run `snakemake` without settle_hours first"
        )
    model = read_costs(costs, finished_blocks(layout.root))
    _, chosen = offered(plans.values(), layout, size, model, configuration.settle_hours)
    return plans | {look.plan.name: look.plan for look in chosen}


def offered(
    plans: Iterable[StudyPlan], layout: Layout, block_size: int, model: CostModel, hours: float
) -> tuple[list[NextLook], list[NextLook]]:
    """All next looks, and those of them that so many hours pay for.

    Args:
        plans: each with the looks that it has had.
        layout: of the results folder.
        block_size: replicas that one job trains in lockstep.
        model: what training costs.
        hours: of one core, for all looks after the first, those on disk included.
    """
    had = list(plans)
    looks = next_looks(had, layout, block_size, model)
    return looks, best(looks, 3600 * hours - spent(had, layout, block_size))


def describe(looks: Sequence[NextLook], chosen: Sequence[NextLook], hours: float | None) -> str:
    """The open claims as a table, those first that are settled at the least cost, and what the hours pay for.

    Args:
        looks: at studies with open claims.
        chosen: those that the hours pay for.
        hours: of one core, for all looks after the first; None if none are named.
    """
    if not looks:
        return "no claim is open that another look could settle"
    in_order = sorted(looks, key=lambda look: look.seconds() / max(look.worth, 1e-9))
    rows = [
        (
            *(claim.study, claim.claim, f"{look.plan.seeds_at_looks[-1]}", wording.percent(claim.chance)),
            *(wording.duration(look.seconds()), "yes" if look in chosen else ""),
        )
        for look in in_order
        for claim in sorted(look.claims, key=lambda claim: -claim.chance)
    ]
    within = "" if hours is None else f"within {hours:g} hours"
    head = ("study", "open claim", "seeds then", "chance to settle it", "core time of the look", within)
    table = wording.text_table(head, rows)
    if hours is None:
        return f"{table}\n\n`--hours 40` says which of these looks 40 hours of one core pay for"
    names = wording.enumeration([look.plan.name for look in chosen]) or "none"
    return (
        f"{table}\n\n{hours:g} hours of one core pay for the next looks at: {names}; "
        f"expected to settle: {sum(look.worth for look in chosen):.1f} claims\n"
        f"`snakemake --cores N --config settle_hours={hours:g}` trains them"
    )
