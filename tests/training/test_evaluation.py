"""Evaluations are what they say, training does not notice them, and a replica's do not depend on its block."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers.trainings import small, trace
from pgbench import environments
from pgbench.methods import lineage, naming, paths, runs
from pgbench.training import evaluation, loop
from pgbench.training.learner import Learner
from pgbench.training.streams import stream

SEEDS = [3, 0]
SETTINGS = [
    ("average_baseline", "CartPole-v1"),
    ("ppo", "Hopper-v5"),
    ("replay", "CartPole-v1"),
]


def described(name, environment="CartPole-v1", steps=700, asked=None):
    changes = {"networks.hidden": (16,)} | ({"data.episodes": 4} if name == "average_baseline" else {})
    return runs.Run(algorithm=small(name, **changes), environment=environment, steps=steps, evaluation=asked)


def asked(episodes=2, times=3, actions="mean"):
    return runs.Evaluation(episodes=episodes, times=times, actions=actions)


def evaluations(records):
    return [episode for record in records for episode in record.evaluations]


# Names


def test_later_fields_that_have_their_default_change_no_name():
    """These names may change until results are published, and never afterwards."""
    for name, environment, known in (
        ("ppo", "Hopper-v5", "ppo.Hopper-v5.b975fdfe"),
        ("trpo", "Swimmer-v5", "trpo.Swimmer-v5.ce152ecc"),
    ):
        algorithm = lineage.LINEAGE[name].algorithm
        run = runs.Run(algorithm=algorithm, environment=environment, steps=1_000_000)
        assert naming.run_name(run) == known
        evaluated = run.model_copy(update={"evaluation": asked()})
        others = [run.model_copy(update={"evaluation": asked(times=2)}), evaluated]
        assert len({naming.run_name(each) for each in [run, *others]}) == 3
        assert runs.Run.model_validate_json(evaluated.model_dump_json()) == evaluated


# Training


@pytest.mark.parametrize("actions", ["mean", "sampled"])
@pytest.mark.parametrize(("name", "environment"), SETTINGS)
def test_training_keeps_every_bit(name, environment, actions):
    plain = list(loop.train(described(name, environment), SEEDS))
    evaluated = list(loop.train(described(name, environment, asked=asked(actions=actions)), SEEDS))
    assert evaluations(evaluated)
    assert not evaluations(plain)
    for seed in SEEDS:
        silent = [replace(record, evaluations=[]) for record in evaluated]
        assert trace(silent, SEEDS, seed) == trace(plain, SEEDS, seed)


@pytest.mark.parametrize(("name", "environment"), SETTINGS)
def test_a_replicas_evaluations_do_not_depend_on_its_block(name, environment):
    """Whole episodes end at different steps in each replica, and so do the parts of its budget."""
    run = described(name, environment, asked=asked())
    found = [
        [episode for episode in evaluations(loop.train(run, seeds)) if episode.seed == 3]
        for seeds in ([3], [0, 3, 1], [*range(6)])
    ]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) >= 2 * 2


# When


@pytest.mark.parametrize("name", ["average_baseline", "ppo"])
@pytest.mark.parametrize("times", [1, 3, 1000])
def test_each_part_of_the_budget_ends_with_an_evaluation(name, times):
    run = described(name, asked=asked(times=times))
    records = list(loop.train(run, SEEDS))
    for replica, seed in enumerate(SEEDS):
        expected, behind = [], 0
        for record in records:
            step = int(record.steps[replica])
            ends = [part for part in range(1, times + 1) if part * run.steps / times <= step]
            if len(ends) > behind:
                expected += [step] * 2
            behind = len(ends)
        assert [episode.step for episode in evaluations(records) if episode.seed == seed] == expected
        assert expected[-1] == records[-1].steps[replica]


def test_what_is_not_a_part_of_the_budget_is_refused():
    for wrong in ({"episodes": 0}, {"times": 0}, {"actions": "best"}, {"episods": 1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            runs.Evaluation.model_validate({"episodes": 1} | wrong)


def test_a_replica_that_diverged_is_not_evaluated(monkeypatch):
    def poisoned(self, observations):
        said = original(self, observations)
        return said._replace(values=said.values * torch.tensor([1.0, torch.nan]).reshape(2, 1))

    original = Learner.evaluate
    monkeypatch.setattr(Learner, "evaluate", poisoned)
    found = evaluations(loop.train(described("ppo", asked=asked()), SEEDS))
    assert {episode.seed for episode in found} == {3}


# What


@pytest.mark.parametrize("environment", ["Hopper-v5", "CartPole-v1"])
def test_an_evaluation_is_the_mean_action_in_raw_worlds_step_by_step(environment):
    """One environment after the other by hand, with observations as training normalised them when it ended."""
    run = described("ppo", environment, asked=asked(episodes=3, times=1))
    trainer = loop.Trainer(run, SEEDS)
    (*_, last) = trainer.records()
    moments = trainer.sampler.preprocessing.normaliser.moments
    for replica, seed in enumerate(SEEDS):
        inner = int(stream(seed, "evaluation", 1).integers(2**62))
        expected = []
        for number in range(3):
            world = environments.make(environment, [stream(inner, "environment", number)])
            observation, total, length, ended = world.reset(), 0.0, 0, False
            while not ended:
                scale = np.sqrt(moments.variance[replica] + 1e-8)
                seen = np.clip((observation - moments.mean[replica]) / scale, -10, 10).astype(np.float32)
                everyone = torch.from_numpy(np.repeat(seen[None], len(SEEDS), 0))
                policy = trainer.learner.distribution(everyone)
                action = policy.mode()[replica].detach().numpy()
                if action.dtype == np.float32:
                    action = np.clip(action, world.actions.low, world.actions.high).astype(np.float64)
                step = world.step(action)
                observation, total, length = step.next_observations, total + step.rewards[0], length + 1
                ended = bool(step.terminated[0] | step.truncated[0])
            expected.append((seed, last.steps[replica], round(total, 3), length, bool(step.terminated[0])))
        found = [
            (e.seed, e.step, round(e.episodic_return, 3), e.episodic_length, e.terminated)
            for e in last.evaluations
            if e.seed == seed
        ]
        assert sorted(found) == sorted(expected)


def test_sampled_actions_explore_and_the_likeliest_do_not():
    """On a bandit a trained policy still errs when it samples, and one that always errs is not trained."""
    algorithm = small("average_baseline", **{"data.episodes": 16, "networks.hidden": (16,)})
    algorithm = paths.with_values(algorithm, {"update.optimiser.learning_rate": 0.01})
    means = {}
    for actions in ("mean", "sampled"):
        run = runs.Run(
            algorithm=algorithm,
            environment="Bandit-v0",
            steps=320,
            evaluation=asked(episodes=100, times=1, actions=actions),
        )
        means[actions] = np.mean([e.episodic_return for e in evaluations(loop.train(run, SEEDS))])
    assert means["mean"] == 1.0
    assert 0.5 < means["sampled"] < 1.0


def test_evaluations_of_one_replica_begin_differently_each_time():
    run = described("ppo", "Hopper-v5", asked=asked(episodes=1, times=5))
    frozen = paths.with_values(run.algorithm, {"update.optimiser.learning_rate": 1e-30})
    found = evaluations(loop.train(run.model_copy(update={"algorithm": frozen}), [0]))
    assert len({episode.episodic_return for episode in found}) == len(found) == 5


def test_parts_of_a_budget():
    steps = np.array([0, 333, 334, 667, 999, 1000, 5000])
    assert evaluation.parts(asked(times=3), 1000, steps).tolist() == [0, 0, 1, 2, 2, 3, 3]
