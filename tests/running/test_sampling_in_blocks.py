"""A block keeps what sampling was: raw actions, and statistics that move once a batch, act again to the bit."""

import numpy as np
import pandas as pd
import pytest

from helpers.trainings import small
from pgbench.methods import runs
from pgbench.running.block import train_block
from pgbench.running.evaluating import play_block
from pgbench.running.trained_policy import TrainedPolicy
from pgbench.storage.blocks import policies_of, read_block

CHANGES = {"networks.hidden": (16,), "data.steps": 128}


@pytest.mark.parametrize("actions", ["mean", "sampled"])
def test_the_last_evaluation_of_a_released_method_is_played_again(tmp_path, actions):
    run = runs.Run(
        algorithm=small("ppo_released", **CHANGES),
        environment="Hopper-v5",
        steps=384,
        evaluation=runs.Evaluation(episodes=3, actions=actions),
    )
    train_block(run, [0, 1], tmp_path)
    last = read_block(tmp_path).evaluations.reset_index(drop=True)
    pd.testing.assert_frame_equal(play_block(tmp_path, None, None, None), last, check_exact=True)


def test_a_policy_that_was_trained_with_raw_actions_leaves_the_box(tmp_path):
    run = runs.Run(algorithm=small("ppo_released", **CHANGES), environment="HalfCheetah-v5", steps=128)
    train_block(run, [0], tmp_path)
    record = read_block(tmp_path).record
    policy = TrainedPolicy(record.run, policies_of(tmp_path, record), 0)
    generator = np.random.default_rng(0)
    drawn = np.array([policy(np.zeros(17), generator) for _ in range(50)])
    assert np.abs(drawn).max() > 1.0


def test_an_evaluation_with_a_limit_of_its_own_is_played_again(tmp_path):
    run = runs.Run(
        algorithm=small("ppo", **CHANGES),
        environment="Constant-v0",
        steps=128,
        evaluation=runs.Evaluation(episodes=1, time_limit=40),
    )
    train_block(run, [0], tmp_path)
    played = play_block(tmp_path, None, None, None)
    assert played.episodic_length.tolist() == [40]
    assert played.cut.tolist() == [False]
