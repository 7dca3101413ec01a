"""Spaces of any kind: flat observations, and actions inside what is announced."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from pgbench.environments import Box
from pgbench.environments.gymnasium_spaces import action_space, announced, faults, flat, observation_size

WIDEST = np.iinfo(np.int64)
BOXES = [
    spaces.Box(-2.0, 2.0, (3,)),
    spaces.Box(np.array([-0.1, 0.0]), np.array([0.1, 1e-3]), dtype=np.float64),
    spaces.Box(-0.1, 0.1, (2,), dtype=np.float16),
    spaces.Box(0, 255, (2, 3), dtype=np.uint8),
    spaces.Box(-3, 4, (), dtype=np.int32),
    spaces.Box(WIDEST.min, WIDEST.max, (2,), dtype=np.int64),
    spaces.Box(0, np.iinfo(np.uint64).max, (1,), dtype=np.uint64),
    spaces.Box(0, 1, (2,), dtype=np.bool_),
    spaces.Box(-np.inf, np.array([0.3, np.inf]), dtype=np.float64),
]


def clipped(bounds: Box, actions: np.ndarray) -> np.ndarray:
    """As the sampler clips them."""
    return np.minimum(np.maximum(actions, bounds.low), bounds.high).astype(np.float64)


@pytest.mark.parametrize("space", BOXES, ids=str)
def test_actions_lie_in_the_announced_space_and_have_its_dtype(space: spaces.Box) -> None:
    bounds = action_space("World-v0", space)
    assert isinstance(bounds, Box)
    rng = np.random.default_rng(0)
    scales = np.array([0.0, 1e-4, 0.1, 1.0, 100.0, 1e19])[:, None]
    drawn = (scales * rng.standard_normal((20, 6, bounds.size))).reshape(-1, bounds.size).astype(np.float32)
    given = announced(space, bounds, clipped(bounds, drawn))
    assert all(action.dtype == space.dtype for action in given)
    assert all(space.contains(action) for action in given)
    assert len(np.unique(given)) > 1


def test_the_exact_bounds_of_a_box_of_doubles_are_reached() -> None:
    space = spaces.Box(-0.1, 0.1, (1,), dtype=np.float64)
    bounds = action_space("World-v0", space)
    ends = clipped(bounds, np.array([[-9.0], [9.0]], dtype=np.float32))
    assert announced(space, bounds, ends) == [[-0.1], [0.1]]


def test_integers_are_rounded_and_nan_is_inside() -> None:
    space = spaces.Box(-3, 4, (1,), dtype=np.int8)
    bounds = action_space("World-v0", space)
    actions = np.array([[-0.6], [0.4], [0.6], [3.7], [900.0], [-np.inf], [np.nan]])
    assert announced(space, bounds, actions) == [-1, 0, 1, 4, 4, -3, 0]


def test_a_box_of_single_precision_keeps_its_bounds() -> None:
    space = spaces.Box(np.array([-0.1, 0.0], dtype=np.float32), np.array([0.1, 7.0], dtype=np.float32))
    bounds = action_space("World-v0", space)
    assert isinstance(bounds, Box)
    for mine, theirs in ((bounds.low, space.low), (bounds.high, space.high)):
        assert mine.dtype == np.float32
        assert np.array_equal(mine, theirs)


@pytest.mark.parametrize("start", [-4, 0, 5])
def test_discrete_actions_begin_anywhere(start: int) -> None:
    space = spaces.Discrete(3, start=start, dtype=np.int32)
    given = announced(space, action_space("World-v0", space), np.array([0, 1, 2]))
    assert given == [start, start + 1, start + 2]
    assert {action.dtype for action in given} == {np.dtype(np.int32)}


NESTED = spaces.Dict(
    {
        "place": spaces.Box(-1, 1, (2, 2)),
        "tools": spaces.Tuple((spaces.Discrete(3, start=2), spaces.MultiBinary(2))),
        "counts": spaces.MultiDiscrete([2, 3]),
        "time": spaces.Box(0, 9, (), dtype=np.int64),
    }
)
SEEN: dict[str, Any] = {
    "place": np.array([[0.5, 0.25], [-1.0, 1.0]], dtype=np.float32),
    "tools": (3, np.array([1, 0], dtype=np.int8)),
    "counts": np.array([1, 2]),
    "time": np.int64(7),
}


@pytest.mark.parametrize(
    "space",
    [NESTED, *BOXES[:-3], spaces.Discrete(4), spaces.MultiDiscrete([2, 2]), spaces.MultiBinary(3)],
    ids=str,
)
def test_observations_are_flat_as_gymnasium_flattens_them(space: gymnasium.Space[Any]) -> None:
    space.seed(0)
    observation = space.sample()
    assert not list(faults(space, observation))
    vector = flat(space, observation)
    assert vector.dtype == np.float64
    assert vector.shape == (observation_size("World-v0", space),)
    assert vector.tolist() == spaces.flatten(space, observation).tolist()


def test_a_nested_observation_by_hand() -> None:
    counts, place, time, tools = [0, 1, 0, 0, 1], [0.5, 0.25, -1.0, 1.0], [7], [0, 1, 0, 1, 0]
    assert flat(NESTED, SEEN).tolist() == [
        number
        for part in NESTED.spaces
        for number in {"counts": counts, "place": place, "time": time, "tools": tools}[part]
    ]


def test_more_digits_than_announced_are_kept() -> None:
    digits = np.array([0.1, 1 / 3])
    assert flat(spaces.Box(-1, 1, (2,)), digits).tolist() == digits.tolist()


@pytest.mark.parametrize(
    ("change", "clause"),
    [
        ({"place": np.zeros(4)}, "observation['place'] of shape [4]; announced is [2, 2]"),
        ({"time": np.array([7])}, "observation['time'] of shape [1]; announced is []"),
        ({"tools": (1, SEEN["tools"][1])}, "observation['tools'][0] 1; announced is Discrete(3, start=2)"),
        ({"tools": (3,)}, "observation['tools'] of 1 parts; announced is a tuple of 2"),
        (
            {"more": 1},
            "observation with the keys ['counts', 'more', 'place', 'time', 'tools']; announced are",
        ),
    ],
)
def test_faults_are_named_with_their_place(change: dict[str, Any], clause: str) -> None:
    (fault,) = faults(NESTED, SEEN | change)
    assert fault.startswith(clause)


def test_an_array_is_no_dictionary() -> None:
    assert next(faults(NESTED, np.zeros(3))).startswith("observation of type ndarray; announced are the keys")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (spaces.Text(5), "World-v0 has observations Text.*Text is not supported, because characters"),
        (spaces.Dict(a=spaces.Sequence(spaces.Discrete(2))), "Sequence is not supported, because its length"),
        (spaces.Graph(spaces.Discrete(2), None), "Graph is not supported, because its length is not fixed"),
        (
            spaces.OneOf((spaces.Discrete(2), spaces.Discrete(3))),
            "OneOf is not supported, because a component",
        ),
        (spaces.Box(0, 1, (0,)), "World-v0 has observations Box.* no components"),
    ],
)
def test_other_observations_are_refused_with_the_reason(space: gymnasium.Space[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        observation_size("World-v0", space)


@pytest.mark.parametrize(
    "space",
    [spaces.MultiDiscrete([2, 2]), spaces.MultiBinary(2), spaces.Tuple((spaces.Discrete(2),))],
    ids=str,
)
def test_other_actions_are_refused_with_the_reason(space: gymnasium.Space[Any]) -> None:
    with pytest.raises(ValueError, match=r"World-v0 has actions .*one categorical distribution"):
        action_space("World-v0", space)
