"""The documents may name the module of their own example."""

import pytest


@pytest.fixture(autouse=True)
def _my_worlds(my_worlds):
    """The module can be imported."""
