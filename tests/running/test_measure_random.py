"""A uniformly random policy's returns: equal to a plain loop over Gymnasium, and kept with their origin."""

import gymnasium
import numpy as np
import pytest

from helpers.places import CHECKOUT, STUDIES
from pgbench.base.refusals import Refusal
from pgbench.base.yaml_files import read_yaml
from pgbench.running.measure_random import measure_random_returns
from pgbench.studies.random_returns import read_random_returns
from pgbench.training.random_policy import random_episodes
from pgbench.training.streams import stream

TABLE = CHECKOUT / "workflows" / "random_returns.csv"


def plain_loop(environment, seed, each):
    """Return, length and end of each episode, from Gymnasium's own environment and the streams of a training."""
    world = gymnasium.make(environment)
    space = world.action_space
    size = 1 if isinstance(space, gymnasium.spaces.Discrete) else space.shape[0]
    noise = stream(seed, "actions", 0).random((256, each, size), dtype=np.float32)
    for row in range(each):
        world.unwrapped.np_random = stream(seed, "environment", row)
        world.reset()
        total, length, ended = 0.0, 0, False
        while not ended:
            if isinstance(space, gymnasium.spaces.Discrete):
                action = int(noise[length, row, 0] * space.n)
            else:
                action = space.low + (space.high.astype(float) - space.low) * noise[length, row]
            _, reward, terminated, truncated, _ = world.step(action)
            total, length, ended = total + float(reward), length + 1, terminated or truncated
        yield total, length, terminated


@pytest.mark.parametrize("environment", ["CartPole-v1", "Hopper-v5", "Reacher-v5", "Pendulum-v1"])
def test_episodes_are_those_of_a_plain_loop_over_gymnasium(environment):
    found = random_episodes(environment, [0, 3], 2)
    for seed in (0, 3):
        mine = sorted(
            (episode.episodic_return, episode.episodic_length, episode.terminated)
            for episode in found
            if episode.seed == seed
        )
        expected = sorted(plain_loop(environment, seed, 2))
        assert [each[1:] for each in mine] == [each[1:] for each in expected]
        np.testing.assert_allclose([each[0] for each in mine], [each[0] for each in expected], rtol=1e-12)


def test_the_table_holds_what_was_measured_and_where_it_comes_from(tmp_path):
    path = tmp_path / "random_returns.csv"
    path.write_text(measure_random_returns(["CartPole-v1", "Constant-v0"], [0, 1, 2], 4), encoding="utf-8")
    table = read_random_returns(path)
    returns = [episode.episodic_return for episode in random_episodes("CartPole-v1", [0, 1, 2], 4)]
    cart_pole = table["CartPole-v1"]
    assert (cart_pole.seeds, cart_pole.episodes) == (3, 12)
    assert cart_pole.mean == pytest.approx(np.mean(returns), abs=1e-4)
    assert cart_pole.standard_deviation == pytest.approx(np.std(returns, ddof=1), abs=1e-4)
    assert (cart_pole.minimum, cart_pole.maximum) == (min(returns), max(returns))
    assert cart_pole.mean_length == cart_pole.mean
    constant = table["Constant-v0"]
    assert (constant.mean, constant.standard_deviation, constant.mean_length) == (10.0, 0.0, 10.0)
    header = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    assert all(word in " ".join(header) for word in ("Seeds 0 to 2", "4 episodes", "gymnasium", "commit"))


def test_what_has_no_random_policy_or_no_end_is_refused():
    with pytest.raises(Refusal, match="measure-random: Bandit-v0 has no time limit"):
        measure_random_returns(["Bandit-v0"], [0], 1)
    with pytest.raises(Refusal, match=r"no_such\.csv: cannot be read .* measure-random"):
        read_random_returns(CHECKOUT / "no_such.csv")


def test_the_kept_table_has_every_environment_of_the_studies():
    studies = {name for file in STUDIES.glob("*.yaml") for name in read_yaml(file)["environments"]}
    table = read_random_returns(TABLE)
    assert set(table) >= studies
    assert all(line.episodes >= 100 for line in table.values())
    assert table["MountainCar-v0"].mean == -200.0
    assert table["MountainCar-v0"].mean_length == 200.0
