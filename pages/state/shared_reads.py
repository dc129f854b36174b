"""What visitors share for a moment, so that a class that looks at the same thing reads it once."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Generic, ParamSpec, TypeVar

import streamlit as st

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


class SharedRead(Generic[Parameters, Returned]):
    """`st.cache_resource` with a time to live. Values are shared: never change them.

    Streamlit 1.67 asks whether a value is there and then takes it; one whose time ends in between is a KeyError. With
    thirty visitors that happened about once a lesson. Asked again, it is read anew.
    """

    def __init__(self, function: Callable[Parameters, Returned], seconds: float, most: int | None) -> None:
        wraps(function)(self)
        self._cached: Any = st.cache_resource(ttl=seconds, max_entries=most, show_spinner=False)(function)

    def __call__(self, *args: Parameters.args, **named: Parameters.kwargs) -> Returned:
        try:
            return self._cached(*args, **named)
        except KeyError:
            return self._cached(*args, **named)

    def clear(self) -> None:
        """Forget what was read."""
        self._cached.clear()


def shared_for(
    seconds: float, most: int | None = None
) -> Callable[[Callable[Parameters, Returned]], SharedRead[Parameters, Returned]]:
    """Decorates a function of hashable arguments: its value is read again after so many `seconds`."""
    return lambda function: SharedRead(function, seconds, most)
