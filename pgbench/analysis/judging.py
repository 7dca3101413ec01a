"""Judging claims: from a study's scores to verdicts.

A claim says that its effect lies between two bounds. The verdict compares the interval of the effect with them.
*Replicated*: the interval lies wholly between the bounds. *Contradicted*: it lies wholly beyond one of them.
*Inconclusive*: neither. If A is said to beat B by more than a margin, the bounds are the margin and infinity: an
interval wholly below the margin contradicts the claim, whether because A makes no difference or because B is
better. If two variants are said to be equal, the bounds are the margin on either side, and *replicated* is the two
one-sided tests. If a variant is said to score what a publication printed, the effect is the difference of the two
means, with the errors of both.

A claim of several parts holds if all parts hold, and fails if one part fails (`inference.combine`). Each finding is
a one-sided test. Holm's procedure corrects for the number of claims in a study: the probability that any of its
verdicts is wrong is at most `inference.ALPHA`. The interval of a claim has the level at which the claim was tested,
corrected for its parts, so it agrees with the verdict. The intervals of a study do not hold all at once. A claim
that could not be judged says why. A claim that the preset leaves out from the beginning is not among those
corrected for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pgbench.analysis import comparable, effects, inference
from pgbench.analysis.effects import Effect, Unjudgeable
from pgbench.analysis.published import published_scores
from pgbench.methods.runs import seeds_of
from pgbench.storage.table_format import TableFormat
from pgbench.studies.claims import AgainstReference, AtLeast, Claim, Hypothesis, hypothesis
from pgbench.studies.plans import StudyPlan
from pgbench.studies.references import PublishedScore
from pgbench.studies.scores import Score

REPLICATED, CONTRADICTED, INCONCLUSIVE, NOT_JUDGED = (
    "replicated",
    "contradicted",
    "inconclusive",
    "not judged",
)
VERDICT_NAMES = (REPLICATED, CONTRADICTED, INCONCLUSIVE, NOT_JUDGED)

VERDICTS = TableFormat(
    {
        **dict.fromkeys(
            ("claim", "kind", "statement", "paper", "where", "score", "environments", "across"), "str"
        ),
        "provisional": "bool",
        **dict.fromkeys(("verdict", "reservation", "reason", "variant", "comparator", "unit"), "str"),
        **dict.fromkeys(("effect", "low", "high", "level", "bound_low", "bound_high"), "float64"),
        **dict.fromkeys(("p", "p_adjusted", "detectable", "seeds_to_settle"), "float64"),
        **dict.fromkeys(("seeds", "diverged", "missing"), "int64"),
        **dict.fromkeys(("mismatches", "caveat"), "str"),
    }
)
EFFECTS = TableFormat(
    {
        **dict.fromkeys(("claim", "variant", "comparator", "environment", "score"), "str"),
        "decisive": "bool",
        "seeds": "int64",
        "paired": "bool",
        **dict.fromkeys(("difference", "low", "high", "scale", "effect"), "float64"),
        **dict.fromkeys(("diverged", "missing"), "int64"),
    }
)
"""Effects in each environment; `low` and `high` are a 95 % interval, not corrected."""


class Judgement(NamedTuple):
    """What became of a study's claims, as tidy tables.

    Attributes:
        verdicts: one row a claim, in the format `VERDICTS`. `effect` belongs to the decisive pair of variants, in
            `unit`. `detectable` is the distance from a bound at which an effect is found with a power of 80 %.
            `seeds_to_settle` is the number of seeds that would decide an effect as large as the estimated one; it
            is infinite above `inference.MOST_SEEDS`. `level` is that of the interval.
        claims: one row a claim, pair and environment, in the format `EFFECTS`.
        published: one row a claim and published score; see `published.published_scores`.
    """

    verdicts: pd.DataFrame
    claims: pd.DataFrame
    published: pd.DataFrame


@dataclass(frozen=True)
class Evidence:
    """What the results say about a claim: its effects, and the p-values of the two opposite findings.

    Attributes:
        effects: those that the claim's hypothesis compares, each where it was measured.
        decisive: the effect that the p-values depend on.
        holds: p-value of the finding that the claim holds.
        fails: p-value of the finding that it fails.
        ways_to_hold: the tests of which any would show that the decisive effect's part holds.
        ways_to_fail: the tests of which any would show that the claim fails.
    """

    effects: tuple[Effect, ...]
    decisive: Effect
    holds: float
    fails: float
    ways_to_hold: int
    ways_to_fail: int

    @property
    def p(self) -> float:
        """The p-value of the stronger of the two findings."""
        return min(self.holds, self.fails)

    def alpha(self, verdict: str, level: float) -> float:
        """The α of each one-sided test that the decisive effect had to pass for a verdict, at Holm's level.

        A claim that passed none was tested for both findings, at the stricter of the two.
        """
        ways = {REPLICATED: self.ways_to_hold, CONTRADICTED: self.ways_to_fail}
        return level / ways.get(verdict, max(ways.values()))


@dataclass(frozen=True)
class NotJudged:
    """Why there is no verdict on a claim.

    Attributes:
        reason: in words.
        left_out: whether that was known before there were results, because the preset leaves the claim out.
    """

    reason: str
    left_out: bool


class Corrected(NamedTuple):
    """What Holm's procedure says of one claim; NaN for a claim that is not among those corrected for."""

    p: float
    p_adjusted: float
    rejected: bool


NOT_CORRECTED = Corrected(p=math.nan, p_adjusted=math.nan, rejected=False)


def judge(plan: StudyPlan, scores: pd.DataFrame, references: Mapping[str, PublishedScore]) -> Judgement:
    """Judge every claim of a study.

    Args:
        plan: the study, with what was spent on it.
        scores: one row a replica, as `gathering.gather` writes them.
        references: published scores by id.
    """
    counted = comparable.with_diverged(scores)
    claims = plan.study.claims
    hypotheses = {name: hypothesis(claim, plan.study.margins, references) for name, claim in claims.items()}
    outcomes = {name: _examine(plan, claim, hypotheses[name], counted) for name, claim in claims.items()}
    corrected, level = _correct(outcomes)
    verdicts = [
        _description(plan, name, claim)
        | _verdict(outcomes[name], hypotheses[name], corrected[name], level)
        | {"mismatches": _mismatches(plan, claim, references)}
        for name, claim in claims.items()
    ]
    rows = (row for name, claim in claims.items() for row in _effect_rows(name, claim, outcomes[name]))
    return Judgement(
        VERDICTS.table(verdicts), EFFECTS.table(rows), published_scores(plan, counted, references)
    )


def _examine(plan: StudyPlan, claim: Claim, tested: Hypothesis, scores: pd.DataFrame) -> Evidence | NotJudged:
    """The evidence on a claim, or why there is none."""
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
    try:
        return _combined([_weigh(scores, claim.score, world, tested) for world in worlds], needed)
    except Unjudgeable as obstacle:
        return NotJudged(str(obstacle), left_out=False)


def _weigh(scores: pd.DataFrame, score: Score, environments: Sequence[str], tested: Hypothesis) -> Evidence:
    """The evidence in some environments together; it depends on the strongest effect of the weakest group."""
    groups = [
        [
            effects.effect(scores, score, compared, environments, tested.unit, tested.published)
            for compared in group
        ]
        for group in tested.groups
    ]
    findings = [
        [inference.between(one.contrast, tested.low, tested.high) for one in group] for group in groups
    ]
    holds, fails = map(float, inference.combine(findings))
    weakest = max(range(len(groups)), key=lambda group: min(float(each.holds) for each in findings[group]))
    strongest = min(range(len(groups[weakest])), key=lambda one: float(findings[weakest][one].holds))
    return Evidence(
        effects=tuple(one for group in groups for one in group),
        decisive=groups[weakest][strongest],
        holds=holds,
        fails=fails,
        ways_to_hold=len(groups[weakest]),
        ways_to_fail=len(groups) * inference.bounds(tested.low, tested.high),
    )


def _combined(worlds: Sequence[Evidence], needed: int) -> Evidence:
    """The evidence that a claim holds in so many worlds; it depends on the one that is this many-th in strength."""
    found = inference.at_least(
        needed, [inference.PValues(np.asarray(one.holds), np.asarray(one.fails)) for one in worlds]
    )
    decisive = sorted(worlds, key=lambda one: one.holds)[needed - 1]
    return Evidence(
        effects=tuple(effect for one in worlds for effect in one.effects),
        decisive=decisive.decisive,
        holds=float(found.holds),
        fails=float(found.fails),
        ways_to_hold=(len(worlds) - needed + 1) * decisive.ways_to_hold,
        ways_to_fail=needed * decisive.ways_to_fail,
    )


def _correct(outcomes: Mapping[str, Evidence | NotJudged]) -> tuple[dict[str, Corrected], float]:
    """What Holm's procedure says of each claim, and the α with which its decisions agree."""
    p_values: dict[str, float] = {}
    for name, outcome in outcomes.items():
        if isinstance(outcome, Evidence):
            p_values[name] = outcome.p
        elif not outcome.left_out:
            # Only the results showed that they allow no judgement, so this claim stays in the family.
            p_values[name] = 1.0
    family = np.array(list(p_values.values()))
    decision = inference.holm(family)
    columns = (array.tolist() for array in (family, decision.adjusted, decision.rejected))
    in_family = {
        name: Corrected(*row) for name, row in zip(p_values, zip(*columns, strict=True), strict=True)
    }
    return {name: in_family.get(name, NOT_CORRECTED) for name in outcomes}, float(decision.level)


def _description(plan: StudyPlan, name: str, claim: Claim) -> dict[str, Any]:
    """What the claim says, and how much less than the study's own budget was spent on it."""
    environments = claim.environments or tuple(plan.study.environments)
    return {
        "claim": name,
        "kind": claim.kind,
        "statement": claim.statement,
        "paper": claim.source.paper,
        "where": claim.source.where,
        "score": claim.score,
        "environments": " ".join(environments),
        "across": str(claim.across),
        "provisional": is_provisional(plan, claim),
        "reservation": reservation(plan, claim),
        "caveat": claim.caveat or "",
    }


def _mismatches(plan: StudyPlan, claim: Claim, references: Mapping[str, PublishedScore]) -> str:
    """How the published score that a claim is about was measured differently; empty for other claims."""
    if not isinstance(claim, AgainstReference):
        return ""
    environments = claim.environments or tuple(plan.study.environments)
    steps = {planned.run.steps for planned in plan.runs if planned.environment in environments}
    return "; ".join(references[claim.reference].mismatches(environments, claim.score, steps))


def share_of_steps(plan: StudyPlan, claim: Claim) -> float:
    """Steps spent on a claim, as a share of the study's own budget: the smallest share of its environments."""
    shares = (
        planned.run.steps / plan.study.environments[planned.environment]
        for planned in plan.runs
        if planned.environment in (claim.environments or plan.study.environments)
    )
    return min(shares, default=1.0)


def is_provisional(plan: StudyPlan, claim: Claim) -> bool:
    """Whether a claim is judged at less than its own budget: at fewer steps, or in fewer environments.

    Fewer seeds make a verdict rarer, not another one.
    """
    named = claim.environments or (*plan.study.environments, *plan.left_out)
    return share_of_steps(plan, claim) < 1 or not set(named).isdisjoint(plan.left_out)


def reservation(plan: StudyPlan, claim: Claim) -> str:
    """How much less than the study's own budget was spent on the claim; empty if nothing less.

    For example "at 2 % of the steps and 5 of 10 seeds and 1 of 4 environments".
    """
    named = claim.environments or (*plan.study.environments, *plan.left_out)
    share, kept = share_of_steps(plan, claim), len(set(named) - set(plan.left_out))
    seeds = sum(len(seeds_of(block)) for block in plan.runs[0].blocks)
    parts = [f"{100 * share:.2g} % of the steps"] if share < 1 else []
    parts += [f"{seeds} of {plan.study.seeds} seeds"] if seeds < plan.study.seeds else []
    parts += [f"{kept} of {len(named)} environments"] if kept < len(named) else []
    return f"at {' and '.join(parts)}" if parts else ""


def _verdict(
    outcome: Evidence | NotJudged, tested: Hypothesis, corrected: Corrected, level: float
) -> dict[str, Any]:
    """The verdict and its numbers."""
    shared = {
        **{"unit": tested.unit, "bound_low": tested.low, "bound_high": tested.high},
        **{"p": corrected.p, "p_adjusted": corrected.p_adjusted},
    }
    if isinstance(outcome, NotJudged):
        shared |= {"provisional": False}
        counts = dict.fromkeys(("seeds", "diverged", "missing"), 0)
        first = tested.groups[0][0]
        names = {"variant": first.variant, "comparator": first.comparator or ""}
        return shared | counts | names | {"verdict": NOT_JUDGED, "reason": outcome.reason}
    effect, contrast = outcome.decisive, outcome.decisive.contrast
    finding = REPLICATED if outcome.holds < outcome.fails else CONTRADICTED
    verdict = finding if corrected.rejected else INCONCLUSIVE
    alpha = outcome.alpha(verdict, level)
    value, (low, high) = float(contrast.value), map(float, inference.interval(contrast, 2 * alpha))
    distance = min(abs(value - bound) for bound in (tested.low, tested.high) if math.isfinite(bound))
    return shared | {
        "verdict": verdict,
        "reason": _remarks(effect, tested, verdict, low, high),
        "variant": effect.compared.variant,
        "comparator": effect.compared.comparator or "",
        "effect": value,
        "low": low,
        "high": high,
        "level": 1 - 2 * alpha,
        "detectable": float(inference.detectable(contrast, alpha)),
        "seeds_to_settle": inference.seeds_to_settle(
            contrast, effect.seeds, distance, alpha, effect.published_error
        ),
        "seeds": effect.seeds,
        "diverged": sum(stratum.diverged for stratum in effect.strata),
        "missing": sum(stratum.missing for stratum in effect.strata),
    }


def _remarks(decisive: Effect, tested: Hypothesis, verdict: str, low: float, high: float) -> str:
    """What a reader should know beside the numbers."""
    remarks = [remark] if (remark := _size(decisive, tested, verdict, low, high)) else []
    if decisive.alike:
        remarks.append("all seeds are alike, so rarer outcomes may have gone unseen")
    return "; ".join(remarks)


def _size(decisive: Effect, tested: Hypothesis, verdict: str, low: float, high: float) -> str:
    """What the interval of a difference says besides the verdict on a claim; often nothing."""
    if decisive.compared.comparator is None or verdict not in (REPLICATED, CONTRADICTED):
        return ""
    matters = tested.high if math.isinf(tested.low) else abs(tested.low)
    claimed_higher = math.isinf(tested.high)
    if claimed_higher == (verdict == CONTRADICTED):  # the effect is not above what matters
        if high < -matters:
            return "the opposite is found" if claimed_higher else "lower, by more than matters"
        if low > 0 or high < 0:
            return f"{'higher' if low > 0 else 'lower'}, but by less than matters"
        if claimed_higher:
            return "no difference that matters" if low > -matters else "not higher by the margin"
    return ""


def _effect_rows(name: str, claim: Claim, outcome: Evidence | NotJudged) -> Iterable[dict[str, Any]]:
    """The claim's effects in each environment; none if it was not judged."""
    if isinstance(outcome, NotJudged):
        return
    for effect in outcome.effects:
        for stratum in effect.strata:
            contrast = stratum.contrast
            low, high = inference.interval(contrast)
            yield {
                "claim": name,
                "variant": effect.compared.variant,
                "comparator": effect.compared.comparator or "",
                "environment": stratum.environment,
                "score": claim.score,
                "decisive": effect is outcome.decisive,
                "seeds": stratum.seeds,
                "paired": stratum.paired and effect.compared.comparator is not None,
                "difference": float(contrast.value),
                "low": float(low),
                "high": float(high),
                "scale": stratum.scale,
                "effect": float(contrast.value) / stratum.scale,
                "diverged": stratum.diverged,
                "missing": stratum.missing,
            }
