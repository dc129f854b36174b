"""Giving memory back. Every visitor's script runs in a thread of its own, and glibc keeps what threads have freed."""

from __future__ import annotations

import ctypes
import threading

ARENAS, ARENA_MAX = 2, -8  # heaps that threads share; mallopt's name for that
EVERY = 20.0  # seconds between two times that freed memory goes back to the system: a few milliseconds each


def start() -> None:
    """From now on, where the C library is glibc; elsewhere nothing is done."""
    try:
        library = ctypes.CDLL(None)
        library.mallopt(ARENA_MAX, ARENAS)
        trim = library.malloc_trim
    except (OSError, AttributeError, TypeError):
        return

    def keep_trimming() -> None:
        while True:
            threading.Event().wait(EVERY)
            trim(0)

    threading.Thread(target=keep_trimming, name="malloc trim", daemon=True).start()
