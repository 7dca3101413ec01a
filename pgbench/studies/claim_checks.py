"""Checks claims against their study, when it is loaded and before anything is trained."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from pgbench.base.refusals import Refusal, nearest
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.compatibility.of_published_names import families, published_family
from pgbench.studies.claims import (
    AgainstReference,
    AtLeast,
    Claim,
    Effects,
    Hypothesis,
    Pair,
    hypothesis,
    margin,
)
from pgbench.studies.opposite_claims import overlapping
from pgbench.studies.references import PublishedScore, read_papers, read_references, world
from pgbench.studies.scores import NORMALISED, SCORES, metric_score, unrecorded
from pgbench.studies.study import Study


class Known(NamedTuple):
    """What claims may refer to.

    Attributes:
        study: whose claims they are.
        algorithms: the study's variants by label, resolved.
        references: published scores by id.
        papers: keys of the bibliography.
    """

    study: Study
    algorithms: Mapping[str, Algorithm]
    references: Mapping[str, PublishedScore]
    papers: Collection[str]


def check_claims(study: Study, algorithms: Mapping[str, Algorithm], where: str) -> None:
    """Refuse claims that the study cannot judge.

    Args:
        study: with its claims.
        algorithms: the study's variants by label, resolved.
        where: the study's file.

    Raises:
        Refusal: a line for each fault, naming the claim, the key and the nearest spelling.
    """
    if not study.claims and not study.margins:
        return
    known = Known(study, algorithms, read_references(), read_papers())
    lines = [
        f"{where}: claim '{name}': {fault}"
        for name, claim in study.claims.items()
        for fault in _faults(claim, known)
    ]
    lines = lines or [f"{where}: {fault}" for fault in _faults_of_all(study, known.references)]
    if lines:
        raise Refusal("\n".join(lines))


def _faults(claim: Claim, known: Known) -> Iterator[str]:
    """The names that do not exist; if all exist, what is wrong with the things that they name."""
    study, algorithms, references, papers = known
    unknown = [*_unknown("papers.bib has no entry", [claim.source.paper], papers)]
    quoted = [quote.reference for quote in claim.quotes]
    unknown += _unknown("there is no reference", quoted, references)
    unknown += _unknown("the study has no environment", claim.environments or (), study.environments)
    unknown += _unknown("the study has no variant", claim.published, algorithms)
    if unknown:
        yield from unknown
        return
    try:
        tested = hypothesis(claim, study.margins, references)
    except ValueError as fault:
        yield str(fault)
        return
    compared = dict.fromkeys(label for pair in tested.pairs for label in pair if label is not None)
    if absent := [*_unknown("the study has no variant", compared, algorithms)]:
        yield from absent
        return
    unrecorded_scores = unrecorded(study.evaluation, study.reference)
    if claim.score in unrecorded_scores:
        remedy = unrecorded_scores[claim.score]
        yield f"the runs do not record what the score '{claim.score}' is made of: {remedy}"
    if isinstance(claim, AgainstReference):
        yield from _reference_faults(claim, references[claim.reference], study)
    yield from _quote_faults(claim, known)
    yield from _pair_faults(tested, algorithms)
    yield from _kind_faults(claim, tested, study.environments)
    yield from _unit_faults(claim, tested, study.environments)


def _unknown(fault: str, names: Iterable[str], known: Collection[str]) -> Iterator[str]:
    return (f"{fault} '{name}'; {nearest(name, known)}" for name in names if name not in known)


def _faults_of_all(study: Study, references: Mapping[str, PublishedScore]) -> Iterator[str]:
    """What is wrong with claims together, each of which is right."""
    yield from _unused_margins(study)
    tested = {name: hypothesis(claim, study.margins, references) for name, claim in study.claims.items()}
    yield from overlapping(study.claims, tested, study.environments)


def _unused_margins(study: Study) -> Iterator[str]:
    """Margins that no claim uses; most are misspelt scores."""
    used = {
        (claim.score, found.of)
        for claim in study.claims.values()
        if (found := margin(claim, study.margins)) is not None
    }
    for score, units in study.margins.items():
        for unit in units:
            if (score, unit) not in used:
                yield f"margins: no claim uses '{score}: {{{unit}: …}}'; leave it out"


def _reference_faults(claim: AgainstReference, reference: PublishedScore, study: Study) -> Iterator[str]:
    """Why a published score cannot judge the runs; the report tells differences that do not prevent it."""
    environments = study.environments
    if reference.statistic == "unknown":
        yield (
            f"the statistic of '{reference.id}' is not known, so nothing can be judged by it; "
            "print it beside the scores with 'published'"
        )
    elif claim.score not in reference.scores:
        yield f"'{reference.id}' is another statistic ({reference.statistic}) than the score '{claim.score}'"
    claimed = claim.environments or tuple(environments)
    ours, theirs = ({world(name) for name in names} for names in (claimed, reference.environments))
    if ours != theirs:
        yield f"'{reference.id}' is about {', '.join(sorted(theirs))}, the claim about {', '.join(sorted(ours))}"
    budgets = {environments[environment] for environment in claimed}
    if budgets != {reference.steps}:
        spent = ", ".join(f"{steps:,}" for steps in sorted(budgets))
        yield f"'{reference.id}' was measured at {reference.steps:,} steps, the study's runs at {spent}"
    if reference.error is None and reference.seeds is None:
        yield (
            f"neither an error nor the number of seeds is published for '{reference.id}', so nothing can be judged "
            "by it; print it beside the scores with 'published'"
        )
    if claim.across != "mean" and len(claimed) > 1:
        yield f"'{reference.id}' is an average over environments; leave out 'across'"


def _quote_faults(claim: Claim, known: Known) -> Iterator[str]:
    """Published numbers of another statistic or algorithm than the variant's that no word says it of."""
    recorded = {*SCORES} - unrecorded(known.study.evaluation).keys()
    for variant, name, words in claim.quotes:
        reference = known.references[name]
        if words:
            continue
        family = published_family(reference.algorithm)
        judged_by = isinstance(claim, AgainstReference) and name == claim.reference
        others = (
            [] if judged_by or reference.scores & recorded else [f"another statistic ({reference.statistic})"]
        )
        if family is not None and family not in families(known.algorithms[variant]):
            others.append(f"another algorithm ({reference.algorithm})")
        if others:
            yield (
                f"published: '{name}' is of {' and '.join(others)} than '{variant}'; say so in words: "
                f"'{variant}: {{{name}: …}}'"
            )


def _pair_faults(tested: Hypothesis, algorithms: Mapping[str, Algorithm]) -> Iterator[str]:
    either_way: dict[frozenset[str | None], Pair] = {}
    for pair in tested.pairs:
        either_way.setdefault(frozenset(pair), pair)
    for pair in either_way.values():
        if pair.variant == pair.comparator:
            yield f"compares '{pair.variant}' with itself"
        elif pair.comparator is not None and algorithms[pair.variant] == algorithms[pair.comparator]:
            yield f"compares '{pair.variant}' with '{pair.comparator}', which are the same algorithm"


def _kind_faults(claim: Claim, tested: Hypothesis, environments: Collection[str]) -> Iterator[str]:
    """What only claims that compare effects, or count environments, can have wrong."""
    if isinstance(claim, Effects):
        if {*claim.larger} == {*claim.smaller}:
            yield "compares an effect with itself; name other variants under 'smaller'"
        if tested.unit == "comparator":
            yield "compares two effects, which have no common comparator; give the margin of the range or the score"
    count = len(claim.environments or environments)
    if isinstance(claim.across, AtLeast) and claim.across.at_least > count:
        yield f"across: must hold on {claim.across}, but is about {count}"


def _unit_faults(claim: Claim, tested: Hypothesis, environments: Collection[str]) -> Iterator[str]:
    """Margins that do not suit the score: metrics have no range, and scales differ between environments."""
    if tested.unit == "range" and metric_score(claim.score) is not None:
        yield f"the range is one of returns, not of '{claim.score}'; give the margin of the comparator or the score"
    several = len(claim.environments or environments) > 1
    if several and claim.across == "mean" and tested.unit == "score" and claim.score not in NORMALISED:
        yield (
            f"would average '{claim.score}' over environments of different scales; give the margin of the "
            "range or of the comparator, name one environment, or say 'across: each'"
        )
