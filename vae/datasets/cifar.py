"""CIFAR-10 in its binary version: the version in Python's pickles could run a program, and is never opened.

Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .downloads import Source, md5_of
from .images import Images

SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32  # bytes of an image: its class, then red, green and blue, each row by row
BATCHES = tuple(f"data_batch_{place}.bin" for place in range(1, 6))
TEST = "test_batch.bin"
IN_A_FILE = 10_000  # images


@dataclass(frozen=True)
class CifarSource(Source):
    """One archive with six files of images, in the folder that its authors call cifar-10-batches-bin."""

    url: str = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    md5: str = "c32a1d4ab5d03f1284b67883e8d87530"  # as the page of the data set says
    images_in_a_file: int = IN_A_FILE

    @property
    def wanted(self) -> tuple[str, ...]:
        return (*BATCHES, TEST)

    @property
    def by_hand(self) -> str:
        return f"{', '.join(self.wanted)}, or {self._archive} as it is; the version for Python is never opened"

    @property
    def _archive(self) -> str:
        return self.url.rsplit("/", 1)[-1]

    def folder(self, data_dir: Path) -> Path:
        return data_dir / "cifar-10-batches-bin"

    def available(self, data_dir: Path) -> bool:
        """Whether all six files are there, or their archive."""
        folder = self.folder(data_dir)
        return all((folder / name).exists() for name in self.wanted) or (folder / self._archive).exists()

    def fetched(self) -> tuple[list[str], Sequence[tuple[str, str]]]:
        return [], [(self.url, self.md5)]

    def unpack(self, packed: Path, folder: Path) -> None:
        """Only the files that are wanted, by their names alone, whatever folders the archive has."""
        with tarfile.open(packed, "r:gz") as archive:
            for member in archive:
                name = member.name.rsplit("/", 1)[-1]
                content = archive.extractfile(member) if member.isreg() and name in self.wanted else None
                if content is not None:
                    with content, (folder / name).open("wb") as file:
                        shutil.copyfileobj(content, file)

    def load(self, name: str, data_dir: Path) -> Images:
        folder = self.folder(data_dir)
        if not self.available(data_dir):
            raise self.missing(data_dir)
        try:
            if not all((folder / file).exists() for file in self.wanted):
                self._unpack_by_hand(folder)
            *batches, (test_y, test_x) = [self._read(folder / file) for file in self.wanted]
        except OSError as error:
            raise self.unreadable(data_dir, error) from None
        return Images(
            name=name,
            shape=SHAPE,
            white=255,
            classes=self.classes,
            train_x=np.concatenate([x for _, x in batches]),
            train_y=np.concatenate([y for y, _ in batches]),
            test_x=test_x,
            test_y=test_y,
        )

    def _unpack_by_hand(self, folder: Path) -> None:
        """The archive that somebody put there. Raises InputError for another one, OSError for a disk."""
        packed = folder / self._archive
        if md5_of(packed) != self.md5:
            raise self.damaged(packed, "wrong checksum")
        with tempfile.TemporaryDirectory(prefix=".unpack-", dir=folder) as work:
            try:
                self.unpack(packed, Path(work))
            except (tarfile.TarError, EOFError, zlib.error):
                raise self.damaged(packed, "no archive") from None
            for file in self.wanted:
                (Path(work) / file).replace(folder / file)

    def _read(self, path: Path) -> tuple[np.ndarray, np.ndarray]:
        """Classes (n,) and images (n, P), uint8. Raises InputError for another length, or a class that isn't known."""
        content = np.fromfile(path, np.uint8)
        if content.size != self.images_in_a_file * RECORD:
            raise self.damaged(path, "half a file, or altered")
        records = content.reshape(-1, RECORD)
        if records[:, 0].max() >= len(self.classes):
            raise self.damaged(path, "altered")
        return records[:, 0].copy(), records[:, 1:].copy()
