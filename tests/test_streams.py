import itertools
from typing import get_args

from pgbench.streams import Name, stream


def test_the_same_name_gives_the_same_draws():
    assert stream(3, "actions", 5).random(4).tolist() == stream(3, "actions", 5).random(4).tolist()


def test_different_seeds_names_and_indices_give_different_draws():
    keys = itertools.product(range(3), get_args(Name), range(3))
    draws = [stream(seed, name, index).integers(2**63) for seed, name, index in keys]
    assert len(set(draws)) == len(draws)
