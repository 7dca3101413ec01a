"""How many claims have which verdict. A verdict at less than the study's budget is counted apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pgbench.analysis import inference
from pgbench.analysis.judging import CONTRADICTED, INCONCLUSIVE, REPLICATED
from pgbench.analysis.published_verdicts import FullVerdict
from pgbench.base import wording

JUDGED = (CONTRADICTED, REPLICATED, INCONCLUSIVE)
"""Verdicts in the order of pages: what contradicts a paper, then what confirms it, then what is open."""
SETTLED = (CONTRADICTED, REPLICATED)
"""Verdicts that say yes or no."""


class Counted(Protocol):
    """What is known of a claim."""

    @property
    def verdict(self) -> str:
        """One of `VERDICT_NAMES`."""

    @property
    def provisional(self) -> bool:
        """Whether it was judged at less than the study's budget."""

    @property
    def full(self) -> FullVerdict | None:
        """The verdict at the study's own budget."""


@dataclass(frozen=True)
class Tally:
    """How many claims have which verdict, each in the order of `JUDGED`; verdicts that no claim has are left out.

    Attributes:
        claims: how many there are.
        full: verdicts at the studies' own budgets, with those that only the published results have.
        provisional: verdicts at less.
        not_judged: how many claims have neither.
    """

    claims: int
    full: tuple[tuple[str, int], ...]
    provisional: tuple[tuple[str, int], ...]
    not_judged: int

    def full_of(self, verdict: str) -> int:
        """How many claims have this verdict at the studies' own budgets."""
        return dict(self.full).get(verdict, 0)

    def provisional_of(self, verdict: str) -> int:
        """How many claims have this verdict at less."""
        return dict(self.provisional).get(verdict, 0)


def tally(findings: Iterable[Counted]) -> Tally:
    """Count the verdicts of some claims."""
    counted = list(findings)
    full = Counter(finding.full.verdict for finding in counted if finding.full)
    provisional = Counter(finding.verdict for finding in counted if finding.provisional)
    return Tally(
        claims=len(counted),
        full=tuple((name, full[name]) for name in JUDGED if full[name]),
        provisional=tuple((name, provisional[name]) for name in JUDGED if provisional[name]),
        not_judged=sum(not finding.provisional and finding.full is None for finding in counted),
    )


def rank(finding: Counted) -> int:
    """Where a claim stands in a list: what is settled comes first, and what contradicts a paper before all else."""
    order = [(verdict, at_full_budget) for at_full_budget in (True, False) for verdict in JUDGED]
    if finding.full:
        return order.index((finding.full.verdict, True))
    return order.index((finding.verdict, False)) if finding.provisional else len(order)


def wrong_to_expect(settled: Sequence[str]) -> dict[str, str]:
    """What the sentences on wrong verdicts say, by the names in their braces.

    Args:
        settled: the study of each settled claim, once a claim.
    """
    studies = len(set(settled))
    return {
        "alpha": wording.percent(inference.ALPHA),
        "settled": wording.count(len(settled), "verdict"),
        "settled_studies": wording.count(studies, "study", "studies"),
        "wrong": f"{inference.ALPHA * studies:.1f}",
    }
