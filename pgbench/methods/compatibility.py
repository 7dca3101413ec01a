"""Which choices go together. A combination is refused if it is wrong, or if one of its choices has no effect."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices

PENALTIES = (c.FixedPenalty, c.AdaptivePenalty)
SECOND_ORDER = (c.NaturalGradient, c.TrustRegion)
TRAJECTORY_WEIGHTS = (c.TrajectoryRatio, c.CausalRatio, c.PerDecisionRatio)
OPTIMAL_BASELINES = (c.OptimalConstant, c.OptimalComponents)


def faults(choices: Choices) -> Iterator[str]:
    """Each fault of the choices as a sentence: what is wrong, which key is wrong, and what to set instead."""
    yield from _critic_of_actions(choices)
    yield from _missing_critic(choices)
    yield from _fitted_value(choices)
    yield from _replay(choices)
    yield from _capacity(choices)
    yield from _weights(choices)
    yield from _minibatches(choices)
    yield from _bounded_step(choices)
    yield from _optimal_components(choices)
    yield from _per_decision(choices)
    yield from _uniform_weight(choices)


def _critic_of_actions(choices: Choices) -> Iterator[str]:
    if not isinstance(choices.baseline, c.LearnedActionValue):
        if isinstance(choices.advantage, c.ActionValue):
            yield "advantage 'action_value' needs a critic Q(s, a): set baseline to 'learned_action_value'"
        return
    if not isinstance(choices.data, c.ReplayBuffer):
        yield "baseline 'learned_action_value' is fitted to stored transitions: set data to 'replay_buffer'"
    if choices.networks.shared:
        yield "networks.shared needs a critic V(s) that learns with the actor: set networks.shared to false"


def _missing_critic(choices: Choices) -> Iterator[str]:
    if isinstance(choices.baseline, c.LearnedValue | c.LearnedActionValue):
        return
    details, remedy = choices.details, "set baseline to 'learned_value'"
    if isinstance(choices.advantage, c.GAE | c.NStep):
        yield f"advantage '{choices.advantage.kind}' needs a critic: {remedy}"
    if isinstance(choices.data, c.FixedHorizon):
        yield (
            "data 'fixed_horizon' cuts episodes, and only a critic can estimate the rewards after the cut: "
            f"{remedy} or data to 'whole_episodes'"
        )
    if details.time_limits != "bootstrap":
        yield f"details.time_limits '{details.time_limits}' has no effect without a critic: {remedy}"
    if details.value_clip is not None:
        yield f"details.value_clip has no effect without a critic: {remedy}"
    if choices.networks.shared:
        yield f"networks.shared has no effect without a critic: {remedy}"


def _fitted_value(choices: Choices) -> Iterator[str]:
    update, baseline = choices.update, choices.baseline
    if not isinstance(baseline, c.LearnedValue):
        return
    if isinstance(baseline.fit, c.SeparateFit) and choices.networks.shared:
        yield "networks.shared lets actor and critic learn together: set baseline.fit to 'joint'"
    if isinstance(baseline.fit, c.JointFit) and isinstance(update, SECOND_ORDER):
        yield f"update '{update.kind}' steps the policy alone: set baseline.fit to 'separate'"
    one_step = isinstance(update, c.GradientStep) and update.steps == 1
    if choices.details.value_clip is not None and isinstance(baseline.fit, c.JointFit) and one_step:
        yield (
            "details.value_clip has no effect on a single joint step, because no value has moved yet: "
            "set update.steps above 1, or update to 'minibatch_epochs'"
        )


def _replay(choices: Choices) -> Iterator[str]:
    if not isinstance(choices.data, c.ReplayBuffer):
        return
    baseline, details = choices.baseline, choices.details
    if not isinstance(baseline, c.LearnedValue | c.LearnedActionValue):
        yield (
            "data 'replay_buffer' holds single transitions, and only a critic can estimate the rewards after them: "
            "set baseline to 'learned_value' or 'learned_action_value'"
        )
    elif choices.advantage not in (c.NStep(n=1), *(c.ActionValue(action=a) for a in ("buffer", "policy"))):
        yield (
            "data 'replay_buffer' holds single transitions: set advantage to 'n_step' with n = 1, or to "
            "'action_value' with baseline 'learned_action_value'"
        )
    if isinstance(baseline, c.LearnedValue):
        if baseline.target != c.NStepTarget(n=1):
            yield "data 'replay_buffer' holds single transitions: set baseline.target to 'n_step' with n = 1"
        if isinstance(baseline.fit, c.JointFit):
            yield "data 'replay_buffer' steps the critic before the policy: set baseline.fit to 'separate'"
    if not isinstance(choices.update, c.GradientStep):
        yield "data 'replay_buffer' draws its own minibatches: set update to 'gradient_step'"
    if not isinstance(choices.surrogate, c.LogLikelihood):
        yield "data 'replay_buffer' stores no old probabilities: set surrogate to 'log_likelihood'"
    for name in ("observation_normalisation", "reward_scaling"):
        if getattr(details, name) is not None:
            yield (
                "data 'replay_buffer' stores transitions that were normalised at different times: "
                f"leave details.{name} out"
            )
    if details.value_clip is not None:
        yield "data 'replay_buffer' stores no old values: leave details.value_clip out"


def _capacity(choices: Choices) -> Iterator[str]:
    data = choices.data
    if not isinstance(data, c.ReplayBuffer):
        return
    if data.capacity % data.environments:
        yield (
            f"data.capacity {data.capacity} is not a multiple of data.environments {data.environments}: "
            "set it to a multiple"
        )
    stored = (data.warm_up + data.steps) * data.environments
    if data.capacity < stored:
        yield (
            f"data.capacity {data.capacity} is less than the {stored} transitions before the first update, "
            f"({data.warm_up} + {data.steps}) steps × {data.environments} environments: set it to that or more"
        )


def _weights(choices: Choices) -> Iterator[str]:
    surrogate, baseline = choices.surrogate, choices.baseline
    if isinstance(surrogate, TRAJECTORY_WEIGHTS) and not isinstance(choices.data, c.WholeEpisodes):
        yield f"surrogate '{surrogate.kind}' needs whole trajectories: set data to 'whole_episodes'"
    if isinstance(baseline, OPTIMAL_BASELINES) and not isinstance(choices.advantage, c.TotalReturn):
        yield f"baseline '{baseline.kind}' is derived for total returns: set advantage to 'total_return'"


def _minibatches(choices: Choices) -> Iterator[str]:
    data, update = choices.data, choices.update
    if not isinstance(update, c.MinibatchEpochs):
        if choices.details.advantage_normalisation == "minibatch":
            yield (
                "details.advantage_normalisation 'minibatch' needs update 'minibatch_epochs': "
                "set it to 'batch' for a step on the whole batch"
            )
        return
    if not isinstance(data, c.FixedHorizon):
        yield (
            "update 'minibatch_epochs' needs batches of one size, and whole episodes differ in length: "
            "set data to 'fixed_horizon'"
        )
    elif (batch := data.steps * data.environments) % update.minibatch_size:
        yield (
            f"update.minibatch_size {update.minibatch_size} does not divide the batch of {data.steps} steps × "
            f"{data.environments} environments = {batch} transitions: set it to a divisor of {batch}"
        )
    if update.recompute_advantages and update.epochs == 1:
        yield "update.recompute_advantages has no effect with update.epochs 1: set update.epochs above 1"


def _bounded_step(choices: Choices) -> Iterator[str]:
    surrogate, update = choices.surrogate, choices.update
    is_bounded = isinstance(surrogate, (c.ClippedRatio, *PENALTIES))
    if is_bounded and isinstance(update, c.GradientStep) and update.steps == 1:
        yield (
            f"surrogate '{surrogate.kind}' has no effect on a single step, because no ratio has moved yet: "
            "set update to 'minibatch_epochs', or update.steps above 1"
        )
    if is_bounded and isinstance(update, SECOND_ORDER):
        yield (
            f"surrogate '{surrogate.kind}' and update '{update.kind}' bound the step twice: "
            "set surrogate to 'importance_ratio'"
        )
    if isinstance(update, c.TrustRegion) and isinstance(surrogate, c.LogLikelihood):
        yield (
            "update 'trust_region' compares trial steps by the probability ratio: "
            "set surrogate to 'importance_ratio'"
        )


def _optimal_components(choices: Choices) -> Iterator[str]:
    if not isinstance(choices.baseline, c.OptimalComponents):
        return
    name = "baseline 'optimal_components'"
    if not isinstance(choices.surrogate, c.LogLikelihood):
        yield f"{name} corrects the gradient of the log-likelihood: set surrogate to 'log_likelihood'"
    if isinstance(choices.update, c.GradientStep) and choices.update.steps > 1:
        yield f"{name} is valid only for the policy that collected the batch: set update.steps to 1"
    if choices.details.advantage_normalisation is not None:
        yield f"{name} has the unit of the return: leave details.advantage_normalisation out"


def _per_decision(choices: Choices) -> Iterator[str]:
    if not isinstance(choices.surrogate, c.PerDecisionRatio):
        return
    name = "surrogate 'per_decision_ratio'"
    if choices.advantage != c.RewardToGo():
        yield f"{name} weights each following reward separately: set advantage to 'reward_to_go'"
    if not isinstance(choices.baseline, c.NoBaseline):
        yield f"{name} computes its own returns and subtracts nothing: set baseline to 'no_baseline'"
    if choices.details.advantage_normalisation is not None:
        yield f"{name} computes its own returns: leave details.advantage_normalisation out"


def _uniform_weight(choices: Choices) -> Iterator[str]:
    if not isinstance(choices.advantage, c.UniformWeight):
        return
    name = "advantage 'uniform_weight'"
    if not isinstance(choices.baseline, c.NoBaseline):
        yield f"{name} weights every action by 1, and a baseline would change that: set baseline to 'no_baseline'"
    if choices.gamma != 1.0:
        yield f"{name} uses no reward, and gamma has no effect: set gamma to 1"
    for detail in ("reward_offset", "reward_scaling", "advantage_normalisation"):
        if getattr(choices.details, detail) is not None:
            yield f"{name} uses no reward: leave details.{detail} out"
