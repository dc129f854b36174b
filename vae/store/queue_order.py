"""Whose turn it is: visitors take turns, so that nobody waits for all that somebody else has asked for.

A waiting run's place depends on who asked, not on how much they ask for. First come those with the least under way;
among them whoever was served, or began to wait, longest ago. So everybody else has at most one turn before somebody who
has nothing under way, and who comes later passes nobody. Runs of a sweep count as their visitor's. No clock is read: a
run gets a new ticket when it is queued, when it begins and when it is over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from ..errors import InputError
from ..settings import Settings
from .schema import runs, sweeps

_WHO = func.coalesce(runs.c.visitor, runs.c.owner)  # a command has no visitor: each is one of its own


@dataclass(frozen=True)
class Waiting:
    """A run that waits."""

    id: str
    who: str  # asked for it
    ticket: int


@dataclass
class Turns:
    """Who is next, as runs begin and end."""

    _waiting: dict[str, deque[Waiting]]
    _under_way: dict[str, int]
    _served: dict[str, int]  # the last ticket of somebody's runs that began or are over
    _now: int  # the last ticket given

    @classmethod
    def of(cls, waiting: Iterable[Waiting], under_way: Mapping[str, int], served: Mapping[str, int]) -> Turns:
        """`under_way`: how many runs of each are being trained. `served`: the last ticket of those that
        began or are over.
        """
        by_who: dict[str, deque[Waiting]] = {}
        for run in sorted(waiting, key=lambda run: (run.ticket, run.id)):
            by_who.setdefault(run.who, deque()).append(run)
        given = (run.ticket for of_one in by_who.values() for run in of_one)
        return cls(by_who, dict(under_way), dict(served), max([0, *served.values(), *given]))

    def begin(self) -> Waiting | None:
        """Take the next run out of the queue; None when nobody waits."""
        if not self._waiting:
            return None
        who = min(self._waiting, key=self._urgency)
        run = self._waiting[who].popleft()
        if not self._waiting[who]:
            del self._waiting[who]
        self._under_way[who] = self._under_way.get(who, 0) + 1
        self._serve(who)
        return run

    def end(self, who: str) -> None:
        """A run of theirs is over."""
        self._under_way[who] = max(0, self._under_way.get(who, 0) - 1)
        self._serve(who)

    def _serve(self, who: str) -> None:
        self._now += 1
        self._served[who] = self._now

    def _urgency(self, who: str) -> tuple[int, int, str]:
        first = self._waiting[who][0]
        return self._under_way.get(who, 0), max(first.ticket, self._served.get(who, 0)), first.id


def fair_order(waiting: Iterable[Waiting], under_way: Mapping[str, int], served: Mapping[str, int]) -> list[str]:
    """Ids of the waiting runs, next one first, as things stand: what ends meanwhile may move them by a round."""
    turns, order = Turns.of(waiting, under_way, served), []
    while run := turns.begin():
        order.append(run.id)
    return order


def standing(connection: Connection) -> tuple[list[Waiting], dict[str, int], dict[str, int]]:
    """What `Turns.of` takes, of all runs in the store."""
    waiting = [
        Waiting(*row)
        for row in connection.execute(select(runs.c.id, _WHO, runs.c.ticket).where(runs.c.status == "queued"))
    ]
    if not waiting:
        return [], {}, {}
    counted = select(_WHO, func.count()).where(runs.c.status == "running").group_by(_WHO)
    since = min(run.ticket for run in waiting)  # earlier ones change no turn
    begun = runs.c.status != "queued", runs.c.started_at.is_not(None), runs.c.ticket > since
    latest = select(_WHO, func.max(runs.c.ticket)).where(*begun)
    return (
        waiting,
        dict(tuple(row) for row in connection.execute(counted)),
        dict(tuple(row) for row in connection.execute(latest.group_by(_WHO))),
    )


def room_for_run(connection: Connection, visitor: str | None, settings: Settings) -> None:
    """Raises InputError when too many runs wait; asked within the transaction that would add one."""
    queued = select(func.count()).select_from(runs).where(runs.c.status == "queued")
    if connection.execute(queued).scalar_one() >= settings.max_queued:
        raise InputError(
            f"{settings.max_queued:,} runs are waiting already (VAE_MAX_QUEUED). Try again when some have ended."
        )
    most = settings.max_queued_per_visitor
    if visitor and connection.execute(queued.where(runs.c.visitor == visitor)).scalar_one() >= most:
        are = "s of yours are" if most > 1 else " of yours is"
        raise InputError(
            f"{most:,} run{are} waiting already (VAE_MAX_QUEUED_PER_VISITOR). Try again when some have ended."
        )


def room_for_sweep(connection: Connection, visitor: str | None, most: int) -> None:
    """Raises InputError when a visitor's sweeps are too many; asked within the transaction that would begin one."""
    mine = sweeps.c.visitor == visitor, sweeps.c.status == "running"
    running = select(func.count()).select_from(sweeps).where(*mine)
    if visitor and connection.execute(running).scalar_one() >= most:
        are = "s of yours are" if most > 1 else " of yours is"
        raise InputError(
            f"{most:,} sweep{are} running already (VAE_MAX_SWEEPS_PER_VISITOR). Stop one, or wait until one is done."
        )
