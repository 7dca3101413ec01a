"""Episodes without an end: whole episodes and evaluations stop, are marked, and never grow without bound."""

import gymnasium
import numpy as np
import pandas as pd
import pytest

from pgbench.analysis.replicas import evaluation_means, replicas_of, scores_of
from pgbench.base.refusals import Refusal
from pgbench.methods import paths, runs
from pgbench.methods.lineage import LINEAGE
from pgbench.methods.naming import run_name, training_arguments
from pgbench.running.block import train_block
from pgbench.storage.blocks import read_block
from pgbench.studies.loading import describe_run
from pgbench.studies.plans import PlannedRun
from pgbench.training import loop

SMALL = {"data.steps": 64, "update.minibatch_size": 32, "networks.hidden": (8,)}


class Never(gymnasium.Env):
    """Observes the time and rewards every step with 1, without end."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (1,))
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        return self._observation(), {}

    def step(self, action):
        self.time += 1
        return self._observation(), 1.0, False, False, {}

    def _observation(self):
        return np.array([self.time], dtype=np.float32)


class Stay(Never):
    """Ends on action 1 alone, so that a policy whose likeliest action is 0 never ends it."""

    def step(self, action):
        return np.zeros(1, np.float32), float(action == 0), bool(action == 1), False, {}


@pytest.fixture(autouse=True, scope="module")
def _endless():
    for name, world in (("Never-v0", Never), ("Stay-v0", Stay)):
        gymnasium.register(name, world)
    yield
    for name in ("Never-v0", "Stay-v0"):
        del gymnasium.registry[name]


@pytest.fixture
def batches(monkeypatch):
    """What each update learns from, in their order."""
    seen, original = [], loop.update

    def looking(algorithm, learner, batch, moment):
        seen.append(batch)
        return original(algorithm, learner, batch, moment)

    monkeypatch.setattr(loop, "update", looking)
    return seen


def described(member, environment, steps, evaluation=None, **changes):
    values = {"environment": environment, "steps": steps, "evaluation": evaluation}
    return describe_run(member, changes, values, "here")


def episodes_of(run, seeds=(0, 1)):
    return [episode for record in loop.train(run, seeds) for episode in record.episodes]


def evaluations_of(run, seeds=(0, 1)):
    return [episode for record in loop.train(run, seeds) for episode in record.evaluations]


# Training


def test_whole_episodes_without_end_stop_at_the_budget_and_are_marked():
    """`Never` of the public cases: it gathered rows without bound."""
    run = described("reward_to_go", "Never-v0", 256, **{"data.episodes": 2})
    records = list(loop.train(run, [0, 1]))
    assert [record.steps.tolist() for record in records] == [[256, 256]]
    found = [
        (e.seed, e.step, e.episodic_return, e.episodic_length, e.terminated, e.cut)
        for e in records[0].episodes
    ]
    assert sorted(found) == [(seed, 256, 128.0, 128, False, True) for seed in (0, 0, 1, 1)]


def test_a_cut_is_a_truncation_for_the_update_and_the_episodes_before_it_are_whole(batches):
    run = described("gae", "Stay-v0", 40, **{"data.episodes": 3})
    episodes = episodes_of(run, [0, 5])
    seen = [batch.rollout for batch in batches]
    cut = [episode for episode in episodes if episode.cut]
    assert {episode.step for episode in cut} <= set(range(40, 43))
    assert all(episode.terminated for episode in episodes if not episode.cut)
    assert sum(int(rollout.truncated.sum()) for rollout in seen) == len(cut)
    assert sum(int(rollout.terminated.sum()) for rollout in seen) == len(episodes) - len(cut)
    for rollout in seen:
        assert (rollout.terminated | rollout.truncated).sum(0).eq(rollout.active.any(0)).all()


def test_where_a_limit_ends_episodes_the_budget_cuts_none():
    run = described("reward_to_go", "Constant-v0", 15)
    assert {(episode.episodic_length, episode.cut) for episode in episodes_of(run)} == {(10, False)}


def test_a_replica_cuts_the_same_alone_and_in_a_block():
    run = described("reward_to_go", "Stay-v0", 30)
    alone = episodes_of(run, [7])
    together = [episode for episode in episodes_of(run, [3, 7, 1]) if episode.seed == 7]
    assert alone == together


def test_the_reference_of_a_gradient_has_the_runs_budget_for_each_of_its_batches():
    run = described("reward_to_go", "Never-v0", 64)
    run = run.model_copy(update={"reference": runs.Reference(every=1, batches=2)})
    assert len(list(loop.train(run, [0]))) == 1


def test_a_replica_that_was_only_cut_has_no_episode_and_no_score(tmp_path):
    run = described("reward_to_go", "Never-v0", 64, runs.Evaluation(episodes=2))
    train_block(run, [0], tmp_path)
    block = read_block(tmp_path, run_name(run))
    assert block.episodes["cut"].all()
    assert block.evaluations["cut"].all()
    planned = PlannedRun(variant="v", environment="Never-v0", name=run_name(run), run=run, blocks=("0-0",))
    (replica,) = replicas_of(planned, block)
    assert (replica.status, len(replica.returns)) == ("no episode", 0)
    assert np.isnan(scores_of(replica)["deterministic_evaluation"])


# Evaluation


def test_an_evaluation_without_end_stops_at_the_budget_and_is_marked():
    """`Stay` of the public cases: the likeliest action never ends it."""
    run = described("ppo", "Stay-v0", 256, runs.Evaluation(episodes=1), **SMALL)
    found = evaluations_of(run, range(3))
    assert any(episode.cut for episode in found)
    for episode in found:
        assert episode.cut == (not episode.terminated)
        assert episode.episodic_length == (256 if episode.cut else 1)


def test_an_evaluation_with_a_cut_episode_has_no_mean():
    rows = {
        "step": [10, 10, 20, 20],
        "episodic_return": [1.0, 3.0, 5.0, 9.0],
        "cut": [False, False, False, True],
    }
    np.testing.assert_equal(evaluation_means(pd.DataFrame(rows)), [2.0, np.nan])


def test_the_first_limit_that_there_is_cuts_an_evaluation():
    unlimited = {"Never-v0": (64, True), "Constant-v0": (10, False)}
    for environment, expected in unlimited.items():
        run = described("ppo", environment, 64, runs.Evaluation(episodes=1), **SMALL)
        assert {(e.episodic_length, e.cut) for e in evaluations_of(run)} == {expected}
    for environment, expected in {"Never-v0": 8, "Constant-v0": 10}.items():
        run = described(
            "ppo", environment, 64, runs.Evaluation(episodes=1), **SMALL, **{"details.time_limit": 8}
        )
        assert {(e.episodic_length, e.cut) for e in evaluations_of(run)} == {(expected, False)}
    for environment in unlimited:
        run = described("ppo", environment, 64, runs.Evaluation(episodes=1, time_limit=30), **SMALL)
        assert {(e.episodic_length, e.cut) for e in evaluations_of(run)} == {(30, False)}


# A time limit of one's own


@pytest.mark.parametrize(
    "environment", ["CartPole-v1", "Pendulum-v1", "HalfCheetah-v5", "Constant-v0", "Never-v0"]
)
@pytest.mark.parametrize("limit", [3, 17])
def test_a_time_limit_of_ones_own_truncates_training_episodes(environment, limit, batches):
    """Also one that is longer than the environment's own, which `Constant` has at 10 steps."""
    run = described("ppo", environment, 128, **SMALL, **{"details.time_limit": limit})
    episodes = episodes_of(run)
    assert max(episode.episodic_length for episode in episodes) == limit
    for episode in episodes:
        assert episode.terminated or episode.episodic_length == limit
        assert not episode.cut
    truncated = sum(int(batch.rollout.truncated.sum()) for batch in batches)
    assert truncated == sum(episode.episodic_length == limit for episode in episodes)


def test_a_time_limit_is_bootstrapped_or_terminal_as_the_detail_says(batches):
    """The same first rollout, other targets: they differ only at the limit and before it."""
    targets = {}
    for meaning in ("bootstrap", "terminal"):
        changes = SMALL | {"details.time_limit": 5, "details.time_limits": meaning}
        batches.clear()
        list(loop.train(described("ppo", "Never-v0", 64, **changes), [0]))
        targets[meaning] = batches[0].transitions.credit.targets
        flags = batches[0].rollout.truncated[:, 0, 0]
        assert flags.nonzero().flatten().tolist() == list(range(4, 64, 5))
    same = (targets["bootstrap"] == targets["terminal"])[0]
    assert not same[:60].any()  # all twelve episodes that the limit ends
    assert same[60:].all()


def test_a_limit_that_the_environment_has_anyway_is_refused():
    with pytest.raises(Refusal, match=r"details\.time_limit 10 is the limit that Constant-v0 has anyway"):
        described("ppo", "Constant-v0", 64, **{"details.time_limit": 10})
    with pytest.raises(Refusal, match=r"evaluation\.time_limit 500 is the limit that CartPole-v1 has anyway"):
        described("ppo", "CartPole-v1", 64, runs.Evaluation(episodes=1, time_limit=500))


def test_new_fields_keep_the_names_of_old_runs():
    algorithm = LINEAGE["ppo"].algorithm
    run = runs.Run(
        algorithm=algorithm, environment="Hopper-v5", steps=1000, evaluation=runs.Evaluation(episodes=1)
    )
    others = [
        run.model_copy(update={"evaluation": runs.Evaluation(episodes=1, time_limit=7)}),
        *(
            run.model_copy(update={"algorithm": paths.with_values(algorithm, change)})
            for change in (
                {"details.time_limit": 7},
                {"details.actions": "raw"},
                {"data.restarts": True},
                {"details.observation_normalisation.updates": "each_batch"},
                {"details.observation_normalisation.minimum_variance": 0.01},
            )
        ),
    ]
    assert len({run_name(each) for each in [run, *others]}) == 1 + len(others)
    assert training_arguments(others[0])[-2:] == ["--evaluation-time-limit", "7"]
