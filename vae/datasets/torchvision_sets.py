"""MNIST and its relatives: read, checked and, only when asked for, downloaded in torchvision's own layout."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import shutil
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np

from ..errors import InputError
from .idx import read_idx
from .images import Images

Progress = Callable[[int, int, str], None]  # bytes done, bytes in all (0: unknown), file name

# MD5 of the unpacked MNIST files. torchvision knows only those of the .gz files, and people often have just the former.
UNPACKED_MD5 = {
    "MNIST/train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "MNIST/train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "MNIST/t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "MNIST/t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
CHUNK = 1 << 16

FILES = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
# As torchvision names them, known without its import: that takes seconds, and 150 MB of every process.
CLASSES = {
    "MNIST": tuple("0123456789"),
    "FashionMNIST": ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
                     "Ankle boot"),
    "KMNIST": ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
}  # fmt: skip


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


def raw_folder(class_name: str, data_dir: Path) -> Path:
    """Where torchvision keeps a data set's files."""
    return data_dir / class_name / "raw"


def available(class_name: str, data_dir: Path) -> bool:
    """Whether all four files are there, packed or unpacked. Looks at names only, and imports nothing."""
    folder = raw_folder(class_name, data_dir)
    return all(_there(folder, name) for name in FILES)


def _there(folder: Path, name: str) -> Path | None:
    """The file, unpacked rather than packed; many archives write train-images.idx3-ubyte, with a point."""
    spellings = (name, name.replace("-idx", ".idx"))
    found = (folder / f"{spelling}{ending}" for ending in ("", ".gz") for spelling in spellings)
    return next((path for path in found if path.exists()), None)


def load(name: str, class_name: str, data_dir: Path) -> Images:
    """The data set from `data_dir`. Raises InputError when files are missing, half there or altered."""
    folder = raw_folder(class_name, data_dir)
    found = {name: path for name in FILES if (path := _there(folder, name))}
    if len(found) < len(FILES):
        raise InputError(
            f"{class_name} isn't in {folder}. Download it (on the Train page, or with --download), put its four files "
            f"there by hand ({', '.join(FILES)}, unpacked or as .gz), or use the dataset digits, which needs no "
            "network."
        )
    try:
        parts = [_read(class_name, path, file) for file, path in found.items()]
    except OSError as error:
        raise InputError(f"{class_name} can't be read ({error.strerror or error}). {_by_hand(folder)}") from None
    train_x, train_y, test_x, test_y = parts
    return Images(
        name=name,
        shape=train_x.shape[1:],
        white=255,
        classes=CLASSES[class_name],
        train_x=train_x.reshape(len(train_x), -1),
        train_y=train_y,
        test_x=test_x.reshape(len(test_x), -1),
        test_y=test_y,
    )


def download(class_name: str, data_dir: Path, progress: Progress) -> None:
    """Fetch, verify (torchvision's MD5), unpack. Files appear in the data folder whole or not at all.

    Raises InputError without network, on a wrong checksum, or when the folder can't be written.
    """
    cls = getattr(torchvision_datasets(), class_name)
    folder = raw_folder(class_name, data_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".download-", dir=data_dir))
    except OSError as error:
        raise InputError(f"The folder {data_dir} can't be written ({error.strerror}). {_by_hand(folder)}") from None
    try:
        for url, md5 in cls.resources:
            packed = work / url.rsplit("/", 1)[-1]
            _fetch([mirror + packed.name for mirror in getattr(cls, "mirrors", [])] or [url], packed, progress, folder)
            if _md5(packed) != md5:
                raise InputError(f"{packed.name} arrived damaged (wrong checksum). Try again, or: {_by_hand(folder)}")
            _unpack(packed, work / packed.stem)
        for unpacked in work.glob("*-ubyte"):
            unpacked.replace(folder / unpacked.name)
    except OSError as error:  # a full disk, most likely
        raise InputError(f"{class_name} can't be kept ({error.strerror or error}). {_by_hand(folder)}") from None
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


def _read(class_name: str, found: Path, name: str) -> np.ndarray:
    """The numbers of the file `name`, checked; `found` may be its .gz, which is unpacked."""
    folder = found.parent
    if found.suffix == ".gz":
        published = {url.rsplit("/", 1)[-1]: md5 for url, md5 in getattr(torchvision_datasets(), class_name).resources}
        if _md5(found) != published[f"{name}.gz"]:
            raise InputError(_damaged(found, "wrong checksum", class_name))
        part = folder / f".{name}.part"
        try:
            _unpack(found, part)
            part.replace(folder / name)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        found = folder / name
    known_md5 = UNPACKED_MD5.get(f"{class_name}/{name}")
    content = found.read_bytes()
    numbers = read_idx(content)
    if numbers is None or (known_md5 and hashlib.md5(content, usedforsecurity=False).hexdigest() != known_md5):
        raise InputError(_damaged(found, "half a file, or altered", class_name))
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
