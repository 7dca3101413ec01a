"""Evidence: what results say about one claim, as the p-values of two opposite findings.

A claim says that its effect lies between two bounds. The findings are that it lies between them, and that it lies
beyond one of them. A claim of several parts holds if all parts hold, and fails if one part fails
(`inference.combine`). Each finding is a one-sided test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from pgbench.analysis import effects, inference
from pgbench.analysis.effects import Effect, Unjudgeable
from pgbench.analysis.inference import Contrast, PValues
from pgbench.studies.claims import AgainstReference, AtLeast, Claim, Hypothesis
from pgbench.studies.plans import StudyPlan

Groups = tuple[tuple[Effect, ...], ...]
"""In each group, at least one effect must lie between the bounds."""


@dataclass(frozen=True)
class Evidence:
    """What the results say about a claim.

    Attributes:
        tested: the claim as a test.
        worlds: for the environments together, or for each that the claim is tested on alone: its groups of effects.
        needed: in how many of these worlds the claim must hold.
    """

    tested: Hypothesis
    worlds: tuple[Groups, ...]
    needed: int

    def p_values(self, of: Callable[[Effect], Contrast]) -> PValues:
        """P-values of the findings that the claim holds, and that it fails.

        Args:
            of: the contrast of an effect; of any shape, the same for all.
        """
        return inference.at_least(
            self.needed,
            [
                inference.combine([[self._between(of(one)) for one in group] for group in groups])
                for groups in self.worlds
            ],
        )

    @cached_property
    def found(self) -> PValues:
        """The p-values of the two findings."""
        return self.p_values(lambda effect: effect.contrast)

    @property
    def p(self) -> float:
        """The p-value of the stronger of the two findings."""
        return min(float(self.found.holds), float(self.found.fails))

    @property
    def holds(self) -> bool:
        """Whether that the claim holds is the stronger finding."""
        return bool(self.found.holds < self.found.fails)

    @property
    def effects(self) -> tuple[Effect, ...]:
        """Every effect that the hypothesis compares, each where it was measured."""
        return tuple(effect for groups in self.worlds for group in groups for effect in group)

    @cached_property
    def decisive(self) -> Effect:
        """The effect that the p-values depend on."""
        group = self._weakest(self._deciding)
        return min(group, key=lambda effect: float(self._between(effect.contrast).holds))

    @property
    def ways_to_hold(self) -> int:
        """The tests of which any would show that the decisive effect's part of the claim holds."""
        return (len(self.worlds) - self.needed + 1) * len(self._weakest(self._deciding))

    @property
    def ways_to_fail(self) -> int:
        """The tests of which any would show that the claim fails."""
        return self.needed * len(self._deciding) * inference.bounds(self.tested.low, self.tested.high)

    @cached_property
    def _deciding(self) -> Groups:
        """The world that is the `needed`-th in strength."""

        def strength(groups: Groups) -> float:
            """The p-value of the finding that the claim holds in a world."""
            return float(
                inference.combine([[self._between(one.contrast) for one in group] for group in groups]).holds
            )

        return sorted(self.worlds, key=strength)[self.needed - 1]

    def _weakest(self, groups: Groups) -> tuple[Effect, ...]:
        """The group whose best effect holds least."""
        return max(groups, key=lambda group: min(float(self._between(one.contrast).holds) for one in group))

    def _between(self, contrast: Contrast) -> PValues:
        return inference.between(contrast, self.tested.low, self.tested.high)


@dataclass(frozen=True)
class NotJudged:
    """Why there is no verdict on a claim.

    Attributes:
        reason: in words.
        left_out: whether that was known before there were results, because the preset leaves the claim out.
    """

    reason: str
    left_out: bool


def examine(plan: StudyPlan, claim: Claim, tested: Hypothesis, scores: pd.DataFrame) -> Evidence | NotJudged:
    """The evidence on a claim, or why there is none.

    Args:
        plan: the study, with what was spent on it.
        claim: one of the study's.
        tested: the claim as a test.
        scores: one row a replica, in which replicas that diverged have their substitute score.
    """
    environments = claim.environments or tuple(plan.study.environments)
    absent = [environment for environment in environments if environment in plan.left_out]
    if isinstance(claim.across, AtLeast) and claim.environments is None:
        absent = list(plan.left_out)  # fewer environments would make another claim
    if absent:
        return NotJudged(f"the preset {plan.preset} leaves out {', '.join(absent)}", left_out=True)
    if isinstance(claim, AgainstReference) and (plan.left_out or share_of_steps(plan, claim) < 1):
        reason = "a published score is compared at its own steps and environments only"
        return NotJudged(reason, left_out=True)
    worlds = [environments] if claim.across == "mean" else [(each,) for each in environments]
    needed = claim.across.at_least if isinstance(claim.across, AtLeast) else len(worlds)

    def groups(world: Sequence[str]) -> Groups:
        """The effects in a world."""
        return tuple(
            tuple(
                effects.effect(scores, claim.score, compared, world, tested.unit, tested.published)
                for compared in group
            )
            for group in tested.groups
        )

    try:
        return Evidence(tested, tuple(map(groups, worlds)), needed)
    except Unjudgeable as obstacle:
        return NotJudged(str(obstacle), left_out=False)


def share_of_steps(plan: StudyPlan, claim: Claim) -> float:
    """Steps spent on a claim, as a share of the study's own budget: the smallest share of its environments."""
    shares = (
        planned.run.steps / plan.study.environments[planned.environment]
        for planned in plan.runs
        if planned.environment in (claim.environments or plan.study.environments)
    )
    return min(shares, default=1.0)
