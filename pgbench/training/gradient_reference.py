"""An update's gradient beside that of a large reference batch, on chosen iterations.

Ilyas et al. 2018 measured these quantities once; here they are metrics of training. The reference batch comes
from its own environments and random streams, so measuring it does not change a bit of training.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor

from pgbench.functional.moments import signal_to_noise
from pgbench.methods import components as c
from pgbench.methods.algorithm import Algorithm
from pgbench.methods.runs import Reference, Run
from pgbench.training.batches import Batch
from pgbench.training.credit import critic_values, prepare
from pgbench.training.experience import Rollout, side_by_side
from pgbench.training.iteration import Moment, Statistics
from pgbench.training.learner import Learner
from pgbench.training.losses import gradient
from pgbench.training.meaning.baselines import critic_of
from pgbench.training.meaning.critics import targets_of
from pgbench.training.meaning.data import collect, horizon_of
from pgbench.training.sampler import Sampler
from pgbench.training.start import start_sampler
from pgbench.training.streams import stream

METRICS = ("reference_cosine", "reference_signal_to_noise", "reference_value_error")


@dataclass(frozen=True)
class GradientReference:
    """What looks at the gradients of a run's updates.

    Attributes:
        run: what is trained.
        seeds: one for each replica.
        every: iterations from one look to the next; the first is at iteration 0.
        batches: K ≥ 2, batches of an update's size that make up the reference.
    """

    run: Run
    seeds: Sequence[int]
    every: int
    batches: int

    def looks(self, iteration: int) -> bool:
        """Whether the update of this iteration is looked at."""
        return iteration % self.every == 0

    def __call__(self, learner: Learner, sampler: Sampler, batch: Batch, moment: Moment) -> Statistics:
        """Before an update: three metrics `[S]`, NaN where this iteration is not looked at.

        Returns:
            `reference_cosine`, between the gradients of the policy's objective on the update's batch and on the
            reference; `reference_signal_to_noise`, ‖E ĝ‖² / tr Cov(ĝ) of the gradient of a batch of the update's
            size, from the reference's batches; and `reference_value_error`, the root mean square of V(s) − G over
            that of G, with G the Monte-Carlo return of the reference, NaN without a critic.

        Args:
            learner: before the update; is left as it is.
            sampler: of training; only its normalisation is looked at.
            batch: what the update is about to learn from.
            moment: where training stands.
        """
        if not self.looks(moment.iteration):
            return {name: torch.full((len(self.seeds),), torch.nan) for name in METRICS}
        algorithm = self.run.algorithm
        present = gradient(algorithm, learner, batch)
        rollouts = self._collect(learner, sampler, moment)
        batches = [prepare(algorithm, learner, rollout) for rollout in rollouts]
        parts = torch.stack([gradient(algorithm, learner, part) for part in batches])
        metrics = (
            torch.cosine_similarity(present, parts.mean(0), dim=-1),
            signal_to_noise(parts) / self.batches,
            _value_error(algorithm, learner, rollouts),
        )
        return dict(zip(METRICS, metrics, strict=True))

    def _collect(self, learner: Learner, sampler: Sampler, moment: Moment) -> list[Rollout]:
        """K rollouts of the present policy in environments of their own.

        Where a rollout is shorter than an episode may be, the update's batch begins within one. Each rollout of the
        reference then has environments that begin anew and are led as far: by as many steps as training has taken,
        or by a random number up to the longest episode where training has long forgotten when it began.
        """
        data, running = self.run.algorithm.data, moment.running.numpy()
        longest, horizon = sampler.environment.time_limit, horizon_of(data)
        rollouts = []
        if horizon is None or longest is None or horizon >= longest:
            fresh = self._fresh(sampler, moment.iteration)
            with closing(fresh.environment):
                for part in range(self.batches):
                    fresh.steps[:] = (
                        0  # each batch may take as many steps as the run, not all of them together
                    )
                    rollouts.append(collect(data, fresh, learner, part, running))
            return rollouts
        before = moment.iteration * horizon
        for part in range(self.batches):
            fresh = self._fresh(sampler, moment.iteration, part)
            # One number for all replicas, so that it does not depend on which others there are.
            random = int(stream(0, "reference", moment.iteration, part).integers(longest))
            led = before if before < longest else random
            with closing(fresh.environment):
                if led:
                    fresh.fixed_horizon(learner.act(), learner.policy.noise, self.batches, running, led)
                rollouts.append(collect(data, fresh, learner, part, running))
        return rollouts

    def _fresh(self, sampler: Sampler, *index: int) -> Sampler:
        """Environments that begin anew, with the normalisation of training."""
        draws = (stream(seed, "reference", *index) for seed in self.seeds)
        fresh = start_sampler(self.run, [int(generator.integers(2**62)) for generator in draws])
        fresh.preprocessing.adopt(sampler.preprocessing)
        return fresh


def start_reference(run: Run, seeds: Sequence[int]) -> GradientReference | None:
    """What looks at the gradients of a run, if it asks for that."""
    match run.reference:
        case None:
            return None
        case Reference(every=every, batches=batches):
            return GradientReference(run, seeds, every, batches)
        case _:
            assert_never(run.reference)


@torch.no_grad()
def _value_error(algorithm: Algorithm, learner: Learner, rollouts: Sequence[Rollout]) -> Tensor:
    """√(E(V − G)² / E G²), `[S]`, over all rollouts; where one cuts an episode, V stands for the rest in G."""
    if critic_of(algorithm.baseline) is None:
        return torch.full((len(learner.actor.values),), torch.nan)
    errors, squares, active = [], [], []
    for rollout in rollouts:
        here, following = (
            learner.evaluate_in_chunks(side_by_side(observations)).values
            for observations in (rollout.observations, rollout.next_observations)
        )
        values = critic_values(rollout, here, following)
        returns = targets_of(c.MonteCarloTarget(), rollout, values, algorithm.gamma)
        errors.append(side_by_side((values.here - returns).square()))
        squares.append(side_by_side(returns.square()))
        active.append(side_by_side(rollout.active))
    weights = torch.cat(active, 1).float()
    # Replicas that have ended have no steps here: their error is 0 / 0.
    means = [(weights * torch.cat(terms, 1)).double().cumsum(1)[:, -1] for terms in (errors, squares)]
    return (means[0] / means[1]).sqrt().float()
