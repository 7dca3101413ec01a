"""Ids that name a module, and where their environments come from."""

import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from pgbench.environments import check, gymnasium_ids, make, origin, time_limit

WORLD = """
import gymnasium

class World(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (2,))
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        return self.observation_space.low, {}

gymnasium.register("Own-v0", World, max_episode_steps=50)
gymnasium.register("Text-v0", "by_string:World")
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Path]]:
    """Write modules that can be imported; what they register and that they were imported is forgotten."""
    monkeypatch.syspath_prepend(tmp_path)
    known, imported = dict(gymnasium.registry), set(sys.modules)

    def written(module: str, text: str) -> Path:
        file = tmp_path / f"{module}.py"
        file.write_text(text)
        return file

    yield written
    gymnasium.registry.clear()
    gymnasium.registry.update(known)
    for module in set(sys.modules) - imported:
        if (tmp_path / f"{module}.py").exists():
            del sys.modules[module]
    gymnasium_ids.origin.cache_clear()


def test_a_module_is_imported_wherever_an_id_is_asked_for(write: Callable[[str, str], Path]) -> None:
    for ask in (check, time_limit, origin):
        module = f"own_{ask.__name__}"
        write(module, WORLD.replace("Own-", f"{module}-").replace("Text-", f"{module}-text-"))
        ask(f"{module}:{module}-v0")
    assert time_limit("own_check:own_check-v0") == 50
    assert make("own_check:own_check-v0", [np.random.default_rng(0)]).reset().tolist() == [[-1.0, -1.0]]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "nowhere_at_all:Own-v0",
            r"'nowhere_at_all' of 'nowhere_at_all:Own-v0' cannot be imported \(No module n",
        ),
        (
            "broken:Own-v0",
            r"'broken' of 'broken:Own-v0' cannot be imported \(division by zero\); .*PYTHONPATH",
        ),
        (":Own-v0", "the module '' of ':Own-v0' cannot be imported"),
        ("..a:b", r"the module '\.\.a' of '\.\.a:b' cannot be imported"),
        ("own:Owl-v0", "the module 'own' registers no environment 'Owl-v0'; did you mean 'own:Own-v0'"),
        ("own:Own", "registers no environment 'Own'; did you mean 'own:Own-v0'"),
        ("own:Own-v7", "registers no environment 'Own-v7'; did you mean 'own:Own-v0'"),
        ("json:Own-v7", "the module 'json' registers no environment 'Own-v7'; it registers no environment"),
    ],
)
def test_a_wrong_id_is_refused_by_name(write: Callable[[str, str], Path], name: str, message: str) -> None:
    write("own", WORLD)
    write("broken", "1 / 0")
    for ask in (check, time_limit, origin):
        with pytest.raises(ValueError, match=message):
            ask(name)


def test_the_origin_is_a_distribution_or_a_file(write: Callable[[str, str], Path]) -> None:
    assert [origin(name) for name in ("CartPole-v1", "Hopper-v5", "Blackjack-v1")] == [None] * 3
    file = write("own", WORLD)
    other = write("by_string", "from own import World")
    here, there = (hashlib.sha256(each.read_bytes()).hexdigest()[:8] for each in (file, other))
    assert origin("own:Own-v0") == f"own {here}"
    assert origin("own:Text-v0") == f"own {here}, by_string {there}"


def test_the_origin_of_an_installed_module_is_its_distribution(
    write: Callable[[str, str], Path], tmp_path: Path
) -> None:
    write("own", WORLD)
    metadata = tmp_path / "worlds_of_mine-2.1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: worlds-of-mine\nVersion: 2.1\n")
    (metadata / "top_level.txt").write_text("own\n")
    assert origin("own:Own-v0") == "worlds-of-mine 2.1"


def test_what_a_check_made_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    class Held(gymnasium.Env[str, int]):
        observation_space = gymnasium.spaces.Text(3)
        action_space = gymnasium.spaces.Discrete(2)

        def close(self) -> None:
            closed.append(self)

    spec = gymnasium.envs.registration.EnvSpec("Held-v0", lambda **_: Held())
    monkeypatch.setitem(gymnasium.registry, "Held-v0", spec)
    with pytest.raises(ValueError, match="Text is not supported"):
        check("Held-v0")
    assert len(closed) == 1
