"""From REINFORCE to PPO: each method is its parent with one field replaced. Read this file first.

A `Member` carries the idea that its one change stands for and where it was published. Where a published step
changes several things at once, the steps between stand here too, so that each can be measured alone.
"""

from __future__ import annotations

from pgbench.methods import components as c
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.members import Member, successor

WILLIAMS = "Williams 1992"
TRPO = "Schulman et al. 2015 (TRPO)"
POLICY_GRADIENT_THEOREM = "Sutton et al. 2000"
KONDA = "Konda and Tsitsiklis 2000"
GAE = "Schulman et al. 2016 (GAE)"
PPO = "Schulman et al. 2017 (PPO)"
BASELINES = "Dhariwal et al. 2017 (OpenAI Baselines); Huang et al. 2022"
ENGSTROM = "Engstrom et al. 2020"
NOTE = "the study note"

# ----------------------------------------------------------------------------------------------------------
# The score function, and what reduces its variance

REINFORCE = Member(
    name="reinforce",
    parent=None,
    algorithm=Algorithm(update=c.GradientStep(optimiser=c.Adam(learning_rate=1e-3))),
    idea="make the actions of an episode likelier in proportion to its return",
    source=WILLIAMS,
)

REWARD_TO_GO = successor(
    REINFORCE,
    "reward_to_go",
    {"advantage": c.RewardToGo()},
    "an action is not credited with rewards that came before it",
    POLICY_GRADIENT_THEOREM,
)

AVERAGE_BASELINE = successor(
    REWARD_TO_GO,
    "average_baseline",
    {"baseline": c.AverageReturn()},
    "only returns above the batch's average make actions likelier",
    WILLIAMS,
)

# ----------------------------------------------------------------------------------------------------------
# The critic

LEARNED_VALUE = successor(
    AVERAGE_BASELINE,
    "learned_value",
    {"baseline": c.LearnedValue()},
    "what is expected depends on the state: learn it",
    POLICY_GRADIENT_THEOREM,
)

GENERALISED_ADVANTAGE = successor(
    LEARNED_VALUE,
    "gae",
    {"advantage": c.GAE(lam=0.95)},
    "trust the critic for the far future: some bias for much less variance",
    GAE,
)

FIXED_HORIZON = successor(
    GENERALISED_ADVANTAGE,
    "fixed_horizon",
    {"data": c.FixedHorizon(steps=2048)},
    "cut episodes anywhere and let the critic stand for the rest: batches of one size",
    KONDA,
)

# ----------------------------------------------------------------------------------------------------------
# Proximal policy optimisation as the paper prints it: Table 3, and nothing that it does not state

LAMBDA_TARGET = successor(
    FIXED_HORIZON,
    "lambda_target",
    {"baseline.target": c.LambdaTarget(lam=0.95)},
    "the critic learns from the λ-return instead of the whole return",
    GAE,
)

JOINT_FIT = successor(
    LAMBDA_TARGET,
    "joint_fit",
    {"baseline.fit": c.JointFit()},
    "actor and critic descend one loss together",
    PPO,
)

IMPORTANCE_RATIO = successor(
    JOINT_FIT,
    "importance_ratio",
    {"surrogate": c.ImportanceRatio()},
    "the probability ratio replaces the log-likelihood: the same gradient at the old policy",
    "Kakade and Langford 2002",
)

PPO_STEP_SIZE = successor(
    IMPORTANCE_RATIO,
    "step_size",
    {"update.optimiser.learning_rate": 3e-4},
    "a smaller step, for many of them are to come",
    PPO,
)

MANY_EPOCHS = successor(
    PPO_STEP_SIZE,
    "no_clip",
    {"update": c.MinibatchEpochs(epochs=10, minibatch_size=64, optimiser=c.Adam(learning_rate=3e-4))},
    "use each batch for many steps, with nothing to keep the policy near",
    PPO,
)

PPO_CLIP = successor(
    MANY_EPOCHS,
    "ppo_clip",
    {"surrogate": c.ClippedRatio(epsilon=0.2)},
    "no reward for leaving the interval in which the old policy's data can be trusted",
    PPO,
)

# ----------------------------------------------------------------------------------------------------------
# Proximal policy optimisation as practised: the details that implementations add

PPO_OBSERVATIONS = successor(
    PPO_CLIP,
    "ppo_observations",
    {"details.observation_normalisation": c.ObservationNormalisation(clip=10.0)},
    "observations have zero mean and unit variance",
    BASELINES,
)

PPO_REWARDS = successor(
    PPO_OBSERVATIONS,
    "ppo_rewards",
    {"details.reward_scaling": c.RewardScaling(clip=10.0)},
    "rewards are measured in standard deviations of the discounted return",
    ENGSTROM,
)

PPO_INITIALISATION = successor(
    PPO_REWARDS,
    "ppo_initialisation",
    {"networks.initialisation": c.Orthogonal()},
    "orthogonal weights, and a last policy layer that begins near zero",
    ENGSTROM,
)

PPO_ADAM = successor(
    PPO_INITIALISATION,
    "ppo_adam",
    {"update.optimiser.epsilon": 1e-5},
    "a larger ε in Adam's denominator",
    BASELINES,
)

PPO_DECAY = successor(
    PPO_ADAM,
    "ppo_decay",
    {"update.optimiser.decay": "linear"},
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

# ----------------------------------------------------------------------------------------------------------
# Branches: other choices at one rung

DERIVED_DISCOUNT = successor(
    REWARD_TO_GO,
    "derived_discount",
    {"advantage.discount": "from_the_start"},
    "the discount that the derivation gives: late actions count for less",
    POLICY_GRADIENT_THEOREM,
)

TIMESTEP_BASELINE = successor(
    REWARD_TO_GO,
    "timestep_baseline",
    {"baseline": c.TimestepAverage()},
    "what is expected depends on how long the episode has lasted",
    GAE,
)

OPTIMAL_BASELINE = successor(
    REINFORCE,
    "optimal_baseline",
    {"baseline": c.OptimalConstant()},
    "the constant that leaves the gradient the least variance",
    "Weaver and Tao 2001; Greensmith et al. 2004",
)

OPTIMAL_COMPONENTS = successor(
    REINFORCE,
    "optimal_components",
    {"baseline": c.OptimalComponents()},
    "and such a constant for every parameter",
    "Peters and Schaal 2008",
)

ACTOR_CRITIC = successor(
    LEARNED_VALUE,
    "actor_critic",
    {"advantage": c.NStep(n=1)},
    "trust the critic after a single reward",
    KONDA,
)

BATCH_ACTOR_CRITIC = successor(
    ACTOR_CRITIC,
    "batch_actor_critic",
    {"baseline.target": c.NStepTarget(n=1)},
    "the critic, too, learns from one reward and its own next value",
    KONDA,
)

ONE_CRITIC_STEP = successor(
    BATCH_ACTOR_CRITIC,
    "one_critic_step",
    {"baseline.fit.steps": 1},
    "the critic takes one step where the policy takes one",
    KONDA,
)

ONLINE_ACTOR_CRITIC = successor(
    ONE_CRITIC_STEP,
    "online_actor_critic",
    {"data": c.FixedHorizon(steps=1)},
    "learn from every step at once",
    KONDA,
)

ADVANTAGE_ACTOR_CRITIC = successor(
    LEARNED_VALUE,
    "n_step",
    {"advantage": c.NStep(n=5)},
    "trust the critic after five rewards",
    "Mnih et al. 2016 (A3C)",
)

SEVERAL_STEPS = successor(
    REWARD_TO_GO,
    "several_steps",
    {"update.steps": 4},
    "several steps on one batch, as if it were still the policy's own",
    NOTE,
)

TRAJECTORY_WEIGHTS = successor(
    SEVERAL_STEPS,
    "trajectory_ratio",
    {"surrogate": c.TrajectoryRatio()},
    "weigh each trajectory by how much likelier it has become",
    "the study note; Precup et al. 2000",
)

CAUSAL_WEIGHTS = successor(
    SEVERAL_STEPS,
    "causal_ratio",
    {"surrogate": c.CausalRatio()},
    "only what led up to an action decides its weight",
    "the study note; Precup et al. 2000",
)

PER_DECISION_WEIGHTS = successor(
    SEVERAL_STEPS,
    "per_decision_ratio",
    {"surrogate": c.PerDecisionRatio()},
    "only what led up to a reward decides its weight",
    "Precup et al. 2000",
)

# ----------------------------------------------------------------------------------------------------------
# Trust regions: the ratio again, as in `importance_ratio`, but beside a critic that is fitted by itself, since a
# trust region steps the policy alone

TRPO_SURROGATE = successor(
    FIXED_HORIZON,
    "ratio_step",
    {"surrogate": c.ImportanceRatio()},
    "the probability ratio replaces the log-likelihood: the same gradient at the old policy",
    "Kakade and Langford 2002",
)

NATURAL_GRADIENT = successor(
    TRPO_SURROGATE,
    "natural_gradient",
    {"update": c.NaturalGradient(delta=0.01)},
    "measure a step by how far it moves the policy, not the parameters",
    "Kakade 2002; Duan et al. 2016",
)

TRUST_REGION = successor(
    TRPO_SURROGATE,
    "trpo",
    {"update": c.TrustRegion(delta=0.01)},
    "and shorten it until the surrogate gains and the policy stays near",
    TRPO,
)

TRUST_REGION_OBSERVATIONS = successor(
    TRUST_REGION,
    "trpo_observations",
    {"details.observation_normalisation": c.ObservationNormalisation(clip=10.0)},
    "observations have zero mean and unit variance",
    BASELINES,
)

TRUST_REGION_PRACTISED = successor(
    TRUST_REGION_OBSERVATIONS,
    "trpo_practised",
    {"networks.initialisation": c.Orthogonal()},
    "orthogonal weights, and a last policy layer that begins near zero",
    ENGSTROM,
)

# ----------------------------------------------------------------------------------------------------------
# The other surrogates of the PPO paper

NO_MINIMUM = successor(
    PPO_CLIP,
    "ppo_no_minimum",
    {"surrogate.pessimistic": False},
    "clip without the outer minimum: a ratio that has left is not called back",
    PPO,
)

FIXED_PENALTY = successor(
    MANY_EPOCHS,
    "ppo_fixed_kl",
    {"surrogate": c.FixedPenalty(beta=1.0)},
    "pay for leaving the old policy instead",
    PPO,
)

ADAPTIVE_PENALTY = successor(
    MANY_EPOCHS,
    "ppo_adaptive_kl",
    {"surrogate": c.AdaptivePenalty(target=0.01)},
    "and adjust the price to hold a distance",
    PPO,
)

# ----------------------------------------------------------------------------------------------------------
# Off-policy actor-critic with a replay buffer: as the note marks it wrong in red, and each repair

REPLAY_NAIVE = successor(
    BATCH_ACTOR_CRITIC,
    "replay_naive",
    {"data": c.ReplayBuffer()},
    "old transitions as if the present policy had made them: wrong in the critic's target and in the actor",
    NOTE,
)

REPLAY_Q = successor(
    REPLAY_NAIVE,
    "replay_q",
    {"baseline": c.LearnedActionValue(next_action="buffer")},
    "a critic that knows the action, but not yet whose action comes next",
    NOTE,
)

REPLAY_UNREPAIRED = successor(
    REPLAY_Q,
    "replay_unrepaired",
    {"advantage": c.ActionValue(action="buffer")},
    "an action is credited with Q itself, neither fault being repaired",
    NOTE,
)

REPLAY_CRITIC = successor(
    REPLAY_UNREPAIRED,
    "replay_critic_repaired",
    {"baseline.next_action": "policy"},
    "first repair: the target's next action is drawn from the present policy",
    NOTE,
)

REPLAY_ACTOR = successor(
    REPLAY_UNREPAIRED,
    "replay_actor_repaired",
    {"advantage.action": "policy"},
    "second repair: the actor draws its action anew, at the price of the baseline",
    NOTE,
)

REPLAY = successor(
    REPLAY_CRITIC,
    "replay",
    {"advantage.action": "policy"},
    "both repairs; only the states are still those of old policies",
    NOTE,
)

LINEAGE: dict[str, Member] = {
    member.name: member for member in list(globals().values()) if isinstance(member, Member)
}
"""Every member of this file by name, in the order in which they stand here."""
