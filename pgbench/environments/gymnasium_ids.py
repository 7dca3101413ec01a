"""Gymnasium ids: what they stand for, and where it comes from.

An id may name a module, `my_worlds:Walk-v0`. Gymnasium imports the module first, which registers the environment.
"""

from __future__ import annotations

import hashlib
import importlib
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType

import gymnasium
from gymnasium.envs.registration import EnvSpec

from pgbench.base.refusals import nearest


def specification(environment: str, others: tuple[str, ...] = ()) -> EnvSpec:
    """What is registered under an id; the module that the id names is imported.

    Args:
        environment: a Gymnasium id, with or without a module.
        others: ids that a message may propose besides those that are registered.

    Raises:
        ValueError: if the module cannot be imported, or if nothing is registered; the message names the nearest id.
    """
    module, colon, name = environment.partition(":")
    if colon:
        _import(module, environment)
    try:
        return gymnasium.spec(name if colon else environment)
    except Exception as error:  # a text that is no id at all is an error of another kind
        if not colon:
            hint = nearest(environment, [*others, *gymnasium.registry])
            raise ValueError(
                f"there is no environment '{environment}'; {hint} "
                "(an environment that a module registers is called module:Id)"
            ) from error
        own = [f"{module}:{known}" for known, spec in gymnasium.registry.items() if _is_of(spec, module)]
        hint = nearest(environment, own) if own else "it registers no environment"
        raise ValueError(f"the module '{module}' registers no environment '{name}'; {hint}") from error


@cache  # looking through all installed distributions takes a tenth of a second
def origin(environment: str) -> str | None:
    """Where an environment comes from that Gymnasium does not bring itself; None for one that it brings.

    Returns:
        The distributions with their versions that provide the module of the id and that of the class. A module that
        no distribution provides is named with a digest of its file.

    Raises:
        ValueError: as `specification` does, or if a module cannot be imported.
    """
    module, colon, _ = environment.partition(":")
    named = [module] if colon else []
    modules = [*named, _entry_module(specification(environment))]
    foreign = [each for each in modules if each and _package(each) != "gymnasium"]
    return ", ".join(dict.fromkeys(_provider(each, environment) for each in foreign)) or None


def _provider(module: str, environment: str) -> str:
    """The distribution that provides a module, or the module itself."""
    distributions = metadata.packages_distributions().get(_package(module), [])
    if distributions:
        return ", ".join(f"{name} {metadata.version(name)}" for name in sorted(set(distributions)))
    file = _import(module, environment).__file__
    if file is None:
        return module
    return f"{module} {hashlib.sha256(Path(file).read_bytes()).hexdigest()[:8]}"


def _import(module: str, environment: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except Exception as error:  # a module may raise anything
        raise ValueError(
            f"the module '{module}' of '{environment}' cannot be imported ({error or type(error).__name__}); "
            "install it, or name its folder in PYTHONPATH"
        ) from error


def _is_of(spec: EnvSpec, module: str) -> bool:
    """Whether a module, or another in its package, has what a specification makes."""
    return _package(_entry_module(spec)) == _package(module)


def _entry_module(spec: EnvSpec) -> str:
    """The module of the class or function that makes the environment."""
    entry = spec.entry_point
    return entry.partition(":")[0] if isinstance(entry, str) else getattr(entry, "__module__", "")


def _package(module: str) -> str:
    return module.partition(".")[0]
