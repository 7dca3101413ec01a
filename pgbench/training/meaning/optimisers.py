"""What an optimiser means: a step size, and a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import torch
from torch import Tensor

from pgbench.functional.schedules import adapt_step_size
from pgbench.methods import components as c
from pgbench.networks.adam import adam_step
from pgbench.networks.first_order import ascent_step, rmsprop_step
from pgbench.training.batches import Transitions
from pgbench.training.iteration import Moment
from pgbench.training.learner import Learner, mean_kl
from pgbench.training.parameters import Parameters, take_step


def learning_rate(optimiser: c.Optimiser, part: Parameters, remaining: Tensor) -> Tensor:
    """The step size `[S]`, float64, of some parameters.

    Args:
        optimiser: with its schedule.
        part: the parameters that the schedule follows.
        remaining: `[S]`, float64: the fraction of the budget that is left.
    """
    match optimiser.decay:
        case c.LinearDecay():
            return optimiser.learning_rate * remaining
        case c.KLAdaptive():
            return optimiser.learning_rate * part.state.pace
        case None:
            return optimiser.learning_rate * torch.ones_like(remaining)
        case _:
            assert_never(optimiser.decay)


@torch.no_grad()
def adapt_learning_rate(optimiser: c.Optimiser, learner: Learner, data: Transitions, moment: Moment) -> None:
    """Set the policy's next step size by the KL divergence of its update on some transitions, if it is adaptive."""
    match optimiser.decay:
        case c.KLAdaptive() as rule:
            pace, unit = learner.actor.state.pace, optimiser.learning_rate
            rate = adapt_step_size(
                unit * pace,
                mean_kl(learner, data).double(),
                rule.target,
                rule.band,
                rule.factor,
                rule.smallest,
                rule.largest,
            )
            pace.copy_(torch.where(moment.running, rate / unit, pace))
        case c.LinearDecay() | None:
            pass
        case _:
            assert_never(optimiser.decay)


def step(
    optimiser: c.Optimiser, details: c.Details, parts: Sequence[Parameters], remaining: Tensor, active: Tensor
) -> Tensor:
    """Step networks down their accumulated gradient where `active` `[S]`; the gradient's norm, `[S]`.

    The schedule follows the first of them.
    """

    def move(part: Parameters, gradient: Tensor, rate: Tensor, scale: Tensor | None) -> None:
        _move(optimiser, part, gradient, rate, active, scale)

    return take_step(parts, move, learning_rate(optimiser, parts[0], remaining), details.max_gradient_norm)


def _move(
    optimiser: c.Optimiser,
    part: Parameters,
    gradient: Tensor,
    rate: Tensor,
    active: Tensor,
    scale: Tensor | None,
) -> None:
    """One step of one network, its gradient first multiplied by `scale` `[S]`."""
    match optimiser:
        case c.Adam(epsilon=epsilon):
            adam_step(part.values, gradient, part.state, rate, epsilon, active, scale=scale)
        case c.RMSProp(smoothing=smoothing, epsilon=epsilon, epsilon_under_root=under_root):
            rmsprop_step(
                part.values, gradient, part.state, rate, smoothing, epsilon, under_root, active, scale
            )
        case c.GradientAscent(momentum=momentum):
            ascent_step(part.values, gradient, part.state, rate, momentum or 0.0, active, scale)
        case _:
            assert_never(optimiser)
