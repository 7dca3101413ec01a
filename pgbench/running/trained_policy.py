"""A trained policy as a function: it takes an observation of Gymnasium and returns an action for Gymnasium."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import numpy as np
import torch

from pgbench.environments.translation import Translation
from pgbench.methods.runs import Run
from pgbench.running.keeping import restored
from pgbench.storage.policy_file import KeptPolicies, Tensors

EVERY = np.ones((1, 1), dtype=np.bool_)


class TrainedPolicy:
    """The policy of one replica at the end of its training, with the normalisation of its observations.

    `policy(observation)` is the mean action, or the most likely one. `policy(observation, generator)` is drawn as
    in training. Both are what training would have given the environment, to the bit.

    Args:
        run: what was trained.
        kept: its policies.
        seed: the replica's.

    Attributes:
        environment: the Gymnasium id.
        time_limit: steps after which an episode of training was cut, in place of the environment's own limit; None:
            after that one.
        seed: the replica's.
        tensors: name → array, as in `policy.safetensors`, without the seed.

    Raises:
        Refusal: if the seed has no policy.
    """

    def __init__(self, run: Run, kept: KeptPolicies, seed: int) -> None:
        self.environment, self.seed = run.environment, seed
        self.time_limit = run.algorithm.details.time_limit
        self.tensors: Tensors = kept.of(seed)
        learner, sampler = restored(run, kept, [seed])
        with closing(sampler.environment):
            self._preprocessing = sampler.preprocessing.frozen()
        self._noise = learner.policy.noise
        self._drawn, self._likeliest = learner.act(), learner.act_by_mode()
        self._translation = Translation(run.environment)

    def __call__(self, observation: Any, generator: np.random.Generator | None = None) -> Any:
        """An action for `step`.

        Args:
            observation: from `reset` or `step`.
            generator: draws the action; None: the mean action, or the most likely one.

        Raises:
            Refusal: if the observation has another shape than the environment announces.
        """
        raw = self._translation.observed(observation)[None, None]
        recorded = self._preprocessing.observations(raw, EVERY)
        seen = torch.from_numpy(self._preprocessing.seen(recorded))
        if generator is None:
            actions = self._likeliest(seen, torch.empty(1, 1, 0))
        else:
            actions = self._drawn(seen, torch.from_numpy(self._noise(generator, (1, 1))))
        executed = self._preprocessing.given(self._translation.actions, actions[0].numpy())
        return self._translation.given(executed[0])

    def __repr__(self) -> str:
        """What was trained, and which replica."""
        return f"TrainedPolicy({self.environment!r}, seed={self.seed})"
