"""What pages share and never change, kept up to a number of bytes: networks, codes, images, whichever run is looked at.

`st.cache_resource` counts entries, and one run's networks weigh a thousand times another's. Here all of them together
stay below MOST; what nobody has asked for longest goes first. (`st.cache_data` has a limit of its own:
`server.maxCacheDataSize` in .streamlit/config.toml.)
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

MOST = 120 * 2**20  # bytes of all entries; the newest one stays, whatever it weighs: a page is just using it
SMALL = 200  # bytes of what is not counted: a Python object with its pointers
DEEPEST = 6  # levels of containers that are looked into

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


class MemoryCache:
    """Values by key, the least recently used ones forgotten. Each is made once, however many wait for it."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.bytes = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The value of `key`, made if it isn't there. What `make` raises is raised, and nothing is kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
            turn = self._making.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if key in self._kept:  # somebody else has just made it
                    return self._kept[key][0]
            try:
                value = make()
                self._keep(key, value, weight(value))
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
            self.bytes = 0

    def _keep(self, key: Hashable, value: Any, size: int) -> None:
        with self._lock:
            self._kept[key] = (value, size)
            self.bytes += size
            while self.bytes > self.most and len(self._kept) > 1:
                self.bytes -= self._kept.popitem(last=False)[1][1]


_all = MemoryCache(MOST)


def memory_cached(function: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """Decorates a function of hashable arguments whose values all visitors share: never change them."""

    @wraps(function)
    def wrapped(*args: Parameters.args, **named: Parameters.kwargs) -> Returned:
        key = (function.__module__, function.__qualname__, *args, *sorted(named.items()))
        return _all.get(key, lambda: function(*args, **named))

    return wrapped


clear = _all.clear


def weight(value: Any, depth: int = 0) -> int:
    """Bytes of the arrays, tensors and networks in it, about."""
    if isinstance(value, np.ndarray):
        size = value.nbytes
    elif isinstance(value, (bytes, str)):
        size = len(value)
    elif hasattr(value, "element_size"):  # a tensor
        size = value.numel() * value.element_size()
    elif depth < DEEPEST:
        size = sum(weight(part, depth + 1) for part in _parts(value))
    else:
        size = 0
    return size + SMALL


def _parts(value: Any) -> Iterable[Any]:
    if hasattr(value, "state_dict"):  # a network
        return value.state_dict().values()
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, (list, tuple)) else getattr(value, "__dict__", {}).values()
