import pytest

from helpers.exact_gradients import WORLDS
from pgbench.training import experience


@pytest.fixture(params=WORLDS)
def world(request):
    return WORLDS[request.param]


@pytest.fixture
def small_chunks(monkeypatch):
    """Make chunks so small that a trajectory fills one and part of another: the tests then cover their sum."""
    monkeypatch.setattr(experience.chunks, "__defaults__", (3,))
