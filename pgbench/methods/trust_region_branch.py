"""Branches of the trust regions: what a line search accepts, a fixed multiplier, a δ that changes."""

from __future__ import annotations

from pgbench.methods import components as c
from pgbench.methods import publications as published
from pgbench.methods.branches import NATURAL_GRADIENT, TRUST_REGION, TRUST_REGION_PRACTISED
from pgbench.methods.members import Member, successor

SEARCH_ON_KL = successor(
    TRUST_REGION,
    "line_search_on_kl",
    {"update.line_search.least_gain": None},
    "shorten the step until the KL divergence is at most δ, whether the surrogate improves or not",
    published.NOTE,
)

SHARE_OF_GAIN = successor(
    TRUST_REGION,
    "trpo_share_of_gain",
    {"update.line_search.least_gain": 0.1},
    "shorten the step until it gains a tenth of what the gradient predicts",
    published.ENGSTROM,
)

NATURAL_ASCENT = successor(
    NATURAL_GRADIENT,
    "natural_ascent",
    {"update": c.NaturalAscent(multiplier=0.1)},
    "multiply the natural gradient by a constant: its length decides how far",
    published.NATURAL_ASCENT,
)

NATURAL_ASCENT_NORMALISED = successor(
    NATURAL_ASCENT,
    "natural_ascent_normalised",
    {"details.advantage_normalisation": "batch"},
    "normalise advantages, so that a constant suits all units of rewards",
    published.TIANSHOU,
)

WIDE_REGION = successor(
    TRUST_REGION_PRACTISED,
    "trpo_wide_region",
    {"update.delta": 0.07},
    "let the policy move further in an update",
    published.ENGSTROM,
)

SHRINKING_REGION = successor(
    WIDE_REGION,
    "trpo_shrinking_region",
    {"update.final_delta": 0.04},
    "let δ fall linearly while training goes on",
    published.ENGSTROM,
)

TRUST_REGION_BRANCH: tuple[Member, ...] = (
    SEARCH_ON_KL,
    SHARE_OF_GAIN,
    NATURAL_ASCENT,
    NATURAL_ASCENT_NORMALISED,
    WIDE_REGION,
    SHRINKING_REGION,
)
"""The members of this file."""
