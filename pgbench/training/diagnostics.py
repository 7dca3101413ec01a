"""What an update will do and has done: the measures that the papers argue about, over the whole batch."""

from __future__ import annotations

import torch
from torch import Tensor

from pgbench.functional import objectives
from pgbench.functional.moments import average, explained_variance, signal_to_noise
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.components import Details
from pgbench.networks.distributions import kl
from pgbench.training.batches import Batch, Transitions
from pgbench.training.experience import CHUNK, chunks
from pgbench.training.iteration import Statistics
from pgbench.training.learner import Learner, PolicyAndValue
from pgbench.training.meaning.details import with_entropy_gain
from pgbench.training.meaning.surrogates import clipping, likelihood_weights

GROUPS = 8
"""Parts, at most, into which a batch is divided to see how far their gradients agree."""
STRETCH = 64
"""Consecutive steps of a single environment that go to one part: long enough for parts to be nearly independent."""


def before_update(algorithm: Algorithm, learner: Learner, batch: Batch) -> Statistics:
    """The signal-to-noise ratio of Σ ∇log π Â on the whole batch (`moments.signal_to_noise`).

    That is the gradient of every surrogate at the policy that collected the batch; exponential weights stand for Â
    there. Its parts are the environments, which are independent; of a single environment, stretches of steps, dealt
    out in turn. A part counts by its number of environments or steps. No metric where the batch has only one
    part, or where a baseline corrects the gradient afterwards.
    """
    data, actor = batch.transitions, learner.actor.values
    each = batch.rollout.rewards.shape[2]
    index = torch.arange(len(data))
    groups = index % each % GROUPS if each > 1 else index // STRETCH % (GROUPS // 2)
    count = int(groups.max()) + 1
    if count == 1 or batch.correction is not None:
        return {}
    # Each part is a separate replica, so that one pass gives all gradients. Chunks of this size divide the
    # parts of whole episodes, idle rows included, so that rounding does not depend on how many of these there are.
    parts = _as_replicas(data, groups, count)
    copies = actor.detach().repeat_interleave(count, 0).requires_grad_()
    for rows in chunks(len(parts), CHUNK // GROUPS):
        recorded, credit = parts.part(rows).recorded, parts.part(rows).credit
        log_probs = learner.distribution(recorded.observations, copies).log_prob(recorded.actions)
        factors = likelihood_weights(algorithm.surrogate, credit.advantages)
        (credit.weights * factors * log_probs).sum().backward()  # type: ignore[no-untyped-call]
    assert copies.grad is not None
    gradients = copies.grad.reshape(len(actor), count, -1).transpose(0, 1).contiguous()
    sizes = _sizes(batch, groups, count)
    # The whole batch's gradient, estimated from each part.
    estimates = gradients * (sizes.sum(0) / sizes.clamp(min=1.0)).unsqueeze(-1)
    return {"gradient_signal_to_noise": signal_to_noise(estimates, sizes)}


def _sizes(batch: Batch, groups: Tensor, count: int) -> Tensor:
    """How many independent draws each of `count` groups `[N]` has, `[K, S]`: environments, or one's steps."""
    happened = batch.transitions.credit.shares > 0
    members = groups == torch.arange(count).unsqueeze(1)
    each = batch.rollout.rewards.shape[2]
    draws = happened.reshape(len(happened), -1, each).any(1) if each > 1 else happened
    return (
        (members[:, : draws.shape[1]].unsqueeze(1) & draws).sum(-1).to(batch.transitions.credit.weights.dtype)
    )


def _as_replicas(data: Transitions, groups: Tensor, count: int) -> Transitions:
    """The transitions `[S, N]` of each of `count` groups `[N]` as a replica's, `[S·K, …]`, short ones filled up."""
    members = [torch.nonzero(groups == group).flatten() for group in range(count)]
    length = max(len(rows) for rows in members)
    order = torch.cat([torch.nn.functional.pad(rows, (0, length - len(rows))) for rows in members])
    real = torch.cat([torch.arange(length) < len(rows) for rows in members])
    ordered = data.take(order.expand(len(data.credit.weights), -1))
    return ordered.credited(weights=ordered.credit.weights * real).split(count)


@torch.no_grad()
def after_update(algorithm: Algorithm, learner: Learner, batch: Batch) -> Statistics:
    """How far the update moved the policy, what that gained, and how good the critic is."""
    after = learner.evaluate_in_chunks(batch.transitions.recorded.observations)
    return measure(algorithm.details, learner, batch.transitions, after) | clipping(
        algorithm.surrogate, batch, after
    )


@torch.no_grad()
def measure(details: Details, learner: Learner, data: Transitions, after: PolicyAndValue) -> Statistics:
    """Metrics `[S]` of an update that led to `after`, policy and critic on the batch's observations."""
    recorded, credit, new = data.recorded, data.credit, after.distribution
    old = learner.policy.restore(recorded.parameters)
    log_ratios = new.log_prob(recorded.actions) - recorded.log_probs
    ratios = log_ratios.exp()
    happened = credit.shares > 0
    return {
        "surrogate_gain": average(
            with_entropy_gain(details, (ratios - 1.0) * credit.advantages, old, new), credit.shares
        ),
        **_of_critic(data, after.values),
        "entropy": average(new.entropy(), credit.shares),
        "kl": average(kl(old, new), credit.shares),
        # Schulman 2020, "Approximating KL divergence", k3: unbiased, never negative
        "approximate_kl": average(ratios - 1.0 - log_ratios, credit.shares),
        "ratio_maximum": ratios.where(happened, 1.0).amax(1),
        "ratio_minimum": ratios.where(happened, 1.0).amin(1),
    }


def _of_critic(data: Transitions, values: Tensor | None) -> Statistics:
    """The critic's loss after the update, and how well it foresaw its targets; 0 and 0 / 0 without a critic."""
    if values is None or data.credit.targets is None:
        nothing = torch.zeros(len(data.credit.shares))
        return {"value_loss": nothing, "explained_variance": nothing / nothing}
    targets, old = data.regression
    shares = data.credit.shares
    return {
        "value_loss": average(objectives.value_loss(values, targets), shares),
        "explained_variance": explained_variance(old, targets, shares),
    }
