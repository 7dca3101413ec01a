"""What the update slot means: how the surrogate's gradient moves the parameters."""

from __future__ import annotations

from typing import assert_never

from pgbench.methods import components as c
from pgbench.methods.algorithm import Algorithm
from pgbench.training.batches import Batch
from pgbench.training.credit import credited_anew
from pgbench.training.critic_steps import fit_separately, with_targets_counted
from pgbench.training.gradient_steps import gradient_steps, minibatch_epochs
from pgbench.training.iteration import Moment, Statistics
from pgbench.training.learner import Learner
from pgbench.training.losses import gradient
from pgbench.training.meaning.baselines import critic_fit
from pgbench.training.meaning.critics import fitted_after, fitted_before, joint_coefficient
from pgbench.training.meaning.surrogates import adapt_penalty
from pgbench.training.natural_gradient import multiplied_step, natural_step, searched_step


def fit_first(algorithm: Algorithm, learner: Learner, batch: Batch, moment: Moment) -> Batch:
    """Fit a critic that learns before the policy; the batch, with the advantages of the critic as it is now."""
    if (fit := fitted_before(critic_fit(algorithm.baseline))) is None:
        return batch
    fit_separately(algorithm, fit, learner, batch, moment)
    return credited_anew(algorithm, learner, batch)


def update(algorithm: Algorithm, learner: Learner, batch: Batch, moment: Moment) -> Statistics:
    """Improve the policy on a batch, then a critic that learns after it, then adapt the penalty's weight.

    Returns:
        `[S]` each: what the update says of itself, such as its gradient's norm.
    """
    fit = critic_fit(algorithm.baseline)
    if joint_coefficient(fit) is not None:
        batch = with_targets_counted(learner, batch, moment.running)
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
    if (separate := fitted_after(fit)) is not None:
        fit_separately(algorithm, separate, learner, batch, moment)
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


def policy_optimiser(update: c.Update) -> c.Optimiser | None:
    """The optimiser that steps the policy; None where the update is of second order."""
    match update:
        case c.GradientStep(optimiser=optimiser) | c.MinibatchEpochs(optimiser=optimiser):
            return optimiser
        case c.NaturalAscent() | c.NaturalGradient() | c.TrustRegion():
            return None
        case _:
            assert_never(update)
