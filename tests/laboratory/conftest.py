import pytest

from helpers.exact_gradients import WORLDS
from pgbench.training import experience


@pytest.fixture(params=WORLDS)
def world(request):
    return WORLDS[request.param]


@pytest.fixture
def small_chunks(monkeypatch):
    """A trajectory fills one chunk and part of another, so that their sum is part of what is tested."""
    monkeypatch.setattr(experience.chunks, "__defaults__", (3,))
