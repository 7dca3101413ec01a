"""What the fit of a critic, its layers and its unit go with."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices


def faults(choices: Choices) -> Iterator[str]:
    """Each fault as a sentence, see `pgbench.methods.compatibility.faults`."""
    yield from _on_policy_fit(choices)
    yield from _with_a_replay_buffer(choices)
    yield from _own_layers(choices)
    yield from _own_step_size(choices)
    yield from _unit_of_values(choices)


def _separate_fit(choices: Choices) -> c.SeparateFit | None:
    baseline = choices.baseline
    fit = baseline.fit if isinstance(baseline, c.LearnedValue | c.LearnedActionValue) else None
    return fit if isinstance(fit, c.SeparateFit) else None


def _on_policy_fit(choices: Choices) -> Iterator[str]:
    fit, data, baseline = _separate_fit(choices), choices.data, choices.baseline
    if fit is None or isinstance(data, c.ReplayBuffer):
        return
    if fit.targets == "fresh":
        if fit.steps == 1:
            yield (
                "baseline.fit.targets 'fresh' has no effect on a single step, because the critic has not moved "
                "yet: set baseline.fit.steps above 1"
            )
        whole = isinstance(data, c.WholeEpisodes) and choices.details.time_limits == "terminal"
        if isinstance(baseline, c.LearnedValue) and isinstance(baseline.target, c.MonteCarloTarget) and whole:
            yield (
                "baseline.fit.targets 'fresh' has no effect on whole returns, in which the critic has no part: "
                "set it to 'once', or baseline.target to 'n_step' or 'lambda_return'"
            )
    if fit.minibatch_size is not None and isinstance(data, c.FixedHorizon):
        batch = data.steps * data.environments
        if fit.minibatch_size >= batch:
            yield (
                f"baseline.fit.minibatch_size {fit.minibatch_size} is not less than the batch of {data.steps} "
                f"steps × {data.environments} environments = {batch} transitions: set it below {batch}, or leave "
                "it out"
            )


def _with_a_replay_buffer(choices: Choices) -> Iterator[str]:
    fit = _separate_fit(choices)
    if fit is None or not isinstance(choices.data, c.ReplayBuffer):
        return
    if fit.minibatch_size is not None:
        yield (
            "data 'replay_buffer' gives each step of the critic data.batch_size transitions: "
            "leave baseline.fit.minibatch_size out"
        )
    if fit.order == "before":
        yield "data 'replay_buffer' always steps the critic before the policy: leave baseline.fit.order out"
    if fit.targets == "fresh":
        yield "data 'replay_buffer' makes targets anew for each minibatch: leave baseline.fit.targets out"


def _own_layers(choices: Choices) -> Iterator[str]:
    networks = choices.networks
    if networks.critic is None:
        return
    if not isinstance(choices.baseline, c.LearnedValue | c.LearnedActionValue):
        yield "networks.critic has no effect without a critic: set baseline to 'learned_value', or leave it out"
    if networks.shared:
        yield "networks.shared gives the critic the actor's layers: leave networks.critic out"
    if not networks.critic.hidden and networks.critic.activation != c.CriticNetwork().activation:
        yield "networks.critic.activation has no effect without hidden layers: leave it out"
    if networks.critic == c.CriticNetwork(hidden=networks.hidden, activation=networks.activation):
        yield "networks.critic describes the layers that the critic has anyway: leave it out"


def _own_step_size(choices: Choices) -> Iterator[str]:
    baseline = choices.baseline
    fit = baseline.fit if isinstance(baseline, c.LearnedValue) else None
    if not isinstance(fit, c.JointFit) or fit.learning_rate is None:
        return
    if choices.networks.shared:
        yield (
            "networks.shared gives one set of layers to actor and critic, which can have only one step size: "
            "leave baseline.fit.learning_rate out"
        )
    update = choices.update
    optimiser = update.optimiser if isinstance(update, c.GradientStep | c.MinibatchEpochs) else None
    if optimiser is not None and fit.learning_rate == optimiser.learning_rate:
        yield "baseline.fit.learning_rate is the step size that the critic has anyway: leave it out"


def _unit_of_values(choices: Choices) -> Iterator[str]:
    if choices.details.value_normalisation is None:
        return
    name = "details.value_normalisation"
    if not isinstance(choices.baseline, c.LearnedValue | c.LearnedActionValue):
        yield f"{name} has no effect without a critic: set baseline to 'learned_value', or leave it out"
    if isinstance(choices.data, c.ReplayBuffer):
        yield (
            "data 'replay_buffer' makes targets of the same transitions again and again while they move, and a "
            f"mean over all of them would lag behind: leave {name} out"
        )
