"""From REINFORCE to PPO: each method is its parent with one field replaced. Read this file first.

A `Member` carries the idea that its one change stands for and where it was published. Where a published step
changes several things at once, the steps between stand here too, so that each can be measured alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pgbench import specs
from pgbench.specs import Algorithm, Specification, difference, replace


class Member(Specification):
    """A named method: its algorithm, its parent's name, the idea of its one change, and the source."""

    name: str
    parent: str | None
    algorithm: Algorithm
    idea: str
    source: str


def successor(parent: Member, name: str, change: Mapping[str, Any], idea: str, source: str) -> Member:
    """The parent's algorithm with exactly one field replaced.

    Raises:
        ValueError: if the change replaces more or fewer than one field.
    """
    algorithm = replace(parent.algorithm, change)
    if len(change) != 1 or len(difference(parent.algorithm, algorithm)) != 1:
        raise ValueError(
            f"{name}: a successor replaces exactly one field of {parent.name}, not {list(change)}"
        )
    return Member(name=name, parent=parent.name, algorithm=algorithm, idea=idea, source=source)


WILLIAMS = "Williams 1992"
POLICY_GRADIENT_THEOREM = "Sutton et al. 2000"
ACTOR_CRITIC = "Konda and Tsitsiklis 2000"
GAE = "Schulman et al. 2016 (GAE)"
PPO = "Schulman et al. 2017 (PPO)"
BASELINES = "Dhariwal et al. 2017 (OpenAI Baselines); Huang et al. 2022"
ENGSTROM = "Engstrom et al. 2020"

# ----------------------------------------------------------------------------------------------------------
# The score function, and what reduces its variance

REINFORCE = Member(
    name="reinforce",
    parent=None,
    algorithm=Algorithm(optimiser=specs.Adam(learning_rate=1e-3)),
    idea="make the actions of an episode likelier in proportion to its return",
    source=WILLIAMS,
)

REWARD_TO_GO = successor(
    REINFORCE,
    "reward_to_go",
    {"advantage": specs.RewardToGo()},
    "an action is not credited with rewards that came before it",
    POLICY_GRADIENT_THEOREM,
)

AVERAGE_BASELINE = successor(
    REWARD_TO_GO,
    "average_baseline",
    {"baseline": specs.AverageReturn()},
    "only returns above the batch's average make actions likelier",
    WILLIAMS,
)

# ----------------------------------------------------------------------------------------------------------
# The critic

LEARNED_VALUE = successor(
    AVERAGE_BASELINE,
    "learned_value",
    {"baseline": specs.LearnedValue()},
    "what is expected depends on the state: learn it",
    POLICY_GRADIENT_THEOREM,
)

GENERALISED_ADVANTAGE = successor(
    LEARNED_VALUE,
    "gae",
    {"advantage": specs.GAE(lam=0.95)},
    "trust the critic for the far future: some bias for much less variance",
    GAE,
)

FIXED_HORIZON = successor(
    GENERALISED_ADVANTAGE,
    "fixed_horizon",
    {"data": specs.FixedHorizon(steps=2048)},
    "cut episodes anywhere and let the critic stand for the rest: batches of one size",
    ACTOR_CRITIC,
)

# ----------------------------------------------------------------------------------------------------------
# Proximal policy optimisation as the paper prints it: Table 3, and nothing that it does not state

LAMBDA_TARGET = successor(
    FIXED_HORIZON,
    "lambda_target",
    {"baseline.target": specs.LambdaTarget(lam=0.95)},
    "the critic learns from the λ-return instead of the whole return",
    GAE,
)

JOINT_FIT = successor(
    LAMBDA_TARGET,
    "joint_fit",
    {"baseline.fit": specs.JointFit()},
    "actor and critic descend one loss together",
    PPO,
)

IMPORTANCE_RATIO = successor(
    JOINT_FIT,
    "importance_ratio",
    {"surrogate": specs.ImportanceRatio()},
    "the probability ratio replaces the log-likelihood: the same gradient at the old policy",
    "Kakade and Langford 2002",
)

PPO_STEP_SIZE = successor(
    IMPORTANCE_RATIO,
    "step_size",
    {"optimiser.learning_rate": 3e-4},
    "a smaller step, for many of them are to come",
    PPO,
)

MANY_EPOCHS = successor(
    PPO_STEP_SIZE,
    "no_clip",
    {"update": specs.MinibatchEpochs(epochs=10, minibatch_size=64)},
    "use each batch for many steps, with nothing to keep the policy near",
    PPO,
)

PPO_CLIP = successor(
    MANY_EPOCHS,
    "ppo_clip",
    {"surrogate": specs.ClippedRatio(epsilon=0.2)},
    "no reward for leaving the interval in which the old policy's data can be trusted",
    PPO,
)

# ----------------------------------------------------------------------------------------------------------
# Proximal policy optimisation as practised: the details that implementations add

PPO_OBSERVATIONS = successor(
    PPO_CLIP,
    "ppo_observations",
    {"details.observation_normalisation": specs.ObservationNormalisation(clip=10.0)},
    "observations have zero mean and unit variance",
    BASELINES,
)

PPO_REWARDS = successor(
    PPO_OBSERVATIONS,
    "ppo_rewards",
    {"details.reward_scaling": specs.RewardScaling(clip=10.0)},
    "rewards are measured in standard deviations of the discounted return",
    ENGSTROM,
)

PPO_INITIALISATION = successor(
    PPO_REWARDS,
    "ppo_initialisation",
    {"networks.initialisation": specs.Orthogonal()},
    "orthogonal weights, and a last policy layer that begins near zero",
    ENGSTROM,
)

PPO_ADAM = successor(
    PPO_INITIALISATION,
    "ppo_adam",
    {"optimiser.epsilon": 1e-5},
    "a larger ε in Adam's denominator",
    BASELINES,
)

PPO_DECAY = successor(
    PPO_ADAM,
    "ppo_decay",
    {"optimiser.decay": "linear"},
    "the step size falls linearly to zero",
    ENGSTROM,
)

PPO_GRADIENT_NORM = successor(
    PPO_DECAY,
    "ppo_gradient_norm",
    {"details.max_gradient_norm": 0.5},
    "no gradient is longer than 0.5",
    BASELINES,
)

PPO_PRACTISED = successor(
    PPO_GRADIENT_NORM,
    "ppo",
    {"details.advantage_normalisation": "minibatch"},
    "in each minibatch, half of the advantages are positive",
    BASELINES,
)

LINEAGE: dict[str, Member] = {
    member.name: member
    for member in (
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
}


def nearest(algorithm: Algorithm) -> Member:
    """The member of the lineage that differs from the algorithm in the fewest fields; the earliest of equals."""
    return min(LINEAGE.values(), key=lambda member: len(difference(member.algorithm, algorithm)))
