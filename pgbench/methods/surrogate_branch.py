"""Surrogates that came after PPO, each in the place of its clip or of no clip, and V-trace in three steps."""

from __future__ import annotations

from pgbench.methods import components as c
from pgbench.methods import publications as published
from pgbench.methods.branches import FIXED_PENALTY
from pgbench.methods.main_line import MANY_EPOCHS, PPO_CLIP
from pgbench.methods.members import Member, successor

# ----------------------------------------------------------------------------------------------------------
# In the place of the clip

CLIP_HIGHER = successor(
    PPO_CLIP,
    "ppo_clip_higher",
    {"surrogate.epsilon_high": 0.28},
    "let ratios grow further than they may fall: unlikely actions can become likelier",
    published.CLIP_HIGHER,
)

LOG_CLIP = successor(
    PPO_CLIP,
    "ppo_log_clip",
    {"surrogate": c.ClippedLogRatio(epsilon=0.2)},
    "clip the logarithm of the ratio instead of the ratio",
    published.PPO,
)

ROLLBACK = successor(
    PPO_CLIP,
    "ppo_rollback",
    {"surrogate": c.RollbackRatio(epsilon=0.2, alpha=0.3)},
    "pull a ratio back that has left the interval, which the clip lets be",
    published.TRULY_PPO,
)

SIMPLE_POLICY_OPTIMISATION = successor(
    PPO_CLIP,
    "spo",
    {"surrogate": c.QuadraticPenalty(epsilon=0.2)},
    "penalise each ratio by its squared distance from 1, so that the best ratio is the end of the interval",
    published.SPO,
)

# ----------------------------------------------------------------------------------------------------------
# In the place of no clip

REVERSE_PENALTY = successor(
    FIXED_PENALTY,
    "ppo_reverse_kl",
    {"surrogate.direction": "new_old"},
    "penalise the KL divergence of the new policy from the old one, the other way round",
    published.MIRROR_DESCENT,
)

EXPONENTIAL_WEIGHTS = successor(
    MANY_EPOCHS,
    "exponential_advantage",
    {"surrogate": c.ExponentialAdvantage()},
    "imitate every action, the better ones exponentially more",
    published.ADVANTAGE_WEIGHTED_REGRESSION,
)

# ----------------------------------------------------------------------------------------------------------
# V-trace: the ratios of the epochs before correct the returns

RECOMPUTED = successor(
    MANY_EPOCHS,
    "recomputed_advantages",
    {"update.recompute_advantages": True},
    "compute advantages and targets anew with the present critic before each epoch",
    published.ANDRYCHOWICZ,
)

V_TRACE_TARGET = successor(
    RECOMPUTED,
    "v_trace_target",
    {"baseline.target": c.VTraceTarget()},
    "correct the critic's target for what the policy has become since it collected",
    published.V_TRACE,
)

V_TRACE_ADVANTAGE = successor(
    V_TRACE_TARGET,
    "v_trace_advantage",
    {"advantage": c.VTrace()},
    "compare actions by the corrected returns, too",
    published.V_TRACE,
)

V_TRACE = successor(
    V_TRACE_ADVANTAGE,
    "v_trace",
    {"surrogate": c.TruncatedRatio()},
    "weight the score by the ratio up to 1, and never by more",
    published.V_TRACE,
)

SURROGATE_BRANCH: tuple[Member, ...] = (
    CLIP_HIGHER,
    LOG_CLIP,
    ROLLBACK,
    SIMPLE_POLICY_OPTIMISATION,
    REVERSE_PENALTY,
    EXPONENTIAL_WEIGHTS,
    RECOMPUTED,
    V_TRACE_TARGET,
    V_TRACE_ADVANTAGE,
    V_TRACE,
)
"""The members of this file."""
