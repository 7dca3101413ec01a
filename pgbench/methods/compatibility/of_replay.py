"""What a replay buffer goes with."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices


def faults(choices: Choices) -> Iterator[str]:
    """Each fault as a sentence, see `pgbench.methods.compatibility.faults`."""
    yield from _replay(choices)
    yield from _capacity(choices)


def _replay(choices: Choices) -> Iterator[str]:
    if not isinstance(choices.data, c.ReplayBuffer):
        return
    baseline, details = choices.baseline, choices.details
    if not isinstance(baseline, c.LearnedValue | c.LearnedActionValue):
        yield (
            "data 'replay_buffer' holds single transitions, and only a critic can estimate the rewards after them: "
            "set baseline to 'learned_value' or 'learned_action_value'"
        )
    elif choices.advantage != c.NStep(n=1) and not isinstance(choices.advantage, c.ActionValue):
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
    if not isinstance(choices.surrogate, c.LogLikelihood | c.ExponentialAdvantage):
        yield (
            "data 'replay_buffer' stores no old probabilities: set surrogate to 'log_likelihood' or "
            "'exponential_advantage'"
        )
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
