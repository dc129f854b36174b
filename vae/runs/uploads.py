"""Images of one's own, kept in the database by their content, beside the data sets that everybody has.

A run names them as `own-` and the start of their hash: workers anywhere read them from the store, and a run can be
repeated as long as they are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert, select, update

from .. import datasets
from ..datasets import DATASETS, Dataset, Images
from ..errors import InputError
from .payloads import pack, unpack
from .schema import runs, uploads
from .store import Store, now

OWN = "own-"
SHORT = 12  # characters of the hash in a name
LONGEST_TITLE = 80  # characters


@dataclass(frozen=True)
class Upload:
    """What is known of one without reading its images."""

    name: str  # own-…: what a config names
    title: str  # what its owner calls it
    hash: str
    info: dict[str, Any]  # shape, classes, train_size, test_size

    def dataset(self) -> Dataset:
        """As an entry of the registry; its images come from `load` below."""
        height, width = self.info["shape"]
        count = self.info["train_size"] + self.info["test_size"]
        description = f"{count:,} images of one's own, {height}×{width}."
        return Dataset(self.title, description, (height, width), self.info["train_size"], load=_not_from_a_folder)


def _not_from_a_folder(_: Path) -> Images:
    raise InputError("These images lie in the database, not in a folder.")


def keep(store: Store, title: str, images: Images) -> Upload:
    """Store images once; the same ones again only get new names. Raises InputError for a bad title."""
    title = title.strip()
    if not title or len(title) > LONGEST_TITLE:
        raise InputError(f"A data set's name takes 1 to {LONGEST_TITLE} characters.")
    info = {
        "shape": list(images.shape),
        "white": images.white,
        "classes": list(images.classes),
        "train_size": len(images.train_x),
        "test_size": len(images.test_x),
    }
    parts = ("train_x", "train_y", "test_x", "test_y")
    payload = pack({part: getattr(images, part) for part in parts})
    with store.write() as connection:
        known = connection.scalar(select(uploads.c.hash).where(uploads.c.hash == images.hash))
        if known:
            connection.execute(update(uploads).where(uploads.c.hash == known).values(name=title, info=info))
        else:
            connection.execute(
                insert(uploads).values(hash=images.hash, name=title, info=info, payload=payload, created_at=now())
            )
    return find(store, OWN + images.hash[:SHORT])


def listed(store: Store) -> list[Upload]:
    """All of them, newest first."""
    query = select(uploads.c.hash, uploads.c.name, uploads.c.info)
    query = query.order_by(uploads.c.created_at.desc(), uploads.c.hash)
    with store.engine.connect() as connection:
        return [_upload(row) for row in connection.execute(query)]


def find(store: Store, name: str) -> Upload:
    """Raises InputError when there is none of this name."""
    query = select(uploads.c.hash, uploads.c.name, uploads.c.info)
    short = name.removeprefix(OWN)
    with store.engine.connect() as connection:
        row = connection.execute(query.where(uploads.c.hash.startswith(short, autoescape=True))).first()
    if row is None or len(short) != SHORT:
        raise InputError(f"There are no images called {name!r} in this database; upload them on the Data page.")
    return _upload(row)


def remove(store: Store, name: str) -> None:
    """Raises InputError when a run was trained on them: it could not be repeated."""
    upload = find(store, name)
    with store.write() as connection:
        configs = connection.scalars(select(runs.c.config))
        if count := sum(config["dataset"] == name for config in configs):
            raise InputError(f"{count:,} run{'s' * (count > 1)} learnt from {upload.title}; delete those first.")
        connection.execute(delete(uploads).where(uploads.c.hash == upload.hash))


def catalogue(store: Store) -> dict[str, Dataset]:
    """All data sets that a config may name: the registry's, then one's own."""
    return DATASETS | {upload.name: upload.dataset() for upload in listed(store)}


def lookup(store: Store, name: str) -> Dataset:
    """One entry of the catalogue. Raises InputError naming what there is."""
    return find(store, name).dataset() if name.startswith(OWN) else datasets.lookup(name)


def load(store: Store, name: str, data_dir: Path) -> Images:
    """Any data set of the catalogue, checked. Raises InputError when it isn't here."""
    return _own(store, name) if name.startswith(OWN) else datasets.load(name, data_dir)


@lru_cache(maxsize=2)
def _own(store: Store, name: str) -> Images:
    upload = find(store, name)
    with store.engine.connect() as connection:
        payload = connection.scalar(select(uploads.c.payload).where(uploads.c.hash == upload.hash))
    images = Images(
        name=name,
        shape=tuple(upload.info["shape"]),
        white=upload.info["white"],
        classes=tuple(upload.info["classes"]),
        **unpack(payload),
    )
    if images.hash != upload.hash:
        raise InputError(f"{upload.title} is damaged in the database: its images are not those that were stored.")
    return images


def _upload(row: Any) -> Upload:
    return Upload(OWN + row.hash[:SHORT], row.name, row.hash, row.info)
