"""Images of one's own, kept in the database by their content, beside the data sets that everybody has.

A run names them as `own-` and the start of their hash: workers anywhere read them from the store, and a run can be
repeated as long as they are there.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from .. import datasets
from ..config import shown
from ..datasets import DATASETS, Dataset, Images, image_shape, stored_shape
from ..errors import InputError
from .runs import Store, now
from .schema import runs, uploads
from .tensor_bytes import pack, unpack
from .text_rules import refuse_unstorable

log = logging.getLogger(__name__)

OWN = "own-"
SHORT = 12  # characters of the hash in a name
LONGEST_TITLE = 80  # characters
SAID = (uploads.c.hash, uploads.c.name, uploads.c.info, uploads.c.visitor)  # all but the images


@dataclass(frozen=True)
class Upload:
    """What is known of one without reading its images."""

    name: str  # own-…: what a config names
    title: str  # what its owner calls it
    hash: str
    info: dict[str, Any]  # shape, classes, train_size, test_size
    visitor: str | None = None  # who brought them first

    def dataset(self) -> Dataset:
        """As an entry of the registry; its images come from `load` below."""
        shape = image_shape(self.info["shape"])
        count = self.info["train_size"] + self.info["test_size"]
        colour = " in colour" if shape[0] > 1 else ""
        description = f"{count:,} images of one's own, {shape[1]}×{shape[2]}{colour}."
        train_size, test_size = self.info["train_size"], self.info["test_size"]
        return Dataset(self.title, description, shape, train_size, load=_not_from_a_folder, test_size=test_size)


def _not_from_a_folder(_: Path) -> Images:
    raise InputError("These images lie in the database, not in a folder.")


def keep(
    store: Store,
    title: str,
    images: Images,
    visitor: str | None = None,
    may_rename: Callable[[str | None], bool] = lambda _: True,
) -> Upload:
    """Store images once; the same ones again only get a new title. Raises InputError for a bad one.

    The same images with other names of classes are another data set: runs keep what they were trained on.
    `may_rename` is asked with who brought them first: where it says no, they keep the title they have.
    """
    title = title.strip()
    if not title or len(title) > LONGEST_TITLE:
        raise InputError(f"A data set's name takes 1 to {LONGEST_TITLE} characters.")
    refuse_unstorable("The name", title)
    info = {
        "shape": stored_shape(images.shape),
        "white": images.white,
        "classes": list(images.classes),
        "train_size": len(images.train_x),
        "test_size": len(images.test_x),
        "names_in_hash": images.names_in_hash,
    }
    parts = ("train_x", "train_y", "test_x", "test_y")
    payload = pack({part: getattr(images, part) for part in parts})
    with store.write() as connection:
        hash_ = _known_as(connection, images)
        of_these = uploads.c.hash == hash_
        known = connection.execute(select(uploads.c.visitor).where(of_these)).one_or_none()
        if known is None:
            row = {"hash": hash_, "name": title, "info": info, "payload": payload, "visitor": visitor}
            connection.execute(insert(uploads).values(**row, created_at=now()))
        elif may_rename(known.visitor):
            connection.execute(update(uploads).where(of_these).values(name=title))
    told = "images kept" if known is None else "images known already"
    log.info(told, extra={"title": title, "hash": hash_[:SHORT], "visitor": visitor})
    return find(store, OWN + hash_[:SHORT])


def _known_as(connection: Connection, images: Images) -> str:
    """The hash that the images are kept under: what was kept before names of classes were part of it stays as it is."""
    before = replace(images, names_in_hash=False).hash
    info = connection.scalar(select(uploads.c.info).where(uploads.c.hash == before))
    return before if info and tuple(info["classes"]) == images.classes else images.hash


def listed(store: Store) -> list[Upload]:
    """All of them, newest first."""
    query = select(*SAID).order_by(uploads.c.created_at.desc(), uploads.c.hash)
    with store.engine.connect() as connection:
        return [_upload(row) for row in connection.execute(query)]


def find(store: Store, name: str) -> Upload:
    """Raises InputError when there is none of this name."""
    query = select(*SAID)
    short, row = name.removeprefix(OWN), None
    if len(short) == SHORT and short.isprintable():
        with store.engine.connect() as connection:
            row = connection.execute(query.where(uploads.c.hash.startswith(short, autoescape=True))).first()
    if row is None:
        raise InputError(
            f"There are no images called {shown(repr(name))} in this database; upload them on the Data page."
        )
    return _upload(row)


def remove(store: Store, name: str) -> None:
    """Raises InputError when a run was trained on them: it could not be repeated."""
    upload = find(store, name)
    with store.write() as connection:
        configs = connection.scalars(select(runs.c.config))
        if count := sum(config["dataset"] == name for config in configs):
            raise InputError(f"{count:,} run{'s' * (count > 1)} learnt from {upload.title}; delete those first.")
        connection.execute(delete(uploads).where(uploads.c.hash == upload.hash))
    log.info("images removed", extra={"title": upload.title, "hash": name.removeprefix(OWN)})


def catalogue(store: Store) -> dict[str, Dataset]:
    """All data sets that a config may name: the registry's, then one's own.

    Those of one title are told apart by the beginning of their hash.
    """
    uploads = listed(store)
    titles = Counter(upload.title for upload in uploads)
    found = {}
    for upload in uploads:
        mark = f" · {upload.hash[:6]}" if titles[upload.title] > 1 else ""
        found[upload.name] = replace(upload.dataset(), title=f"{upload.title}{mark}")
    return DATASETS | found


def lookup(store: Store, name: str) -> Dataset:
    """One entry of the catalogue. Raises InputError naming what there is."""
    return find(store, name).dataset() if name.startswith(OWN) else datasets.lookup(name)


def load(store: Store, name: str, data_dir: Path) -> Images:
    """Any data set of the catalogue, checked. Raises InputError when it isn't here."""
    return _own(store, name) if name.startswith(OWN) else datasets.load(name, data_dir)


@lru_cache(maxsize=1)  # each may take VAE_MAX_UPLOAD_MB
def _own(store: Store, name: str) -> Images:
    upload = find(store, name)
    with store.engine.connect() as connection:
        payload = connection.scalar(select(uploads.c.payload).where(uploads.c.hash == upload.hash))
    arrays = unpack(payload)
    images = Images(
        name=name,
        shape=image_shape(upload.info["shape"]),
        white=upload.info["white"],
        classes=tuple(upload.info["classes"]),
        names_in_hash=upload.info.get("names_in_hash", False),
        train_x=arrays["train_x"],
        train_y=arrays["train_y"],
        test_x=arrays["test_x"],
        test_y=arrays["test_y"],
    )
    if images.hash != upload.hash:
        raise InputError(f"{upload.title} is damaged in the database: its images are not those that were stored.")
    return images


def _upload(row: Any) -> Upload:
    return Upload(OWN + row.hash[:SHORT], row.name, row.hash, row.info, row.visitor)
