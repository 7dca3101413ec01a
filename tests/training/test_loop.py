"""Whole trainings: they learn, they repeat to the bit, and a replica does not know its block."""

import numpy as np
import pytest
import torch

from helpers.representatives import fits, marked, on_classic_control
from helpers.trainings import MUJOCO, records, small, trace
from pgbench.methods import lineage, paths, runs
from pgbench.training import credit, loop
from pgbench.training.iteration import Moment
from pgbench.training.learner import Learner
from pgbench.training.meaning import data, updates
from pgbench.training.start import start_learner, start_sampler


@pytest.mark.parametrize("name", ["ppo_adaptive_kl", "online_actor_critic", "replay"])
def test_metrics_are_measured_now_and_then_and_change_nothing(name, monkeypatch):
    run = runs.Run(algorithm=small(name), environment="CartPole-v1", steps=512)
    found = {}
    for rows in (4, 10**9):
        monkeypatch.setattr(loop, "METRIC_ROWS", rows)
        trainer = loop.Trainer(run, [0, 1])
        found[rows] = (list(trainer.records()), trainer.learner)
    (sparse, learner), (dense, other) = found.values()
    for part, same in zip(learner.parts, other.parts, strict=True):
        assert torch.equal(part.values, same.values)
    assert all(record.measured.all() for record in dense)
    assert sum(record.measured[0] for record in sparse) <= 5
    for record, whole in zip(sparse, dense, strict=True):
        assert record.episodes == whole.episodes
        assert (record.statistics != {}) == record.measured.any()
        for metric, values in record.statistics.items():
            torch.testing.assert_close(values, whole.statistics[metric], rtol=0, atol=0, equal_nan=True)


def test_each_replicas_metrics_are_measured_by_its_own_steps(monkeypatch):
    """A replica's first update is measured, and then the first in each further quarter of its budget."""
    monkeypatch.setattr(loop, "METRIC_ROWS", 4)
    run = runs.Run(algorithm=small("average_baseline"), environment="CartPole-v1", steps=1000)
    before, every = np.zeros(3, dtype=np.int64), list(loop.train(run, [0, 1, 2]))
    for record in every:
        crossed = record.steps * 4 // 1000 > before * 4 // 1000
        assert (record.measured == (record.running & (crossed | (record.iteration == 0)))).all()
        before = record.steps
    assert not all(record.measured.all() == record.measured.any() for record in every)


@pytest.mark.parametrize(
    ("name", "environment"),
    [*on_classic_control(), *MUJOCO],
)
def test_a_replicas_bits_do_not_depend_on_its_block(name, environment):
    separate = "baseline.fit.steps" in paths.settable_paths(lineage.LINEAGE[name].algorithm)
    algorithm = small(name, **({"baseline.fit.steps": 2} if separate else {}))
    traces = [
        trace(records(algorithm, seeds, environment, 400), seeds, 3)
        for seeds in ([3], [0, 3, 1], [*range(10)])
    ]
    assert traces[0] == traces[1] == traces[2]
    assert len(traces[0]) > 1


@pytest.mark.parametrize("name", ["gae", "ppo", "replay"])
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(name):
    first, second = (trace(records(small(name), [1, 2]), [1, 2], seed) for seed in (1, 1))
    assert first == second
    assert first != trace(records(small(name), [1, 2]), [1, 2], 2)


def test_variants_are_paired_seed_by_seed():
    """Both start from the same weights, world and noise: the first batch is the same."""
    plain, detailed = (
        records(small("ppo_clip", **change), [5], steps=256)[0].episodes
        for change in ({}, {"details.max_gradient_norm": 0.1, "update.epochs": 2})
    )
    assert plain == detailed


@pytest.mark.parametrize("name", ["reinforce", "ppo"])
def test_a_run_ends_with_the_first_update_past_its_budget(name):
    history = records(small(name), [0, 1], steps=900)
    for replica in range(2):
        mine = [record.steps[replica] for record in history if record.running[replica]]
        assert mine[-1] >= 900
        assert all(step < 900 for step in mine[:-1])


def test_a_diverged_replica_ends_alone(monkeypatch):
    def poisoned(self, observations):
        poison = torch.tensor([1.0, torch.nan, 1.0]).reshape(3, 1)
        said = original(self, observations)
        return said._replace(values=said.values * poison)

    original = Learner.evaluate
    monkeypatch.setattr(Learner, "evaluate", poisoned)
    history = records(small("ppo"), [0, 1, 2])
    running = np.array([record.running for record in history])
    assert len(history) == 4
    assert running[0].all()
    assert running[1:, [0, 2]].all()
    assert not running[1:, 1].any()


def members(kind):
    of_kind = (name for name, member in lineage.LINEAGE.items() if member.algorithm.data.kind == kind)
    return marked(name for name in of_kind if fits(name, "discrete"))


def faster(name):
    """A step size for the bandit, whose gradients are small; an adaptive one must stay within its bounds."""
    update = lineage.LINEAGE[name].algorithm.update
    if update.kind == "natural_ascent":
        return {"update.multiplier": 2.0}
    if not hasattr(update, "optimiser"):
        return {}
    rate = 1.0 if update.optimiser.kind == "gradient_ascent" else 0.05
    bound = {} if update.optimiser.decay is None else {"update.optimiser.decay": None}
    return {"update.optimiser.learning_rate": rate} | bound


@pytest.mark.parametrize("name", members("whole_episodes"))
def test_methods_on_whole_episodes_learn_the_bandit(name):
    algorithm = small(name, **faster(name), **{"data.episodes": 16, "networks.hidden": (16,)})
    history = records(algorithm, [0, 1], "Bandit-v0", steps=800)
    assert np.mean([e.episodic_return for r in history[-10:] for e in r.episodes]) > 0.95
    assert np.mean([e.episodic_return for r in history[:3] for e in r.episodes]) < 0.75


@pytest.mark.parametrize("name", members("fixed_horizon"))
def test_methods_on_a_fixed_horizon_learn_the_bandit(name):
    """A wide trust region ends sooner: once all rewards are alike, full steps follow the critic's last error."""
    is_wide = getattr(lineage.LINEAGE[name].algorithm.update, "delta", 0.0) > 0.01
    steps = 1280 if is_wide or "update.optimiser.learning_rate" in faster(name) else 2560
    history = records(
        small(name, **faster(name), **{"networks.hidden": (16,)}), [0, 1], "Bandit-v0", steps=steps
    )
    assert np.mean([e.episodic_return for e in history[-1].episodes]) > 0.95


@pytest.mark.parametrize("name", members("replay_buffer"))
def test_methods_with_a_replay_buffer_learn_the_bandit(name):
    """The naive one too: after one step there is nothing to bootstrap, and either action's sign is right."""
    faster = {"update.optimiser.learning_rate": 0.02, "networks.hidden": (16,)}
    critic = {"baseline.fit.steps": 5, "baseline.fit.optimiser.learning_rate": 0.01}
    history = records(small(name, **faster, **critic), [0, 1], "Bandit-v0", steps=4096)
    assert np.mean([e.episodic_return for r in history[-3:] for e in r.episodes]) > 0.95


@pytest.mark.parametrize(("time_limits", "value"), [("bootstrap", 10.0), ("drop", 10.0), ("terminal", None)])
def test_what_a_time_limit_is_worth(time_limits, value):
    """A reward of 1 for ever is worth 1 / (1 − γ), though every episode is cut after ten steps.

    The control is to take the cut for an end: the state, which is always the same, is then worth the mean of what
    is left of an episode.
    """
    remaining = [(1 - 0.9**left) / (1 - 0.9) for left in range(1, 11)]
    expected = sum(remaining) / 10 if value is None else value
    fit = {"baseline.fit.steps": 50, "baseline.fit.optimiser.learning_rate": 0.01, "networks.hidden": (16,)}
    target = {"baseline.target": "monte_carlo", "details.time_limits": time_limits}
    algorithm = small("lambda_target", gamma=0.9, **fit, **target)
    run = runs.Run(algorithm=algorithm, environment="Constant-v0", steps=10_000)
    sampler = start_sampler(run, [0])
    learner = start_learner(algorithm, sampler.environment, [0])
    for iteration in range(20):
        rollout = data.collect(algorithm.data, sampler, learner, iteration, np.array([True]))
        batch = credit.prepare(algorithm, learner, rollout)
        state = Moment(iteration, [0], torch.tensor([True]), torch.ones(1, dtype=torch.float64))
        updates.update(algorithm, learner, batch, state)
    assert rollout.truncated.any()
    assert learner.values(torch.ones(1, 1, 1)).item() == pytest.approx(expected, rel=0.03)


def test_odd_shapes_do_not_tie_a_replica_to_its_block():
    """Widths, batches and environments that fill no vector; found on Hopper with 13 units and 3 environments."""
    odd = {"networks.hidden": (13,), "data.environments": 3, "data.steps": 100, "update.minibatch_size": 60}
    algorithm = small("ppo", **odd)
    traces = [
        trace(records(algorithm, seeds, "Hopper-v5", 900), seeds, 3)
        for seeds in ([3], [0, 3, 1], [*range(10)])
    ]
    assert traces[0] == traces[1] == traces[2]
