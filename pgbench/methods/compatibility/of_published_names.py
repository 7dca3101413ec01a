"""Which names of publications a method may bear: whether a published number is of the same method as a variant."""

from __future__ import annotations

import re

from pgbench.methods import components as c
from pgbench.methods.choices import Choices

_FAMILY = re.compile(
    r"\b(A2C \+ Trust Region|A2C|ACKTR|DDPG|NPG|PPO|REINFORCE|RPO|SAC|TD3|TRPO|VPG)2?\b", re.IGNORECASE
)


def published_family(name: str) -> str | None:
    """The family in a publication's name of a method, such as PPO in PPO2; None if none is known."""
    found = _FAMILY.search(name)
    return found[1].upper() if found else None


def families(algorithm: Choices) -> frozenset[str]:
    """The families that a method may be published under; none if publications have no such method."""
    if isinstance(algorithm.data, c.ReplayBuffer):
        return frozenset()
    if isinstance(algorithm.update, c.TrustRegion):
        return frozenset({"TRPO"})
    if isinstance(algorithm.update, c.NaturalGradient | c.NaturalAscent):
        return frozenset({"NPG"})
    if not isinstance(algorithm.surrogate, c.LogLikelihood):
        return frozenset({"PPO"})
    if isinstance(algorithm.baseline, c.LearnedValue | c.LearnedActionValue):
        return frozenset({"A2C", "VPG"})
    return frozenset({"REINFORCE", "VPG"})
