"""Batched environments. `transforms`, what is done to what they return, is imported by those who need it."""

from pgbench.environments.interface import Box, Discrete, Transition, VectorEnvironment
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
