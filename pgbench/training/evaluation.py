"""Evaluation episodes. They run beside training and do not change a bit of it.

They run in new environments with their own random streams, and their rewards are not scaled. Observations are
normalised with training's statistics of that moment, which these episodes do not move.

The first of these limits that there is cuts an episode: the evaluation's own, the environment's, training's. Where
there is none, the run's budget cuts it, and it is marked: it has no return yet, but only that of its steps so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
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
    run: Run,
    seeds: Sequence[int],
    learner: Learner,
    sampler: Sampler,
    before: NDArray[np.int64],
    lost: NDArray[np.bool_],
) -> list[Episode]:
    """Evaluate the replicas that have just completed another part of their budget.

    An update that completes several parts at once is followed by one evaluation. A replica that diverged has no
    policy left and is not evaluated.

    Args:
        run: what is trained; without `evaluation` there is nothing to do.
        seeds: one for each replica.
        learner: after the update.
        sampler: of training, after the update; only its steps and its normalisation are looked at.
        before: `[S]`, environment steps of each replica before the update.
        lost: `[S]`, replicas that diverged.

    Returns:
        The episodes; `step` is the replica's step of training.
    """
    evaluation = run.evaluation
    if evaluation is None:
        return []
    completed, earlier = (parts(evaluation, run.steps, steps) for steps in (sampler.steps, before))
    due = (completed > earlier) & ~lost
    return play(run, evaluation, seeds, learner, sampler, due) if due.any() else []


def play(
    run: Run,
    evaluation: Evaluation,
    seeds: Sequence[int],
    learner: Learner,
    sampler: Sampler,
    due: NDArray[np.bool_],
) -> list[Episode]:
    """The episodes of one evaluation of the replicas that are `due` `[S]`; other arguments as for `evaluate`."""
    completed = parts(evaluation, run.steps, sampler.steps)
    draws = (stream(seed, "evaluation", int(part)) for seed, part in zip(seeds, completed, strict=True))
    streams = [int(generator.integers(2**62)) for generator in draws]
    rows, limit = environment_streams(streams, evaluation.episodes), evaluation_limit(run)
    environment = environments.make(run.environment, rows, run.steps if limit is None else limit)
    with closing(environment):
        evaluated = Sampler(environment, streams, sampler.preprocessing.frozen())
        episodes = evaluated.finished_episodes(*_acting(evaluation, learner), due)
    steps = sampler.steps.tolist()
    return [
        replace(
            episode,
            seed=seeds[replica],
            step=steps[replica],
            cut=limit is None and _reaches(episode, run.steps),
        )
        for episode in episodes
        for replica in [streams.index(episode.seed)]
    ]


def evaluation_limit(run: Run) -> int | None:
    """Steps after which an evaluation episode is cut; None: nothing limits it but the run's budget."""
    return run.evaluation_limit(environments.time_limit(run.environment))


def _reaches(episode: Episode, budget: int) -> bool:
    """Whether an episode was cut at the budget."""
    return not episode.terminated and episode.episodic_length == budget


def parts(evaluation: Evaluation, budget: int, steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many equal parts of its budget a replica has completed after `steps` `[S]`."""
    return np.minimum(steps, budget) * evaluation.times // budget


def _acting(evaluation: Evaluation, learner: Learner) -> tuple[Act, Noise]:
    """How actions are chosen, and the noise for it."""
    match evaluation.actions:
        case "mean":
            return learner.act_by_mode(), _no_noise
        case "sampled":
            return learner.act(), learner.policy.noise
        case _:
            assert_never(evaluation.actions)


def _no_noise(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The noise of a deterministic choice: nothing, `[*shape, 0]`."""
    return np.empty((*shape, 0), dtype=np.float32)
