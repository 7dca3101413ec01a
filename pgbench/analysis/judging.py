"""Judging claims: from a study's scores to verdicts.

The interval of a claim's effect is held against the bounds between which the claim says that it lies. *Replicated*:
the interval lies wholly between them. *Contradicted*: it lies wholly beyond one. *Inconclusive*: neither. If A is
said to beat B by more than a margin, the bounds are the margin and infinity, so an interval wholly below the margin
contradicts it, be it that A makes no difference that matters or that B is better. If there is said to be no
difference, they are the margin on either side, and *replicated* is the two one-sided tests.

A claim of several parts holds if all do, and fails if one does (`inference.combine`). Over the claims of a study
the correction is Holm's: that any of its verdicts is wrong has a probability of at most `inference.ALPHA`. The
intervals in the table have the level at which Holm's procedure stopped, and agree with the verdicts. A claim that
could not be judged says why; one that the preset left out from the beginning is not among those corrected for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pgbench.analysis import comparable, inference
from pgbench.analysis.effects import Effect, Unjudgeable, effect
from pgbench.analysis.published import published_scores
from pgbench.methods.runs import seeds_of
from pgbench.studies.claims import AgainstReference, Claim, Hypothesis, hypothesis
from pgbench.studies.plans import StudyPlan
from pgbench.studies.references import PublishedScore

REPLICATED, CONTRADICTED, INCONCLUSIVE, NOT_JUDGED = (
    "replicated",
    "contradicted",
    "inconclusive",
    "not judged",
)
VERDICT_NAMES = (REPLICATED, CONTRADICTED, INCONCLUSIVE, NOT_JUDGED)

VERDICTS = {
    **dict.fromkeys(
        ("claim", "kind", "statement", "paper", "where", "score", "environments", "across"), "str"
    ),
    **dict.fromkeys(("verdict", "reservation", "reason", "variant", "comparator", "unit"), "str"),
    **dict.fromkeys(("effect", "low", "high", "level", "bound_low", "bound_high"), "float64"),
    **dict.fromkeys(("p", "p_adjusted", "detectable", "seeds_to_settle"), "float64"),
    **dict.fromkeys(("seeds", "diverged", "missing"), "int64"),
    **dict.fromkeys(("mismatches", "caveat"), "str"),
}
"""Columns of the table of verdicts."""

EFFECTS = {
    **dict.fromkeys(("claim", "variant", "comparator", "environment", "score"), "str"),
    "decisive": "bool",
    "seeds": "int64",
    "paired": "bool",
    **dict.fromkeys(("difference", "low", "high", "scale", "effect"), "float64"),
    **dict.fromkeys(("diverged", "missing"), "int64"),
}
"""Columns of the table of effects in each environment; `low` and `high` are a 95 % interval, not corrected."""


class Judgement(NamedTuple):
    """What became of a study's claims, as tidy tables.

    Attributes:
        verdicts: one row a claim, columns `VERDICTS`. `effect` is that of the decisive pair of variants, in `unit`;
            `detectable` how far it must lie from a bound to be found there with a power of 80 %; `seeds_to_settle`
            how many seeds would decide an effect such as the estimated one, infinite above
            `inference.MOST_SEEDS`.
        claims: one row a claim, pair and environment, columns `EFFECTS`.
        published: one row a claim and published score: see `comparisons.published_scores`.
    """

    verdicts: pd.DataFrame
    claims: pd.DataFrame
    published: pd.DataFrame


class _LeftOut(Unjudgeable):
    """A claim that the preset leaves out, whatever the results would have been."""


class _Evidence(NamedTuple):
    """The effects of a claim, grouped as its hypothesis groups them, with p-values of the opposite findings."""

    groups: tuple[tuple[Effect, ...], ...]
    decisive: Effect
    holds: float
    fails: float

    @property
    def p(self) -> float:
        """Of either finding."""
        return float(inference.two_sided(np.asarray(self.holds), np.asarray(self.fails)))


def judge(plan: StudyPlan, scores: pd.DataFrame, references: Mapping[str, PublishedScore]) -> Judgement:
    """Judge every claim of a study.

    Args:
        plan: the study, with what was spent on it.
        scores: one row a replica, as `gathering.gather` writes them.
        references: published scores by id.
    """
    counted = comparable.with_diverged(scores)
    claims = plan.study.claims
    tested = {name: hypothesis(claim, references) for name, claim in claims.items()}
    found = {name: _attempt(plan, claim, tested[name], counted) for name, claim in claims.items()}
    family = [name for name, one in found.items() if not isinstance(one, _LeftOut)]
    # Whether the results allow a judgement is seen in the results, so these claims stay in the family.
    p = np.array([one.p if isinstance(one := found[name], _Evidence) else 1.0 for name in family])
    decision = inference.holm(p)
    columns = pd.DataFrame({"p": p, "p_adjusted": decision.adjusted, "rejected": decision.rejected}, family)
    columns = columns.reindex(list(claims)).fillna({"rejected": False})
    verdicts = [
        _describe(plan, name, claims[name])
        | _verdict(found[name], tested[name], bool(columns.at[name, "rejected"]), float(decision.level))
        | {column: columns.at[name, column] for column in ("p", "p_adjusted")}
        | {"mismatches": _mismatches(plan, claims[name], references)}
        for name in claims
    ]
    return Judgement(
        table(verdicts, VERDICTS),
        table((row for name in claims for row in _effect_rows(name, claims[name], found[name])), EFFECTS),
        published_scores(plan, counted, references),
    )


def table(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str]) -> pd.DataFrame:
    """A table with columns of fixed types, whether or not it has rows."""
    return pd.DataFrame(list(rows), columns=list(columns)).astype(dict(columns))


def _attempt(
    plan: StudyPlan, claim: Claim, tested: Hypothesis, scores: pd.DataFrame
) -> _Evidence | Unjudgeable:
    """The evidence on a claim, or why there is none."""
    environments = claim.environments or tuple(plan.study.environments)
    if absent := [each for each in environments if each in plan.left_out]:
        return _LeftOut(f"the preset {plan.preset} leaves out {', '.join(absent)}")
    if isinstance(claim, AgainstReference) and (plan.left_out or share_of_steps(plan, claim) < 1):
        return _LeftOut("a published score is compared at its own steps and environments only")
    worlds = [environments] if claim.across == "mean" else [(each,) for each in environments]
    try:
        groups = tuple(
            tuple(effect(scores, claim.score, pair, world, tested.unit) for pair in group)
            for world in worlds
            for group in tested.groups
        )
    except Unjudgeable as reason:
        return reason
    return _weigh(groups, tested)


def _weigh(groups: tuple[tuple[Effect, ...], ...], tested: Hypothesis) -> _Evidence:
    """The claim's p-values, and the effect that they hang on: the strongest of the weakest group."""
    findings = [
        [inference.between(one.contrast, tested.low, tested.high) for one in group] for group in groups
    ]
    holds, fails = map(float, inference.combine(findings))
    weakest = max(range(len(groups)), key=lambda group: min(float(each.holds) for each in findings[group]))
    strongest = min(range(len(groups[weakest])), key=lambda one: float(findings[weakest][one].holds))
    return _Evidence(groups, groups[weakest][strongest], holds, fails)


def _describe(plan: StudyPlan, name: str, claim: Claim) -> dict[str, Any]:
    """What the claim says, and with how much less than the study's own budget it was tested."""
    environments = claim.environments or tuple(plan.study.environments)
    return {
        "claim": name,
        "kind": claim.kind,
        "statement": claim.statement,
        "paper": claim.source.paper,
        "where": claim.source.where,
        "score": claim.score,
        "environments": " ".join(environments),
        "across": claim.across,
        "reservation": reservation(plan, claim),
        "caveat": claim.caveat or "",
    }


def _mismatches(plan: StudyPlan, claim: Claim, references: Mapping[str, PublishedScore]) -> str:
    """In what the published score that a claim is about is another measurement; empty for other claims."""
    if not isinstance(claim, AgainstReference):
        return ""
    environments = claim.environments or tuple(plan.study.environments)
    steps = {planned.run.steps for planned in plan.runs if planned.environment in environments}
    return "; ".join(references[claim.reference].mismatches(environments, claim.score, steps))


def share_of_steps(plan: StudyPlan, claim: Claim) -> float:
    """Steps spent on a claim, as a share of the study's own budget: the least over its environments."""
    shares = (
        planned.run.steps / plan.study.environments[planned.environment]
        for planned in plan.runs
        if planned.environment in (claim.environments or plan.study.environments)
    )
    return min(shares, default=1.0)


def reservation(plan: StudyPlan, claim: Claim) -> str:
    """How much less than the study's own budget was spent on the claim; else empty.

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
    found: _Evidence | Unjudgeable, tested: Hypothesis, rejected: bool, alpha: float
) -> dict[str, Any]:
    """The verdict and its numbers."""
    bounds = {"unit": tested.unit, "bound_low": tested.low, "bound_high": tested.high, "level": 1 - alpha}
    if isinstance(found, Unjudgeable):
        counts = dict.fromkeys(("seeds", "diverged", "missing"), 0)
        first = next(tested.pairs)
        names = {"variant": first.variant, "comparator": first.comparator or ""}
        return bounds | counts | names | {"verdict": NOT_JUDGED, "reason": str(found)}
    one = found.decisive
    contrast, value = one.contrast, float(one.contrast.value)
    low, high = inference.interval(contrast, alpha)
    distance = min(abs(value - bound) for bound in (tested.low, tested.high) if math.isfinite(bound))
    verdict = (REPLICATED if found.holds < found.fails else CONTRADICTED) if rejected else INCONCLUSIVE
    return bounds | {
        "verdict": verdict,
        "reason": _reason(one, tested, verdict, float(low), float(high)),
        "variant": one.pair.variant,
        "comparator": one.pair.comparator or "",
        "effect": value,
        "low": float(low),
        "high": float(high),
        "detectable": float(inference.detectable(contrast, alpha)),
        "seeds_to_settle": inference.seeds_to_settle(contrast, one.seeds, distance, alpha),
        "seeds": one.seeds,
        "diverged": sum(stratum.diverged for stratum in one.strata),
        "missing": sum(stratum.missing for stratum in one.strata),
    }


def _reason(one: Effect, tested: Hypothesis, verdict: str, low: float, high: float) -> str:
    """What a reader should know beside the numbers."""
    parts = []
    if verdict == CONTRADICTED and one.pair.comparator is not None and math.isinf(tested.high):
        if high < -tested.low:
            parts.append("the opposite is found")
        elif low > -tested.low:
            parts.append("no difference that matters")
        else:
            parts.append("not higher by the margin")
    if one.alike:
        parts.append("all seeds are alike, so rarer outcomes may have gone unseen")
    return "; ".join(parts)


def _effect_rows(name: str, claim: Claim, found: _Evidence | Unjudgeable) -> Iterable[dict[str, Any]]:
    """The claim's effects in each environment."""
    if isinstance(found, Unjudgeable):
        return
    for one in (each for group in found.groups for each in group):
        for stratum in one.strata:
            contrast = stratum.contrast
            low, high = inference.interval(contrast)
            yield {
                "claim": name,
                "variant": one.pair.variant,
                "comparator": one.pair.comparator or "",
                "environment": stratum.environment,
                "score": claim.score,
                "decisive": one is found.decisive,
                "seeds": stratum.seeds,
                "paired": stratum.paired and one.pair.comparator is not None,
                "difference": float(contrast.value),
                "low": float(low),
                "high": float(high),
                "scale": stratum.scale,
                "effect": float(contrast.value) / stratum.scale,
                "diverged": stratum.diverged,
                "missing": stratum.missing,
            }
