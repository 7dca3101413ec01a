"""The same seed gives the same bits: on every environment in every block, and beside every other detail."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.trainings import records, small, trace
from pgbench.environments.classic import SYSTEMS
from pgbench.environments.mujoco_tasks import TASKS
from pgbench.training import critic_steps, gradient_steps, replay_memory, sampler, start, streams

SHORT = {"data.steps": 64, "networks.hidden": (16,)}


@pytest.mark.parametrize("environment", [*SYSTEMS, *TASKS, "Constant-v0"])
def test_a_replicas_bits_do_not_depend_on_its_block(environment):
    """`test_loop.py` has every method; here is every environment, with all that is done to observations."""
    algorithm = small("ppo", **SHORT)
    alone, beside = (
        trace(records(algorithm, seeds, environment, 128), seeds, 3) for seeds in ([3], [0, 3, 1])
    )
    assert alone == beside
    assert len(alone) > 1


class Logged(np.random.Generator):
    """A generator that remembers what it gave."""

    def __init__(self, generator):
        super().__init__(generator.bit_generator)
        self.log = []

    def _keep(self, values):
        self.log += np.asarray(values).ravel().tolist()
        return values

    def random(self, *arguments, **options):
        return self._keep(super().random(*arguments, **options))

    def standard_normal(self, *arguments, **options):
        return self._keep(super().standard_normal(*arguments, **options))

    def uniform(self, *arguments, **options):
        return self._keep(super().uniform(*arguments, **options))

    def integers(self, *arguments, **options):
        return self._keep(super().integers(*arguments, **options))

    def permutation(self, *arguments, **options):
        return self._keep(super().permutation(*arguments, **options))


def draws(monkeypatch, algorithm, environment):
    """What each named stream gave during a training: (seed, name, index) → numbers."""
    given = {}

    def stream(seed, name, *index):
        generator = given[seed, name, index] = Logged(streams.stream(seed, name, *index))
        return generator

    with monkeypatch.context() as patch:
        for module in (sampler, start, gradient_steps, critic_steps, replay_memory):
            patch.setattr(module, "stream", stream)
        records(algorithm, [0, 1], environment, 192)
    return {name: generator.log for name, generator in given.items()}


PPO_DETAILS = {
    "details.observation_normalisation": None,
    "details.reward_scaling": None,
    "details.advantage_normalisation": None,
    "details.max_gradient_norm": None,
    "details.entropy_bonus": 0.01,
    "details.value_clip": 0.2,
    "details.reward_offset": 1.0,
    "details.time_limits": "terminal",
    "update.optimiser.decay": None,
    "update.recompute_advantages": True,
    "networks.initialisation": "xavier",
    "gamma": 0.9,
}
REPLAY_DETAILS = {"baseline.next_action": "buffer", "advantage.action": "buffer", "gamma": 0.9}


@pytest.mark.parametrize(
    ("name", "environment", "path", "value"),
    [
        *(("ppo", "Pendulum-v1", path, value) for path, value in PPO_DETAILS.items()),
        *(("replay", "CartPole-v1", path, value) for path, value in REPLAY_DETAILS.items()),
    ],
)
def test_a_detail_leaves_every_stream_as_it_was(name, environment, path, value, monkeypatch):
    """As far as both go: of a stream that one reads further, the rest is its own."""
    shorter = {"data.steps": 64} | ({"data.warm_up": 0} if name == "replay" else SHORT)
    plain, changed = (
        draws(monkeypatch, small(name, **shorter, **change), environment) for change in ({}, {path: value})
    )
    assert {stream for _, stream, _ in plain} >= {"initialisation", "environment", "actions"}
    for stream in plain.keys() & changed.keys():
        common = min(len(plain[stream]), len(changed[stream]))
        assert plain[stream][:common] == changed[stream][:common]
    iterations = {(stream, index) for _, stream, index in plain}
    assert iterations == {(stream, index) for _, stream, index in changed}
