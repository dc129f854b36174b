"""A run as one row: what it holds, how one is made, queued again and read."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, ScalarSelect, func, insert, select, update

from .. import naming
from ..config import RunConfig
from ..datasets import Shape, image_shape
from .schema import runs

ACTIVE = ("queued", "running")
ENDED = ("done", "stopped", "failed", "interrupted")
RESUMABLE = ("stopped", "interrupted")


class Superseded(RuntimeError):
    """Another attempt at the same run has taken over; this one must not write."""


@dataclass(frozen=True)
class Run:
    """One row of `runs`, its config parsed."""

    id: str
    name: str
    config: RunConfig
    status: str
    error: str | None
    stop_requested: bool
    epoch: int
    attempt: int
    owner: str
    pulse: int
    versions: dict[str, str]  # of the program and its libraries; empty until it has begun, as `data` is
    data: dict[str, Any]  # hash, shape, classes, split, mean-image line
    created_at: dt.datetime
    queued_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    seconds: float
    tags: tuple[str, ...]
    note: str | None
    deleted_at: dt.datetime | None
    visitor: str | None
    ticket: int
    fingerprint: str | None

    @property
    def active(self) -> bool:
        return self.status in ACTIVE

    @property
    def last_epoch(self) -> int:
        """Whose weights count: of a run that is done its last one, else the one it would end with at the latest."""
        return self.epoch if self.status == "done" else self.config.epochs

    @property
    def ended_early(self) -> bool:
        """Whether its patience came to an end before its epochs did."""
        return bool(self.config.patience) and self.last_epoch < self.config.epochs

    @property
    def ending(self) -> str | None:
        """Why it ended before its epochs did, as a sentence; None where it didn't."""
        if not self.ended_early:
            return None
        waited = f"{self.config.patience} epoch{'' if self.config.patience == 1 else 's'}"
        return (
            f"Ended after epoch {self.epoch} of {self.config.epochs}: for {waited} no model had a new lowest objective "
            "on the validation images."
        )

    @property
    def shape(self) -> Shape:
        """Of its images, once its data are known."""
        return image_shape(self.data["shape"])

    @property
    def watched_images(self) -> str:
        """What its curves and pictures show, in words, once its data are known."""
        return "validation" if self.data["watched_split"] == "validation" else "training"

    @property
    def from_a_file(self) -> bool:
        """Whether it was not trained in this database: a ready-trained run, or imported weights."""
        return bool(self.data.get("imported"))

    @property
    def imported(self) -> bool:
        """Whether its weights came from a file: it has one epoch, the last, and nobody knows how it was trained."""
        return bool(self.data.get("imported", {}).get("weights"))

    @property
    def resumable(self) -> bool:
        """Also after the last epoch: the test images may still have to be measured."""
        return self.status in RESUMABLE


@dataclass(frozen=True)
class EpochRecord:
    """What `record_epoch` writes: rows for `metrics`, and safetensors bytes by variant."""

    epoch: int
    split: str
    seconds: float
    metrics: dict[str, dict[str, Any]]
    snapshots: dict[str, bytes]
    weights: dict[str, bytes]  # empty when this epoch's are not kept
    checkpoint: bytes


def now() -> dt.datetime:
    """The time in UTC; for people to read, never to decide by: clocks jump."""
    return dt.datetime.now(dt.UTC)


def new_owner(kind: str) -> str:
    """A name for who answers for a run: a dashboard or a command."""
    return f"{kind}-{secrets.token_hex(6)}"


def new_run(connection: Connection, config: RunConfig, owner: str, visitor: str | None = None) -> str:
    """Queue a run within somebody's transaction, and return its id."""
    run_id = secrets.token_hex(4)
    connection.execute(
        insert(runs).values(
            id=run_id,
            name=naming.name(config),
            config=config.model_dump(mode="json"),
            status="queued",
            owner=owner,
            created_at=now(),
            queued_at=now(),
            visitor=visitor,
            ticket=next_ticket(),
            fingerprint=config.fingerprint(),
        )
    )
    return run_id


def queue_again(connection: Connection, run_id: str, owner: str, status: Sequence[str]) -> bool:
    """`Store.requeue` within somebody's transaction."""
    values = {"status": "queued", "owner": owner, "stop_requested": False, "error": None, "finished_at": None}
    values["deleted_at"] = None  # whoever goes on with a deleted run wants it back, and a purge must not meet it
    mine = runs.c.id == run_id, runs.c.status.in_(status)
    # A sign of life: whoever has just seen it silent for too long must not take that for news.
    values |= {"queued_at": now(), "ticket": next_ticket(), "pulse": runs.c.pulse + 1}
    return connection.execute(update(runs).where(*mine).values(**values)).rowcount == 1


def next_ticket() -> ScalarSelect:
    """Behind everybody who waits, whatever the clock says."""
    given = runs.alias()
    return select(func.coalesce(func.max(given.c.ticket), 0) + 1).scalar_subquery()


def utc(values: dict[str, Any]) -> dict[str, Any]:
    """A row's values, its times with their zone: SQLite forgets it, and all are UTC."""
    return {
        name: value.replace(tzinfo=dt.UTC) if isinstance(value, dt.datetime) and value.tzinfo is None else value
        for name, value in values.items()
    }


def run_of(row: Any) -> Run:
    """A row of the table `runs`, its config parsed."""
    values = utc(row._asdict())
    values.pop("split_hash")
    config = RunConfig.parse(values["config"])
    told = {"name": naming.better(config).get(values["name"], values["name"]), "tags": tuple(values["tags"] or ())}
    begun = {"versions": values["versions"] or {}, "data": values["data"] or {}}
    return Run(**values | told | begun | {"config": config})
