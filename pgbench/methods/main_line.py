"""The main line, from REINFORCE to PPO: each method is the one before it with one field replaced.

A published method often changes several things at once. This file then has a member for each change, so that each
can be measured alone.
"""

from __future__ import annotations

from pgbench.methods import components as c
from pgbench.methods import publications as published
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.members import Member, successor

# ----------------------------------------------------------------------------------------------------------
# The score function, and ways to reduce its variance

REINFORCE = Member(
    name="reinforce",
    parent=None,
    algorithm=Algorithm(update=c.GradientStep(optimiser=c.Adam(learning_rate=1e-3))),
    idea="make the actions of an episode more likely in proportion to its return",
    source=published.WILLIAMS,
)

REWARD_TO_GO = successor(
    REINFORCE,
    "reward_to_go",
    {"advantage": c.RewardToGo()},
    "do not credit an action with the rewards that came before it",
    published.POLICY_GRADIENT_THEOREM,
)

AVERAGE_BASELINE = successor(
    REWARD_TO_GO,
    "average_baseline",
    {"baseline": c.AverageReturn()},
    "subtract the average return of the batch: only better returns make actions more likely",
    published.WILLIAMS,
)

# ----------------------------------------------------------------------------------------------------------
# The critic

LEARNED_VALUE = successor(
    AVERAGE_BASELINE,
    "learned_value",
    {"baseline": c.LearnedValue()},
    "learn the expected return of each state with a critic, and subtract it",
    published.POLICY_GRADIENT_THEOREM,
)

GENERALISED_ADVANTAGE = successor(
    LEARNED_VALUE,
    "gae",
    {"advantage": c.GAE(lam=0.95)},
    "let the critic stand in for distant rewards: a little bias for much less variance",
    published.GAE,
)

FIXED_HORIZON = successor(
    GENERALISED_ADVANTAGE,
    "fixed_horizon",
    {"data": c.FixedHorizon(steps=2048)},
    "cut episodes after a fixed number of steps and let the critic value the rest: all batches have one size",
    published.ACTOR_CRITIC,
)

# ----------------------------------------------------------------------------------------------------------
# Proximal policy optimisation as the paper prints it: the values of Table 3, and no detail that it does not state

LAMBDA_TARGET = successor(
    FIXED_HORIZON,
    "lambda_target",
    {"baseline.target": c.LambdaTarget(lam=0.95)},
    "fit the critic to the λ-return instead of the observed return",
    published.GAE,
)

JOINT_FIT = successor(
    LAMBDA_TARGET,
    "joint_fit",
    {"baseline.fit": c.JointFit()},
    "minimise the losses of actor and critic together",
    published.PPO,
)

IMPORTANCE_RATIO = successor(
    JOINT_FIT,
    "importance_ratio",
    {"surrogate": c.ImportanceRatio()},
    "replace the log-likelihood by the probability ratio: at the old policy the gradient is the same",
    published.CONSERVATIVE_POLICY_ITERATION,
)

PPO_STEP_SIZE = successor(
    IMPORTANCE_RATIO,
    "step_size",
    {"update.optimiser.learning_rate": 3e-4},
    "take a smaller step, because the next method takes many steps on each batch",
    published.PPO,
)

MANY_EPOCHS = successor(
    PPO_STEP_SIZE,
    "no_clip",
    {"update": c.MinibatchEpochs(epochs=10, minibatch_size=64, optimiser=c.Adam(learning_rate=3e-4))},
    "take many steps on each batch, with nothing that keeps the policy near the old one",
    published.PPO,
)

PPO_CLIP = successor(
    MANY_EPOCHS,
    "ppo_clip",
    {"surrogate": c.ClippedRatio(epsilon=0.2)},
    "give no reward for moving the probability ratio out of the interval from 1 − ε to 1 + ε",
    published.PPO,
)

# ----------------------------------------------------------------------------------------------------------
# Proximal policy optimisation as practised: the details that implementations add

PPO_OBSERVATIONS = successor(
    PPO_CLIP,
    "ppo_observations",
    {"details.observation_normalisation": c.ObservationNormalisation(clip=10.0)},
    "normalise observations to mean 0 and variance 1",
    published.OPENAI_BASELINES,
)

PPO_REWARDS = successor(
    PPO_OBSERVATIONS,
    "ppo_rewards",
    {"details.reward_scaling": c.RewardScaling(clip=10.0)},
    "divide rewards by the standard deviation of the discounted return",
    published.ENGSTROM,
)

PPO_INITIALISATION = successor(
    PPO_REWARDS,
    "ppo_initialisation",
    {"networks.initialisation": c.Orthogonal()},
    "start from orthogonal weights, with the last layer of the policy near zero",
    published.ENGSTROM,
)

PPO_ADAM = successor(
    PPO_INITIALISATION,
    "ppo_adam",
    {"update.optimiser.epsilon": 1e-5},
    "use a larger ε in the denominator of Adam",
    published.OPENAI_BASELINES,
)

PPO_DECAY = successor(
    PPO_ADAM,
    "ppo_decay",
    {"update.optimiser.decay": "linear"},
    "let the step size fall linearly to zero",
    published.ENGSTROM,
)

PPO_GRADIENT_NORM = successor(
    PPO_DECAY,
    "ppo_gradient_norm",
    {"details.max_gradient_norm": 0.5},
    "shorten every gradient to a norm of at most 0.5",
    published.OPENAI_BASELINES,
)

PPO_PRACTISED = successor(
    PPO_GRADIENT_NORM,
    "ppo",
    {"details.advantage_normalisation": "minibatch"},
    "normalise the advantages of each minibatch to mean 0 and variance 1",
    published.OPENAI_BASELINES,
)

MAIN_LINE: tuple[Member, ...] = (
    REINFORCE,
    REWARD_TO_GO,
    AVERAGE_BASELINE,
    LEARNED_VALUE,
    GENERALISED_ADVANTAGE,
    FIXED_HORIZON,
    LAMBDA_TARGET,
    JOINT_FIT,
    IMPORTANCE_RATIO,
    PPO_STEP_SIZE,
    MANY_EPOCHS,
    PPO_CLIP,
    PPO_OBSERVATIONS,
    PPO_REWARDS,
    PPO_INITIALISATION,
    PPO_ADAM,
    PPO_DECAY,
    PPO_GRADIENT_NORM,
    PPO_PRACTISED,
)
"""The members of this file, from REINFORCE to PPO."""
