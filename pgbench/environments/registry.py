"""Environments by name."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from importlib.util import find_spec

import numpy as np

from pgbench.environments.classic import SYSTEMS, ClassicVector
from pgbench.environments.interface import ActionKind, Discrete, VectorEnvironment, kind_of
from pgbench.environments.mujoco_tasks import TASKS


def make(
    environment: str, generators: Sequence[np.random.Generator], time_limit: int | None = None
) -> VectorEnvironment:
    """Make a batched environment.

    Args:
        environment: a Gymnasium id, such as "HalfCheetah-v5" or "my_worlds:Walk-v0".
        generators: one generator a row; the environment keeps and advances them.
        time_limit: steps after which an episode is truncated, in place of the environment's own limit; by default
            that one.

    Raises:
        ValueError: if there are no generators, or if `check` refuses the environment.
    """
    if not generators:
        raise ValueError("an environment needs at least one row, that is at least one generator")
    if environment in SYSTEMS:
        return ClassicVector(SYSTEMS[environment], generators, time_limit)
    check(environment)
    if environment in TASKS:
        from pgbench.environments.mujoco import MujocoVector  # noqa: PLC0415 (imports MuJoCo)

        return MujocoVector(TASKS[environment], generators, time_limit)
    from pgbench.environments.gymnasium_vector import GymnasiumVector  # noqa: PLC0415 (imports Gymnasium)

    return GymnasiumVector(environment, generators, time_limit)


def check(environment: str) -> None:
    """Refuse an environment that cannot be made, before any work starts.

    Raises:
        ValueError: if the id is unknown (the message names the nearest id), if its module cannot be imported, if
            a package that the environment needs is not installed, or if its observations or actions are of a kind
            that is not supported.
    """
    if environment in SYSTEMS:
        return
    packages = ("gymnasium", "mujoco") if environment in TASKS else ("gymnasium",)
    for package in packages:
        if find_spec(package) is None:
            raise ValueError(f"{environment} needs the package {package}, which is not installed")
    if environment not in TASKS:
        _check_gymnasium(environment)


def time_limit(environment: str) -> int | None:
    """Steps after which an environment that `check` accepts cuts an episode; None: it never does."""
    if environment in SYSTEMS:
        return SYSTEMS[environment].time_limit
    if environment in TASKS:
        return TASKS[environment].time_limit
    from pgbench.environments.gymnasium_ids import specification  # noqa: PLC0415 (imports Gymnasium)

    return specification(environment).max_episode_steps


def never_outside(environment: str) -> str | None:
    """Why no action is outside the box, as a clause about the environment; None if a Gaussian's may be.

    Raises:
        ValueError: if `check` would refuse the environment.
    """
    if environment in TASKS:
        return None
    if environment in SYSTEMS:
        return "its actions are discrete" if isinstance(SYSTEMS[environment].actions, Discrete) else None
    import gymnasium  # noqa: PLC0415 (slow to import)

    from pgbench.environments import gymnasium_spaces  # noqa: PLC0415 (imports Gymnasium)

    check(environment)
    with closing(gymnasium.make(environment, disable_env_checker=True)) as example:
        return gymnasium_spaces.never_outside(example.action_space)


def kind_of_actions(environment: str) -> ActionKind:
    """What kind of actions an environment has.

    Raises:
        ValueError: if `check` would refuse the environment, or a space of it.
    """
    if environment in TASKS:
        return "bounded"
    if environment in SYSTEMS:
        return kind_of(SYSTEMS[environment].actions)
    import gymnasium  # noqa: PLC0415 (slow to import)

    from pgbench.environments import gymnasium_spaces  # noqa: PLC0415 (imports Gymnasium)

    check(environment)
    with closing(gymnasium.make(environment, disable_env_checker=True)) as example:
        return kind_of(gymnasium_spaces.action_space(environment, example.action_space))


def origin(environment: str) -> str | None:
    """Which package or module gives an environment that Gymnasium does not bring; None for one that it brings.

    Raises:
        ValueError: if `check` would refuse the id.
    """
    if environment in SYSTEMS or environment in TASKS:
        return None
    from pgbench.environments import gymnasium_ids  # noqa: PLC0415 (imports Gymnasium)

    return gymnasium_ids.origin(environment)


def _check_gymnasium(environment: str) -> None:
    import gymnasium  # noqa: PLC0415 (slow to import)

    from pgbench.environments.gymnasium_ids import specification  # noqa: PLC0415
    from pgbench.environments.gymnasium_spaces import action_space, observation_size  # noqa: PLC0415

    specification(environment, (*SYSTEMS, *TASKS))
    try:
        example = gymnasium.make(environment, disable_env_checker=True)
    except Exception as error:
        raise ValueError(f"{environment} cannot be made: {error}") from error
    with closing(example):
        observation_size(environment, example.observation_space)
        action_space(environment, example.action_space)
