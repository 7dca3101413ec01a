import itertools
from typing import get_args

from pgbench.training.streams import Name, stream


def test_the_same_name_gives_the_same_draws():
    assert stream(3, "actions", 5).random(4).tolist() == stream(3, "actions", 5).random(4).tolist()


def test_a_name_that_was_added_left_the_others_as_they_were():
    assert [stream(3, name).integers(10**6) for name in ("initialisation", "reference")] == [633269, 687638]


def test_different_seeds_names_and_indices_give_different_draws():
    keys = itertools.product(range(3), get_args(Name), range(3))
    draws = [stream(seed, name, index).integers(2**63) for seed, name, index in keys]
    assert len(set(draws)) == len(draws)
