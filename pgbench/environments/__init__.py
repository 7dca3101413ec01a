"""Batched environments; `transforms`, what is done to their observations and rewards, is imported by who needs it."""

from pgbench.environments.base import Box, Discrete, Transition, VectorEnvironment
from pgbench.environments.registry import check, make, time_limit

__all__ = [
    "Box",
    "Discrete",
    "Transition",
    "VectorEnvironment",
    "check",
    "make",
    "time_limit",
]
