"""Choices that nothing reads beside the others, and second names of the same thing."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices
from pgbench.methods.compatibility.of_critics import SECOND_ORDER

LOOK_FURTHER = (c.RewardToGo, c.GAE, c.MonteCarloTarget, c.LambdaTarget)
"""Estimates that look at all steps that follow."""
WITH_GAINS = (c.Orthogonal, c.UnitColumns)
"""Initialisations with a gain for each kind of layer."""


def faults(choices: Choices) -> Iterator[str]:
    """Each fault as a sentence, see `pgbench.methods.compatibility.faults`."""
    yield from _without_hidden_layers(choices)
    yield from _without_critic(choices)
    yield from _without_steps(choices)
    yield from _reach(choices)
    yield from _constant(choices)
    yield from _multiple(choices)


def _without_hidden_layers(choices: Choices) -> Iterator[str]:
    networks = choices.networks
    if networks.hidden:
        return
    if networks.activation != c.Networks().activation:
        yield "networks.activation has no effect without hidden layers: leave it out, or give networks.hidden units"
    if networks.shared:
        yield "networks.shared has no layers to share: set it to false, or give networks.hidden units"
    start = networks.initialisation
    of_critic = networks.critic is not None and networks.critic.hidden
    if isinstance(start, WITH_GAINS) and start.hidden_gain != type(start)().hidden_gain and not of_critic:
        yield (
            "networks.initialisation.hidden_gain has no effect without hidden layers: "
            "leave it out, or give networks.hidden units"
        )


def _without_critic(choices: Choices) -> Iterator[str]:
    if isinstance(choices.baseline, c.LearnedValue | c.LearnedActionValue):
        return
    start, update = choices.networks.initialisation, choices.update
    if isinstance(start, WITH_GAINS) and start.value_gain != type(start)().value_gain:
        yield "networks.initialisation.value_gain has no effect without a critic: leave it out"
    if choices.details.max_gradient_norm is not None and isinstance(update, SECOND_ORDER):
        yield (
            f"details.max_gradient_norm has no effect on update '{update.kind}', which decides the length of "
            "its step itself, and there is no critic: leave it out"
        )


def _without_steps(choices: Choices) -> Iterator[str]:
    """Zeros, and what shortens a step that is never shortened."""
    update = choices.update
    if choices.details.reward_offset == 0.0:
        yield "details.reward_offset 0 changes no reward: leave it out"
    if not isinstance(update, c.TrustRegion):
        return
    search = update.line_search
    if search.backtracks == 1 and search.ratio != c.LineSearch().ratio:
        yield (
            "update.line_search.ratio has no effect where update.line_search.backtracks 1 allows the full step "
            "alone: leave it out, or set update.line_search.backtracks above 1"
        )


def _reach(choices: Choices) -> Iterator[str]:
    """Returns that reach past a rollout or an episode end with it; where one step is left, all are the same."""
    baseline, limit = choices.baseline, choices.details.time_limit
    if limit == 1:
        yield (
            "details.time_limit 1 leaves episodes of one step, in which no discount, return or target has a second "
            "reward: set it to 2 or more"
        )
    steps = choices.data.steps if isinstance(choices.data, c.FixedHorizon) else None
    longest = min((each for each in (steps, limit) if each is not None), default=None)
    estimates: list[tuple[str, c.Advantage | c.CriticTarget]] = [("advantage", choices.advantage)]
    if isinstance(baseline, c.LearnedValue):
        estimates.append(("baseline.target", baseline.target))
    for key, estimate in estimates:
        if steps == 1 and isinstance(estimate, LOOK_FURTHER):
            yield (
                f"{key} '{estimate.kind}' looks at later steps, and data.steps 1 leaves none: "
                f"set {key} to 'n_step' with n = 1"
            )
        if longest is not None and isinstance(estimate, c.NStep | c.NStepTarget) and estimate.n > longest:
            yield (
                f"{key}.n {estimate.n} reaches past the {longest} steps of a rollout or an episode: "
                f"set {key}.n to {longest} or less"
            )


def _constant(choices: Choices) -> Iterator[str]:
    """Normalisation subtracts the mean of the advantages, and with it whatever all of them have in common."""
    baseline, details = choices.baseline, choices.details
    is_constant = isinstance(baseline, c.AverageReturn | c.OptimalConstant) or _is_multiple_of_average(
        choices
    )
    if is_constant and choices.discount == "from_the_action" and details.advantage_normalisation is not None:
        yield (
            f"baseline '{baseline.kind}' is one number for all advantages, and details.advantage_normalisation "
            "subtracts their mean: set baseline to 'no_baseline', or leave the normalisation out"
        )


def _multiple(choices: Choices) -> Iterator[str]:
    """A factor that all advantages share changes no step whose length the update decides itself."""
    is_free = isinstance(choices.update, c.NaturalGradient | c.TrustRegion)
    if _is_multiple_of_average(choices) and is_free and not choices.details.entropy_bonus:
        yield (
            "baseline 'leave_one_out' of n total returns leaves n / (n − 1) times what 'average_return' leaves, "
            f"and update '{choices.update.kind}' does not depend on the unit of advantages: "
            "set baseline to 'average_return'"
        )


def _is_multiple_of_average(choices: Choices) -> bool:
    """Whether the other episodes' average leaves a multiple of what the average of all leaves."""
    return isinstance(choices.baseline, c.LeaveOneOut) and isinstance(choices.advantage, c.TotalReturn)
