"""Branches that differ in the critic: when and on what it learns, its layers, its step size and its unit."""

from __future__ import annotations

from pgbench.methods import components as c
from pgbench.methods import publications as published
from pgbench.methods.branches import BATCH_ACTOR_CRITIC, TRUST_REGION
from pgbench.methods.main_line import PPO_OBSERVATIONS, PPO_PRACTISED
from pgbench.methods.members import Member, successor

# ----------------------------------------------------------------------------------------------------------
# The note's batch actor-critic, step by step

CRITIC_FIRST = successor(
    BATCH_ACTOR_CRITIC,
    "critic_first",
    {"baseline.fit.order": "before"},
    "fit the critic first, and judge actions by the fitted critic",
    published.NOTE,
)

FRESH_TARGETS = successor(
    CRITIC_FIRST,
    "fresh_targets",
    {"baseline.fit.targets": "fresh"},
    "make the critic's targets anew before each of its steps",
    published.NOTE,
)

CRITIC_MINIBATCHES = successor(
    FRESH_TARGETS,
    "critic_minibatches",
    {"baseline.fit.minibatch_size": 64},
    "step the critic on minibatches of the batch",
    published.NOTE,
)

CRITIC_ON_STEPS = successor(
    CRITIC_MINIBATCHES,
    "critic_on_steps",
    {"data": c.FixedHorizon(steps=2048)},
    "collect a number of steps, whatever episodes they belong to",
    published.NOTE,
)

NOTED_ACTOR_CRITIC = successor(
    CRITIC_ON_STEPS,
    "noted_actor_critic",
    {"update": c.MinibatchEpochs(epochs=1, minibatch_size=64)},
    "step the policy on minibatches of the batch, too: the note's batch actor-critic as written",
    published.NOTE,
)

# ----------------------------------------------------------------------------------------------------------
# The critic of TRPO as released

TRUST_REGION_MINIBATCHES = successor(
    TRUST_REGION,
    "trpo_critic_minibatches",
    {"baseline.fit.minibatch_size": 64},
    "step the critic on minibatches of the batch",
    published.OPENAI_BASELINES,
)

TRUST_REGION_PASSES = successor(
    TRUST_REGION_MINIBATCHES,
    "trpo_critic_passes",
    {"baseline.fit.steps": 160},
    "give the critic five passes over the batch of 2,048 steps",
    published.OPENAI_BASELINES,
)

# ----------------------------------------------------------------------------------------------------------
# Layers and steps of the critic alone

WIDE_CRITIC = successor(
    PPO_PRACTISED,
    "ppo_wide_critic",
    {"networks.critic": c.CriticNetwork(hidden=(256, 256))},
    "give the critic wider layers than the policy",
    published.ANDRYCHOWICZ,
)

CRITIC_RATE = successor(
    PPO_PRACTISED,
    "ppo_critic_rate",
    {"baseline.fit.learning_rate": 2.5e-4},
    "give the critic a step size of its own",
    published.ENGSTROM,
)

ENGSTROM_CRITIC = successor(
    PPO_PRACTISED,
    "ppo_separate_critic",
    {
        "baseline.fit": c.SeparateFit(
            steps=320,
            minibatch_size=64,
            optimiser=c.Adam(learning_rate=2.5e-4, epsilon=1e-5, decay="linear"),
        )
    },
    "fit the critic alone, in ten passes over minibatches of its own",
    published.ENGSTROM,
)

# ----------------------------------------------------------------------------------------------------------
# The unit in which the critic learns

VALUE_NORMALISATION = successor(
    PPO_OBSERVATIONS,
    "ppo_values",
    {"details.value_normalisation": c.ValueNormalisation()},
    "let the critic learn targets of mean 0 and variance 1",
    published.ANDRYCHOWICZ,
)

POPART = successor(
    VALUE_NORMALISATION,
    "ppo_popart",
    {"details.value_normalisation.rescale": True},
    "rescale the critic's last layer when mean and variance move, so that its values stay",
    published.POPART,
)

CRITIC_BRANCH: tuple[Member, ...] = (
    CRITIC_FIRST,
    FRESH_TARGETS,
    CRITIC_MINIBATCHES,
    CRITIC_ON_STEPS,
    NOTED_ACTOR_CRITIC,
    TRUST_REGION_MINIBATCHES,
    TRUST_REGION_PASSES,
    WIDE_CRITIC,
    CRITIC_RATE,
    ENGSTROM_CRITIC,
    VALUE_NORMALISATION,
    POPART,
)
"""The members of this file."""
