"""The choices of an algorithm: one small frozen model each, in closed slots.

A component's `kind` says which choice it is. "Off" is `None` or a `No…` component, never a magic number. What a
component means is written once, in `pgbench.estimation` or `pgbench.updates`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from pgbench.components.base import SLOT
from pgbench.components.base import Fraction as Fraction
from pgbench.components.base import Probability as Probability
from pgbench.components.base import Specification as Specification
from pgbench.components.details import Details as Details
from pgbench.components.details import Initialisation as Initialisation
from pgbench.components.details import Networks as Networks
from pgbench.components.details import ObservationNormalisation as ObservationNormalisation
from pgbench.components.details import Orthogonal as Orthogonal
from pgbench.components.details import RewardScaling as RewardScaling
from pgbench.components.details import Xavier as Xavier

# ----------------------------------------------------------------------------------------------------------
# Data: which transitions one update learns from


class WholeEpisodes(Specification):
    """Every environment runs exactly one episode; the only unbiased data for methods without a critic."""

    kind: Literal["whole_episodes"] = "whole_episodes"
    episodes: PositiveInt = Field(4, description="Episodes an update, one in each environment of a replica.")


class FixedHorizon(Specification):
    """A fixed number of steps of every environment, whatever the episodes; needs a critic at the cut."""

    kind: Literal["fixed_horizon"] = "fixed_horizon"
    steps: PositiveInt = Field(2048, description="Steps of each environment an update (T in the PPO paper).")
    environments: PositiveInt = Field(1, description="Environments stepped side by side in each replica.")


class ReplayBuffer(Specification):
    """Minibatches of single transitions, drawn from a ring of the latest ones, whichever policy they are of."""

    kind: Literal["replay_buffer"] = "replay_buffer"
    capacity: PositiveInt = Field(
        100_000, description="Transitions that a replica keeps; the oldest go first."
    )
    steps: PositiveInt = Field(64, description="Steps of each environment that are stored before an update.")
    environments: PositiveInt = Field(1, description="Environments stepped side by side in each replica.")
    batch_size: PositiveInt = Field(64, description="Transitions of one replica in a gradient step (N).")
    warm_up: NonNegativeInt = Field(
        1000, description="Steps of each environment more, before the first update."
    )


Data = Annotated[WholeEpisodes | FixedHorizon | ReplayBuffer, *SLOT]


# ----------------------------------------------------------------------------------------------------------
# Advantage: which return an action is credited with


class TotalReturn(Specification):
    """The discounted return of the whole episode, credited to each of its actions (Williams 1992)."""

    kind: Literal["total_return"] = "total_return"


class RewardToGo(Specification):
    """The discounted sum of the rewards that follow the action: an action cannot change the past."""

    kind: Literal["reward_to_go"] = "reward_to_go"
    discount: Literal["from_the_action", "from_the_start"] = Field(
        "from_the_action",
        description="γ^(t'−t), which everybody uses, or γ^(t'−1), which the derivation gives.",
    )


class NStep(Specification):
    """n rewards, then the critic's value; n = 1 is the TD error of actor-critic (Mnih et al. 2016).

    With a critic of actions: r + γ Q(s', a'), the action a' being the critic's `next_action`.
    """

    kind: Literal["n_step"] = "n_step"
    n: PositiveInt = Field(1, description="Rewards before the critic takes over.")


class UniformWeight(Specification):
    """Every action counts 1, whatever came of it: the policy clones its own behaviour (the note's contrast)."""

    kind: Literal["uniform_weight"] = "uniform_weight"


class GAE(Specification):
    """Generalised advantage estimation (Schulman et al. 2016, eq. 16)."""

    kind: Literal["gae"] = "gae"
    lam: Probability = Field(0.95, description="λ: 0 is the one-step TD error, 1 the return minus the value.")


class ActionValue(Specification):
    """Q(s, a), as the critic of actions says, with nothing subtracted (the note, off-policy actor-critic)."""

    kind: Literal["action_value"] = "action_value"
    action: Literal["buffer", "policy"] = Field(
        "policy",
        description="Whose action the actor makes likelier: the stored one, or one that it draws anew at s.",
    )


Advantage = Annotated[TotalReturn | RewardToGo | NStep | GAE | UniformWeight | ActionValue, *SLOT]


# ----------------------------------------------------------------------------------------------------------
# Optimiser: how a gradient becomes a step; part of whatever takes gradient steps


class Adam(Specification):
    """Adam (Kingma and Ba 2015)."""

    learning_rate: PositiveFloat = 3e-4
    epsilon: PositiveFloat = 1e-8
    decay: Literal["linear"] | None = Field(None, description="Linear: the step size falls to 0 at the end.")


# ----------------------------------------------------------------------------------------------------------
# Baseline: what an action's return is compared with


class MonteCarloTarget(Specification):
    """The critic regresses on the observed discounted return, bootstrapped only where an episode was cut."""

    kind: Literal["monte_carlo"] = "monte_carlo"


class LambdaTarget(Specification):
    """The critic regresses on the λ-return: GAE(λ) plus the value (Sutton and Barto 2018, eq. 12.2)."""

    kind: Literal["lambda_return"] = "lambda_return"
    lam: Probability = Field(0.95, description="λ of the critic's target; independent of the actor's.")


class NStepTarget(Specification):
    """The critic regresses on n rewards and then its own value; n = 1 is TD(0)."""

    kind: Literal["n_step"] = "n_step"
    n: PositiveInt = Field(1, description="Rewards before the critic takes over.")


CriticTarget = Annotated[MonteCarloTarget | NStepTarget | LambdaTarget, *SLOT]


class SeparateFit(Specification):
    """The critic takes gradient steps with an optimiser of its own.

    On a batch at hand: after the policy's update, on the whole batch. From a replay buffer: before each of the
    policy's steps, on a minibatch each.
    """

    kind: Literal["separate"] = "separate"
    steps: PositiveInt = Field(
        20, description="Gradient steps of the critic an update; with a replay buffer, a step of the policy."
    )
    optimiser: Adam = Adam(learning_rate=1e-3)


class JointFit(Specification):
    """The value loss is added to the policy's loss in each of its gradient steps (PPO, eq. 9)."""

    kind: Literal["joint"] = "joint"
    coefficient: PositiveFloat = Field(0.5, description="Weight of the value loss ½(V − target)².")


CriticFit = Annotated[SeparateFit | JointFit, *SLOT]


class NoBaseline(Specification):
    """Nothing is subtracted."""

    kind: Literal["no_baseline"] = "no_baseline"


class AverageReturn(Specification):
    """The average return of the batch: each trajectory's mean estimate, averaged over trajectories."""

    kind: Literal["average_return"] = "average_return"


class TimestepAverage(Specification):
    """The batch's average at the same time step, over the trajectories that got so far."""

    kind: Literal["timestep_average"] = "timestep_average"


class OptimalConstant(Specification):
    """The constant of least variance, E[‖∇log p(τ)‖² R] / E[‖∇log p(τ)‖²] (Peters and Schaal 2008)."""

    kind: Literal["optimal_constant"] = "optimal_constant"


class OptimalComponents(Specification):
    """For each parameter its own constant of least variance, E[(∂_p log p(τ))² R] / E[(∂_p log p(τ))²].

    Peters and Schaal 2008, episodic REINFORCE with an optimal baseline.
    """

    kind: Literal["optimal_components"] = "optimal_components"


class LearnedValue(Specification):
    """A network V(s) fitted by regression: the critic."""

    kind: Literal["learned_value"] = "learned_value"
    target: CriticTarget = MonteCarloTarget()
    fit: CriticFit = SeparateFit()


class LearnedActionValue(Specification):
    """A network Q(s, a) fitted to r + γ Q(s', a'): a critic of actions, which is not subtracted (the note)."""

    kind: Literal["learned_action_value"] = "learned_action_value"
    next_action: Literal["buffer", "policy"] = Field(
        "policy",
        description="Whose a' the target has: the stored one, or one that the present policy draws.",
    )
    fit: SeparateFit = SeparateFit()


Baseline = Annotated[
    NoBaseline
    | AverageReturn
    | TimestepAverage
    | OptimalConstant
    | OptimalComponents
    | LearnedValue
    | LearnedActionValue,
    *SLOT,
]


# ----------------------------------------------------------------------------------------------------------
# Surrogate: the objective whose gradient the update follows


class LogLikelihood(Specification):
    """log π(a|s) · Â (Williams 1992)."""

    kind: Literal["log_likelihood"] = "log_likelihood"


class ImportanceRatio(Specification):
    """π(a|s) / π_old(a|s) · Â, with neither clip nor penalty (PPO, eq. 6)."""

    kind: Literal["importance_ratio"] = "importance_ratio"


class ClippedRatio(Specification):
    """min(r Â, clip(r, 1 − ε, 1 + ε) Â) (PPO, eq. 7)."""

    kind: Literal["clipped_ratio"] = "clipped_ratio"
    epsilon: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(0.2, description="Half-width ε of the interval.")
    pessimistic: bool = Field(True, description="Whether the outer minimum is taken.")


class FixedPenalty(Specification):
    """r Â − β KL(π_old ‖ π) with a fixed β (PPO, eq. 8)."""

    kind: Literal["fixed_penalty"] = "fixed_penalty"
    beta: PositiveFloat = Field(1.0, description="Weight β of the divergence.")


class AdaptivePenalty(Specification):
    """r Â − β KL(π_old ‖ π); each update doubles or halves the next one's β to hold a distance (PPO, §4)."""

    kind: Literal["adaptive_penalty"] = "adaptive_penalty"
    target: PositiveFloat = Field(0.01, description="d_targ, the KL to hold, in nats.")
    initial_beta: PositiveFloat = Field(1.0, description="β of the first update.")


class TrajectoryRatio(Specification):
    """The whole trajectory's importance ratio: unbiased, and of exploding variance (the note)."""

    kind: Literal["trajectory_ratio"] = "trajectory_ratio"


class CausalRatio(Specification):
    """The product of the ratios up to the action: the future's ratios are dropped by causality (the note)."""

    kind: Literal["causal_ratio"] = "causal_ratio"


class PerDecisionRatio(Specification):
    """Each reward weighed by the ratios of the actions up to it: unbiased, and less noisy (Precup et al. 2000)."""

    kind: Literal["per_decision_ratio"] = "per_decision_ratio"


Surrogate = Annotated[
    LogLikelihood
    | ImportanceRatio
    | ClippedRatio
    | FixedPenalty
    | AdaptivePenalty
    | TrajectoryRatio
    | CausalRatio
    | PerDecisionRatio,
    *SLOT,
]


# ----------------------------------------------------------------------------------------------------------
# Update: how the surrogate's gradient moves the parameters


class GradientStep(Specification):
    """Gradient steps on the whole batch, or on a minibatch each from a replay buffer: one, or K_π of them."""

    kind: Literal["gradient_step"] = "gradient_step"
    steps: PositiveInt = Field(1, description="Steps of the policy an update (K_π).")
    optimiser: Adam = Adam()


class MinibatchEpochs(Specification):
    """Several passes over the batch in shuffled minibatches, one gradient step each (PPO, algorithm 1)."""

    kind: Literal["minibatch_epochs"] = "minibatch_epochs"
    epochs: PositiveInt = Field(10, description="Passes over the batch (K).")
    minibatch_size: PositiveInt = Field(64, description="Transitions of one replica in a gradient step (M).")
    max_kl: PositiveFloat | None = Field(
        None, description="A replica whose mean KL(old, new) passes this after an epoch skips the others."
    )
    recompute_advantages: bool = Field(
        False,
        description="Whether the critic values the batch anew before each epoch (Andrychowicz et al. 2021).",
    )
    optimiser: Adam = Adam()


class ConjugateGradient(Specification):
    """How H⁻¹g is found without forming H, the Hessian of the mean KL (TRPO, appendix C)."""

    steps: PositiveInt = Field(10, description="Iterations k.")
    damping: NonNegativeFloat = Field(0.1, description="Multiple of the identity added to H.")
    fisher_fraction: Fraction = Field(1.0, description="Share of the batch on which H is estimated.")


class NaturalGradient(Specification):
    """The natural gradient, scaled to the trust region: √(2δ / gᵀH⁻¹g) H⁻¹g (Kakade 2002; Duan et al. 2016)."""

    kind: Literal["natural_gradient"] = "natural_gradient"
    delta: PositiveFloat = Field(0.01, description="δ, bound on the quadratic model of the mean KL, in nats.")
    solver: ConjugateGradient = ConjugateGradient()


class LineSearch(Specification):
    """Shorten the step until it improves the surrogate and, if checked, keeps to the trust region."""

    ratio: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(0.8, description="Factor between trials.")
    backtracks: PositiveInt = Field(10, description="Trials at most, the full step included.")
    checks_kl: bool = Field(True, description="Whether a trial beyond δ is refused.")


class TrustRegion(Specification):
    """The natural gradient's step with a line search (Schulman et al. 2015, TRPO)."""

    kind: Literal["trust_region"] = "trust_region"
    delta: PositiveFloat = Field(0.01, description="δ, bound on the mean KL, in nats.")
    solver: ConjugateGradient = ConjugateGradient()
    line_search: LineSearch = LineSearch()


Update = Annotated[GradientStep | MinibatchEpochs | NaturalGradient | TrustRegion, *SLOT]
