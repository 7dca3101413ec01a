"""What an update did: the measures that the papers argue about, over the whole batch."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pgbench.functional import objectives
from pgbench.functional.moments import average, explained_variance, signal_to_noise
from pgbench.networks.distributions import kl
from pgbench.training.experience import CHUNK, Batch, Transitions
from pgbench.training.iteration import Statistics
from pgbench.training.learner import Learner, PolicyAndValue, chunks


def mean_kl(learner: Learner, batch: Batch) -> Tensor:
    """The mean of KL(old ‖ new) over the batch, `[S]`, in nats."""
    data = batch.transitions
    new = learner.evaluate_in_chunks(data.observations).distribution
    return average(kl(learner.policy.restore(data.old_parameters), new), data.shares)


@torch.no_grad()
def clip_fraction(batch: Batch, after: PolicyAndValue, epsilon: float) -> Tensor:
    """The share of ratios outside [1 − ε, 1 + ε], `[S]`, once the update has led to `after`."""
    data = batch.transitions
    ratios = (after.distribution.log_prob(data.actions) - data.old_log_probs).exp()
    return average(((ratios - 1.0).abs() > epsilon).float(), data.shares)


GROUPS = 8
"""Parts, at most, into which a batch is divided to see how far their gradients agree."""
STRETCH = 64
"""Consecutive steps of a single environment that go to one part: long enough for parts to be nearly independent."""


def gradient_signal_to_noise(learner: Learner, batch: Batch) -> Statistics:
    """The signal-to-noise ratio of Σ ∇log π Â on the whole batch, before the update (`moments.signal_to_noise`).

    That is the gradient of every surrogate at the policy that collected the batch. Its parts are the environments,
    which are independent; of a single environment, stretches of steps, dealt out in turn. No metric where the batch
    has only one part, or where a baseline corrects the gradient afterwards.
    """
    data, actor = batch.transitions, learner.actor.values
    each = batch.rollout.rewards.shape[2]
    index = torch.arange(len(data))
    groups = index % each % GROUPS if each > 1 else index // STRETCH % (GROUPS // 2)
    count = int(groups.max()) + 1
    if count == 1 or batch.correction is not None:
        return {}
    # Each part is a replica of its own, so that all gradients are those of one pass. Chunks of this size divide the
    # parts of whole episodes, idle rows included, so that rounding does not depend on how many of these there are.
    parts = _as_replicas(data, groups, count)
    copies = actor.detach().repeat_interleave(count, 0).requires_grad_()
    for rows in chunks(len(parts), CHUNK // GROUPS):
        part = parts.part(rows)
        log_probs = learner.distribution(part.observations, copies).log_prob(part.actions)
        (part.weights * part.advantages * log_probs).sum().backward()  # type: ignore[no-untyped-call]
    assert copies.grad is not None
    gradients = copies.grad.reshape(len(actor), count, -1).transpose(0, 1).contiguous()
    return {"gradient_signal_to_noise": signal_to_noise(count * gradients)}


def _as_replicas(data: Transitions, groups: Tensor, count: int) -> Transitions:
    """The transitions `[S, N]` of each of `count` groups `[N]` as a replica's, `[S·K, …]`, short ones filled up."""
    members = [torch.nonzero(groups == group).flatten() for group in range(count)]
    length = max(len(each) for each in members)
    order = torch.cat([torch.nn.functional.pad(each, (0, length - len(each))) for each in members])
    real = torch.cat([torch.arange(length) < len(each) for each in members])
    ordered = data.take(order.expand(len(data.weights), -1))
    return replace(ordered, weights=ordered.weights * real).split(count)


@torch.no_grad()
def measure(learner: Learner, batch: Batch, after: PolicyAndValue) -> Statistics:
    """How far the policy moved, what that gained, and how good the critic is.

    Args:
        learner: whose policy it is.
        batch: what it learned from.
        after: what policy and critic say of the batch after the update.
    """
    data = batch.transitions
    new, values = after
    log_ratios = new.log_prob(data.actions) - data.old_log_probs
    ratios = log_ratios.exp()
    happened = data.shares > 0
    gain = (ratios - 1.0) * data.advantages
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
    }
