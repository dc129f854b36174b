"""MNIST and its relatives: read, checked and, only when asked for, downloaded in torchvision's own layout."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import shutil
import tempfile
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np

from ..errors import InputError
from .idx import read_idx
from .images import Images

Progress = Callable[[int, int, str], None]  # bytes done, bytes in all (0: unknown), file name

CHUNK = 1 << 16

FOUR_FILES = (
    *("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    *("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
)


@dataclass(frozen=True)
class IdxSource:
    """A data set of torchvision's that lies in IDX files: what is known of it without importing torchvision.

    That takes seconds, and 150 MB of every process.
    """

    class_name: str  # in torchvision.datasets; also its folder
    classes: tuple[str, ...]
    download_mb: int
    files: tuple[str, str, str, str] = FOUR_FILES  # images and labels to learn from, images and labels to test on
    # MD5 of the unpacked files. torchvision knows only those of the .gz files, and people often have just the former.
    unpacked_md5: Mapping[str, str] = field(default_factory=dict)
    resources: tuple[tuple[str, str], ...] | None = None  # URL and MD5 of each .gz; None: as the class says
    labels: Callable[[np.ndarray], np.ndarray] = lambda numbers: numbers  # of a label file → indices into classes


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


def raw_folder(source: IdxSource, data_dir: Path) -> Path:
    """Where torchvision keeps a data set's files."""
    return data_dir / source.class_name / "raw"


def available(source: IdxSource, data_dir: Path) -> bool:
    """Whether all four files are there, packed or unpacked. Looks at names only, and imports nothing."""
    folder = raw_folder(source, data_dir)
    return all(_there(folder, name) for name in source.files)


def _there(folder: Path, name: str) -> Path | None:
    """The file, unpacked rather than packed; many archives write train-images.idx3-ubyte, with a point."""
    spellings = (name, name.replace("-idx", ".idx"))
    found = (folder / f"{spelling}{ending}" for ending in ("", ".gz") for spelling in spellings)
    return next((path for path in found if path.exists()), None)


def load(name: str, source: IdxSource, data_dir: Path) -> Images:
    """The data set from `data_dir`. Raises InputError when files are missing, half there or altered."""
    folder, class_name = raw_folder(source, data_dir), source.class_name
    found = {file: path for file in source.files if (path := _there(folder, file))}
    if len(found) < len(source.files):
        raise InputError(
            f"{class_name} isn't in {folder}. Download it (on the Train page, or with --download), put its four files "
            f"there by hand ({', '.join(source.files)}, unpacked or as .gz), or use the dataset digits, which needs no "
            "network."
        )
    try:
        parts = [_read(source, path, file) for file, path in found.items()]
    except OSError as error:
        raise InputError(f"{class_name} can't be read ({error.strerror or error}). {_by_hand(folder)}") from None
    train_x, train_y, test_x, test_y = parts  # images (N, height, width)
    return Images(
        name=name,
        shape=(1, *train_x.shape[1:]),
        white=255,
        classes=source.classes,
        train_x=train_x.reshape(len(train_x), -1),
        train_y=source.labels(train_y),
        test_x=test_x.reshape(len(test_x), -1),
        test_y=source.labels(test_y),
    )


def _resources(source: IdxSource) -> tuple[list[str], Sequence[tuple[str, str]]]:
    """Mirrors, and URL and MD5 of each packed file."""
    if source.resources is not None:
        return [], source.resources
    cls = getattr(torchvision_datasets(), source.class_name)
    return getattr(cls, "mirrors", []), cls.resources


def download(source: IdxSource, data_dir: Path, progress: Progress) -> None:
    """Fetch, verify (torchvision's MD5), unpack. Files appear in the data folder whole or not at all.

    Raises InputError without network, on a wrong checksum, or when the folder can't be written.
    """
    mirrors, resources = _resources(source)
    folder = raw_folder(source, data_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".download-", dir=data_dir))
    except OSError as error:
        raise InputError(f"The folder {data_dir} can't be written ({error.strerror}). {_by_hand(folder)}") from None
    try:
        for url, md5 in resources:
            packed = work / url.rsplit("/", 1)[-1]
            _fetch([mirror + packed.name for mirror in mirrors] or [url], packed, progress, folder)
            if _md5(packed) != md5:
                raise InputError(f"{packed.name} arrived damaged (wrong checksum). Try again, or: {_by_hand(folder)}")
            _unpack(packed, work / packed.stem)
        for unpacked in (work / name for name in source.files):
            unpacked.replace(folder / unpacked.name)
    except OSError as error:  # a full disk, most likely
        raise InputError(f"{source.class_name} can't be kept ({error.strerror or error}). {_by_hand(folder)}") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
        for empty in (folder, folder.parent):
            if empty.exists() and not any(empty.iterdir()):
                empty.rmdir()


def _fetch(urls: list[str], target: Path, progress: Progress, folder: Path) -> None:
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
    raise InputError(f"{target.name} could not be downloaded ({reason}). {_by_hand(folder)}")


def _by_hand(folder: Path) -> str:
    return f"Its files may be put into {folder} by hand; the dataset digits needs no network."


def _read(source: IdxSource, found: Path, name: str) -> np.ndarray:
    """The numbers of the file `name`, checked; `found` may be its .gz, which is unpacked."""
    folder = found.parent
    if found.suffix == ".gz":
        published = {url.rsplit("/", 1)[-1]: md5 for url, md5 in _resources(source)[1]}
        if _md5(found) != published[f"{name}.gz"]:
            raise InputError(_damaged(found, "wrong checksum", source.class_name))
        part = folder / f".{name}.part"
        try:
            _unpack(found, part)
            part.replace(folder / name)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        found = folder / name
    known_md5 = source.unpacked_md5.get(name)
    content = found.read_bytes()
    numbers = read_idx(content, integers=True)
    if numbers is None or (known_md5 and hashlib.md5(content, usedforsecurity=False).hexdigest() != known_md5):
        raise InputError(_damaged(found, "half a file, or altered", source.class_name))
    return numbers


def _damaged(path: Path, how: str, class_name: str) -> str:
    return (
        f"{path} is damaged ({how}): delete it and download {class_name} again, or use the dataset digits, which needs "
        "no network."
    )


def _unpack(packed: Path, target: Path) -> None:
    with gzip.open(packed, "rb") as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
