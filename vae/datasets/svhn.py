"""Street View House Numbers, cropped to 32×32: files of Matlab's, read by SciPy once their checksum is right.

Netzer et al. 2011, http://ufldl.stanford.edu/housenumbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .downloads import Source, md5_of
from .images import Images

ADDRESS = "http://ufldl.stanford.edu/housenumbers"
# As torchvision.datasets.SVHN has them; the third file, "extra", is left out.
FILES = (
    (f"{ADDRESS}/train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
    (f"{ADDRESS}/test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),
)
TEN = 10  # the files' label of the digit 0


@dataclass(frozen=True)
class SvhnSource(Source):
    """Two files, images to learn from and images to test on, in the folder SVHN."""

    files: tuple[tuple[str, str], tuple[str, str]] = FILES  # URL and MD5

    @property
    def wanted(self) -> tuple[str, ...]:
        return tuple(url.rsplit("/", 1)[-1] for url, _ in self.files)

    def folder(self, data_dir: Path) -> Path:
        return data_dir / self.class_name

    def available(self, data_dir: Path) -> bool:
        return all((self.folder(data_dir) / name).exists() for name in self.wanted)

    def fetched(self) -> tuple[list[str], Sequence[tuple[str, str]]]:
        return [], self.files

    def unpack(self, packed: Path, folder: Path) -> None:
        """They are read as they are fetched."""

    def load(self, name: str, data_dir: Path) -> Images:
        if not self.available(data_dir):
            raise self.missing(data_dir)
        folder, parts = self.folder(data_dir), []
        try:
            for file, (_, md5) in zip(self.wanted, self.files, strict=True):
                parts.append(self._read(folder / file, md5))
        except OSError as error:
            raise self.unreadable(data_dir, error) from None
        (train_x, train_y), (test_x, test_y) = parts
        return Images(
            name=name,
            shape=(3, 32, 32),
            white=255,
            classes=self.classes,
            train_x=train_x,
            train_y=train_y,
            test_x=test_x,
            test_y=test_y,
        )

    def _read(self, path: Path, md5: str) -> tuple[np.ndarray, np.ndarray]:
        """Images (n, P), channel by channel, and their digits (n,). Nothing is parsed before the checksum is right."""
        if md5_of(path) != md5:
            raise self.damaged(path, "half a file, or altered")
        from scipy.io import loadmat  # imported here: the first page must paint without it

        content = loadmat(path, variable_names=("X", "y"))
        x, y = content["X"], content["y"].ravel()  # (height, width, channels, n), (n,)
        return np.ascontiguousarray(x.transpose(3, 2, 0, 1)).reshape(len(y), -1), (y % TEN).astype(np.uint8)
