"""The steps of a critic that has its own optimiser, and the unit in which a critic learns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgbench.methods import components as c
from pgbench.methods.algorithm import Algorithm
from pgbench.training.batches import Batch, Transitions
from pgbench.training.credit import credited_anew
from pgbench.training.experience import chunks
from pgbench.training.iteration import Moment
from pgbench.training.learner import Learner
from pgbench.training.meaning import details, optimisers
from pgbench.training.streams import stream

Parts = Callable[[Transitions], Iterator[Transitions]]
"""The parts of a batch whose losses make up one gradient step; another call is another step."""


def fit_separately(
    algorithm: Algorithm, fit: c.SeparateFit, learner: Learner, batch: Batch, moment: Moment
) -> None:
    """The critic's own gradient steps on a batch, the whole of it or minibatches."""
    batch = with_targets_counted(learner, batch, moment.running)
    parts = _parts(fit, batch.transitions, moment)
    for step in range(fit.steps):
        if fit.targets == "fresh" and step:
            batch = credited_anew(algorithm, learner, batch)
        for part in parts(batch.transitions):
            values = learner.values(part.recorded.observations)
            losses = details.value_losses(algorithm.details, learner.scale, values, part)
            losses.sum().backward()  # type: ignore[no-untyped-call]
        optimisers.step(
            fit.optimiser, algorithm.details, learner.critic_parts, moment.remaining, moment.running
        )


@torch.no_grad()
def with_targets_counted(learner: Learner, batch: Batch, running: Tensor) -> Batch:
    """The batch, once its targets have moved the unit in which the critic learns.

    The unit moves before a target is learned, as in van Hasselt et al. 2016, algorithm 1. Without their rescaling
    the outputs stay, and values move; the old values of the batch move along, so that the clip of values compares
    outputs.
    """
    scale, data = learner.scale, batch.transitions
    if scale is None:
        return batch
    (targets, old), before = data.regression, scale.present
    scale.count(targets, (data.credit.shares > 0) & running.unsqueeze(1))
    if scale.rescales:
        learner.rescale_values(before, scale.present)
        return batch
    recorded = replace(data.recorded, values=scale.present.real(before.outputs(old)))
    return replace(batch, transitions=replace(data, recorded=recorded))


def _parts(fit: c.SeparateFit, data: Transitions, moment: Moment) -> Parts:
    """What each step of a fit learns from: the whole batch in chunks, or the next minibatch of each replica."""
    size = fit.minibatch_size
    if size is None:
        return lambda whole: (whole.part(rows) for rows in chunks(len(whole)))
    generators = [stream(seed, "critic", moment.iteration) for seed in moment.seeds]
    passes = [
        shuffled_passes(generator, np.flatnonzero(active), size)
        for generator, active in zip(generators, (data.credit.shares > 0).numpy(), strict=True)
    ]
    equal = torch.full((len(generators), size), 1.0 / size)

    def minibatch(whole: Transitions) -> Iterator[Transitions]:
        order = torch.from_numpy(np.stack([next(each) for each in passes]))
        yield whole.take(order).credited(shares=equal)

    return minibatch


def shuffled_passes(
    generator: np.random.Generator, rows: NDArray[np.int64], size: int
) -> Iterator[NDArray[np.int64]]:
    """Passes over rows without end, each shuffled anew, `size` rows at a time; a part may span two passes.

    Replicas whose batches differ in length thereby take equally many steps.
    """
    rows = rows if len(rows) else np.zeros(1, dtype=np.int64)  # a replica that has ended learns from nothing
    left = rows[:0]
    while True:
        while len(left) < size:
            left = np.concatenate([left, generator.permutation(rows)])
        yield left[:size]
        left = left[size:]
