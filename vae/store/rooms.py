"""Rooms: a teacher asks, a class answers on its phones, one answer for each visitor and claim until it is revealed.

A room ends by itself some hours after its last question. What doesn't belong is an InputError with one sentence.
"""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, distinct, func, insert, select, update

from ..config import shown
from ..errors import InputError
from .cleanup import steady_now
from .run_rows import utc
from .runs import Store
from .schema import room_answers, rooms
from .text_rules import cleaned

log = logging.getLogger(__name__)

ALPHABET = "CDFHJKLMNPQRTWXY3479"  # no two look alike on a projector, and without A, E, O, U none makes a word
LENGTH = 6  # of a code: 64 million
LASTS = dt.timedelta(hours=6)  # after the last question
KEPT = dt.timedelta(days=1)  # after the last question, then all of it is gone
MOST_ROOMS = 200  # open at one time
MOST_PHONES = 200  # in one room
MOST_CHOICES = 10


@dataclass(frozen=True)
class Revealed:
    """What was measured for a claim, as a room was shown it."""

    said: str  # in a sentence or two
    answer: int | None  # the choice that it gives, from 0; none: it gives none


@dataclass(frozen=True)
class Room:
    """An open room."""

    code: str
    visitor: str  # who opened it
    opened_at: dt.datetime
    last_asked: dt.datetime  # the last question, or its opening
    claim: int | None  # shown now; none: nothing was asked yet
    choices: int | None  # how many answers that claim offers
    revealed: Mapping[int, Revealed]  # by claim


def normal(code: str) -> str:
    """A code as it is kept, however it was typed: `c3k 7rw` and `C3K-7RW` are C3K7RW."""
    return "".join(code.split()).replace("-", "").upper()


def open_room(store: Store, visitor: str) -> str:
    """Open a room and return its code. One that the visitor has open ends. Raises InputError when there are too many.

    Rooms that ended long ago are removed.
    """
    with store.write() as connection:
        _purge(connection)
        connection.execute(update(rooms).where(rooms.c.visitor == visitor).values(closed=True))
        count = connection.scalar(select(func.count()).select_from(rooms).where(*_open()))
        if count is not None and count >= MOST_ROOMS:
            raise InputError(f"{MOST_ROOMS} rooms are open on this server, which is all it takes; try again later.")
        taken = set(connection.scalars(select(rooms.c.code)))
        while (code := "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))) in taken:
            pass
        today = steady_now()
        row = {"code": code, "visitor": visitor, "opened_at": today, "last_asked": today}
        connection.execute(insert(rooms).values(**row, closed=False, revealed={}))
    log.info("room opened", extra={"room": code, "visitor": visitor})
    return code


def find(store: Store, code: str) -> Room:
    """Raises InputError when there is no such room, or when it has ended."""
    with store.engine.connect() as connection:
        return _room(connection, code)


def ask(store: Store, code: str, claim: int, choices: int) -> None:
    """Show the room a claim that offers so many `choices`. Raises InputError."""
    if not 2 <= choices <= MOST_CHOICES:
        raise InputError(f"A question offers 2 to {MOST_CHOICES} answers, not {choices:,}.")
    with store.write() as connection:
        room = _room(connection, code)
        asked = update(rooms).where(rooms.c.code == room.code)
        connection.execute(asked.values(claim=claim, choices=choices, last_asked=steady_now()))


def answer(store: Store, code: str, claim: int, visitor: str, choice: int) -> None:
    """Count a visitor's choice, from 0, for the claim that is shown, instead of the one before. Raises InputError."""
    with store.write() as connection:  # one after the other: nobody is counted twice
        room = _room(connection, code)
        if room.claim is None:
            raise InputError("Nothing is asked in this room yet.")
        if claim != room.claim:
            raise InputError("This question is over: the room has moved on to another one.")
        if claim in room.revealed:
            raise InputError("This question is over: its answer has been shown.")
        if room.choices is None or not 0 <= choice < room.choices:
            raise InputError(f"This question has no answer number {choice + 1:,}.")
        mine = room_answers.c.room == room.code, room_answers.c.claim == claim, room_answers.c.visitor == visitor
        if connection.execute(update(room_answers).where(*mine).values(choice=choice)).rowcount:
            return
        others = select(func.count(distinct(room_answers.c.visitor))).where(
            room_answers.c.room == room.code, room_answers.c.visitor != visitor
        )
        if (connection.scalar(others) or 0) >= MOST_PHONES:
            raise InputError(f"{MOST_PHONES} people answer in this room already, which is all it takes.")
        row = {"room": room.code, "claim": claim, "visitor": visitor, "choice": choice}
        connection.execute(insert(room_answers).values(**row))


def answered(store: Store, code: str, claim: int, visitor: str) -> int | None:
    """A visitor's choice; None where they have not answered."""
    mine = room_answers.c.room == normal(code), room_answers.c.claim == claim, room_answers.c.visitor == visitor
    with store.engine.connect() as connection:
        return connection.scalar(select(room_answers.c.choice).where(*mine))


def tally(store: Store, code: str, claim: int, choices: int) -> list[int]:
    """How many chose each of a claim's `choices`. Raises InputError when the room isn't there, or has ended."""
    with store.engine.connect() as connection:
        room = _room(connection, code)
        of_claim = room_answers.c.room == room.code, room_answers.c.claim == claim
        query = select(room_answers.c.choice, func.count()).where(*of_claim).group_by(room_answers.c.choice)
        counts: dict[int, int] = dict(connection.execute(query).all())
    return [counts.get(choice, 0) for choice in range(choices)]


def reveal(store: Store, code: str, claim: int, said: str, answer: int | None) -> None:
    """Show the room what was measured for a claim; its answers stay as they are from then on. Raises InputError."""
    with store.write() as connection:
        room = _room(connection, code)
        if claim != room.claim:
            raise InputError("Only the question that the room sees can be revealed.")
        told = {str(number): vars(known) for number, known in room.revealed.items()}
        told[str(claim)] = vars(Revealed(cleaned(said), answer))
        connection.execute(update(rooms).where(rooms.c.code == room.code).values(revealed=told))


def close(store: Store, code: str) -> None:
    """End a room now. Raises InputError when there is no such room, or when it has ended."""
    with store.write() as connection:
        room = _room(connection, code)
        connection.execute(update(rooms).where(rooms.c.code == room.code).values(closed=True))
    log.info("room ended", extra={"room": room.code})


def purge(store: Store) -> None:
    """Remove rooms whose last question is longer ago than KEPT, with all their answers."""
    with store.write() as connection:
        _purge(connection)


def _purge(connection: Connection) -> None:
    connection.execute(delete(rooms).where(rooms.c.last_asked < steady_now() - KEPT))


def _open() -> Sequence[Any]:
    return rooms.c.closed.is_(False), rooms.c.last_asked >= steady_now() - LASTS


def _room(connection: Connection, code: str) -> Room:
    row, code = None, normal(code)
    if len(code) == LENGTH and set(code) <= set(ALPHABET):  # a link may say anything, and no driver takes all of it
        row = connection.execute(select(rooms).where(rooms.c.code == code)).one_or_none()
    if row is None:
        raise InputError(f"There is no room {shown(repr(code))}; look at the code on the screen again.")
    values = utc(row._asdict())
    if values.pop("closed") or steady_now() - values["last_asked"] > LASTS:
        raise InputError("This room has ended.")
    revealed = {int(claim): Revealed(**told) for claim, told in values.pop("revealed").items()}
    return Room(**values, revealed=revealed)
