"""Branches that differ in the optimiser: the plain gradient of the derivations, RMSProp, a step size by the KL."""

from __future__ import annotations

from pgbench.methods import components as c
from pgbench.methods import publications as published
from pgbench.methods.branches import ADVANTAGE_ACTOR_CRITIC
from pgbench.methods.main_line import FIXED_HORIZON, REINFORCE
from pgbench.methods.members import Member, successor

PLAIN_REINFORCE = successor(
    REINFORCE,
    "plain_reinforce",
    {"update.optimiser": c.GradientAscent(learning_rate=3e-4)},
    "climb the gradient itself, as it is derived: its length decides how far",
    published.WILLIAMS_AND_NOTE,
)

SINGLE_EPISODES = successor(
    PLAIN_REINFORCE,
    "single_episodes",
    {"data.episodes": 1},
    "update after every episode: the note's loop",
    published.NOTE,
)

HEAVY_BALL = successor(
    PLAIN_REINFORCE,
    "heavy_ball",
    {"update.optimiser.momentum": 0.5},
    "keep half of the last step, so that gradients which agree add up",
    published.HEAVY_BALL,
)

N_STEP_RMSPROP = successor(
    ADVANTAGE_ACTOR_CRITIC,
    "n_step_rmsprop",
    {"update.optimiser": c.RMSProp()},
    "divide each parameter's gradient by the root of its mean square: the steps of A3C and A2C",
    published.RMSPROP,
)

ADAPTIVE_GRADIENT = successor(
    FIXED_HORIZON,
    "adaptive_step_size",
    {"update.optimiser.decay": c.KLAdaptive()},
    "let the step size follow how far the last update moved the policy",
    published.PPO,
)

OPTIMISER_BRANCH: tuple[Member, ...] = (
    PLAIN_REINFORCE,
    SINGLE_EPISODES,
    HEAVY_BALL,
    N_STEP_RMSPROP,
    ADAPTIVE_GRADIENT,
)
"""The members of this file."""
