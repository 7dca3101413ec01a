"""Batched environments, and what is done to their observations and rewards."""

from pgbench.environments.base import Box, Discrete, Transition, VectorEnvironment
from pgbench.environments.registry import check, make, time_limit
from pgbench.environments.transforms import (
    FrozenNormaliser,
    ObservationNormaliser,
    RewardScaler,
    RunningMoments,
)

__all__ = [
    "Box",
    "Discrete",
    "FrozenNormaliser",
    "ObservationNormaliser",
    "RewardScaler",
    "RunningMoments",
    "Transition",
    "VectorEnvironment",
    "check",
    "make",
    "time_limit",
]
