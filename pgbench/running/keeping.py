"""From a trainer to the policies that a block keeps, and from these back to what acts as at the end of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pgbench.environments import Box, Discrete
from pgbench.methods.runs import Run
from pgbench.storage.policy_file import (
    Executed,
    KeptActions,
    KeptNormalisation,
    KeptPolicies,
    PolicyDescription,
    Tensors,
)
from pgbench.training.learner import Learner
from pgbench.training.loop import Trainer
from pgbench.training.normalisation import ObservationNormaliser
from pgbench.training.preprocessing import Preprocessing
from pgbench.training.sampler import Sampler
from pgbench.training.start import start_learner, start_sampler

STATISTICS = "observation."
"""Begins the names of an observation normaliser's statistics."""


def policies_of(trainer: Trainer, name: str) -> KeptPolicies:
    """The present policies of a trainer's replicas; a replica that diverged has none.

    Args:
        trainer: between two iterations.
        name: the run's.
    """
    learner, sampler = trainer.learner, trainer.sampler
    normaliser = sampler.preprocessing.normaliser
    diverged = learner.diverged().tolist()
    left = [replica for replica, lost in enumerate(diverged) if not lost]
    description = PolicyDescription(
        run=name,
        environment=trainer.run.environment,
        seeds=tuple(trainer.seeds[replica] for replica in left),
        steps=tuple(int(sampler.steps[replica]) for replica in left),
        diverged=tuple(seed for seed, lost in zip(trainer.seeds, diverged, strict=True) if lost),
        layers=len(learner.network.sizes) - 1,
        activation=learner.network.activation,
        distribution=learner.distribution_name,
        observations=None if normaliser is None else _normalisation(normaliser),
        actions=_actions(learner.policy.actions, sampler.preprocessing),
    )
    tensors = {trainer.seeds[replica]: _tensors(learner, normaliser, replica) for replica in left}
    return KeptPolicies(description, tensors)


def _tensors(learner: Learner, normaliser: ObservationNormaliser | None, replica: int) -> Tensors:
    """The parameters in single precision, as they are trained, and the statistics in double precision."""
    statistics = {} if normaliser is None else normaliser.state()
    return {
        **{name: view.numpy().copy() for name, view in learner.named(replica).items()},
        **{f"{STATISTICS}{name}": values[replica] for name, values in statistics.items()},
    }


def _normalisation(normaliser: ObservationNormaliser) -> KeptNormalisation:
    epsilon, minimum, clip = normaliser.constants
    return KeptNormalisation(epsilon=epsilon, minimum_variance=minimum, clip=clip)


def _actions(space: Discrete | Box, preprocessing: Preprocessing) -> KeptActions:
    if isinstance(space, Discrete):
        return KeptActions(number=space.n, low=None, high=None, executed="as drawn")
    executed: Executed = "clipped" if preprocessing.clips else "as drawn"
    if preprocessing.squashes:
        executed = "squashed"
    return KeptActions(number=None, low=_bounds(space.low), high=_bounds(space.high), executed=executed)


def _bounds(bounds: NDArray[Any]) -> tuple[float | None, ...]:
    return tuple(float(bound) if np.isfinite(bound) else None for bound in bounds)


def restored(run: Run, kept: KeptPolicies, seeds: Sequence[int]) -> tuple[Learner, Sampler]:
    """A learner and a sampler as they were after the last update, as far as acting depends on them.

    Args:
        run: what was trained.
        kept: its policies.
        seeds: which of them.

    Raises:
        Refusal: if one of the seeds has no policy.
    """
    tensors = [kept.of(seed) for seed in seeds]
    sampler = start_sampler(run, seeds)
    learner = start_learner(run.algorithm, sampler.environment, seeds)
    for replica, of_seed in enumerate(tensors):
        for name, view in learner.named(replica).items():
            view.copy_(torch.from_numpy(of_seed[name]))
    normaliser = sampler.preprocessing.normaliser
    if normaliser is not None:
        names = normaliser.state()
        normaliser.restore(
            {name: np.stack([each[f"{STATISTICS}{name}"] for each in tensors]) for name in names}
        )
    trained = dict(zip(kept.description.seeds, kept.description.steps, strict=True))
    sampler.steps[:] = [trained[seed] for seed in seeds]
    return learner, sampler
