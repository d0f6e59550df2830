"""Loops over samples as compiled code."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function of arrays and numbers at its first call; later processes read what was compiled.

    Mark it `typing.no_type_check`: the shape checks of tests would wrap what is to be compiled.
    """
    try:
        made: Any = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder to keep it in: neither beside the file nor the user's
        made = numba.njit(nogil=True)(function)
    return cast(Function, made)
