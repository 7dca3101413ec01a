"""Evaluation: whole episodes of the present policy, beside training, of which they leave every bit alone.

They are run in environments that begin anew, with random streams of their own and with rewards as they are.
Observations are normalised as training has it at that moment; what is seen here does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from pgbench import environments
from pgbench.methods.runs import Evaluation, Run
from pgbench.training.experience import Act, Episode, Noise
from pgbench.training.learner import Learner
from pgbench.training.sampler import Sampler, environment_streams
from pgbench.training.streams import stream


def evaluate(
    run: Run, seeds: Sequence[int], learner: Learner, sampler: Sampler, before: NDArray[np.int64]
) -> list[Episode]:
    """Evaluate the replicas that have just come to the end of another part of their budget.

    Where an update goes beyond several parts at once there is one evaluation, not several of the same policy. A
    replica that diverged has no policy left, and is not evaluated.

    Args:
        run: what is trained; without `evaluation` there is nothing to do.
        seeds: one for each replica.
        learner: after the update.
        sampler: of training, after the update; only its steps and its normalisation are looked at.
        before: `[S]`, environment steps of each replica before the update.

    Returns:
        The episodes; `step` is the replica's step of training.
    """
    asked = run.evaluation
    if asked is None:
        return []
    behind = parts(asked, run.steps, sampler.steps)
    due = (behind > parts(asked, run.steps, before)) & ~learner.diverged().numpy()
    if not due.any():
        return []
    draws = (stream(seed, "evaluation", int(part)) for seed, part in zip(seeds, behind, strict=True))
    streams = [int(generator.integers(2**62)) for generator in draws]
    environment = environments.make(run.environment, environment_streams(streams, asked.episodes))
    evaluated = Sampler(environment, streams, sampler.preprocessing.frozen())
    episodes = evaluated.finished_episodes(*_acting(asked, learner), due)
    steps = sampler.steps.tolist()
    return [
        replace(episode, seed=seeds[replica], step=steps[replica])
        for episode in episodes
        for replica in [streams.index(episode.seed)]
    ]


def parts(asked: Evaluation, budget: int, steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many parts of its budget, of equal size, a replica has behind it after so many steps `[S]`."""
    return np.minimum(steps, budget) * asked.times // budget


def _acting(asked: Evaluation, learner: Learner) -> tuple[Act, Noise]:
    """How actions are chosen, and the noise for it."""
    match asked.actions:
        case "mean":
            return learner.act_by_mode(), _no_noise
        case "sampled":
            return learner.act(), learner.policy.noise
        case _:
            assert_never(asked.actions)


def _no_noise(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """What a choice without chance needs: nothing, `[*shape, 0]`."""
    return np.empty((*shape, 0), dtype=np.float32)
