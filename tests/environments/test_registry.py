"""Environments by name, and what is refused."""

import subprocess
import sys

import gymnasium
import numpy as np
import pytest

from pgbench.environments import check, make, registry, time_limit
from pgbench.environments.classic import SYSTEMS
from pgbench.environments.mujoco_tasks import TASKS


@pytest.mark.parametrize("name", [*SYSTEMS, *TASKS])
def test_supported_environments_pass(name: str) -> None:
    check(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("HalfChetah-v5", "there is no environment 'HalfChetah-v5'; did you mean 'HalfCheetah-v5'"),
        ("CartPole", "did you mean 'CartPole-v"),
        ("Hopper-v17", "did you mean 'Hopper-v"),
        (
            "no-such-package/Thing-v0",
            "there is no environment 'no-such-package/Thing-v0'; there are: .*Ant-v5",
        ),
        ("Stroll-v0", "an environment that a module registers is called module:Id"),
    ],
)
def test_others_are_refused_with_a_sentence(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(name)
    with pytest.raises(ValueError, match=message):
        make(name, [np.random.default_rng(0)])


def test_unsupported_actions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class TwoLevers(gymnasium.Env[np.ndarray, np.ndarray]):
        observation_space = gymnasium.spaces.Box(0, 1, (1,))
        action_space = gymnasium.spaces.MultiDiscrete([2, 2])

    spec = gymnasium.envs.registration.EnvSpec("TwoLevers-v0", lambda **_: TwoLevers())
    monkeypatch.setitem(gymnasium.registry, "TwoLevers-v0", spec)
    with pytest.raises(ValueError, match="TwoLevers-v0 has actions MultiDiscrete"):
        check("TwoLevers-v0")


@pytest.mark.parametrize("package", ["mujoco", "gymnasium"])
def test_a_missing_package_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda name: None if name == package else object())
    with pytest.raises(ValueError, match=f"Hopper-v5 needs the package {package}, which is not installed"):
        check("Hopper-v5")


def test_an_environment_whose_own_package_is_missing_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = gymnasium.envs.registration.EnvSpec("Elsewhere-v0", "nowhere_at_all:Thing")
    monkeypatch.setitem(gymnasium.registry, "Elsewhere-v0", spec)
    with pytest.raises(ValueError, match="Elsewhere-v0 cannot be made: No module named 'nowhere_at_all'"):
        check("Elsewhere-v0")


@pytest.mark.parametrize("name", [*SYSTEMS, *TASKS, "MountainCarContinuous-v0"])
def test_the_time_limit_is_gymnasiums(name: str) -> None:
    assert time_limit(name) == gymnasium.spec(name).max_episode_steps


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        make("CartPole-v1", [])


def test_importing_the_package_is_cheap() -> None:
    program = (
        "import sys, pgbench.environments; "
        "print(sorted({'gymnasium', 'mujoco', 'torch', 'scipy'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
