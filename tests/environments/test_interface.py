"""What holds for every batched environment, seen on CartPole."""

import numpy as np
import pytest

from pgbench.environments import VectorEnvironment, make

EVERY_ROW = np.array([0, 1, 0])


@pytest.fixture
def cart_poles() -> VectorEnvironment:
    return make("CartPole-v1", [np.random.default_rng(seed) for seed in range(3)])


def test_idle_rows_stay_as_they_are(cart_poles: VectorEnvironment) -> None:
    start = cart_poles.reset()
    transition = cart_poles.step(EVERY_ROW, np.array([True, False, True]))
    assert np.array_equal(transition.next_observations[1], start[1])
    assert not np.array_equal(transition.next_observations[0], start[0])
    assert transition.rewards.tolist() == [1.0, 0.0, 1.0]
    assert not transition.terminated[1]
    assert not transition.truncated[1]


def test_with_every_row_idle_nothing_happens(cart_poles: VectorEnvironment) -> None:
    start = cart_poles.reset()
    transition = cart_poles.step(EVERY_ROW, np.zeros(3, dtype=np.bool_))
    assert np.array_equal(transition.next_observations, start)
    assert not transition.rewards.any()


def test_an_idle_row_may_hold_any_action(cart_poles: VectorEnvironment) -> None:
    cart_poles.reset()
    cart_poles.step(np.array([0, -7, 1]), np.array([True, False, True]))


def test_returned_observations_are_never_written_to_again(cart_poles: VectorEnvironment) -> None:
    start = cart_poles.reset()
    kept = start.copy()
    transition = cart_poles.step(EVERY_ROW)
    after = transition.next_observations.copy()
    cart_poles.reset(np.array([True, False, False]))
    assert np.array_equal(start, kept)
    assert np.array_equal(transition.next_observations, after)


def test_reset_leaves_the_other_rows_and_streams_alone(cart_poles: VectorEnvironment) -> None:
    start = cart_poles.reset()
    twice = cart_poles.reset(np.array([False, True, False]))
    assert np.array_equal(twice[[0, 2]], start[[0, 2]])
    assert not np.array_equal(twice[1], start[1])


def test_stepping_before_the_first_reset_is_refused(cart_poles: VectorEnvironment) -> None:
    with pytest.raises(RuntimeError, match=r"rows \[0, 1, 2\] have no running episode"):
        cart_poles.step(EVERY_ROW)


def test_stepping_an_ended_row_is_refused_and_idling_it_is_not(cart_poles: VectorEnvironment) -> None:
    cart_poles.reset()
    ended = np.zeros(3, dtype=np.bool_)
    while not ended.any():
        transition = cart_poles.step(np.zeros(3, dtype=np.int64))
        ended = transition.terminated | transition.truncated
    with pytest.raises(RuntimeError, match="reset them"):
        cart_poles.step(EVERY_ROW)
    idle = cart_poles.step(EVERY_ROW, ~ended)
    assert not (idle.terminated | idle.truncated)[ended].any()


def test_the_time_limit_counts_steps_of_the_row_alone() -> None:
    pendulums = make("Pendulum-v1", [np.random.default_rng(seed) for seed in range(2)])
    pendulums.reset()
    still = np.zeros((2, 1), dtype=np.float32)
    for _ in range(50):
        pendulums.step(still, np.array([True, False]))
    for _ in range(149):
        assert not pendulums.step(still).truncated.any()
    assert pendulums.step(still).truncated.tolist() == [True, False]


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        (np.array([0, 1]), r"must have shape \[3\], but they have \[2\]"),
        (np.array([0.0, 1.0, 0.0]), "must be integers, but they are float64"),
        (np.array([0, 1, 2]), "must lie in 0 … 1"),
    ],
)
def test_wrong_actions_are_refused(cart_poles: VectorEnvironment, actions: np.ndarray, message: str) -> None:
    cart_poles.reset()
    with pytest.raises(ValueError, match=message):
        cart_poles.step(actions)


def test_a_mask_is_boolean(cart_poles: VectorEnvironment) -> None:
    with pytest.raises(ValueError, match="a mask of rows must be bool"):
        cart_poles.reset(np.array([0, 1, 2]))


def test_a_state_of_other_rows_is_refused(cart_poles: VectorEnvironment) -> None:
    single = make("CartPole-v1", [np.random.default_rng(0)])
    with pytest.raises(ValueError, match="has 1 rows, but this environment has 3"):
        cart_poles.restore(single.state())
