"""Many random worlds at once, a replica each, with exact advantages: no sampling error but that of the worlds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pgbench.laboratory import exact, worlds
from pgbench.laboratory.estimators import exact_batch
from pgbench.laboratory.policies import Actor
from pgbench.methods.algorithm import Algorithm
from pgbench.training.batches import Batch
from pgbench.training.learner import Learner


@dataclass(frozen=True)
class Ensemble:
    """Random worlds of one shape, with an old policy each.

    Attributes:
        actors: the policies.
        rows: `[S, P]`, parameters of the old policies.
        known: what there is to know of each.
        gamma: discount in (0, 1).
    """

    actors: list[Actor]
    rows: Tensor
    known: list[exact.Discounted]
    gamma: float

    @property
    def states(self) -> Tensor:
        """`[S, X]`, the discounted distributions of states, each of sum 1."""
        return torch.stack([(1.0 - self.gamma) * each.visits for each in self.known])

    @property
    def advantages(self) -> Tensor:
        """`[S, X, A]`."""
        return torch.stack([each.advantages for each in self.known])

    @property
    def policies(self) -> Tensor:
        """The old policies `[S, X, A]`."""
        return self.tables(self.rows)

    def tables(self, rows: Tensor) -> Tensor:
        """Policies `[S, X, A]` of parameters `[S, P]`."""
        pairs = zip(self.actors, rows, strict=True)
        return torch.stack([actor.log_probabilities(row).detach().exp() for actor, row in pairs])

    def learner(self, algorithm: Algorithm, advantages: Tensor | None = None) -> tuple[Learner, Batch]:
        """A learner with the old policies, and its batch of every state and action.

        Args:
            algorithm: says what the learner needs.
            advantages: `[S, X, A]`; none: the exact ones.
        """
        learner = self.actors[0].learner(algorithm, self.rows)
        return learner, exact_batch(
            learner, self.states, self.advantages if advantages is None else advantages
        )

    def solutions(self, policies: Tensor) -> list[exact.Discounted]:
        """What there is to know of policies `[S, X, A]`."""
        pairs = zip(self.actors, policies, strict=True)
        return [exact.solve(actor.world, policy, self.gamma) for actor, policy in pairs]

    def surrogate(self, policies: Tensor) -> Tensor:
        """What the surrogate gains over the old policies, `[S]`, in units of J."""
        gains = (self.states.unsqueeze(-1) * policies * self.advantages).sum((1, 2))
        return gains / (1.0 - self.gamma)

    def gains(self, policies: Tensor) -> Tensor:
        """What J gains, `[S]`."""
        after = [each.objective for each in self.solutions(policies)]
        return torch.stack(after) - torch.stack([each.objective for each in self.known])

    def best_gains(self) -> Tensor:
        """What the best policy gains, `[S]`, by policy iteration (Howard 1960)."""
        policies, previous = self.policies, torch.zeros(0)
        while not torch.equal(policies, previous):
            values = torch.stack([each.action_values for each in self.solutions(policies)])
            greedy = torch.nn.functional.one_hot(values.argmax(-1), values.shape[-1]).double()
            previous, policies = policies, greedy
        return self.gains(policies)


def random_worlds(
    count: int, rng: np.random.Generator, gamma: float, hidden: tuple[int, ...] = ()
) -> Ensemble:
    """Garnets of ten states and four actions without horizon, with random policies.

    Args:
        count: S.
        rng: draws the worlds' seeds.
        gamma: discount in (0, 1).
        hidden: units of the policies' hidden layers.
    """
    seeds = rng.integers(2**31, size=count).tolist()
    actors = [Actor(worlds.garnet(10, 4, 4, seed=seed, horizon=None), hidden) for seed in seeds]
    rows = torch.stack([actor.start(seed) for actor, seed in zip(actors, seeds, strict=True)])
    policies = [actor.log_probabilities(row).exp() for actor, row in zip(actors, rows, strict=True)]
    known = [exact.solve(actor.world, policy, gamma) for actor, policy in zip(actors, policies, strict=True)]
    return Ensemble(actors, rows, known, gamma)


def divergence(states: Tensor, old: Tensor, new: Tensor) -> Tensor:
    """Mean KL(old ‖ new) `[S]` of policies `[S, X, A]` over states `[S, X]`, in nats."""
    at_each: Tensor = torch.special.xlogy(old, old / new).sum(-1)
    return (states * at_each).sum(-1)
