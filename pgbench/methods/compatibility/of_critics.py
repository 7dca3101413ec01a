"""What a learned value goes with."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices

SECOND_ORDER = (c.NaturalAscent, c.NaturalGradient, c.TrustRegion)


def faults(choices: Choices) -> Iterator[str]:
    """Each fault as a sentence, see `pgbench.methods.compatibility.faults`."""
    yield from _critic_of_actions(choices)
    yield from _missing_critic(choices)
    yield from _fitted_value(choices)


def _critic_of_actions(choices: Choices) -> Iterator[str]:
    if not isinstance(choices.baseline, c.LearnedActionValue):
        if isinstance(choices.advantage, c.ActionValue):
            yield "advantage 'action_value' needs a critic Q(s, a): set baseline to 'learned_action_value'"
        return
    if not isinstance(choices.data, c.ReplayBuffer):
        yield "baseline 'learned_action_value' is fitted to stored transitions: set data to 'replay_buffer'"
    if choices.networks.shared:
        yield "networks.shared needs a critic V(s) that learns with the actor: set networks.shared to false"
    all_actions = isinstance(choices.advantage, c.ActionValue) and choices.advantage.action == "all"
    if all_actions and choices.baseline.subtracts != "nothing":
        yield (
            "baseline.subtracts has no effect with advantage.action 'all', because Σ_a ∇π(a|s) is 0: "
            "set baseline.subtracts to 'nothing'"
        )


def _missing_critic(choices: Choices) -> Iterator[str]:
    if isinstance(choices.baseline, c.LearnedValue | c.LearnedActionValue):
        return
    details, remedy = choices.details, "set baseline to 'learned_value'"
    if isinstance(choices.advantage, c.GAE | c.NStep | c.VTrace):
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
