"""Data sets whose files come from elsewhere: fetched only when asked for, verified, and there whole or not at all."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import tempfile
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .images import Images

Progress = Callable[[int, int, str], None]  # bytes done, bytes in all (0: unknown), file name

CHUNK = 1 << 16


@dataclass(frozen=True)
class Source(ABC):
    """Where a data set's files come from, and how they are read: known without importing torchvision.

    That takes seconds, and 150 MB of every process.
    """

    class_name: str  # in torchvision.datasets
    classes: tuple[str, ...]
    download_mb: int

    @property
    @abstractmethod
    def wanted(self) -> tuple[str, ...]:
        """Names of the files that lie in `folder` once all is there."""

    @abstractmethod
    def folder(self, data_dir: Path) -> Path:
        """Where they lie."""

    @abstractmethod
    def available(self, data_dir: Path) -> bool:
        """Whether it can be read without a network. Looks at names only, and imports nothing."""

    @abstractmethod
    def fetched(self) -> tuple[list[str], Sequence[tuple[str, str]]]:
        """Mirrors, each of which may have all files, and URL and MD5 of each file as it is fetched."""

    @abstractmethod
    def unpack(self, packed: Path, folder: Path) -> None:
        """Put what a fetched and verified file holds into `folder`, under the names of `wanted`."""

    @abstractmethod
    def load(self, name: str, data_dir: Path) -> Images:
        """The images, under the name of the registry. Raises InputError when files are missing, half or altered."""

    def missing(self, data_dir: Path) -> InputError:
        """To be raised."""
        folder = self.folder(data_dir)
        return InputError(
            f"{self.class_name} isn't in {folder}. Download it (on the Train page, or with --download), put its files "
            f"there by hand ({self.by_hand}), or use the dataset digits, which needs no network."
        )

    @property
    def by_hand(self) -> str:
        """What may be put into `folder` by hand, in a sentence."""
        return ", ".join(self.wanted)

    def unreadable(self, data_dir: Path, error: OSError) -> InputError:
        """To be raised."""
        return InputError(f"{self.class_name} can't be read ({error.strerror or error}). {_by_hand(self, data_dir)}")

    def damaged(self, path: Path, how: str) -> InputError:
        """To be raised."""
        return InputError(
            f"{path} is damaged ({how}): delete it and download {self.class_name} again, or use the dataset digits, "
            "which needs no network."
        )


def download(source: Source, data_dir: Path, progress: Progress) -> None:
    """Fetch, verify (MD5), unpack. Files appear in the data folder whole or not at all.

    Raises InputError without network, on a wrong checksum, or when the folder can't be written.
    """
    mirrors, files = source.fetched()
    folder, by_hand = source.folder(data_dir), _by_hand(source, data_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".download-", dir=data_dir))
    except OSError as error:
        raise InputError(f"The folder {data_dir} can't be written ({error.strerror}). {by_hand}") from None
    try:
        for url, md5 in files:
            packed = work / url.rsplit("/", 1)[-1]
            _fetch([mirror + packed.name for mirror in mirrors] or [url], packed, progress, by_hand)
            if md5_of(packed) != md5:
                raise InputError(f"{packed.name} arrived damaged (wrong checksum). Try again, or: {by_hand}")
            source.unpack(packed, work)
        for unpacked in (work / name for name in source.wanted):
            unpacked.replace(folder / unpacked.name)
    except OSError as error:  # a full disk, most likely
        raise InputError(f"{source.class_name} can't be kept ({error.strerror or error}). {by_hand}") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
        for empty in (folder, folder.parent):
            if empty != data_dir and empty.exists() and not any(empty.iterdir()):
                empty.rmdir()


def _fetch(urls: list[str], target: Path, progress: Progress, by_hand: str) -> None:
    """Stream the first of `urls` that answers into `target`."""
    for url in urls:
        try:
            request = urllib.request.Request(url, headers={"User-Agent": "latent-twins"})
            with urllib.request.urlopen(request, timeout=15) as response, target.open("wb") as file:
                total, done = int(response.headers.get("Content-Length") or 0), 0
                while chunk := response.read(CHUNK):
                    file.write(chunk)
                    done += len(chunk)
                    progress(done, total, target.name)
            if total and done < total:
                raise OSError(f"only {done:,} of {total:,} bytes arrived")
            return
        except (OSError, http.client.HTTPException) as error:  # URLError and a timeout are OSErrors
            reason = error
    raise InputError(f"{target.name} could not be downloaded ({reason}). {by_hand}")


def _by_hand(source: Source, data_dir: Path) -> str:
    return f"Its files may be put into {source.folder(data_dir)} by hand; the dataset digits needs no network."


def md5_of(path: Path) -> str:
    """In hexadecimal digits, as lists of checksums have it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
