"""Many random worlds at once, with exact advantages. Each world is a replica.

The choice of the worlds is the only sampling error.
"""

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
    """Random worlds of one shape, each with an old policy.

    Attributes:
        actors: the policies without their parameters, one for each world.
        rows: `[S, P]`, parameters of the old policies.
        solved: the closed forms of the old policies.
        gamma: discount in (0, 1).
    """

    actors: list[Actor]
    rows: Tensor
    solved: list[exact.Discounted]
    gamma: float

    @property
    def states(self) -> Tensor:
        """The discounted distributions of states under the old policies, `[S, X]`. Each sums to 1."""
        return torch.stack([(1.0 - self.gamma) * solution.visits for solution in self.solved])

    @property
    def advantages(self) -> Tensor:
        """The exact advantages of the old policies, `[S, X, A]`."""
        return torch.stack([solution.advantages for solution in self.solved])

    @property
    def policies(self) -> Tensor:
        """The old policies `[S, X, A]`."""
        return self.tables(self.rows)

    def tables(self, rows: Tensor) -> Tensor:
        """The policies `[S, X, A]` of parameters `[S, P]`."""
        pairs = zip(self.actors, rows, strict=True)
        return torch.stack([actor.log_probabilities(row).detach().exp() for actor, row in pairs])

    def learner(self, algorithm: Algorithm, advantages: Tensor | None = None) -> tuple[Learner, Batch]:
        """A learner with the old policies, and a batch with every state and action.

        Args:
            algorithm: the method that the learner is made for.
            advantages: `[S, X, A]`; none: the exact advantages.
        """
        learner = self.actors[0].learner(algorithm, self.rows)
        return learner, exact_batch(
            learner, self.states, self.advantages if advantages is None else advantages
        )

    def solutions(self, policies: Tensor) -> list[exact.Discounted]:
        """The closed forms of policies `[S, X, A]`."""
        pairs = zip(self.actors, policies, strict=True)
        return [exact.solve(actor.world, policy, self.gamma) for actor, policy in pairs]

    def surrogate(self, policies: Tensor) -> Tensor:
        """The gain of the surrogate over the old policies, `[S]`, in units of J."""
        gains = (self.states.unsqueeze(-1) * policies * self.advantages).sum((1, 2))
        return gains / (1.0 - self.gamma)

    def gains(self, policies: Tensor) -> Tensor:
        """The gain of J over the old policies, `[S]`."""
        after = [solution.objective for solution in self.solutions(policies)]
        return torch.stack(after) - torch.stack([solution.objective for solution in self.solved])

    def best_gains(self) -> Tensor:
        """The gain of J of the best policies, `[S]`, by policy iteration (Howard 1960)."""
        policies, previous = self.policies, torch.zeros(0)
        while not torch.equal(policies, previous):
            values = torch.stack([solution.action_values for solution in self.solutions(policies)])
            greedy = torch.nn.functional.one_hot(values.argmax(-1), values.shape[-1]).double()
            previous, policies = policies, greedy
        return self.gains(policies)


def random_worlds(
    count: int, rng: np.random.Generator, gamma: float, hidden: tuple[int, ...] = ()
) -> Ensemble:
    """Garnets with ten states, four actions and no horizon, each with a random policy.

    Args:
        count: S, the number of worlds.
        rng: draws the seeds of the worlds.
        gamma: discount in (0, 1).
        hidden: units of the hidden layers of the policies.
    """
    seeds = rng.integers(2**31, size=count).tolist()
    actors = [Actor(worlds.garnet(10, 4, 4, seed=seed, horizon=None), hidden) for seed in seeds]
    rows = torch.stack([actor.start(seed) for actor, seed in zip(actors, seeds, strict=True)])
    policies = [actor.log_probabilities(row).exp() for actor, row in zip(actors, rows, strict=True)]
    solved = [exact.solve(actor.world, policy, gamma) for actor, policy in zip(actors, policies, strict=True)]
    return Ensemble(actors, rows, solved, gamma)


def divergence(states: Tensor, old: Tensor, new: Tensor) -> Tensor:
    """The mean of KL(old ‖ new) over states, `[S]`, in nats.

    Args:
        states: `[S, X]`, probabilities of the states.
        old: `[S, X, A]`.
        new: `[S, X, A]`.
    """
    in_each_state: Tensor = torch.special.xlogy(old, old / new).sum(-1)
    return (states * in_each_state).sum(-1)
