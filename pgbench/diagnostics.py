"""What an update did: the measures that the papers argue about, over the whole batch."""

from __future__ import annotations

import torch
from torch import Tensor

from pgbench.batches import Batch
from pgbench.functional import objectives
from pgbench.functional.moments import average, explained_variance
from pgbench.learners import Learner
from pgbench.policies import kl

Statistics = dict[str, Tensor]
"""Metrics of an update, `[S]` each."""


def mean_kl(learner: Learner, batch: Batch) -> Tensor:
    """The mean of KL(old ‖ new) over the batch, `[S]`, in nats."""
    data = batch.transitions
    new = learner.evaluate_in_chunks(data.observations).distribution
    return average(kl(learner.policy.restore(data.old_parameters), new), data.shares)


@torch.no_grad()
def measure(learner: Learner, batch: Batch, clip: float | None) -> Statistics:
    """How far the policy moved, what that gained, and how good the critic is.

    Args:
        learner: after the update.
        batch: what it learned from.
        clip: half-width of the interval that ratios are clipped to, or None.
    """
    data = batch.transitions
    new, values = learner.evaluate_in_chunks(data.observations)
    log_ratios = new.log_prob(data.actions) - data.old_log_probs
    ratios = log_ratios.exp()
    happened = data.shares > 0
    gain = (ratios - 1.0) * data.advantages
    outside = (
        {} if clip is None else {"clip_fraction": average(((ratios - 1.0).abs() > clip).float(), data.shares)}
    )
    return {
        "surrogate_gain": average(gain, data.shares),
        "value_loss": average(objectives.value_loss(values, data.targets), data.shares),
        "explained_variance": explained_variance(data.old_values, data.targets, data.shares),
        "entropy": average(new.entropy(), data.shares),
        "kl": average(kl(learner.policy.restore(data.old_parameters), new), data.shares),
        # Schulman 2020, "Approximating KL divergence", k3: unbiased, never negative
        "approximate_kl": average(ratios - 1.0 - log_ratios, data.shares),
        "ratio_maximum": ratios.where(happened, 1.0).amax(1),
        "ratio_minimum": ratios.where(happened, 1.0).amin(1),
        **outside,
    }
