"""Loops as machine code, for work that torch and NumPy can do only in many small steps.

Calling an operation of torch or NumPy costs microseconds; on small arrays that is more than its arithmetic. Numba
compiles many such operations into one function. The tests hold a naive version of each compiled function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function, reordered: bool = False) -> Function:
    """The function, compiled for each kind of arguments at the first call, and cached for later processes.

    A product and a sum may be rounded once instead of twice. Division by zero gives what IEEE 754 says. Sums keep
    the order in which they are written, unless `reordered` allows adding a vector of terms at a time. Numba
    compiles a cached function again if its own file has changed, but not if another file has; functions that call
    each other must therefore stand in one file.
    """
    freedom = {"contract", "reassoc", "nsz"} if reordered else {"contract"}
    return cast(Function, numba.njit(cache=True, fastmath=freedom, error_model="numpy")(function))
