"""Worlds that are stepped in rows; every number is Gymnasium's, to the bit.

This room imports `base` only. `make` builds an environment by its Gymnasium id.
"""

from pgbench.environments.interface import ActionKind as ActionKind
from pgbench.environments.interface import Box as Box
from pgbench.environments.interface import Discrete as Discrete
from pgbench.environments.interface import Transition as Transition
from pgbench.environments.interface import VectorEnvironment as VectorEnvironment
from pgbench.environments.interface import kind_of as kind_of
from pgbench.environments.registry import check as check
from pgbench.environments.registry import kind_of_actions as kind_of_actions
from pgbench.environments.registry import make as make
from pgbench.environments.registry import never_outside as never_outside
from pgbench.environments.registry import origin as origin
from pgbench.environments.registry import time_limit as time_limit
