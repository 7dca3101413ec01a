"""What makes a claim unusable beside a study: refused when the study is loaded, before anything is trained."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from pgbench.base.refusals import Refusal, nearest
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.runs import Evaluation
from pgbench.studies.claims import AgainstReference, Claim, Hypothesis, hypothesis
from pgbench.studies.references import PublishedScore, read_papers, read_references, world
from pgbench.studies.scores import NORMALISED, Score, metric_score, unrecorded


def check_claims(
    claims: Mapping[str, Claim],
    algorithms: Mapping[str, Algorithm],
    environments: Mapping[str, int],
    evaluation: Evaluation | None,
    where: str,
) -> None:
    """Refuse claims that the study cannot judge.

    Args:
        claims: by id.
        algorithms: the study's variants by label, resolved.
        environments: the study's, Gymnasium id → steps.
        evaluation: the study's, if it has one.
        where: the study's file.

    Raises:
        Refusal: a line for each fault, naming the claim, the key and the nearest spelling.
    """
    if not claims:
        return
    references, papers, lacking = read_references(), read_papers(), unrecorded(evaluation)
    lines = [
        f"{where}: claim '{name}': {fault}"
        for name, claim in claims.items()
        for fault in _faults(claim, algorithms, environments, lacking, references, papers)
    ]
    if lines:
        raise Refusal("\n".join(lines))


def _faults(
    claim: Claim,
    algorithms: Mapping[str, Algorithm],
    environments: Mapping[str, int],
    lacking: Mapping[Score, str],
    references: Mapping[str, PublishedScore],
    papers: Collection[str],
) -> Iterator[str]:
    """Names that stand for nothing; where there are none, what is wrong with the things that are named."""
    unknown = [*_unknown("papers.bib has no entry", [claim.source.paper], papers)]
    unknown += _unknown("there is no reference", claim.references, references)
    unknown += _unknown("the study has no environment", claim.environments or (), environments)
    unknown += _unknown("the study has no variant", claim.published, algorithms)
    if not unknown:
        tested = hypothesis(claim, references)
        named = dict.fromkeys(label for pair in tested.pairs for label in pair if label is not None)
        unknown += _unknown("the study has no variant", named, algorithms)
    if unknown:
        yield from unknown
        return
    if claim.score in lacking:
        yield f"the score '{claim.score}' is of evaluations that the runs do not make: {lacking[claim.score]}"
    yield from _reference_faults(claim, environments, references)
    yield from _pair_faults(tested, algorithms)
    yield from _unit_faults(claim, tested, environments)


def _unknown(fault: str, names: Iterable[str], known: Collection[str]) -> Iterator[str]:
    return (f"{fault} '{name}'; {nearest(name, known)}" for name in names if name not in known)


def _reference_faults(
    claim: Claim, environments: Mapping[str, int], references: Mapping[str, PublishedScore]
) -> Iterator[str]:
    """Why a run cannot be judged by a published score; what only has to be said is left to the report."""
    if not isinstance(claim, AgainstReference):
        return
    reference = references[claim.reference]
    if reference.statistic == "unknown":
        yield (
            f"the statistic of '{reference.id}' is not known, so nothing can be judged by it; "
            "print it beside the scores with 'published'"
        )
    elif claim.score not in reference.scores:
        yield f"'{reference.id}' is another statistic ({reference.statistic}) than the score '{claim.score}'"
    ours = {world(each) for each in claim.environments or environments}
    theirs = {world(each) for each in reference.environments}
    if ours != theirs:
        yield f"'{reference.id}' is about {', '.join(sorted(theirs))}, the claim about {', '.join(sorted(ours))}"
    budgets = {environments[each] for each in claim.environments or environments}
    if budgets != {reference.steps}:
        spent = ", ".join(f"{each:,}" for each in sorted(budgets))
        yield f"'{reference.id}' was measured at {reference.steps:,} steps, the study's runs at {spent}"
    if reference.interval is None and claim.margin is None:
        yield f"no spread over seeds is published for '{reference.id}', so that the claim needs a margin"


def _pair_faults(tested: Hypothesis, algorithms: Mapping[str, Algorithm]) -> Iterator[str]:
    for pair in tested.pairs:
        if pair.variant == pair.comparator:
            yield f"compares '{pair.variant}' with itself"
        elif pair.comparator is not None and algorithms[pair.variant] == algorithms[pair.comparator]:
            yield f"compares '{pair.variant}' with '{pair.comparator}', which are the same algorithm"


def _unit_faults(claim: Claim, tested: Hypothesis, environments: Collection[str]) -> Iterator[str]:
    """Scores of different environments have different scales, and are not averaged; metrics have no range."""
    if tested.unit == "range" and metric_score(claim.score) is not None:
        yield f"the range is one of returns, not of '{claim.score}'; give the margin of the comparator or the score"
    several = len(claim.environments or environments) > 1
    if several and claim.across == "mean" and tested.unit == "score" and claim.score not in NORMALISED:
        yield (
            f"would average '{claim.score}' over environments of different scales; give the margin of the "
            "range or of the comparator, name one environment, or say 'across: each'"
        )
