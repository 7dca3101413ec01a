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
from pgbench.training.value_scale import ValueScale


def preprocessing(
    details: c.Details, gamma: float, shape: tuple[int, int, int], squashes: bool
) -> Preprocessing:
    """What stands between environments and policy before anything was seen.

    Args:
        details: the specification.
        gamma: discount of the return by which rewards are scaled.
        shape: (S, E, O): replicas, environments of each, components of an observation.
        squashes: whether the policy's actions are to be squashed into their box.
    """
    replicas, each, size = shape
    normalisation, scaling = details.observation_normalisation, details.reward_scaling
    return Preprocessing(
        None if normalisation is None else _normaliser(normalisation, replicas, size),
        None if scaling is None else RewardScaler(replicas, each, gamma, scaling.clip),
        details.reward_offset or 0.0,
        waits=normalisation is not None and _waits(normalisation),
        clips=_clips(details),
        squashes=squashes,
    )


def _normaliser(normalisation: c.ObservationNormalisation, replicas: int, size: int) -> ObservationNormaliser:
    return ObservationNormaliser(replicas, size, normalisation.clip, normalisation.minimum_variance)


def _waits(normalisation: c.ObservationNormalisation) -> bool:
    """Whether observations are counted a batch at a time."""
    match normalisation.updates:
        case "each_batch":
            return True
        case "each_step":
            return False
        case other:
            assert_never(other)


def _clips(details: c.Details) -> bool:
    """Whether actions are brought into their box."""
    match details.actions:
        case "clipped":
            return True
        case "raw":
            return False
        case other:
            assert_never(other)


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
            parts = len(shuffled) // size
            advantages, counted = (
                column.reshape(len(column), parts, size)
                for column in (shuffled.credit.advantages, shuffled.credit.shares > 0)
            )
            return shuffled.credited(advantages=standardise(advantages, counted).flatten(1))
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


def start_value_scale(details: c.Details, replicas: int) -> ValueScale | None:
    """The unit in which a critic learns before anything was seen; None: that of returns."""
    normalisation = details.value_normalisation
    return None if normalisation is None else ValueScale(replicas, normalisation.rescale)


def value_losses(details: c.Details, scale: ValueScale | None, values: Tensor, part: Transitions) -> Tensor:
    """The share of each transition in the critic's mean loss, `[S, M]`, clipped if that is asked for.

    Errors, and the distance of the clip, have the unit in which the critic learns, as in the code of Andrychowicz
    et al. 2021, google-research/seed_rl.
    """
    (targets, old), clip = part.regression, details.value_clip
    if scale is not None:
        values, targets, old = (scale.present.outputs(each) for each in (values, targets, old))
    if clip is None:
        return part.credit.shares * objectives.value_loss(values, targets)
    return part.credit.shares * objectives.clipped_value_loss(values, old, targets, clip)
