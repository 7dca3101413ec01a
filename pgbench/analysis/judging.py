"""Judging claims: from a study's scores to verdicts.

A claim says that its effect lies between two bounds. The verdict compares the interval of the effect with them.
*Replicated*: the interval lies wholly between the bounds. *Contradicted*: it lies wholly beyond one of them.
*Inconclusive*: neither. If A is said to beat B by more than a margin, the bounds are the margin and infinity: an
interval wholly below the margin contradicts the claim, whether because A makes no difference or because B is
better. If two variants are said to be equal, the bounds are the margin on either side, and *replicated* is the two
one-sided tests. If a variant is said to score what a publication printed, the effect is the difference of the two
means, with the errors of both.

Claims are judged at looks that were agreed on (`looks`), and Holm's procedure corrects for the number of claims in
a study: the probability that any of its verdicts is wrong is at most `inference.ALPHA`. The interval of a claim has
the level at which the claim was tested, corrected for its parts and its look, so it agrees with the verdict. The
intervals of a study do not hold all at once. A claim that could not be judged says why. A claim that the preset
leaves out from the beginning is not among those corrected for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pgbench.analysis import comparable, inference
from pgbench.analysis import looks as looks_of_claims
from pgbench.analysis.effects import Effect
from pgbench.analysis.evidence import Evidence, NotJudged, examine, share_of_steps
from pgbench.analysis.fragility import extremes, hangs_on
from pgbench.analysis.published import published_scores
from pgbench.base import wording
from pgbench.storage.table_format import TableFormat
from pgbench.studies.claims import AgainstReference, Claim, Hypothesis, hypothesis
from pgbench.studies.plans import StudyPlan
from pgbench.studies.references import PublishedScore
from pgbench.studies.scores import NORMALISED

REPLICATED, CONTRADICTED, INCONCLUSIVE, NOT_JUDGED = (
    "replicated",
    "contradicted",
    "inconclusive",
    "not judged",
)
WIDEST_WINDOW = 0.25
"""The share of the budget that the last episodes may span without a word."""
VERDICT_NAMES = (REPLICATED, CONTRADICTED, INCONCLUSIVE, NOT_JUDGED)

VERDICTS = TableFormat(
    {
        **dict.fromkeys(
            ("claim", "kind", "statement", "paper", "where", "score", "environments", "across"), "str"
        ),
        "provisional": "bool",
        **dict.fromkeys(("verdict", "reservation", "reason", "variant", "comparator", "unit"), "str"),
        **dict.fromkeys(("effect", "low", "high", "level", "bound_low", "bound_high"), "float64"),
        **dict.fromkeys(("p", "p_adjusted", "detectable", "next_look", "chance", "window"), "float64"),
        "fragile": "bool",
        **dict.fromkeys(("look", "seeds", "diverged", "missing"), "int64"),
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
            `unit`. `look` is the look whose evidence settled the claim, or the latest, and `seeds` are those that
            it counts; both are 0 without a verdict. `level` is that of the interval. `detectable` is the distance
            from a bound at which an effect is found with a power of 80 %. For an open claim, `next_look` is the
            number of seeds of the next look, if there is one, and `chance` the probability that it settles the
            claim. `fragile` says that one more seed could overturn the verdict. `window`, for claims about
            `last_100`, is the largest share of the budget that these episodes span, on average over the replicas
            of a variant.
        claims: one row a claim, pair and environment, in the format `EFFECTS`, at the same look.
        published: one row a claim and published score; see `published.published_scores`.
    """

    verdicts: pd.DataFrame
    claims: pd.DataFrame
    published: pd.DataFrame


@dataclass(frozen=True)
class Decided:
    """What the looks decide about one claim.

    Attributes:
        outcome: what the look found that decides, or why there is no verdict.
        verdict: one of `VERDICT_NAMES`.
        look: the look; the first is 0.
        p: the p-value over all looks; NaN for a claim that is not among those corrected for.
        p_adjusted: the same, corrected for the number of claims.
        level: α of the look's p-value that agrees with the decision.
        remaining: α of a p-value at the next look, its share included; 0 if there is no next look.
    """

    outcome: Evidence | NotJudged
    verdict: str
    look: int = 0
    p: float = math.nan
    p_adjusted: float = math.nan
    level: float = math.nan
    remaining: float = 0.0


def judge(
    plan: StudyPlan, looks: Sequence[pd.DataFrame], references: Mapping[str, PublishedScore]
) -> Judgement:
    """Judge every claim of a study.

    Args:
        plan: the study, with what was spent on it.
        looks: the scores as each look sees them, one row a replica, as `gathering.gather` writes them.
        references: published scores by id.
    """
    counted = [comparable.with_diverged(scores) for scores in looks]
    claims = plan.study.claims
    tested = {name: hypothesis(claim, plan.study.margins, references) for name, claim in claims.items()}
    decided = _decided(
        {
            name: [examine(plan, claim, tested[name], scores) for scores in counted]
            for name, claim in claims.items()
        }
    )
    verdicts = [
        _description(plan, name, claim)
        | _verdict(plan, claim, tested[name], decided[name], counted)
        | {"mismatches": _mismatches(plan, claim, references)}
        for name, claim in claims.items()
    ]
    rows = (row for name, claim in claims.items() for row in _effect_rows(name, claim, decided[name].outcome))
    return Judgement(
        VERDICTS.table(verdicts), EFFECTS.table(rows), published_scores(plan, counted[-1], references)
    )


def _decided(found: Mapping[str, Sequence[Evidence | NotJudged]]) -> dict[str, Decided]:
    """What each look found of each claim, as what all looks decide about it."""
    left_out = {
        name: Decided(outcomes[-1], NOT_JUDGED)
        for name, outcomes in found.items()
        if isinstance(outcomes[-1], NotJudged) and outcomes[-1].left_out
    }
    family = [name for name in found if name not in left_out]
    if not family:
        return left_out
    # Only the results showed that some allow no judgement, so these claims stay in the family.
    p = [[one.p if isinstance(one, Evidence) else 1.0 for one in found[name]] for name in family]
    decisions = looks_of_claims.decide(np.array(p).T)
    *columns, remaining = (array.tolist() for array in decisions)
    return left_out | {
        name: Decided(
            found[name][look], _name(found[name][look], settled), look, p, adjusted, level, remaining
        )
        for name, settled, look, p, adjusted, level in zip(family, *columns, strict=True)
    }


def _name(outcome: Evidence | NotJudged, settled: bool) -> str:
    """The verdict that a look's outcome is."""
    if isinstance(outcome, NotJudged):
        return NOT_JUDGED
    if not settled:
        return INCONCLUSIVE
    return REPLICATED if outcome.holds else CONTRADICTED


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
    parts = [f"{100 * share:.2g} % of the steps"] if share < 1 else []
    seeds = plan.seeds_at_looks[-1]
    parts += [f"{seeds} of {plan.study.seeds} seeds"] if seeds < plan.study.seeds else []
    parts += [f"{kept} of {len(named)} environments"] if kept < len(named) else []
    return f"at {' and '.join(parts)}" if parts else ""


def _verdict(
    plan: StudyPlan, claim: Claim, tested: Hypothesis, decided: Decided, looks: Sequence[pd.DataFrame]
) -> dict[str, Any]:
    """The verdict and its numbers."""
    outcome = decided.outcome
    shared = {
        **{"unit": tested.unit, "bound_low": tested.low, "bound_high": tested.high},
        **{"p": decided.p, "p_adjusted": decided.p_adjusted, "verdict": decided.verdict},
    }
    if isinstance(outcome, NotJudged):
        counts = dict.fromkeys(("look", "seeds", "diverged", "missing"), 0)
        first = tested.groups[0][0]
        names = {"variant": first.variant, "comparator": first.comparator or ""}
        return shared | counts | names | {"provisional": False, "fragile": False, "reason": outcome.reason}
    effect, contrast = outcome.decisive, outcome.decisive.contrast
    alpha = decided.level / _ways(outcome, decided.verdict)
    low, high = map(float, inference.interval(contrast, 2 * alpha))
    fragile = _fragile(claim, decided, looks[decided.look])
    window = _window(claim, outcome, looks[decided.look])
    remarks = (
        _size(effect, tested, decided.verdict, low, high),
        _at_which_look(plan, effect, decided),
        _early_policies(window),
        fragile,
    )
    return (
        shared
        | _next_look(plan, decided)
        | {
            "reason": "; ".join(filter(None, remarks)),
            "variant": effect.compared.variant,
            "comparator": effect.compared.comparator or "",
            "effect": float(contrast.value),
            "low": low,
            "high": high,
            "level": 1 - 2 * alpha,
            "detectable": float(inference.detectable(contrast, alpha)),
            "fragile": bool(fragile),
            "window": window,
            "look": decided.look + 1,
            "seeds": effect.seeds,
            "diverged": sum(stratum.diverged for stratum in effect.strata),
            "missing": sum(stratum.missing for stratum in effect.strata),
        }
    )


def _ways(evidence: Evidence, verdict: str) -> int:
    """Of how many tests a claim had to pass one; if it passed none, it was tested for both findings."""
    ways = {REPLICATED: evidence.ways_to_hold, CONTRADICTED: evidence.ways_to_fail}
    return ways.get(verdict, max(ways.values()))


def _fragile(claim: Claim, decided: Decided, scores: pd.DataFrame) -> str:
    """What a settled claim hangs on, in words; empty if it would survive one more seed."""
    if decided.verdict not in (REPLICATED, CONTRADICTED) or isinstance(decided.outcome, NotJudged):
        return ""
    return hangs_on(decided.outcome, extremes(scores, claim.score), decided.level)


def _window(claim: Claim, evidence: Evidence, scores: pd.DataFrame) -> float:
    """The largest share of the budget that the last episodes of a compared variant span; NaN for other scores."""
    if claim.score not in ("last_100", *NORMALISED):
        return math.nan
    compared = {label for effect in evidence.effects for label in effect.compared.weights}
    environments = {stratum.environment for effect in evidence.effects for stratum in effect.strata}
    counted = scores[scores["variant"].isin(compared) & scores["environment"].isin(environments)]
    return float(counted.groupby(["variant", "environment"])["last_share"].mean().max())


def _early_policies(window: float) -> str:
    """The reservation about a score that the policies of much of the training share; often nothing."""
    if not window > WIDEST_WINDOW:
        return ""
    return f"the last 100 episodes span up to {wording.percent(window)} of the steps, so earlier policies count too"


def _at_which_look(plan: StudyPlan, effect: Effect, decided: Decided) -> str:
    """At which look a claim was settled, where there was more than one."""
    if plan.looks == 1 or decided.verdict not in (REPLICATED, CONTRADICTED):
        return ""
    return f"settled at look {decided.look + 1}, by the first {wording.count(effect.seeds, 'seed')}"


def _next_look(plan: StudyPlan, decided: Decided) -> dict[str, float]:
    """The seeds of the next look at an open claim, and the chance that it settles the claim."""
    if not decided.remaining or decided.verdict != INCONCLUSIVE or isinstance(decided.outcome, NotJudged):
        return {}
    seeds = plan.seeds_at_looks[-1]
    return {
        "next_look": 2 * seeds,
        "chance": looks_of_claims.chance(decided.outcome, seeds, 2 * seeds, decided.remaining),
    }


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
