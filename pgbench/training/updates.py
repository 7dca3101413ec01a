"""From a batch to better parameters: what surrogate, critic fit and update mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import assert_never

import numpy as np
import torch
from torch import Tensor

from pgbench.functional.moments import standardise
from pgbench.methods import components as c
from pgbench.methods.algorithm import Algorithm
from pgbench.training.credit import credit
from pgbench.training.diagnostics import gradient_signal_to_noise, mean_kl, measure
from pgbench.training.experience import Batch, Transitions
from pgbench.training.iteration import Moment, Statistics
from pgbench.training.learner import Learner, Parameters, chunks, take_step
from pgbench.training.losses import accumulate, gradient, loss
from pgbench.training.meaning.critics import critic_fit, value_losses
from pgbench.training.meaning.surrogates import adapted_penalty, clipping
from pgbench.training.natural_gradient import natural_step, searched_step
from pgbench.training.streams import stream


def _fit_separately(
    algorithm: Algorithm, fit: c.SeparateFit, learner: Learner, batch: Batch, progress: Moment
) -> None:
    """The critic's own gradient steps on the whole batch."""
    for _ in range(fit.steps):
        for rows in chunks(len(batch.transitions)):
            part = batch.transitions.part(rows)
            values = learner.values(part.observations)
            value_losses(algorithm, values, part).sum().backward()  # type: ignore[no-untyped-call]
        _step(algorithm, fit.optimiser, learner.parts[1:], progress, progress.running)


# ----------------------------------------------------------------------------------------------------------
# Update


def update(algorithm: Algorithm, learner: Learner, batch: Batch, progress: Moment) -> Statistics:
    """Improve policy and critic on a batch; metrics of what it did, or none if it is not watched."""
    before = gradient_signal_to_noise(learner, batch) if progress.watched else {}
    match algorithm.update:
        case c.GradientStep() as method:
            done = _gradient_steps(algorithm, method, learner, batch, progress)
        case c.MinibatchEpochs() as method:
            done = _minibatch_epochs(algorithm, method, learner, batch, progress)
        case c.NaturalGradient() as method:
            done = natural_step(method, learner, batch, progress.running, gradient(algorithm, learner, batch))
        case c.TrustRegion() as method:
            done = searched_step(
                method, learner, batch, progress.running, gradient(algorithm, learner, batch)
            )
        case _:
            assert_never(algorithm.update)
    match critic_fit(algorithm.baseline):
        case c.SeparateFit() as fit:
            _fit_separately(algorithm, fit, learner, batch, progress)
        case c.JointFit() | None:
            pass
        case other:
            assert_never(other)
    penalty = adapted_penalty(algorithm.surrogate, learner, batch, progress)
    if not progress.watched:
        return {}
    after = learner.evaluate_in_chunks(batch.transitions.observations)
    clipped = clipping(algorithm.surrogate, batch, after)
    return before | measure(learner, batch, after) | clipped | done | penalty


def _step(
    algorithm: Algorithm,
    optimiser: c.Adam,
    parts: Sequence[Parameters],
    progress: Moment,
    active: Tensor,
) -> Tensor:
    """One step of an optimiser on some networks; the gradient's norm, `[S]`."""
    norm = algorithm.details.max_gradient_norm
    return take_step(parts, progress.learning_rate(optimiser), optimiser.epsilon, norm, active)


def _learning_together(algorithm: Algorithm, learner: Learner) -> list[Parameters]:
    """The networks that the policy's optimiser steps: the critic's too, if they learn together."""
    match critic_fit(algorithm.baseline):
        case c.JointFit():
            return learner.parts
        case c.SeparateFit() | None:
            return [learner.actor]
        case other:
            assert_never(other)


def _gradient_steps(
    algorithm: Algorithm, method: c.GradientStep, learner: Learner, batch: Batch, progress: Moment
) -> Statistics:
    """Steps on the whole batch."""
    total = torch.zeros(len(progress.seeds))
    for _ in range(method.steps):
        accumulate(algorithm, learner, batch)
        parts = _learning_together(algorithm, learner)
        total += _step(algorithm, method.optimiser, parts, progress, progress.running)
    return {
        "gradient_norm": total / method.steps,
        "learning_rate": progress.learning_rate(method.optimiser),
    }


def _minibatch_epochs(
    algorithm: Algorithm, method: c.MinibatchEpochs, learner: Learner, batch: Batch, progress: Moment
) -> Statistics:
    """Epochs of minibatch steps; the gradient's norm is a mean over the steps that were taken."""
    generators = [stream(seed, "minibatches", progress.iteration) for seed in progress.seeds]
    parts = _learning_together(algorithm, learner)
    active = progress.running
    total, steps = torch.zeros(len(generators)), torch.zeros(len(generators))
    for epoch in range(method.epochs):
        if method.recompute_advantages and epoch:
            values = learner.evaluate_in_chunks(batch.transitions.observations).values
            batch = credit(algorithm, learner, batch, values)
        order = torch.from_numpy(np.stack([generator.permutation(batch.size) for generator in generators]))
        for minibatch in minibatches(algorithm, batch.transitions.take(order), method.minibatch_size):
            loss(algorithm, learner, minibatch).backward()  # type: ignore[no-untyped-call]
            total += _step(algorithm, method.optimiser, parts, progress, active) * active
            steps += active
        if method.max_kl is not None:
            active = active & (mean_kl(learner, batch) <= method.max_kl)
            if not active.any():
                break
    return {
        "gradient_norm": total / steps.clamp(min=1.0),
        "learning_rate": progress.learning_rate(method.optimiser),
    }


def minibatches(algorithm: Algorithm, shuffled: Transitions, size: int) -> Iterator[Transitions]:
    """Shuffled transitions in parts of `size`, their advantages normalised if that is done by minibatch."""
    scale = len(shuffled) / size
    shuffled = replace(shuffled, weights=shuffled.weights * scale, shares=shuffled.shares * scale)
    if algorithm.details.advantage_normalisation == "minibatch":
        in_minibatches = shuffled.advantages.reshape(len(shuffled.advantages), -1, size)
        normalised = standardise(in_minibatches, torch.ones_like(in_minibatches))
        shuffled = replace(shuffled, advantages=normalised.flatten(1))
    for first in range(0, len(shuffled), size):
        yield shuffled.part(slice(first, first + size))
