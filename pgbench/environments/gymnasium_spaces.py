"""Gymnasium's spaces as this package's: flat observations, and actions inside the announced space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from pgbench.environments.interface import Box, Discrete, FloatArray

OBSERVED = (spaces.Box, spaces.Discrete, spaces.MultiBinary, spaces.MultiDiscrete)
"""Spaces that Gymnasium flattens to a vector in which every component keeps its meaning."""


def observation_size(environment: str, space: gymnasium.Space[Any]) -> int:
    """The length of an observation as `flat` returns it.

    Raises:
        ValueError: if observations cannot become vectors of numbers, or have no components.
    """
    for part in _parts(space):
        if not isinstance(part, OBSERVED):
            raise ValueError(
                f"{environment} has observations {space}: {type(part).__name__} is not supported, because "
                f"{_obstacle(part)}; supported are {', '.join(kind.__name__ for kind in OBSERVED)}, and Dict and "
                "Tuple of them"
            )
    size = int(spaces.flatdim(space))
    if size == 0:
        raise ValueError(f"{environment} has observations {space}, which have no components")
    return size


def _parts(space: gymnasium.Space[Any]) -> Iterator[gymnasium.Space[Any]]:
    """The spaces in a space that are neither dictionaries nor tuples."""
    match space:
        case spaces.Dict():
            for part in space.spaces.values():
                yield from _parts(part)
        case spaces.Tuple():
            for part in space.spaces:
                yield from _parts(part)
        case _:
            yield space


def _obstacle(space: gymnasium.Space[Any]) -> str:
    """Why an observation of this space is no vector of numbers."""
    match space:
        case spaces.Text():
            return "characters are no quantities"
        case spaces.OneOf():
            return "a component would mean something else in each of its alternatives"
        case spaces.Graph() | spaces.Sequence():
            return "its length is not fixed"
        case _:
            return "Gymnasium has no flattening of it"


def flat(space: gymnasium.Space[Any], observation: Any) -> FloatArray:
    """An observation without `faults` as a vector `[O]`, by Gymnasium's own flattening.

    The numbers of a `Box` are not cast to its dtype: an environment that announces float32 and returns float64
    keeps its digits.
    """
    if isinstance(space, spaces.Box):
        return np.asarray(observation, dtype=np.float64).ravel()
    return np.asarray(spaces.flatten(space, observation), dtype=np.float64)


def faults(space: gymnasium.Space[Any], found: Any, name: str = "observation") -> Iterator[str]:
    """Clauses that say how an observation differs from its space; it may lie outside the bounds of a `Box`."""
    match space:
        case spaces.Box():
            if np.shape(found) != space.shape:
                yield f"{name} of shape {list(np.shape(found))}; announced is {list(space.shape)}"
        case spaces.Dict():
            if not isinstance(found, Mapping) or found.keys() != space.spaces.keys():
                yield f"{name} {_described(found)}; announced are the keys {sorted(space.spaces)}"
                return
            for key, part in space.spaces.items():
                yield from faults(part, found[key], f"{name}['{key}']")
        case spaces.Tuple():
            if not isinstance(found, tuple | list) or len(found) != len(space.spaces):
                yield f"{name} {_described(found)}; announced is a tuple of {len(space.spaces)}"
                return
            for place, (part, value) in enumerate(zip(space.spaces, found, strict=True)):
                yield from faults(part, value, f"{name}[{place}]")
        case _:
            if not space.contains(found):
                yield f"{name} {found!r}; announced is {space}"


def _described(value: Any) -> str:
    match value:
        case Mapping():
            return f"with the keys {sorted(map(str, value))}"
        case tuple() | list():
            return f"of {len(value)} parts"
        case _:
            return f"of type {type(value).__name__}"


def action_space(environment: str, space: gymnasium.Space[Any]) -> Discrete | Box:
    """Gymnasium's action space as a `Discrete` or `Box` of this package.

    Raises:
        ValueError: if actions are neither a `Discrete` nor a `Box`.
    """
    match space:
        case spaces.Discrete():
            return Discrete(int(space.n))
        case spaces.Box():
            return Box(_inside(space, space.low, np.inf), _inside(space, space.high, -np.inf))
        case _:
            raise ValueError(
                f"{environment} has actions {space}, but a policy is one categorical distribution (Discrete) or "
                "one Gaussian (Box); other actions are not supported"
            )


def _inside(
    space: spaces.Box, bounds: NDArray[Any], inwards: float
) -> NDArray[np.float32] | NDArray[np.float64]:
    """Bounds `[A]` in single precision if it holds them all, else in double precision, rounded inwards."""
    if np.can_cast(space.dtype, np.float32):
        return bounds.ravel().astype(np.float32)
    rounded = bounds.ravel().astype(np.float64)
    # As objects, because NumPy would compare an integer of 64 bits after rounding it in the same way.
    exact, objects = bounds.ravel().astype(object), rounded.astype(object)
    outside = (objects < exact if inwards > 0 else objects > exact).astype(np.bool_)
    return np.where(outside, np.nextafter(rounded, inwards), rounded)


def never_outside(space: gymnasium.Space[Any]) -> str | None:
    """Why no action is outside its box, as a clause; None if one may be."""
    if not isinstance(space, spaces.Box):
        return "its actions are discrete"
    if not np.issubdtype(np.dtype(space.dtype), np.floating):
        return "its actions are whole numbers, which are rounded into their box"
    if not (np.isfinite(space.low) | np.isfinite(space.high)).any():
        return "its actions have no bounds"
    return None


def announced(space: gymnasium.Space[Any], bounds: Discrete | Box, actions: NDArray[Any]) -> list[Any]:
    """Actions `[K]` or `[K, A]` of this package as K of Gymnasium's, in the shape and dtype of the space.

    Args:
        space: a `Discrete` or a `Box`.
        bounds: the same space, from `action_space`.
        actions: inside the bounds they stay inside the space. In a box of integers they are rounded, and brought
            into the bounds first, because an integer beyond its dtype has no meaning.
    """
    if isinstance(space, spaces.Discrete):
        return list((actions + space.start).astype(space.dtype))
    if isinstance(bounds, Box) and not np.issubdtype(np.dtype(space.dtype), np.floating):
        actions = np.clip(np.rint(np.nan_to_num(actions)), bounds.low, bounds.high)
    return [action.reshape(space.shape or ()) for action in actions.astype(space.dtype)]
