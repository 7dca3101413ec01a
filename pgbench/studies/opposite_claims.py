"""Finds claims that cannot both be true although results could replicate both.

Claims of one study share their margins, so most opposite claims put the effect into regions that do not meet. Two
ways to overlap remain: levels that somebody chose one by one, and margins in different units.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from itertools import combinations, product
from typing import NamedTuple

from pgbench.studies.claims import AtLeast, Claim, Hypothesis, Pair, Unit


class _Part(NamedTuple):
    """A comparison that must come out as claimed, and where it must lie."""

    compared: Pair
    low: float
    high: float
    unit: Unit


def overlapping(
    claims: Mapping[str, Claim], tested: Mapping[str, Hypothesis], environments: Collection[str]
) -> Iterator[str]:
    """A sentence for each two opposite claims that results could replicate both.

    Args:
        claims: those of a study.
        tested: their hypotheses, by the same ids.
        environments: of the study.
    """
    places = {name: _place(claim, environments) for name, claim in claims.items()}
    for one, other in combinations(claims, 2):
        if places[one] is None or places[one] != places[other]:
            continue
        parts = product(_parts(tested[one]), _parts(tested[other]))
        if fault := next(filter(None, (_overlap(*pair) for pair in parts)), None):
            yield f"claims '{one}' and '{other}' are opposite, but {fault}"


def _place(claim: Claim, environments: Collection[str]) -> tuple[str, frozenset[str]] | None:
    """What two claims must share to be about the same thing; None for a claim about some environments."""
    if isinstance(claim.across, AtLeast):
        return None
    return claim.score, frozenset(claim.environments or environments)


def _parts(tested: Hypothesis) -> list[_Part]:
    """The comparisons without an alternative, each between two variants in the order of their names."""
    parts = []
    for group in tested.groups:
        (compared, *alternatives) = group
        if alternatives or not isinstance(compared, Pair):
            continue
        zero = 0.0 if tested.published is None else tested.published.value
        part = _Part(compared, zero + tested.low, zero + tested.high, tested.unit)
        if compared.comparator is not None and compared.comparator < compared.variant:
            part = _Part(compared.reverse, -part.high, -part.low, part.unit)
        parts.append(part)
    return parts


def _overlap(one: _Part, other: _Part) -> str | None:
    """How two opposite regions of the same comparison meet; None if they are not opposite, or do not meet."""
    if one.compared != other.compared:
        return None
    if one.compared.comparator is None:
        lower, upper = sorted((one, other), key=lambda part: part.low)
        if lower.low == -math.inf and upper.high == math.inf and upper.low < lower.high:
            return f"scores of '{one.compared.variant}' from {upper.low:g} to {lower.high:g} would replicate both"
    elif one.unit != other.unit and _apart(one, other):
        return f"their margins have different units ({one.unit}, {other.unit}), so both could be replicated"
    return None


def _apart(one: _Part, other: _Part) -> bool:
    """Whether two regions would not meet if their margins were the same."""
    (low, high), (other_low, other_high) = (
        [bound if math.isinf(bound) else math.copysign(1.0, bound) for bound in (part.low, part.high)]
        for part in (one, other)
    )
    return high <= other_low or other_high <= low
