"""PPO with other Gaussian policies (Andrychowicz et al. 2021, section 3.2)."""

from __future__ import annotations

import math

from pgbench.methods import components as c
from pgbench.methods import publications as published
from pgbench.methods.main_line import PPO_PRACTISED
from pgbench.methods.members import Member, successor

PPO_HALF_DEVIATION = successor(
    PPO_PRACTISED,
    "ppo_half_deviation",
    {"networks.deviation.initial_log_std": math.log(0.5)},
    "begin with a standard deviation of 0.5, half as much exploration",
    published.ANDRYCHOWICZ,
)

PPO_STATE_DEVIATION = successor(
    PPO_PRACTISED,
    "ppo_state_deviation",
    {"networks.deviation": c.StateDeviation()},
    "let the standard deviation depend on the state, as a second output of the network",
    published.ANDRYCHOWICZ,
)

PPO_SQUASHED = successor(
    PPO_PRACTISED,
    "ppo_squashed",
    {"networks.squash": True},
    "bring actions into their box by a hyperbolic tangent instead of clipping them",
    published.ANDRYCHOWICZ,
)

POLICY_BRANCH: tuple[Member, ...] = (PPO_HALF_DEVIATION, PPO_STATE_DEVIATION, PPO_SQUASHED)
"""The members of this file."""
