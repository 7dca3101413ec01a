"""What has no effect on the first gradient step of an update, and what needs a step after it.

At the first step the policy is the one that collected the batch: every ratio is 1, every divergence has no slope,
and every value is the old one. Whatever compares the present networks with the old ones counts from the second on.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgbench.methods import components as c
from pgbench.methods.choices import Choices
from pgbench.methods.compatibility.of_critics import SECOND_ORDER
from pgbench.methods.compatibility.of_surrogates import BOUNDED, TRAJECTORY_WEIGHTS

COMPARED = (*BOUNDED, *TRAJECTORY_WEIGHTS)
"""Surrogates that are another one where the policy has not moved."""


def faults(choices: Choices) -> Iterator[str]:
    """Each fault as a sentence, see `pgbench.methods.compatibility.faults`."""
    yield from _surrogate(choices)
    yield from _value_clip(choices)
    yield from _epochs(choices)


def _surrogate(choices: Choices) -> Iterator[str]:
    surrogate, update = choices.surrogate, choices.update
    if isinstance(surrogate, COMPARED) and (remedy := _more_steps(choices)) is not None:
        yield (
            f"surrogate '{surrogate.kind}' has no effect on a single step, because no ratio has moved yet: {remedy}"
        )
    if isinstance(surrogate, TRAJECTORY_WEIGHTS) and isinstance(update, SECOND_ORDER):
        yield (
            f"surrogate '{surrogate.kind}' weights later steps on a batch, and update '{update.kind}' takes one: "
            "set surrogate to 'importance_ratio'"
        )


def _value_clip(choices: Choices) -> Iterator[str]:
    if choices.details.value_clip is None or not isinstance(choices.baseline, c.LearnedValue):
        return
    fit = choices.baseline.fit
    if isinstance(fit, c.JointFit) and (remedy := _more_steps(choices)) is not None:
        yield (
            "details.value_clip has no effect on a single joint step, because no value has moved yet: "
            + remedy
        )
    if isinstance(fit, c.SeparateFit) and fit.steps == 1:
        yield (
            "details.value_clip has no effect on a single step of the critic, because no value has moved yet: "
            "set baseline.fit.steps above 1"
        )


def _epochs(choices: Choices) -> Iterator[str]:
    update, baseline = choices.update, choices.baseline
    if not isinstance(update, c.MinibatchEpochs):
        return
    if update.max_kl is not None and update.epochs == 1:
        yield (
            "update.max_kl stops an update after an epoch, and has no effect with update.epochs 1: "
            "set update.epochs above 1"
        )
    if not update.recompute_advantages:
        return
    if update.epochs == 1:
        yield "update.recompute_advantages has no effect with update.epochs 1: set update.epochs above 1"
    is_separate = isinstance(baseline, c.LearnedValue) and isinstance(baseline.fit, c.SeparateFit)
    if is_separate and not isinstance(choices.advantage, c.VTrace):
        yield (
            "update.recompute_advantages has no effect where the critic does not move during the epochs: "
            "set baseline.fit to 'joint'"
        )


def _more_steps(choices: Choices) -> str | None:
    """What to set for a second gradient step of the policy on a batch; None where there is one."""
    data, update = choices.data, choices.update
    if isinstance(update, c.GradientStep) and update.steps == 1:
        return "set update.steps above 1, or update to 'minibatch_epochs'"
    if isinstance(update, c.NaturalAscent):
        return "set update to 'minibatch_epochs', or surrogate to 'importance_ratio'"
    if not (isinstance(update, c.MinibatchEpochs) and isinstance(data, c.FixedHorizon)):
        return None
    single = update.epochs == 1 and update.minibatch_size == data.steps * data.environments
    return "set update.epochs above 1, or update.minibatch_size to less than the batch" if single else None
