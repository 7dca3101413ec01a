import os

import pytest
import torch

from helpers import worlds
from helpers.documents import own_module

LONGEST = ("test_workflow.py", "test_loop.py", "test_measurements.py")
"""Files that take more than half a minute. They begin first: else one worker ends alone with one of them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first, everything else as it was."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def my_worlds(tmp_path_factory):
    """The folder of the module `my_worlds` of docs/studies.md, which this process and its children can import."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_worlds.py").write_text(own_module().text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        yield folder


@pytest.fixture(autouse=True, scope="session")
def _worlds():
    worlds.register()
