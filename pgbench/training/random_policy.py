"""Whole episodes of the policy that draws every action with the same probability."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgbench import environments
from pgbench.environments import Box, Discrete
from pgbench.training.experience import Act, Episode, Noise
from pgbench.training.preprocessing import Preprocessing
from pgbench.training.sampler import Sampler, environment_streams


def random_episodes(environment: str, seeds: Sequence[int], each: int) -> list[Episode]:
    """Episodes of a uniformly random policy, from the starts that training with these seeds begins with.

    Args:
        environment: a Gymnasium id.
        seeds: at least one.
        each: episodes of each seed.

    Raises:
        ValueError: if the environment cannot be made, if no action is uniformly random because the box has no
            bounds, or if an episode may never end because nothing limits it.
    """
    made = environments.make(environment, environment_streams(seeds, each))
    with closing(made):
        if made.time_limit is None:
            raise ValueError(f"{environment} has no time limit, so that an episode may never end")
        act, draw = _uniform(environment, made.actions)
        everyone = np.ones(len(seeds), dtype=np.bool_)
        return Sampler(made, seeds, Preprocessing()).finished_episodes(act, draw, everyone)


def _uniform(environment: str, space: Discrete | Box) -> tuple[Act, Noise]:
    """Actions that are uniform in a space, and the uniform noise in [0, 1) that they are made of."""
    if isinstance(space, Discrete):
        return lambda _, noise: (noise.squeeze(-1) * space.n).long(), _noise_of(1)
    if not (np.isfinite(space.low) & np.isfinite(space.high)).all():
        raise ValueError(f"{environment} has actions without bounds, so that none is uniformly random")
    low, high = torch.from_numpy(space.low).double(), torch.from_numpy(space.high).double()

    def inside(_: Tensor, noise: Tensor) -> Tensor:
        return low + (high - low) * noise

    return inside, _noise_of(space.size)


def _noise_of(components: int) -> Noise:
    """Uniform noise `[rows, environments, components]`."""

    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float32]:
        return generator.random((*shape, components), dtype=np.float32)

    return draw
