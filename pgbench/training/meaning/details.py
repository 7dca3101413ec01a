"""What the named details mean."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

import torch
from torch import Tensor

from pgbench.functional import objectives
from pgbench.functional.moments import standardise
from pgbench.methods import components as c
from pgbench.methods.algorithm import Algorithm
from pgbench.networks.distributions import Distribution
from pgbench.training.batches import Transitions
from pgbench.training.experience import Rollout, Values
from pgbench.training.normalisation import ObservationNormaliser, RewardScaler
from pgbench.training.preprocessing import Preprocessing


def preprocessing(details: c.Details, gamma: float, shape: tuple[int, int, int]) -> Preprocessing:
    """What stands between environments and policy before anything was seen.

    Args:
        details: the specification.
        gamma: discount of the return by which rewards are scaled.
        shape: (S, E, O): replicas, environments of each, components of an observation.
    """
    replicas, each, size = shape
    normalisation, scaling = details.observation_normalisation, details.reward_scaling
    return Preprocessing(
        None if normalisation is None else ObservationNormaliser(replicas, size, normalisation.clip),
        None if scaling is None else RewardScaler(replicas, each, gamma, scaling.clip),
        details.reward_offset or 0.0,
    )


def at_time_limits(algorithm: Algorithm, rollout: Rollout, values: Values) -> tuple[Rollout, Values]:
    """Experience and values as the detail `time_limits` wants them."""
    match algorithm.details.time_limits:
        case "bootstrap":
            return rollout, values
        case "terminal":
            return replace(rollout, terminated=rollout.terminated | rollout.truncated), values
        case "drop":
            # The step is left out of the batch, and its TD error, which earlier steps see, is made zero, whether it
            # terminated as well or not: to keep only those that did would select on the outcome.
            dropped = rollout.truncated
            neutral = (values.here - rollout.rewards) / algorithm.gamma
            kept = replace(
                rollout, active=rollout.active & ~dropped, terminated=rollout.terminated & ~dropped
            )
            return kept, values._replace(next=torch.where(dropped, neutral, values.next))
        case other:
            assert_never(other)


def over_the_batch(details: c.Details, advantages: Tensor, shares: Tensor) -> Tensor:
    """Advantages `[S, N]`, normalised over the batch if that is asked for."""
    match details.advantage_normalisation:
        case "batch":
            return standardise(advantages, shares)
        case "minibatch" | None:
            return advantages
        case other:
            assert_never(other)


def over_minibatches(details: c.Details, shuffled: Transitions, size: int) -> Transitions:
    """Shuffled transitions, their advantages normalised over each part of `size` if that is asked for."""
    match details.advantage_normalisation:
        case "minibatch":
            advantages = shuffled.credit.advantages
            in_minibatches = advantages.reshape(len(advantages), -1, size)
            normalised = standardise(in_minibatches, torch.ones_like(in_minibatches))
            return shuffled.credited(advantages=normalised.flatten(1))
        case "batch" | None:
            return shuffled
        case other:
            assert_never(other)


def with_entropy_bonus(details: c.Details, gain: Tensor, new: Distribution) -> Tensor:
    """The objective of each transition, `[S, M]`, and the entropy's share in it."""
    return gain + details.entropy_bonus * new.entropy() if details.entropy_bonus else gain


def with_entropy_gain(details: c.Details, gain: Tensor, old: Distribution, new: Distribution) -> Tensor:
    """What the surrogate of each transition gained, `[S, M]`, and what the entropy bonus gained with it."""
    return gain + details.entropy_bonus * (new.entropy() - old.entropy()) if details.entropy_bonus else gain


def value_losses(details: c.Details, values: Tensor, part: Transitions) -> Tensor:
    """The share of each transition in the critic's mean loss, `[S, M]`, clipped if that is asked for."""
    (targets, old), clip = part.regression, details.value_clip
    if clip is None:
        return part.credit.shares * objectives.value_loss(values, targets)
    return part.credit.shares * objectives.clipped_value_loss(values, old, targets, clip)
