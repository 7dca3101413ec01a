"""Named random streams: all chance in a run comes from here.

A stream is named by what it is for and, where it repeats, by an index such as the iteration. It depends on the
replica's seed and on nothing else: not on the block, nor on how much another stream has drawn. So turning a
detail off leaves the others' draws alone, and variants are paired seed by seed.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

# A stream's place in this list is part of its identity: add new names at the end.
Name = Literal["initialisation", "environment", "actions", "minibatches", "replay", "reference", "evaluation"]


def stream(seed: int, name: Name, *index: int) -> np.random.Generator:
    """The generator of a replica's named stream.

    Args:
        seed: the replica's seed, at least 0.
        name: what the stream is for.
        index: which of the streams of that name, such as an iteration.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(get_args(Name).index(name), *index)))
