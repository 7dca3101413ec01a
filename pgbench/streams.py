"""Named random streams: all chance in a run comes from here.

A stream is named by what it is for and, where it repeats, by an index such as the iteration. It depends on the
replica's seed and on nothing else: not on the block, nor on how much another stream has drawn. So turning a
detail off leaves the others' draws alone, and variants are paired seed by seed.
"""

from __future__ import annotations

import numpy as np

# A stream's place in this tuple is part of its identity: add new names at the end.
NAMES = ("initialisation", "environment", "actions", "minibatches")


def stream(seed: int, name: str, *index: int) -> np.random.Generator:
    """The generator of a replica's named stream.

    Args:
        seed: the replica's seed, at least 0.
        name: one of `NAMES`.
        index: which of the streams of that name, such as an iteration.

    Raises:
        ValueError: if there is no stream of that name.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(NAMES.index(name), *index)))
