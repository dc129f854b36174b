"""When the database is away, locked or full: what people are told, and waiting until it is back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

log = logging.getLogger(__name__)

PATIENCE = 600.0  # seconds a training waits for the database before it breaks off, to be resumed later
FIRST, LONGEST = 0.1, 2.0  # seconds between attempts: doubled from the first to the longest

Result = TypeVar("Result")

# What drivers say, in the order in which it is looked for, and the sentence for people.
SAFE = "What was recorded is safe, and work goes on by itself when"
SENTENCES = (
    (("disk is full", "no space left", "disk full", "could not extend file"), f"The disk that holds the database is "
     f"full: nothing more can be recorded. {SAFE} there is room again."),
    (("locked", "lock timeout"), f"Another program keeps the database locked. {SAFE} it lets go."),
    (("readonly", "read-only"), f"The database can only be read at the moment. {SAFE} it may be written to again."),
    (("malformed", "not a database"), "The database file is damaged. Stop the server and restore it from a copy, or "
     "name another with VAE_DATABASE_URL."),
)  # fmt: skip
AWAY = f"The database can't be reached at the moment. {SAFE} it is back."


def is_outage(error: BaseException) -> bool:
    """Whether the same may succeed later: the database is away, locked, full, or broke the connection."""
    return isinstance(error, (OperationalError, PoolTimeout)) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )


def sentence(error: BaseException) -> str | None:
    """What a person is told of a database's error; None for any other error."""
    if not isinstance(error, (DBAPIError, PoolTimeout)):
        return None
    said = str(getattr(error, "orig", error)).lower()
    for words, told in SENTENCES:
        if any(word in said for word in words):
            return told
    return AWAY if is_outage(error) else None


def patiently(ask: Callable[[], Result]) -> Result:
    """`ask()`, again and again while the database is away. It must do no harm twice: an answer may be lost.

    Raises what `ask` raised last when PATIENCE is over, and at once what waiting can't mend.
    """
    deadline, pause = time.monotonic() + PATIENCE, FIRST
    while True:
        try:
            return ask()
        except (DBAPIError, PoolTimeout) as error:
            if not is_outage(error) or time.monotonic() > deadline:
                raise
            if pause == FIRST:
                log.warning("waiting for the database: %s", str(getattr(error, "orig", error)).strip())
        time.sleep(pause)
        pause = min(2 * pause, LONGEST)
