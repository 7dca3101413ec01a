"""What optimisers and their schedules go with."""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices


def faults(choices: Choices) -> Iterator[str]:
    """Each fault as a sentence, see `pgbench.methods.compatibility.faults`."""
    yield from _of_the_policy(choices)
    yield from _of_the_critic(choices)


def _of_the_policy(choices: Choices) -> Iterator[str]:
    update = choices.update
    if not isinstance(update, c.GradientStep | c.MinibatchEpochs):
        return
    optimiser, schedule = update.optimiser, update.optimiser.decay
    if not isinstance(schedule, c.KLAdaptive):
        return
    if isinstance(choices.data, c.ReplayBuffer):
        yield (
            "data 'replay_buffer' stores no old policy to diverge from: "
            "set update.optimiser.decay to 'linear' or null"
        )
    if not schedule.smallest < schedule.largest:
        yield (
            f"update.optimiser.decay.smallest {schedule.smallest:g} is not below its largest "
            f"{schedule.largest:g}: set smallest below largest"
        )
    elif not schedule.smallest <= optimiser.learning_rate <= schedule.largest:
        yield (
            f"update.optimiser.learning_rate {optimiser.learning_rate:g} is outside the bounds of its schedule, "
            f"{schedule.smallest:g} to {schedule.largest:g}: set it, or update.optimiser.decay.smallest or largest"
        )


def _of_the_critic(choices: Choices) -> Iterator[str]:
    baseline = choices.baseline
    if not isinstance(baseline, c.LearnedValue | c.LearnedActionValue):
        return
    if isinstance(baseline.fit, c.SeparateFit) and isinstance(baseline.fit.optimiser.decay, c.KLAdaptive):
        yield (
            "baseline.fit.optimiser.decay 'kl_adaptive' follows the policy, which this optimiser does not move: "
            "set it to 'linear' or null"
        )
