"""Images to learn from. DATASETS is the one registry: the select box, the command line and the store read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from ..config import shown
from ..errors import InputError
from . import torchvision_sets
from .builtin import load_digits
from .images import SPLIT_SEED, Factors, Images, Split, split
from .shapes import load_shapes
from .torchvision_sets import Progress

__all__ = ["DATASETS", "SPLIT_SEED", "Dataset", "Factors", "Images", "Split", "download", "load", "lookup", "split"]


@dataclass(frozen=True)
class Dataset:
    """What is known of a data set before it is loaded."""

    title: str
    description: str
    shape: tuple[int, int]  # height, width
    train_size: int
    load: Callable[[Path], Images]
    torchvision: str | None = None  # its class in torchvision.datasets; None: embedded
    download_mb: int = 0
    factors: tuple[str, ...] = ()  # names of what each image was made from, where that is known
    test_size: int = 0  # images held out for testing

    def available(self, data_dir: Path) -> bool:
        """Whether it can be used without a network."""
        return self.torchvision is None or torchvision_sets.available(self.torchvision, data_dir)


def _torchvision(name: str, title: str, description: str, class_name: str, download_mb: int) -> Dataset:
    load = partial(torchvision_sets.load, name, class_name)
    return Dataset(title, description, (28, 28), 60_000, load, class_name, download_mb, test_size=10_000)


DATASETS: dict[str, Dataset] = {
    "digits": Dataset(
        "Digits 8×8", "1,797 small handwritten digits; no network needed.", (8, 8), 1500, load_digits, test_size=297
    ),
    "mnist": _torchvision("mnist", "MNIST", "70,000 handwritten digits, 28×28.", "MNIST", 11),
    "fashion_mnist": _torchvision(
        "fashion_mnist", "Fashion-MNIST", "70,000 pieces of clothing, 28×28.", "FashionMNIST", 30
    ),
    "kmnist": _torchvision("kmnist", "Kuzushiji-MNIST", "70,000 cursive Japanese characters, 28×28.", "KMNIST", 21),
    "shapes": Dataset(
        "Shapes 32×32",
        "6,144 hearts, moons and arrows in every size, rotation and place: generated here, no network needed.",
        (32, 32),
        5120,
        load_shapes,
        factors=("shape", "scale", "rotation", "x", "y"),
        test_size=1024,
    ),
}


def lookup(name: str) -> Dataset:
    """The registry's entry. Raises InputError naming what there is."""
    if name not in DATASETS:
        raise InputError(f"There is no dataset called {shown(repr(name))}; there are {', '.join(DATASETS)}.")
    return DATASETS[name]


@lru_cache(maxsize=2)
def load(name: str, data_dir: Path) -> Images:
    """A data set, checked. Kept in memory: a worker trains on the same one again and again."""
    return lookup(name).load(data_dir)


def download(name: str, data_dir: Path, progress: Progress) -> None:
    """Fetch a data set into the data folder; does nothing for one that is there or needs no network."""
    dataset = lookup(name)
    if dataset.torchvision and not dataset.available(data_dir):
        torchvision_sets.download(dataset.torchvision, data_dir, progress)
