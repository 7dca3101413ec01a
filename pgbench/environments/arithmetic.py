"""Arithmetic whose last bit, or whose time, matters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Real = TypeVar("Real", bound=np.floating[Any])


def scalar_square(values: NDArray[Real]) -> NDArray[Real]:
    """The squares of values [K], in their own precision, each as a NumPy scalar.

    Gymnasium writes `x**2` on NumPy scalars, which calls the C library's `pow`; on arrays the same
    expression multiplies. The two differ in the last bit about once in a thousand, and a chaotic system soon
    makes another trajectory of that.
    """
    return np.array([value**2 for value in values], dtype=values.dtype)


def stacked(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Arrays of one shape along a new first axis; `np.stack` does the same several times slower."""
    return np.concatenate(arrays).reshape(len(arrays), *arrays[0].shape)
