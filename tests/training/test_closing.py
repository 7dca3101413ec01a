"""Environments are closed when they are no longer needed, also when training raises."""

import gymnasium
import pytest

from helpers.trainings import small
from helpers.worlds import Bandit
from pgbench.methods import runs
from pgbench.running.block import train_block
from pgbench.training import loop

MADE, CLOSED = [], []


class Held(Bandit):
    """A bandit that remembers who is open; it breaks after some steps."""

    steps_left = 10**9

    def __init__(self):
        MADE.append(self)

    def step(self, action):
        type(self).steps_left -= 1
        if self.steps_left < 0:
            raise RuntimeError("it broke")
        return super().step(action)

    def close(self):
        CLOSED.append(self)


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    spec = gymnasium.envs.registration.EnvSpec("Held-v0", Held)
    monkeypatch.setitem(gymnasium.registry, "Held-v0", spec)
    monkeypatch.setattr(Held, "steps_left", 10**9)
    MADE.clear()
    CLOSED.clear()


def run(**values):
    return runs.Run(algorithm=small("ppo"), environment="Held-v0", steps=256, **values)


def all_are_closed():
    return (
        bool(MADE)
        and {id(each) for each in MADE} == {id(each) for each in CLOSED}
        and len(MADE) == len(CLOSED)
    )


def test_a_block_and_its_evaluations_close_what_they_made(tmp_path):
    train_block(run(evaluation={"episodes": 3, "times": 2}), [0, 1], tmp_path)
    assert len(MADE) > 2 * 2 * 3
    assert all_are_closed()


def test_evaluations_are_closed_before_training_ends(tmp_path):
    records = loop.train(run(evaluation={"episodes": 3, "times": 2}), [0])
    assert next(records).evaluations
    assert len(MADE) - len(CLOSED) == 1
    list(records)
    assert all_are_closed()


def test_the_environments_of_a_reference_are_closed():
    list(loop.train(run(reference={"every": 1, "batches": 2}), [0, 1]))
    assert all_are_closed()


@pytest.mark.parametrize("steps", [10, 140])
def test_a_block_that_breaks_closes_them_too(tmp_path, monkeypatch, steps):
    """In training; and in an evaluation, which begins after 128 steps."""
    monkeypatch.setattr(Held, "steps_left", steps)
    with pytest.raises(RuntimeError, match="it broke"):
        train_block(run(evaluation={"episodes": 20, "times": 2}), [0], tmp_path)
    assert all_are_closed()
