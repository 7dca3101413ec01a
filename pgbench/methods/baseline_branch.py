"""Baselines that do not contain what they are subtracted from, and the discount that the derivation gives.

The last members subtract from a critic of actions what it expects, or follow the gradient of all actions at once.
"""

from __future__ import annotations

from pgbench.methods import publications as published
from pgbench.methods.components import LeaveOneOut
from pgbench.methods.main_line import AVERAGE_BASELINE, PPO_PRACTISED
from pgbench.methods.members import Member, successor
from pgbench.methods.replay_branch import REPLAY

LEAVE_ONE_OUT = successor(
    AVERAGE_BASELINE,
    "leave_one_out",
    {"baseline": LeaveOneOut()},
    "leave the trajectory itself out of the average that is subtracted from it: no bias is left",
    published.LEAVE_ONE_OUT,
)

PPO_FROM_THE_START = successor(
    PPO_PRACTISED,
    "ppo_from_the_start",
    {"discount": "from_the_start"},
    "use the discount that the derivation gives: late actions count less",
    published.DERIVED_DISCOUNT,
)

REPLAY_EXPECTED = successor(
    REPLAY,
    "replay_expected_value",
    {"baseline.subtracts": "expected_value"},
    "subtract what the critic expects of the policy's actions: only better actions become likelier",
    published.POLICY_GRADIENT_THEOREM,
)

REPLAY_SECOND = successor(
    REPLAY,
    "replay_second_action",
    {"baseline.subtracts": "second_action"},
    "subtract the value of another action of the policy, which real-valued actions allow, too",
    published.LEAVE_ONE_OUT,
)

REPLAY_ALL = successor(
    REPLAY,
    "replay_all_actions",
    {"advantage.action": "all"},
    "weight every action by its probability and its value: no drawn action adds variance",
    published.ALL_ACTIONS,
)

BASELINE_BRANCH: tuple[Member, ...] = (
    LEAVE_ONE_OUT,
    PPO_FROM_THE_START,
    REPLAY_EXPECTED,
    REPLAY_SECOND,
    REPLAY_ALL,
)
"""The members of this file."""
