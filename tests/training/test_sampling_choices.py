"""Choices of how experience is collected: restarts with each batch, statistics that move once a batch."""

import numpy as np
import pytest
import torch

from pgbench import environments
from pgbench.methods import components as c
from pgbench.methods import lineage, paths, runs
from pgbench.training import loop
from pgbench.training.experience import side_by_side
from pgbench.training.normalisation import ObservationNormaliser, RewardScaler
from pgbench.training.preprocessing import Preprocessing
from pgbench.training.sampler import Sampler, environment_streams

BOTH = np.array([True, True])


def draw(generator, shape):
    return generator.random((*shape, 1), dtype=np.float32)


def act(observations, noise):
    return (noise.squeeze(-1) > 0.5).long()


def sampler(environment, seeds=(0, 1), each=1, preprocessing=None):
    world = environments.make(environment, environment_streams(seeds, each))
    return Sampler(world, seeds, preprocessing or Preprocessing())


# Restarts


def test_every_batch_begins_with_new_episodes_and_those_under_way_are_never_recorded():
    """Episodes of 5 steps in batches of 7: each batch has one whole episode and two steps of another."""
    collected = sampler("Terminating-v0", each=2)
    episodes = []
    for iteration in range(3):
        rollout = collected.fixed_horizon(act, draw, iteration, BOTH, 7, restarts=True)
        for column in rollout.observations[..., 1].flatten(1).T:
            assert column.tolist() == [0, 1, 2, 3, 4, 0, 1]
        assert rollout.elapsed.eq(0).all()
        assert not (rollout.terminated | rollout.truncated)[-1].any()
        episodes += rollout.episodes
    assert {(e.episodic_return, e.episodic_length) for e in episodes} == {(15.0, 5)}
    assert len(episodes) == 3 * 4
    assert collected.steps.tolist() == [42, 42]


def test_the_scaling_of_rewards_forgets_episodes_that_were_given_up():
    scaled = Preprocessing(scaler=RewardScaler(2, 1, 0.5, None))
    collected = sampler("Terminating-v0", preprocessing=scaled)
    collected.fixed_horizon(act, draw, 0, BOTH, 3, restarts=True)
    assert scaled.scaler.returns.ravel().tolist() == [3 + 0.5 * (2 + 0.5 * 1)] * 2
    collected.fixed_horizon(act, draw, 1, BOTH, 1, restarts=True)
    assert scaled.scaler.returns.ravel().tolist() == [1.0] * 2


def test_without_restarts_nothing_changes_and_with_them_training_does():
    start = paths.with_values(
        lineage.LINEAGE["ppo"].algorithm,
        {"data.steps": 64, "update.minibatch_size": 32, "networks.hidden": (8,)},
    )
    traces = []
    for restarts in (False, True):
        algorithm = paths.with_values(start, {"data.restarts": restarts})
        run = runs.Run(algorithm=algorithm, environment="CartPole-v1", steps=192)
        records = list(loop.train(run, [0]))
        traces.append([value.item() for record in records for value in record.statistics.values()])
    assert traces[0] != traces[1]


# Statistics that move once a batch


def naive_statistics(batches):
    """Mean and variance of batches `[N, O]` by their definition, with the prior of 1e-4 samples."""
    samples = np.concatenate(batches)
    count = len(samples) + 1e-4
    mean = samples.sum(0) / count
    return mean, (np.square(samples).sum(0) + 1e-4) / count - mean**2


def naive(raw, mean, variance, clip, floor):
    return np.clip((raw - mean) / np.sqrt(np.maximum(variance, floor)), -clip, clip)


@pytest.mark.parametrize("way", ["fixed", "whole"])
def test_a_batch_is_collected_under_the_old_statistics_and_learned_from_under_the_new(way):
    """Beside a loop that keeps raw observations, the definition of mean and variance, and every action's input."""
    clip, floor, each = 1.5, 0.01, 2
    preprocessing = Preprocessing(ObservationNormaliser(2, 4, clip, floor), waits=True)
    collected = sampler("CartPole-v1", each=each, preprocessing=preprocessing)
    plain = sampler("CartPole-v1", each=each)
    seen, raw, statistics = [], [[], []], [(np.zeros(4), np.ones(4))] * 2

    def watching(observations, noise):
        seen.append(observations.numpy().copy())
        return act(observations, noise)

    for iteration in range(3):
        seen.clear()
        if way == "fixed":
            rollout = collected.fixed_horizon(watching, draw, iteration, BOTH, 40)
            unchanged = plain.fixed_horizon(act, draw, iteration, BOTH, 40)
        else:
            rollout = collected.whole_episodes(watching, draw, iteration, BOTH)
            unchanged = plain.whole_episodes(act, draw, iteration, BOTH)
        active = unchanged.active.numpy()
        assert rollout.observations.dtype == torch.float32
        for replica in range(2):
            of_replica = active[:, replica]
            here = unchanged.observations.numpy().astype(np.float64)[:, replica]
            following = unchanged.next_observations.numpy().astype(np.float64)[:, replica]
            old = naive(here, *statistics[replica], clip, floor)
            acted_on = np.array(seen)[:, replica]
            taken = of_replica[: len(acted_on)]
            np.testing.assert_allclose(acted_on[taken], old[: len(acted_on)][taken], rtol=1e-4, atol=1e-5)
            raw[replica].append(here[of_replica])
            statistics[replica] = naive_statistics(raw[replica])
            for found, values in ((rollout.observations, here), (rollout.next_observations, following)):
                new = naive(values, *statistics[replica], clip, floor)
                np.testing.assert_allclose(
                    found[:, replica].numpy()[of_replica], new[of_replica], rtol=1e-4, atol=1e-5
                )
        assert not np.allclose(seen[0], rollout.observations[0].numpy())


def test_a_replica_has_the_same_bits_in_any_block():
    def collect(seeds, way):
        normalised = Preprocessing(ObservationNormaliser(len(seeds), 4, 5.0, 0.01), waits=True)
        collected = sampler("CartPole-v1", seeds, 3, normalised)
        running = np.ones(len(seeds), dtype=np.bool_)
        for iteration in range(3):
            rollout = (
                collected.fixed_horizon(act, draw, iteration, running, 30)
                if way == "fixed"
                else collected.whole_episodes(act, draw, iteration, running)
            )
        return rollout, normalised.normaliser.moments

    for way in ("fixed", "whole"):
        (alone, moments), (together, of_all) = collect((7,), way), collect((4, 7, 1), way)
        length = int(alone.active.sum(0).max())
        assert torch.equal(together.observations[:length, 1:2], alone.observations[:length])
        assert np.array_equal(of_all.variance[1:2], moments.variance)


def test_old_probabilities_are_those_of_the_acting_parameters_under_the_new_statistics(monkeypatch):
    """So the ratio is 1 before the first step, and old policy and new see the same observations."""
    changes = {
        "data.steps": 64,
        "update.minibatch_size": 32,
        "networks.hidden": (8,),
        "details.observation_normalisation": c.ObservationNormalisation(updates="each_batch"),
    }
    algorithm = paths.with_values(lineage.LINEAGE["ppo_clip"].algorithm, changes)
    run, ratios, original = runs.Run(algorithm=algorithm, environment="Hopper-v5", steps=192), [], loop.update

    def looking(algorithm, learner, batch, moment):
        recorded = batch.transitions.recorded
        assert torch.equal(recorded.observations, side_by_side(batch.rollout.observations))
        now = learner.distribution(recorded.observations).log_prob(recorded.actions)
        ratios.append((now - recorded.log_probs).abs().max().item())
        return original(algorithm, learner, batch, moment)

    monkeypatch.setattr(loop, "update", looking)
    list(loop.train(run, [0, 1]))
    assert len(ratios) == 3
    assert max(ratios) < 1e-5


def test_a_stopped_and_resumed_training_goes_on_to_the_bit():
    changes = {
        "data.steps": 32,
        "update.minibatch_size": 32,
        "networks.hidden": (8,),
        "details.observation_normalisation": c.ObservationNormalisation(updates="each_batch"),
    }
    algorithm = paths.with_values(lineage.LINEAGE["ppo_clip"].algorithm, changes)
    run = runs.Run(algorithm=algorithm, environment="Pendulum-v1", steps=160)
    first, second = loop.Trainer(run, [0, 1]), loop.Trainer(run, [0, 1])
    for _ in range(2):
        first.iterate()
    second.restore(first.state())
    for _ in range(3):
        one, other = first.iterate(), second.iterate()
        for name, values in one.statistics.items():
            assert torch.equal(values, other.statistics[name]), name


def test_the_least_variance_bounds_the_scale_of_a_constant_observation():
    normaliser = ObservationNormaliser(1, 2, None, 0.01)
    values = np.stack([np.full((1, 50), 3.0), np.linspace(-9, 9, 50)[None]], -1)
    normaliser.update(values)
    normaliser.update(values)
    found = normaliser(np.array([[[4.0, 9.0]]]))[0, 0]
    spread = np.linspace(-9, 9, 50).std()
    np.testing.assert_allclose(found, [(4.0 - 3.0) / 0.1, 9.0 / spread], rtol=1e-4)
