import pytest
import torch

from helpers import worlds

LONGEST = ("test_workflow.py", "test_loop.py", "test_measurements.py")
"""Files that take more than half a minute. They begin first: else one worker ends alone with one of them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, everything else as it was."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _worlds():
    worlds.register()
