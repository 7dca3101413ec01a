"""First-order updates: gradient steps of the policy, and of a critic that learns with it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from pgbench.methods import components as c
from pgbench.methods.algorithm import Algorithm
from pgbench.training.batches import Batch, Transitions
from pgbench.training.credit import credited_anew
from pgbench.training.iteration import Moment, Statistics
from pgbench.training.learner import Learner, mean_kl
from pgbench.training.losses import accumulate, loss
from pgbench.training.meaning import details, optimisers
from pgbench.training.meaning.baselines import critic_fit
from pgbench.training.meaning.critics import joint_coefficient
from pgbench.training.parameters import Parameters
from pgbench.training.streams import stream


def gradient_steps(
    algorithm: Algorithm, method: c.GradientStep, learner: Learner, batch: Batch, moment: Moment
) -> Statistics:
    """Steps on the whole batch; the gradient's norm is a mean over them."""
    parts, total = _learning_together(algorithm, learner), torch.zeros(len(moment.seeds))
    rate = optimisers.learning_rate(method.optimiser, learner.actor, moment.remaining)
    for _ in range(method.steps):
        accumulate(algorithm, learner, batch)
        total += optimisers.step(method.optimiser, algorithm.details, parts, moment.remaining, moment.running)
    optimisers.adapt_learning_rate(method.optimiser, learner, batch.transitions, moment)
    return {"gradient_norm": total / method.steps, "learning_rate": rate}


def minibatch_epochs(
    algorithm: Algorithm, method: c.MinibatchEpochs, learner: Learner, batch: Batch, moment: Moment
) -> Statistics:
    """Epochs of minibatch steps; the gradient's norm is a mean over the steps that were taken."""
    generators = [stream(seed, "minibatches", moment.iteration) for seed in moment.seeds]
    parts, active = _learning_together(algorithm, learner), moment.running
    rate = optimisers.learning_rate(method.optimiser, learner.actor, moment.remaining)
    total, steps = torch.zeros(len(generators)), torch.zeros(len(generators))
    for epoch in range(method.epochs):
        if method.recompute_advantages and epoch:
            batch = credited_anew(algorithm, learner, batch)
        count = len(batch.transitions)
        order = torch.from_numpy(np.stack([generator.permutation(count) for generator in generators]))
        for minibatch in minibatches(algorithm, batch.transitions.take(order), method.minibatch_size):
            loss(algorithm, learner, minibatch).backward()  # type: ignore[no-untyped-call]
            norm = optimisers.step(method.optimiser, algorithm.details, parts, moment.remaining, active)
            total += norm * active
            steps += active
        if method.max_kl is not None:
            active = active & (mean_kl(learner, batch.transitions) <= method.max_kl)
            if not active.any():
                break
    optimisers.adapt_learning_rate(method.optimiser, learner, batch.transitions, moment)
    return {"gradient_norm": total / steps.clamp(min=1.0), "learning_rate": rate}


def minibatches(algorithm: Algorithm, shuffled: Transitions, size: int) -> Iterator[Transitions]:
    """Shuffled transitions in parts of `size`, weighted so that each part stands for the whole batch."""
    scale, credit = len(shuffled) / size, shuffled.credit
    shuffled = shuffled.credited(weights=credit.weights * scale, shares=credit.shares * scale)
    shuffled = details.over_minibatches(algorithm.details, shuffled, size)
    for first in range(0, len(shuffled), size):
        yield shuffled.part(slice(first, first + size))


def _learning_together(algorithm: Algorithm, learner: Learner) -> list[Parameters]:
    """The networks that the policy's optimiser steps: the critic's too, if they learn together."""
    joint = joint_coefficient(critic_fit(algorithm.baseline)) is not None
    return learner.parts if joint else [learner.actor]
