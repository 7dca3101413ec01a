"""Imports of large packages in less time."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quickly_imported() -> Iterator[None]:
    """Look for no garbage while packages are imported in the body, nor among what they made later.

    An import makes hundreds of thousands of objects that live as long as the process. Looking for garbage among
    them takes a fifth of the time in which torch, pandas and Numba are imported.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
