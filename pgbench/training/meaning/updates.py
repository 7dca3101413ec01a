"""What the update slot means: how the surrogate's gradient moves the parameters."""

from __future__ import annotations

from typing import assert_never

from pgbench.methods import components as c
from pgbench.methods.algorithm import Algorithm
from pgbench.training.batches import Batch
from pgbench.training.gradient_steps import fit_separately, gradient_steps, minibatch_epochs
from pgbench.training.iteration import Moment, Statistics
from pgbench.training.learner import Learner
from pgbench.training.losses import gradient
from pgbench.training.meaning.baselines import critic_fit
from pgbench.training.meaning.critics import separate_fit
from pgbench.training.meaning.surrogates import adapt_penalty
from pgbench.training.natural_gradient import multiplied_step, natural_step, searched_step


def update(algorithm: Algorithm, learner: Learner, batch: Batch, moment: Moment) -> Statistics:
    """Improve the policy on a batch, then a critic with its own optimiser, then adapt the penalty's weight.

    Returns:
        `[S]` each: what the update says of itself, such as its gradient's norm.
    """
    match algorithm.update:
        case c.GradientStep() as method:
            done = gradient_steps(algorithm, method, learner, batch, moment)
        case c.MinibatchEpochs() as method:
            done = minibatch_epochs(algorithm, method, learner, batch, moment)
        case c.NaturalAscent() as method:
            done = multiplied_step(method, learner, batch, moment, gradient(algorithm, learner, batch))
        case c.NaturalGradient() as method:
            done = natural_step(method, learner, batch, moment, gradient(algorithm, learner, batch))
        case c.TrustRegion() as method:
            climbed = gradient(algorithm, learner, batch)
            done = searched_step(algorithm, method, learner, batch, moment, climbed)
        case _:
            assert_never(algorithm.update)
    if (fit := separate_fit(critic_fit(algorithm.baseline))) is not None:
        fit_separately(algorithm, fit, learner, batch, moment)
    return done | adapt_penalty(algorithm.surrogate, learner, batch, moment)


def single_steps(update: c.Update) -> c.GradientStep:
    """The update as the gradient steps that learning from a replay buffer takes.

    Raises:
        ValueError: if it is another update, which `pgbench.methods.compatibility` refuses beside a replay buffer.
    """
    match update:
        case c.GradientStep():
            return update
        case c.MinibatchEpochs() | c.NaturalAscent() | c.NaturalGradient() | c.TrustRegion():
            raise ValueError(f"a replay buffer needs gradient steps, not '{update.kind}'")
        case _:
            assert_never(update)
