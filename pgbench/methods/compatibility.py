"""Which choices go together. A combination is refused if it is wrong, or if an option in it would be dead."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices

PENALTIES = (c.FixedPenalty, c.AdaptivePenalty)
SECOND_ORDER = (c.NaturalGradient, c.TrustRegion)
TRAJECTORY_WEIGHTS = (c.TrajectoryRatio, c.CausalRatio, c.PerDecisionRatio)
OPTIMAL = (c.OptimalConstant, c.OptimalComponents)


def faults(choices: Choices) -> Iterator[str]:
    """What is wrong with some choices, each as a sentence that says what to change."""
    yield from _action_values(choices)
    yield from _critic(choices)
    yield from _replay(choices)
    yield from _batch(choices)
    yield from _policy_update(choices)
    yield from _optimal_components(choices)
    yield from _per_decision(choices)
    yield from _rewards(choices)


def _action_values(choices: Choices) -> Iterator[str]:
    if not isinstance(choices.baseline, c.LearnedActionValue):
        if isinstance(choices.advantage, c.ActionValue):
            yield "advantage 'action_value' needs a critic of actions: set baseline to 'learned_action_value'"
        return
    if not isinstance(choices.data, c.ReplayBuffer):
        yield "baseline 'learned_action_value' is fitted to stored transitions: set data to 'replay_buffer'"
    if choices.networks.shared:
        yield "networks.shared needs a critic V(s) that learns with the actor: set networks.shared to false"


def _critic(choices: Choices) -> Iterator[str]:
    details, baseline = choices.details, choices.baseline
    if isinstance(baseline, c.LearnedActionValue):
        return
    if not isinstance(baseline, c.LearnedValue):
        needs = "set baseline to 'learned_value'"
        if isinstance(choices.advantage, c.GAE | c.NStep):
            yield f"advantage '{choices.advantage.kind}' needs a critic: {needs}"
        if isinstance(choices.data, c.FixedHorizon):
            yield (
                "data 'fixed_horizon' cuts episodes, and only a critic can say what the cut is worth: "
                f"{needs} or data to 'whole_episodes'"
            )
        if details.time_limits != "bootstrap":
            yield f"details.time_limits '{details.time_limits}' has no effect without a critic: {needs}"
        if details.value_clip is not None:
            yield f"details.value_clip has no effect without a critic: {needs}"
        if choices.networks.shared:
            yield f"networks.shared has no effect without a critic: {needs}"
        return
    if isinstance(baseline.fit, c.SeparateFit) and choices.networks.shared:
        yield "networks.shared needs actor and critic to learn together: set baseline.fit to 'joint'"
    if isinstance(baseline.fit, c.JointFit) and isinstance(choices.update, SECOND_ORDER):
        yield f"update '{choices.update.kind}' steps the policy alone: set baseline.fit to 'separate'"
    one_step = isinstance(choices.update, c.GradientStep) and choices.update.steps == 1
    if details.value_clip is not None and isinstance(baseline.fit, c.JointFit) and one_step:
        yield "details.value_clip has no effect on a single joint step: set update.steps or update.epochs above 1"


def _replay(choices: Choices) -> Iterator[str]:
    data, baseline, details = choices.data, choices.baseline, choices.details
    if not isinstance(data, c.ReplayBuffer):
        return
    if not isinstance(baseline, c.LearnedValue | c.LearnedActionValue):
        yield (
            "data 'replay_buffer' holds single transitions, and only a critic can say what follows them: "
            "set baseline to 'learned_value' or 'learned_action_value'"
        )
    elif choices.advantage not in (c.NStep(n=1), *(c.ActionValue(action=a) for a in ("buffer", "policy"))):
        yield (
            "data 'replay_buffer' holds single transitions: set advantage to 'n_step' with n = 1, or, with a "
            "critic of actions, to 'action_value'"
        )
    if isinstance(baseline, c.LearnedValue):
        if baseline.target != c.NStepTarget(n=1):
            yield "data 'replay_buffer' holds single transitions: set baseline.target to 'n_step' with n = 1"
        if isinstance(baseline.fit, c.JointFit):
            yield "data 'replay_buffer' steps critic and policy in turn: set baseline.fit to 'separate'"
    if not isinstance(choices.update, c.GradientStep):
        yield "data 'replay_buffer' draws its own minibatches: set update to 'gradient_step'"
    if not isinstance(choices.surrogate, c.LogLikelihood):
        yield "data 'replay_buffer' keeps no old probabilities: set surrogate to 'log_likelihood'"
    for name in ("observation_normalisation", "reward_scaling"):
        if getattr(details, name) is not None:
            yield f"data 'replay_buffer' would mix statistics of all ages: leave details.{name} out"
    if details.value_clip is not None:
        yield "data 'replay_buffer' keeps no old values: leave details.value_clip out"
    yield from _capacity(data)


def _capacity(data: c.ReplayBuffer) -> Iterator[str]:
    first = (data.warm_up + data.steps) * data.environments
    if data.capacity % data.environments:
        yield (
            f"data.capacity {data.capacity} is not a whole number of steps of {data.environments} environments: "
            "set it to a multiple"
        )
    if data.capacity < first:
        yield (
            f"data.capacity {data.capacity} is less than the {data.warm_up} + {data.steps} steps × "
            f"{data.environments} environments = {first} before the first update: set it to that or more"
        )


def _batch(choices: Choices) -> Iterator[str]:
    data, update = choices.data, choices.update
    if isinstance(choices.surrogate, TRAJECTORY_WEIGHTS) and not isinstance(data, c.WholeEpisodes):
        yield f"surrogate '{choices.surrogate.kind}' needs whole trajectories: set data to 'whole_episodes'"
    if isinstance(choices.baseline, OPTIMAL) and not isinstance(choices.advantage, c.TotalReturn):
        kind = choices.baseline.kind
        yield f"baseline '{kind}' is derived for whole returns: set advantage to 'total_return'"
    if not isinstance(update, c.MinibatchEpochs):
        if choices.details.advantage_normalisation == "minibatch":
            yield (
                "details.advantage_normalisation 'minibatch' needs update 'minibatch_epochs'; "
                "a step on the whole batch normalises by 'batch'"
            )
        return
    if not isinstance(data, c.FixedHorizon):
        yield (
            "update 'minibatch_epochs' needs batches of one size: set data to 'fixed_horizon' "
            "(whole episodes differ in length)"
        )
    elif (batch := data.steps * data.environments) % update.minibatch_size:
        yield (
            f"update.minibatch_size {update.minibatch_size} does not divide the batch of "
            f"{data.steps} steps × {data.environments} environments = {batch}"
        )
    if update.recompute_advantages and update.epochs == 1:
        yield "update.recompute_advantages has no effect with update.epochs 1"


def _policy_update(choices: Choices) -> Iterator[str]:
    surrogate, update = choices.surrogate, choices.update
    one_step = isinstance(update, c.GradientStep) and update.steps == 1
    if one_step and isinstance(surrogate, (c.ClippedRatio, *PENALTIES)):
        yield (
            f"surrogate '{surrogate.kind}' has no effect on a single step, where no ratio has moved yet: "
            "set update to 'minibatch_epochs' or update.steps above 1"
        )
    if isinstance(update, SECOND_ORDER) and isinstance(surrogate, (c.ClippedRatio, *PENALTIES)):
        yield (
            f"surrogate '{surrogate.kind}' and update '{update.kind}' bound the step twice: "
            "set surrogate to 'importance_ratio'"
        )
    if isinstance(update, c.TrustRegion) and isinstance(surrogate, c.LogLikelihood):
        yield "update 'trust_region' searches along the ratio's surrogate: set surrogate to 'importance_ratio'"


def _optimal_components(choices: Choices) -> Iterator[str]:
    if not isinstance(choices.baseline, c.OptimalComponents):
        return
    name = "baseline 'optimal_components'"
    if not isinstance(choices.surrogate, c.LogLikelihood):
        yield f"{name} corrects the gradient of the log-likelihood: set surrogate to 'log_likelihood'"
    if isinstance(choices.update, c.GradientStep) and choices.update.steps > 1:
        yield f"{name} belongs to the policy that collected the batch: set update.steps to 1"
    if choices.details.advantage_normalisation is not None:
        yield f"{name} is in units of the return: leave details.advantage_normalisation out"


def _per_decision(choices: Choices) -> Iterator[str]:
    if not isinstance(choices.surrogate, c.PerDecisionRatio):
        return
    name = "surrogate 'per_decision_ratio'"
    if choices.advantage != c.RewardToGo():
        yield f"{name} weighs the rewards that follow one by one: set advantage to 'reward_to_go'"
    if not isinstance(choices.baseline, c.NoBaseline):
        yield f"{name} makes its own returns, with nothing subtracted: set baseline to 'no_baseline'"
    if choices.details.advantage_normalisation is not None:
        yield f"{name} makes its own returns: leave details.advantage_normalisation out"


def _rewards(choices: Choices) -> Iterator[str]:
    if not isinstance(choices.advantage, c.UniformWeight):
        return
    if not isinstance(choices.baseline, c.NoBaseline):
        yield "advantage 'uniform_weight' compares with nothing: set baseline to 'no_baseline'"
    if choices.gamma != 1.0:
        yield "advantage 'uniform_weight' looks at no reward: set gamma to 1"
    for name in ("reward_offset", "reward_scaling", "advantage_normalisation"):
        if getattr(choices.details, name) is not None:
            yield f"advantage 'uniform_weight' looks at no reward: leave details.{name} out"
