"""Environments by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from importlib.util import find_spec

import numpy as np

from pgbench.environments.classic import SYSTEMS, ClassicVector
from pgbench.environments.interface import VectorEnvironment
from pgbench.environments.mujoco_tasks import TASKS


def make(environment: str, generators: Sequence[np.random.Generator]) -> VectorEnvironment:
    """Make a batched environment.

    Args:
        environment: A Gymnasium id, such as "HalfCheetah-v5".
        generators: One generator for each row; the environment keeps and advances them.

    Raises:
        ValueError: If `check` refuses the environment, or there are no generators.
    """
    if not generators:
        raise ValueError("an environment needs at least one row, so at least one generator")
    if environment in SYSTEMS:
        return ClassicVector(SYSTEMS[environment], generators)
    check(environment)
    if environment in TASKS:
        from pgbench.environments.mujoco import MujocoVector  # noqa: PLC0415 (imports MuJoCo)

        return MujocoVector(TASKS[environment], generators)
    from pgbench.environments.gymnasium_vector import GymnasiumVector  # noqa: PLC0415 (imports Gymnasium)

    return GymnasiumVector(environment, generators)


def check(environment: str) -> None:
    """Refuse an environment that cannot be made, before any work starts.

    Raises:
        ValueError: If the id is unknown (with the nearest spellings), a package that it needs is not
            installed, or its observations or actions are of a kind that is not supported.
    """
    if environment in SYSTEMS:
        return
    needed = ("gymnasium", "mujoco") if environment in TASKS else ("gymnasium",)
    for package in needed:
        if find_spec(package) is None:
            raise ValueError(f"{environment} needs the package {package}, which is not installed")
    if environment not in TASKS:
        _check_gymnasium(environment)


def time_limit(environment: str) -> int | None:
    """Steps after which an environment that `check` accepts cuts an episode; None where it never does."""
    if environment in SYSTEMS:
        return SYSTEMS[environment].time_limit
    if environment in TASKS:
        return TASKS[environment].time_limit
    import gymnasium  # noqa: PLC0415 (slow to import)

    return gymnasium.spec(environment).max_episode_steps


def _check_gymnasium(environment: str) -> None:
    import gymnasium  # noqa: PLC0415 (slow to import)

    from pgbench.environments.gymnasium_vector import action_space, observation_size  # noqa: PLC0415

    try:
        gymnasium.spec(environment)
    except Exception as error:  # of the module that an id such as "module:Name-v0" names, any at all
        raise ValueError(_unknown(environment, gymnasium.registry)) from error
    try:
        made = gymnasium.make(environment, disable_env_checker=True)
    except Exception as error:
        raise ValueError(f"{environment} cannot be made here: {error}") from error
    observation_size(environment, made.observation_space)
    action_space(environment, made.action_space)
    made.close()


def _unknown(environment: str, registered: Iterable[str]) -> str:
    names = sorted({*SYSTEMS, *TASKS, *registered})
    nearest = get_close_matches(environment, names)
    hint = f"; did you mean {' or '.join(nearest)}?" if nearest else ""
    return f"there is no environment {environment!r}{hint}"
