"""Worlds that are stepped in rows; every number is Gymnasium's, to the bit.

This room imports `base` only. `make` builds an environment by its Gymnasium id.
"""

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
