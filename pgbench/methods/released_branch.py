"""PPO and TRPO as their authors released them in July 2017, and two other choices of how experience is collected.

The papers print less than this code does, and later implementations do more. What the figures of the papers were
made with is not known; this is the nearest thing to it. Every choice was read in the source: OpenAI Baselines,
commit da99706 of 2017-07-20, `baselines/pposgd` and `baselines/trpo_mpi`.

What the parents have already needs no member: rewards as they are, no bound on the gradient's norm, a constant step
size, Adam's ε of 1e-8, log σ of 0 at the start. TRPO's advantages stay as they are: its code standardises them, and
then takes its step with those that it had before.
"""

from __future__ import annotations

from pgbench.methods import components as c
from pgbench.methods import publications as published
from pgbench.methods.branches import TRUST_REGION
from pgbench.methods.main_line import PPO_CLIP, PPO_PRACTISED
from pgbench.methods.members import Member, successor

BATCH_STATISTICS = c.ObservationNormalisation(clip=5.0, updates="each_batch", minimum_variance=0.01)

# ----------------------------------------------------------------------------------------------------------
# PPO, as released

PPO_RAW_ACTIONS = successor(
    PPO_CLIP,
    "ppo_raw_actions",
    {"details.actions": "raw"},
    "give the environment the action as it is drawn, also outside its box: the reward may charge for it",
    published.RELEASED,
)

PPO_BATCH_STATISTICS = successor(
    PPO_RAW_ACTIONS,
    "ppo_batch_statistics",
    {"details.observation_normalisation": BATCH_STATISTICS},
    "normalise observations by statistics that move once a batch: old policy and new see the same observations",
    published.RELEASED,
)

PPO_BATCH_ADVANTAGES = successor(
    PPO_BATCH_STATISTICS,
    "ppo_batch_advantages",
    {"details.advantage_normalisation": "batch"},
    "normalise the advantages of the whole batch to mean 0 and variance 1",
    published.RELEASED,
)

PPO_VALUE_WEIGHT = successor(
    PPO_BATCH_ADVANTAGES,
    "ppo_value_weight",
    {"baseline.fit.coefficient": 1.0},
    "give the value loss ½ (V − target)² the weight 1",
    published.RELEASED,
)

PPO_VALUE_CLIP = successor(
    PPO_VALUE_WEIGHT,
    "ppo_value_clip",
    {"details.value_clip": 0.2},
    "give no reward for moving a value further than ε from the old one",
    published.RELEASED,
)

PPO_RELEASED = successor(
    PPO_VALUE_CLIP,
    "ppo_released",
    {"details.time_limits": "terminal"},
    "treat a time limit as an end like any other",
    published.RELEASED,
)

# ----------------------------------------------------------------------------------------------------------
# TRPO, as released

TRPO_RAW_ACTIONS = successor(
    TRUST_REGION,
    "trpo_raw_actions",
    {"details.actions": "raw"},
    "give the environment the action as it is drawn, also outside its box: the reward may charge for it",
    published.RELEASED,
)

TRPO_BATCH_STATISTICS = successor(
    TRPO_RAW_ACTIONS,
    "trpo_batch_statistics",
    {"details.observation_normalisation": BATCH_STATISTICS},
    "normalise observations by statistics that move once a batch: old policy and new see the same observations",
    published.RELEASED,
)

TRPO_NARROW = successor(
    TRPO_BATCH_STATISTICS,
    "trpo_narrow",
    {"networks.hidden": (32, 32)},
    "use half as many units in each layer",
    published.RELEASED,
)

TRPO_SHORT_BATCHES = successor(
    TRPO_NARROW,
    "trpo_short_batches",
    {"data.steps": 1024},
    "update twice as often, each time on half as many steps",
    published.RELEASED,
)

TRPO_LAMBDA = successor(
    TRPO_SHORT_BATCHES,
    "trpo_lambda",
    {"advantage.lam": 0.98},
    "let the critic stand in for more distant rewards only",
    published.RELEASED,
)

TRPO_LAMBDA_TARGET = successor(
    TRPO_LAMBDA,
    "trpo_lambda_target",
    {"baseline.target": c.LambdaTarget(lam=0.98)},
    "fit the critic to the λ-return instead of the observed return",
    published.RELEASED,
)

TRPO_HALVING = successor(
    TRPO_LAMBDA_TARGET,
    "trpo_halving",
    {"update.line_search.ratio": 0.5},
    "halve the step at each trial of the line search",
    published.RELEASED,
)

TRPO_LARGER_KL = successor(
    TRPO_HALVING,
    "trpo_larger_kl",
    {"update.line_search.largest_kl": 1.5},
    "refuse a step only where the KL divergence is more than one and a half times δ",
    published.RELEASED,
)

TRPO_FIFTH_STEPS = successor(
    TRPO_LARGER_KL,
    "trpo_fifth_steps",
    {"update.solver.fisher_every": 5},
    "estimate the curvature of the KL divergence on every fifth step of the batch",
    published.RELEASED,
)

TRPO_VALUE_MINIBATCHES = successor(
    TRPO_FIFTH_STEPS,
    "trpo_value_minibatches",
    {"baseline.fit.minibatch_size": 64},
    "fit the critic on minibatches",
    published.RELEASED,
)

TRPO_VALUE_PASSES = successor(
    TRPO_VALUE_MINIBATCHES,
    "trpo_value_passes",
    {"baseline.fit.steps": 5 * 1024 // 64},
    "let the critic pass over the batch five times",
    published.RELEASED,
)

TRPO_RELEASED = successor(
    TRPO_VALUE_PASSES,
    "trpo_released",
    {"details.time_limits": "terminal"},
    "treat a time limit as an end like any other",
    published.RELEASED,
)

# ----------------------------------------------------------------------------------------------------------
# Other choices of how experience is collected

PPO_TIME_LIMIT = successor(
    PPO_PRACTISED,
    "ppo_time_limit",
    {"details.time_limit": 200},
    "cut training episodes early, so that they begin more often, and evaluate on long ones",
    published.TIME_LIMITS,
)

PPO_RESTARTS = successor(
    PPO_PRACTISED,
    "ppo_restarts",
    {"data.restarts": True},
    "begin every batch with new episodes, and give up those under way",
    published.ENGSTROM,
)

RELEASED_BRANCH: tuple[Member, ...] = (
    PPO_RAW_ACTIONS,
    PPO_BATCH_STATISTICS,
    PPO_BATCH_ADVANTAGES,
    PPO_VALUE_WEIGHT,
    PPO_VALUE_CLIP,
    PPO_RELEASED,
    TRPO_RAW_ACTIONS,
    TRPO_BATCH_STATISTICS,
    TRPO_NARROW,
    TRPO_SHORT_BATCHES,
    TRPO_LAMBDA,
    TRPO_LAMBDA_TARGET,
    TRPO_HALVING,
    TRPO_LARGER_KL,
    TRPO_FIFTH_STEPS,
    TRPO_VALUE_MINIBATCHES,
    TRPO_VALUE_PASSES,
    TRPO_RELEASED,
    PPO_TIME_LIMIT,
    PPO_RESTARTS,
)
"""The members of this file."""
