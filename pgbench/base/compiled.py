"""Loops as machine code, for what torch and numpy can only do in many small steps.

An operation of torch or numpy costs microseconds to call, on small arrays more than its arithmetic. Numba makes one
function of many such operations. What is compiled here has a naive twin in the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function, reordered: bool = False) -> Function:
    """The function compiled at its first call, by kinds of arguments, and kept for later processes.

    A product and a sum may become one rounded operation, and division by zero gives what IEEE 754 says. Sums keep
    the order in which they are written, unless `reordered` lets a vector of terms be added at a time. Numba
    compiles a kept function again when its own file has changed and not when another has, so functions that call
    each other stand in one file.
    """
    freedom = {"contract", "reassoc", "nsz"} if reordered else {"contract"}
    return cast(Function, numba.njit(cache=True, fastmath=freedom, error_model="numpy")(function))
