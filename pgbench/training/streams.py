"""Named random streams: all randomness in a run comes from here.

A stream has a name that says what it is for and, where it repeats, an index such as the iteration. It depends
on the replica's seed and on nothing else: not on the block, and not on how much another stream has drawn.
Turning a detail off therefore leaves the draws of all other streams alone, and variants are paired seed by
seed.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

# A stream's place in this list is part of its identity: add new names at the end.
Name = Literal[
    "initialisation",
    "environment",
    "actions",
    "minibatches",
    "replay",
    "reference",
    "evaluation",
    "critic",
]


def stream(seed: int, name: Name, *index: int) -> np.random.Generator:
    """The generator of a replica's named stream.

    Args:
        seed: the replica's seed, at least 0.
        name: what the stream is for.
        index: which of the streams of that name, such as an iteration.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(get_args(Name).index(name), *index)))
