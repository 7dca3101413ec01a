"""Off-policy actor-critic with a replay buffer: the method that the study note marks as wrong, and each repair."""

from __future__ import annotations

from pgbench.methods import components as c
from pgbench.methods import publications as published
from pgbench.methods.branches import BATCH_ACTOR_CRITIC
from pgbench.methods.members import Member, successor

# ----------------------------------------------------------------------------------------------------------
# From the faulty method to both repairs

REPLAY_NAIVE = successor(
    BATCH_ACTOR_CRITIC,
    "replay_naive",
    {"data": c.ReplayBuffer()},
    "learn from old transitions as if the present policy had made them: critic and actor are both wrong",
    published.NOTE,
)

REPLAY_Q = successor(
    REPLAY_NAIVE,
    "replay_q",
    {"baseline": c.LearnedActionValue(next_action="buffer")},
    "learn a critic Q(s, a) of actions; its target still takes the stored next action",
    published.NOTE,
)

REPLAY_UNREPAIRED = successor(
    REPLAY_Q,
    "replay_unrepaired",
    {"advantage": c.ActionValue(action="buffer")},
    "weight each stored action by Q(s, a); critic and actor are still wrong",
    published.NOTE,
)

REPLAY_CRITIC = successor(
    REPLAY_UNREPAIRED,
    "replay_critic_repaired",
    {"baseline.next_action": "policy"},
    "first repair: the target of the critic takes a next action from the present policy",
    published.NOTE,
)

REPLAY_ACTOR = successor(
    REPLAY_UNREPAIRED,
    "replay_actor_repaired",
    {"advantage.action": "policy"},
    "second repair: the actor weights an action from the present policy, and has no baseline",
    published.NOTE,
)

REPLAY = successor(
    REPLAY_CRITIC,
    "replay",
    {"advantage.action": "policy"},
    "make both repairs: only the states still come from old policies",
    published.NOTE,
)

REPLAY_BRANCH: tuple[Member, ...] = (
    REPLAY_NAIVE,
    REPLAY_Q,
    REPLAY_UNREPAIRED,
    REPLAY_CRITIC,
    REPLAY_ACTOR,
    REPLAY,
)
"""The members of this file."""
