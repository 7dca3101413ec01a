"""Gymnasium's MuJoCo tasks by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pgbench.environments.mujoco_parts import Task
from pgbench.environments.mujoco_targets import TARGETS
from pgbench.environments.mujoco_walkers import WALKERS

TASKS: Mapping[str, Task] = MappingProxyType({**WALKERS, **TARGETS})
"""Every MuJoCo task by Gymnasium id."""
