"""MNIST and its relatives: IDX files, read and checked in torchvision's own layout."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np

from ..errors import InputError
from .downloads import Source, md5_of
from .idx import read_idx
from .images import Images

FOUR_FILES = (
    *("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    *("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)


def torchvision_datasets() -> ModuleType:
    """torchvision.datasets, imported where it is needed; a mismatched pair of builds is told in one sentence."""
    try:
        from torchvision import datasets
    except RuntimeError as error:  # "operator torchvision::nms does not exist"
        raise InputError(
            "torch and torchvision on this machine come from different builds (often a CPU-only torch beside the "
            "registry's torchvision). Reinstall both from one place: pip install --force-reinstall torch torchvision."
        ) from error
    return datasets


@dataclass(frozen=True)
class IdxSource(Source):
    """A data set of torchvision's that lies in IDX files, in the folder that is called like its class."""

    files: tuple[str, str, str, str] = FOUR_FILES  # images and labels to learn from, images and labels to test on
    # MD5 of the unpacked files. torchvision knows only those of the .gz files, and people often have just the former.
    unpacked_md5: Mapping[str, str] = field(default_factory=dict)
    resources: tuple[tuple[str, str], ...] | None = None  # URL and MD5 of each .gz; None: as the class says
    labels: Callable[[np.ndarray], np.ndarray] = lambda numbers: numbers  # of a label file → indices into classes

    @property
    def wanted(self) -> tuple[str, ...]:
        return self.files

    @property
    def by_hand(self) -> str:
        return f"{', '.join(self.files)}, unpacked or as .gz"

    def folder(self, data_dir: Path) -> Path:
        """Where torchvision keeps them."""
        return data_dir / self.class_name / "raw"

    def available(self, data_dir: Path) -> bool:
        """Whether all four files are there, packed or unpacked."""
        folder = self.folder(data_dir)
        return all(_there(folder, name) for name in self.files)

    def fetched(self) -> tuple[list[str], Sequence[tuple[str, str]]]:
        if self.resources is not None:
            return [], self.resources
        cls = getattr(torchvision_datasets(), self.class_name)
        return getattr(cls, "mirrors", []), cls.resources

    def unpack(self, packed: Path, folder: Path) -> None:
        _unpack(packed, folder / packed.stem)

    def load(self, name: str, data_dir: Path) -> Images:
        folder = self.folder(data_dir)
        found = {file: path for file in self.files if (path := _there(folder, file))}
        if len(found) < len(self.files):
            raise self.missing(data_dir)
        try:
            parts = [self._read(path, file) for file, path in found.items()]
        except OSError as error:
            raise self.unreadable(data_dir, error) from None
        train_x, train_y, test_x, test_y = parts  # images (N, height, width)
        return Images(
            name=name,
            shape=(1, *train_x.shape[1:]),
            white=255,
            classes=self.classes,
            train_x=train_x.reshape(len(train_x), -1),
            train_y=self.labels(train_y),
            test_x=test_x.reshape(len(test_x), -1),
            test_y=self.labels(test_y),
        )

    def _read(self, found: Path, name: str) -> np.ndarray:
        """The numbers of the file `name`, checked; `found` may be its .gz, which is unpacked."""
        folder = found.parent
        if found.suffix == ".gz":
            published = {url.rsplit("/", 1)[-1]: md5 for url, md5 in self.fetched()[1]}
            if md5_of(found) != published[f"{name}.gz"]:
                raise self.damaged(found, "wrong checksum")
            part = folder / f".{name}.part"
            try:
                _unpack(found, part)
                part.replace(folder / name)
            except OSError:
                part.unlink(missing_ok=True)
                raise
            found = folder / name
        known_md5 = self.unpacked_md5.get(name)
        content = found.read_bytes()
        numbers = read_idx(content, integers=True)
        if numbers is None or (known_md5 and hashlib.md5(content, usedforsecurity=False).hexdigest() != known_md5):
            raise self.damaged(found, "half a file, or altered")
        return numbers


def _there(folder: Path, name: str) -> Path | None:
    """The file, unpacked rather than packed; many archives write train-images.idx3-ubyte, with a point."""
    spellings = (name, name.replace("-idx", ".idx"))
    found = (folder / f"{spelling}{ending}" for ending in ("", ".gz") for spelling in spellings)
    return next((path for path in found if path.exists()), None)


def _unpack(packed: Path, target: Path) -> None:
    with gzip.open(packed, "rb") as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)
