"""No run stays for ever in a state that it cannot leave: it is kept out of it, or it ends as diverged."""

import gymnasium
import numpy as np
import pytest
import torch

from helpers.batches import SEEDS, progress, setting
from pgbench.methods import components, lineage, paths
from pgbench.methods.runs import Run
from pgbench.training import loop
from pgbench.training.meaning import updates
from pgbench.training.normalisation import RunningMoments
from pgbench.training.preprocessing import Preprocessing


class Outburst(gymnasium.Env):
    """Ordinary noise, but once, at the 20th step, an observation or a reward of this size."""

    action_space = gymnasium.spaces.Discrete(2)
    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)

    def __init__(self, of: str, size: float) -> None:
        self.of, self.size, self.steps = of, size, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.np_random.normal(size=2), {}

    def step(self, action):
        self.steps += 1
        burst = self.size if self.steps == 20 else 0.0
        observation = self.np_random.normal(size=2) + burst * (self.of == "observation")
        return observation, 1.0 + burst * (self.of == "reward"), False, False, {}


@pytest.mark.parametrize(("of", "size"), [("observation", 1e200), ("reward", 1e200), ("observation", 1e3)])
def test_running_statistics_that_overflow_end_a_replica_and_large_ones_do_not(of, size):
    """All that follows would be 0 or NaN. A natural gradient of that is no step, so that no parameter shows it."""
    name = f"Outburst{of.title()}{len(str(int(size)))}-v0"
    gymnasium.register(name, Outburst, kwargs={"of": of, "size": size}, max_episode_steps=10)
    normalised = {
        "details.observation_normalisation": components.ObservationNormalisation(),
        "details.reward_scaling": components.RewardScaling(),
    }
    natural = {"update": components.NaturalGradient(), "networks.hidden": (4,)}
    algorithm = paths.with_values(lineage.LINEAGE["reward_to_go"].algorithm, natural | normalised)
    history = list(loop.train(Run(algorithm=algorithm, environment=name, steps=256), [0]))
    assert (history[-1].steps[0] < 256) == (size > 1e100)


def test_statistics_are_lost_with_the_first_that_is_not_finite():
    moments = RunningMoments(3, 2)
    values = np.ones((3, 1, 2))
    values[0, 0, 1], values[1, 0, 0] = 1e200, np.inf
    with np.errstate(over="ignore", invalid="ignore"):
        moments.update(values)
    assert moments.finite.tolist() == [False, False, True]
    assert Preprocessing().lost(3).tolist() == [False] * 3


def test_a_gradient_whose_square_overflows_is_a_divergence():
    """Adam would divide by it for ever after: the replica would stand still and seem to train."""
    algorithm, learner, _, batch = setting("reinforce")
    batch.transitions.credit.advantages[1] *= 1e25
    updates.update(algorithm, learner, batch, progress())
    assert learner.actor.values.isfinite().all()
    assert learner.diverged().tolist() == [False, True, False]


def test_a_long_gradient_is_shortened_although_its_square_overflows():
    bounded = {"details.max_gradient_norm": 0.5}
    algorithm, learner, _, batch = setting("reinforce", **bounded)
    batch.transitions.credit.advantages.mul_(1e25)
    before = learner.actor.values.detach().clone()
    done = updates.update(algorithm, learner, batch, progress())
    assert done["gradient_norm"].isfinite().all()
    assert ((learner.actor.values.detach() - before).abs().amax(1) > 1e-4).all()
    assert not learner.diverged().any()


@pytest.mark.parametrize("direction", ["down", "up"])
def test_an_adaptive_penalty_returns_from_a_thousand_updates_in_one_direction(direction):
    target = 1e6 if direction == "down" else 1e-12
    algorithm, learner, _, batch = setting(
        "ppo_adaptive_kl", **{"surrogate.target": target, "update.epochs": 2}
    )
    learner.beta.fill_(2.0**-63 if direction == "down" else 2.0**63)
    for _ in range(3):
        updates.update(algorithm, learner, batch, progress())
    assert learner.beta.isfinite().all()
    assert (learner.beta > 0.0).all()
    assert not learner.diverged().any()


@pytest.mark.parametrize("log_deviation", [100.0, -100.0])
def test_a_replica_whose_deviation_is_infinite_or_zero_ends(log_deviation):
    """Actions of σ = ∞ are ∞, and those of σ = 0 have no log probability: one update makes that NaN."""
    short = {"data.steps": 64, "networks.hidden": (4,)}
    algorithm = paths.with_values(lineage.LINEAGE["ppo"].algorithm, short)
    run = Run(algorithm=algorithm, environment="InvertedPendulum-v5", steps=256)
    trainer = loop.Trainer(run, SEEDS)
    with torch.no_grad():
        trainer.learner.network.free_of(trainer.learner.actor.values)[1] = log_deviation
    trainer.iterate()
    assert trainer.running.tolist() == [True, False, True]
