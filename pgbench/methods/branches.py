"""Branches of the main line: on-policy methods that replace another field of one of its members.

The trust regions start with the probability ratio again, as `importance_ratio` does. They need a critic that is
fitted separately, because a trust region steps the policy alone.
"""

from __future__ import annotations

from pgbench.methods import components as c
from pgbench.methods import publications as published
from pgbench.methods.main_line import (
    FIXED_HORIZON,
    LEARNED_VALUE,
    MANY_EPOCHS,
    PPO_CLIP,
    REINFORCE,
    REWARD_TO_GO,
)
from pgbench.methods.members import Member, successor

# ----------------------------------------------------------------------------------------------------------
# Other discounts and baselines

DERIVED_DISCOUNT = successor(
    REWARD_TO_GO,
    "derived_discount",
    {"discount": "from_the_start"},
    "use the discount that the derivation gives: late actions count less",
    published.POLICY_GRADIENT_THEOREM,
)

TIMESTEP_BASELINE = successor(
    REWARD_TO_GO,
    "timestep_baseline",
    {"baseline": c.TimestepAverage()},
    "subtract the average return from the same time step on",
    published.GAE,
)

OPTIMAL_BASELINE = successor(
    REINFORCE,
    "optimal_baseline",
    {"baseline": c.OptimalConstant()},
    "subtract the constant that minimises the variance of the gradient",
    published.OPTIMAL_CONSTANT,
)

OPTIMAL_COMPONENTS = successor(
    REINFORCE,
    "optimal_components",
    {"baseline": c.OptimalComponents()},
    "subtract a constant for each parameter, chosen to minimise the variance of its gradient",
    published.OPTIMAL_COMPONENTS,
)

# ----------------------------------------------------------------------------------------------------------
# Actor-critic: shorter returns

ACTOR_CRITIC = successor(
    LEARNED_VALUE,
    "actor_critic",
    {"advantage": c.NStep(n=1)},
    "let the critic stand in after a single reward",
    published.ACTOR_CRITIC,
)

BATCH_ACTOR_CRITIC = successor(
    ACTOR_CRITIC,
    "batch_actor_critic",
    {"baseline.target": c.NStepTarget(n=1)},
    "fit the critic to one reward and its own value of the next state",
    published.ACTOR_CRITIC,
)

ONE_CRITIC_STEP = successor(
    BATCH_ACTOR_CRITIC,
    "one_critic_step",
    {"baseline.fit.steps": 1},
    "take one step of the critic for each step of the policy",
    published.ACTOR_CRITIC,
)

ONLINE_ACTOR_CRITIC = successor(
    ONE_CRITIC_STEP,
    "online_actor_critic",
    {"data": c.FixedHorizon(steps=1)},
    "update after every step of the environment",
    published.ACTOR_CRITIC,
)

ADVANTAGE_ACTOR_CRITIC = successor(
    LEARNED_VALUE,
    "n_step",
    {"advantage": c.NStep(n=5)},
    "let the critic stand in after five rewards",
    published.A3C,
)

# ----------------------------------------------------------------------------------------------------------
# Several steps on one batch, and the weights that repair it

SEVERAL_STEPS = successor(
    REWARD_TO_GO,
    "several_steps",
    {"update.steps": 4},
    "take several steps on one batch, as if the present policy had collected it",
    published.NOTE,
)

TRAJECTORY_WEIGHTS = successor(
    SEVERAL_STEPS,
    "trajectory_ratio",
    {"surrogate": c.TrajectoryRatio()},
    "weight each trajectory by how much more likely it has become",
    published.NOTE_AND_PRECUP,
)

CAUSAL_WEIGHTS = successor(
    SEVERAL_STEPS,
    "causal_ratio",
    {"surrogate": c.CausalRatio()},
    "weight each action by how much more likely the actions up to it have become",
    published.NOTE_AND_PRECUP,
)

PER_DECISION_WEIGHTS = successor(
    SEVERAL_STEPS,
    "per_decision_ratio",
    {"surrogate": c.PerDecisionRatio()},
    "weight each reward by how much more likely the actions up to it have become",
    published.PRECUP,
)

# ----------------------------------------------------------------------------------------------------------
# Trust regions

TRPO_SURROGATE = successor(
    FIXED_HORIZON,
    "ratio_step",
    {"surrogate": c.ImportanceRatio()},
    "replace the log-likelihood by the probability ratio: at the old policy the gradient is the same",
    published.CONSERVATIVE_POLICY_ITERATION,
)

NATURAL_GRADIENT = successor(
    TRPO_SURROGATE,
    "natural_gradient",
    {"update": c.NaturalGradient(delta=0.01)},
    "measure the length of a step by how far it moves the policy, not the parameters",
    published.NATURAL_GRADIENT,
)

TRUST_REGION = successor(
    TRPO_SURROGATE,
    "trpo",
    {"update": c.TrustRegion(delta=0.01)},
    "shorten the natural gradient's step until the surrogate improves and the KL divergence is at most δ",
    published.TRPO,
)

TRUST_REGION_OBSERVATIONS = successor(
    TRUST_REGION,
    "trpo_observations",
    {"details.observation_normalisation": c.ObservationNormalisation(clip=10.0)},
    "normalise observations to mean 0 and variance 1",
    published.OPENAI_BASELINES,
)

TRUST_REGION_PRACTISED = successor(
    TRUST_REGION_OBSERVATIONS,
    "trpo_practised",
    {"networks.initialisation": c.Orthogonal()},
    "start from orthogonal weights, with the last layer of the policy near zero",
    published.ENGSTROM,
)

# ----------------------------------------------------------------------------------------------------------
# The other surrogates of the PPO paper

NO_MINIMUM = successor(
    PPO_CLIP,
    "ppo_no_minimum",
    {"surrogate.pessimistic": False},
    "clip without the outer minimum: a ratio that has left the interval is not pulled back",
    published.PPO,
)

FIXED_PENALTY = successor(
    MANY_EPOCHS,
    "ppo_fixed_kl",
    {"surrogate": c.FixedPenalty(beta=1.0)},
    "penalise the KL divergence from the old policy",
    published.PPO,
)

ADAPTIVE_PENALTY = successor(
    MANY_EPOCHS,
    "ppo_adaptive_kl",
    {"surrogate": c.AdaptivePenalty(target=0.01)},
    "penalise the KL divergence, and adapt the weight of the penalty to hold a target",
    published.PPO,
)

BRANCHES: tuple[Member, ...] = (
    DERIVED_DISCOUNT,
    TIMESTEP_BASELINE,
    OPTIMAL_BASELINE,
    OPTIMAL_COMPONENTS,
    ACTOR_CRITIC,
    BATCH_ACTOR_CRITIC,
    ONE_CRITIC_STEP,
    ONLINE_ACTOR_CRITIC,
    ADVANTAGE_ACTOR_CRITIC,
    SEVERAL_STEPS,
    TRAJECTORY_WEIGHTS,
    CAUSAL_WEIGHTS,
    PER_DECISION_WEIGHTS,
    TRPO_SURROGATE,
    NATURAL_GRADIENT,
    TRUST_REGION,
    TRUST_REGION_OBSERVATIONS,
    TRUST_REGION_PRACTISED,
    NO_MINIMUM,
    FIXED_PENALTY,
    ADAPTIVE_PENALTY,
)
"""The members of this file."""
