"""Actions as they are drawn: what the environment is given, and that it is what Gymnasium computes."""

from typing import ClassVar

import gymnasium
import numpy as np
import pytest
import torch

from pgbench import environments
from pgbench.base.refusals import Refusal
from pgbench.environments.classic import SYSTEMS
from pgbench.environments.interface import Box
from pgbench.environments.mujoco_tasks import TASKS
from pgbench.methods import runs
from pgbench.studies.loading import describe_run, load_study
from pgbench.training import loop
from pgbench.training.preprocessing import Preprocessing
from pgbench.training.sampler import Sampler, environment_streams

RAW = {"details.actions": "raw"}
SMALL = {"data.steps": 64, "update.minibatch_size": 32, "networks.hidden": (8,)}
CONTINUOUS = [*TASKS, *(name for name, system in SYSTEMS.items() if isinstance(system.actions, Box))]


class Recording(gymnasium.Env):
    """Observes and rewards nothing, and keeps the actions that it was given."""

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (1,))
    given: ClassVar[list[np.ndarray]] = []

    def __init__(self, space):
        self.action_space = space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action):
        Recording.given.append(action)
        return np.zeros(1, np.float32), 0.0, False, False, {}


class Strict(Recording):
    """Asserts that actions lie in its box, as some environments do."""

    def step(self, action):
        assert self.action_space.contains(action), "no such action"
        return super().step(action)


REALS = gymnasium.spaces.Box(-0.5, 0.25, (2,))
WORLDS = {
    "Recording-v0": (Recording, REALS),
    "Strict-v0": (Strict, REALS),
    "Whole-v0": (Recording, gymnasium.spaces.Box(-2, 2, (2,), np.int32)),
    "Unbounded-v0": (Recording, gymnasium.spaces.Box(-np.inf, np.inf, (2,))),
}


@pytest.fixture(autouse=True, scope="module")
def _recording():
    for name, (world, space) in WORLDS.items():
        gymnasium.register(name, world, kwargs={"space": space}, max_episode_steps=20)
    yield
    for name in WORLDS:
        del gymnasium.registry[name]


def described(member, environment, steps=128, evaluation=None, **changes):
    return describe_run(
        member, changes, {"environment": environment, "steps": steps, "evaluation": evaluation}, "here"
    )


@pytest.mark.parametrize("environment", CONTINUOUS)
def test_actions_far_outside_the_box_are_gymnasiums_to_the_bit(environment):
    """A sampler that clips nothing, beside Gymnasium's own that is handed the same actions."""
    seeds = [3, 8]
    rows = environment_streams(seeds, 1)
    sampler = Sampler(environments.make(environment, rows), seeds, Preprocessing(clips=False))
    theirs = [gymnasium.make(environment) for _ in seeds]
    size = sampler.environment.actions.size
    drawn = np.random.default_rng(0).normal(0.0, 8.0, (60, 2, 1, size)).astype(np.float32)
    actions = iter(torch.from_numpy(drawn))
    rollout = sampler.fixed_horizon(
        lambda observations, noise: next(actions),
        lambda generator, shape: np.zeros((*shape, 1), np.float32),
        0,
        np.array([True, True]),
        60,
    )
    for row, (world, generator) in enumerate(zip(theirs, environment_streams(seeds, 1), strict=True)):
        world.unwrapped.np_random = generator
        world.reset()
        for step in range(60):
            observation, reward, terminated, truncated, _ = world.step(drawn[step, row, 0])
            found = rollout.next_observations[step, row, 0].numpy()
            assert np.array_equal(found, observation.astype(np.float32), equal_nan=True)
            assert rollout.rewards[step, row, 0] == np.float32(reward)
            assert (rollout.terminated[step, row, 0], rollout.truncated[step, row, 0]) == (
                terminated,
                truncated,
            )
            if terminated or truncated:
                world.reset()


def test_the_control_cost_is_that_of_the_action_as_it_was_drawn():
    """HalfCheetah: the same bits of physics, and 0.1 for each unit of the square outside the box."""
    traces = {}
    for clips in (True, False):
        rows = environment_streams([0], 1)
        sampler = Sampler(environments.make("HalfCheetah-v5", rows), [0], Preprocessing(clips=clips))
        traces[clips] = sampler.fixed_horizon(
            lambda observations, noise: 3.0 * torch.ones(1, 1, 6),
            lambda generator, shape: np.zeros((*shape, 1), np.float32),
            0,
            np.array([True]),
            20,
        )
    assert torch.equal(traces[True].next_observations, traces[False].next_observations)
    assert torch.equal(traces[True].actions, traces[False].actions)
    cost = traces[True].rewards - traces[False].rewards
    torch.testing.assert_close(cost, torch.full_like(cost, 0.1 * 6 * (3.0**2 - 1.0)))


@pytest.mark.parametrize(("choice", "outside"), [({}, False), (RAW, True)])
@pytest.mark.parametrize("evaluation", [None, runs.Evaluation(episodes=3, actions="sampled")])
def test_other_environments_are_given_what_is_asked_for(choice, outside, evaluation):
    Recording.given.clear()
    list(loop.train(described("ppo", "Recording-v0", 64, evaluation, **SMALL, **choice), [0]))
    assert len(Recording.given) == 64 + (0 if evaluation is None else 3 * 20)
    assert all(action.dtype == np.float32 for action in Recording.given)
    for given in (Recording.given[:64], Recording.given[64:]):
        assert any(not REALS.contains(action) for action in given) == (outside and bool(given))


def test_an_environment_that_refuses_the_action_is_named_with_the_remedy():
    with pytest.raises(Refusal, match=r"Strict-v0: step failed .* set details.actions to 'clipped'"):
        list(loop.train(described("ppo", "Strict-v0", **SMALL, **RAW), [0]))
    list(loop.train(described("ppo", "Strict-v0", **SMALL), [0]))


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ("CartPole-v1", "its actions are discrete"),
        ("Bandit-v0", "its actions are discrete"),
        ("Whole-v0", "its actions are whole numbers"),
        ("Unbounded-v0", "its actions have no bounds"),
    ],
)
def test_where_no_action_is_outside_the_choice_is_refused(environment, reason, tmp_path):
    with pytest.raises(
        Refusal, match=f"details.actions 'raw' has no effect in {environment}, because {reason}"
    ):
        described("ppo", environment, **RAW)
    study = tmp_path / "raw.yaml"
    study.write_text(
        f"question: Raw?\nparent: ppo\nseeds: 1\nenvironments: {{{environment}: 4096, HalfCheetah-v5: 4096}}\n"
        "variants: {raw: {details.actions: raw}}\nclaims: {}\n"
    )
    with pytest.raises(Refusal, match=f"variants.raw: details.actions 'raw' has no effect in {environment}"):
        load_study(study)
