"""Running normalisation against its definition."""

import json

import numpy as np
import pytest

from pgbench.training.normalisation import (
    ObservationNormaliser,
    RewardScaler,
    RunningMoments,
)
from pgbench.training.preprocessing import Preprocessing

NO = np.zeros((1, 1), dtype=np.bool_)
YES = ~NO


def test_moments_are_those_of_everything_seen() -> None:
    """The prior counts as 1e-4 samples of mean 0 and variance 1; idle entries, NaN here, do not count."""
    random = np.random.default_rng(0)
    moments = RunningMoments(2, 3)
    seen: list[list[np.ndarray]] = [[], []]
    for _ in range(20):
        values, active = random.normal(5, 3, (2, 4, 3)), random.random((2, 4)) < 0.5
        values[~active] = np.nan
        moments.update(values, active)
        for replica in range(2):
            seen[replica] += list(values[replica, active[replica]])
    for replica in range(2):
        samples = np.array(seen[replica])
        count = len(samples) + 1e-4
        mean = samples.sum(axis=0) / count
        second = (np.square(samples).sum(axis=0) + 1e-4) / count
        np.testing.assert_allclose(moments.count[replica], [count], rtol=1e-13)
        np.testing.assert_allclose(moments.mean[replica], mean, rtol=1e-12)
        np.testing.assert_allclose(moments.variance[replica], second - mean**2, rtol=1e-11)


def test_a_replica_with_nothing_active_keeps_its_bits() -> None:
    moments = RunningMoments(2, 3)
    moments.update(np.random.default_rng(0).normal(size=(2, 1, 3)))
    before = moments.state()
    moments.update(np.full((2, 1, 3), np.nan), np.zeros((2, 1), dtype=np.bool_))
    for name, values in before.items():
        assert np.array_equal(moments.state()[name], values)


def test_all_active_is_the_default() -> None:
    values = np.random.default_rng(0).normal(size=(2, 5, 3))
    one, other = RunningMoments(2, 3), RunningMoments(2, 3)
    one.update(values)
    other.update(values, np.ones((2, 5), dtype=np.bool_))
    assert np.array_equal(one.mean, other.mean)
    assert np.array_equal(one.variance, other.variance)


def test_the_update_of_a_single_environment_has_the_bits_of_any_batch() -> None:
    values = np.random.default_rng(0).normal(5.0, 3.0, size=(200, 10, 1, 17))
    quick, general = RunningMoments(10, 17), RunningMoments(11, 17)
    everyone = np.ones((10, 1), dtype=np.bool_)
    for batch in values:
        quick.update(batch, everyone)
    beside_an_idle_row = np.concatenate([values, np.full_like(values[:, :1], np.nan)], axis=1)
    for batch in beside_an_idle_row:
        general.update(batch, np.arange(11)[:, None] < 10)
    for name, state in quick.state().items():
        assert np.array_equal(state, general.state()[name][:10]), name


@pytest.mark.parametrize("replicas", [1, 2, 3, 10])
@pytest.mark.parametrize("environments", [1, 2, 3, 8, 16, 17])
def test_a_replica_does_not_depend_on_the_others(replicas: int, environments: int) -> None:
    random = np.random.default_rng(0)
    observations = random.normal(size=(6, 10, environments, 17))
    rewards = random.normal(size=(6, 10, environments))
    active, ends = random.random((2, 6, 10, environments)) < 0.5

    def transformed(chosen: slice) -> tuple[np.ndarray, np.ndarray]:
        count = len(range(10)[chosen])
        normalise = ObservationNormaliser(count, 17, 10.0)
        scale = RewardScaler(count, environments, 0.99, 10.0)
        kept = []
        for step in range(6):
            mask = active[step, chosen]
            normalise.update(observations[step, chosen], mask)
            end = ends[step, chosen] & mask
            scaled = scale(rewards[step, chosen], end, np.zeros_like(end), mask)
            kept.append((normalise(observations[step, chosen]), scaled))
        return np.array([step[0] for step in kept]), np.array([step[1] for step in kept])

    whole, part = transformed(slice(None)), transformed(slice(10 - replicas, None))
    for one, other in zip(whole, part, strict=True):
        assert np.array_equal(one[:, 10 - replicas :], other)


def test_normalised_observations_follow_the_formula() -> None:
    random = np.random.default_rng(0)
    normalise = ObservationNormaliser(2, 3, None)
    normalise.update(random.normal(2, 4, (2, 50, 3)))
    values = random.normal(2, 4, (2, 5, 3))
    mean, variance = normalise.moments.mean[:, None], normalise.moments.variance[:, None]
    result = normalise(values)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, (values - mean) / np.sqrt(variance + 1e-8), rtol=1e-6)


def test_normalising_does_not_count() -> None:
    normalise = ObservationNormaliser(1, 3, 10.0)
    normalise(np.ones((1, 2, 3)))
    assert normalise.moments.count.tolist() == [[1e-4]]


def test_observations_and_rewards_are_clipped_where_a_limit_is_given() -> None:
    far = np.array([[[50.0, -50.0]]])
    np.testing.assert_array_equal(ObservationNormaliser(1, 2, 10.0)(far), [[[10, -10]]])
    np.testing.assert_allclose(ObservationNormaliser(1, 2, None)(far), far)
    rewards = np.array([[1.0, -1.0]])
    none = np.zeros((1, 2), dtype=np.bool_)
    np.testing.assert_array_equal(RewardScaler(1, 2, 0.9, 0.5)(rewards, none, none), [[0.5, -0.5]])


def test_rewards_over_a_termination_and_a_time_limit_by_hand() -> None:
    """Rewards 1, 2 | 4 | 8 with γ = 1/2: the first episode terminates, the second is truncated."""
    scale = RewardScaler(1, 1, 0.5, None)
    steps = [(1.0, NO, NO), (2.0, YES, NO), (4.0, NO, YES), (8.0, NO, NO)]
    counted = [1.0, 2.5, 4.0, 8.0]  # the last reward of an episode is discounted into its return …
    left = [1.0, 0.0, 0.0, 8.0]  # … and both kinds of end reset it afterwards
    for step, (reward, terminated, truncated) in enumerate(steps):
        scaled = scale(np.array([[reward]]), terminated, truncated)
        weights = np.array([1e-4] + [1.0] * (step + 1))
        returns = np.array([0.0, *counted[: step + 1]])
        mean = (weights * returns).sum() / weights.sum()
        variance = ((weights * (returns - mean) ** 2).sum() + 1e-4) / weights.sum()
        np.testing.assert_allclose(scaled, [[reward / np.sqrt(variance + 1e-8)]], rtol=1e-12)
        assert scale.returns.tolist() == [[left[step]]]


def test_an_idle_environments_return_stays() -> None:
    scale = RewardScaler(1, 2, 0.5, None)
    none = np.zeros((1, 2), dtype=np.bool_)
    scale(np.array([[1.0, 2.0]]), none, none)
    scale(np.array([[1.0, 0.0]]), none, none, np.array([[True, False]]))
    assert scale.returns.tolist() == [[1.5, 2.0]]
    np.testing.assert_allclose(scale.moments.count, [[3 + 1e-4]])


def test_restored_transforms_go_on_to_the_bit() -> None:
    random = np.random.default_rng(0)
    normalise, scale = ObservationNormaliser(2, 3, 10.0), RewardScaler(2, 4, 0.99, 10.0)
    none = np.zeros((2, 4), dtype=np.bool_)
    normalise.update(random.normal(size=(2, 4, 3)))
    scale(random.normal(size=(2, 4)), none, none)
    saved = json.loads(json.dumps([normalise.state(), scale.state()], default=np.ndarray.tolist))
    other_normalise, other_scale = ObservationNormaliser(2, 3, 10.0), RewardScaler(2, 4, 0.99, 10.0)
    other_normalise.restore(saved[0])
    other_scale.restore(saved[1])
    observations, rewards = random.normal(size=(2, 4, 3)), random.normal(size=(2, 4))
    normalise.update(observations)
    other_normalise.update(observations)
    assert np.array_equal(normalise(observations), other_normalise(observations))
    assert np.array_equal(scale(rewards, none, none), other_scale(rewards, none, none))
    assert np.array_equal(scale.returns, other_scale.returns)


def test_a_state_is_a_copy() -> None:
    scale = RewardScaler(1, 1, 0.5, None)
    state = scale.state()
    scale(np.array([[1.0]]), NO, NO)
    assert state["returns"].tolist() == [[0.0]]
    assert state["count"].tolist() == [[1e-4]]


def test_a_state_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(3, 2\), not \(2, 2\)"):
        ObservationNormaliser(2, 2, None).restore(ObservationNormaliser(3, 2, None).state())
    with pytest.raises(ValueError, match=r"shape \(1, 3\), not \(1, 2\)"):
        RewardScaler(1, 2, 0.9, None).restore(RewardScaler(1, 3, 0.9, None).state())


def test_frozen_preprocessing_normalises_as_training_does_and_moves_nothing() -> None:
    rng = np.random.default_rng(0)
    trained = Preprocessing(ObservationNormaliser(2, 3, clip=1.0), RewardScaler(2, 40, 0.9, None), 3.0)
    active = np.ones((2, 40), dtype=bool)
    trained.observations(rng.standard_normal((2, 40, 3)), active)
    frozen, before = trained.frozen(), trained.state()
    observations = 5.0 + rng.standard_normal((2, 7, 3))  # another number of environments
    seen = frozen.observations(observations, active[:, :7])
    np.testing.assert_equal(trained.state(), before)
    assert trained.normaliser is not None
    np.testing.assert_array_equal(seen, trained.normaliser(observations))
    rewards, never = rng.standard_normal((2, 7)), np.zeros((2, 7), dtype=bool)
    np.testing.assert_array_equal(frozen.rewards(rewards, never, never, active[:, :7]), rewards)


def test_adopted_statistics_are_a_copy() -> None:
    rng = np.random.default_rng(0)
    trained, other = (Preprocessing(ObservationNormaliser(2, 3, clip=1.0)) for _ in range(2))
    trained.observations(rng.standard_normal((2, 4, 3)), np.ones((2, 4), dtype=bool))
    other.adopt(trained)
    before = trained.state()
    np.testing.assert_equal(other.state(), before)
    other.observations(rng.standard_normal((2, 4, 3)), np.ones((2, 4), dtype=bool))
    np.testing.assert_equal(trained.state(), before)
