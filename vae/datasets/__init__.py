"""Images to learn from. DATASETS is the one registry: the select box, the command line and the store read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from ..config import shown
from ..errors import InputError
from . import downloads
from .binarised import binarised
from .builtin import load_digits
from .cifar import CifarSource
from .downloads import Progress, Source
from .images import SPLIT_SEED, Factors, Images, Shape, Split, image_shape, split, split_for, stored_shape
from .shapes import load_shapes
from .shapes_colour import load_shapes_colour
from .strokes import load_strokes
from .svhn import SvhnSource
from .torchvision_sets import IdxSource

__all__ = [
    "DATASETS",
    "SPLIT_SEED",
    "Dataset",
    "Factors",
    "Images",
    "Shape",
    "Split",
    "binarised",
    "download",
    "image_shape",
    "load",
    "lookup",
    "split",
    "split_for",
    "stored_shape",
]


@dataclass(frozen=True)
class Dataset:
    """What is known of a data set before it is loaded."""

    title: str
    description: str
    shape: Shape
    train_size: int
    load: Callable[[Path], Images]
    source: Source | None = None  # None: it needs no network
    factors: tuple[str, ...] = ()  # names of what each image was made from, where that is known
    grid: str = ""  # which combinations of these factors there are, in words
    test_size: int = 0  # images held out for testing

    def available(self, data_dir: Path) -> bool:
        """Whether it can be used without a network."""
        return self.source is None or self.source.available(data_dir)

    @property
    def download_mb(self) -> int:
        return self.source.download_mb if self.source else 0


def from_torchvision(
    name: str, title: str, description: str, shape: Shape, sizes: tuple[int, int], source: Source
) -> Dataset:
    """An entry whose files are fetched on request. `sizes`: images to learn from, and to test on."""
    return Dataset(title, description, shape, sizes[0], partial(source.load, name), source, test_size=sizes[1])


DATASETS: dict[str, Dataset] = {
    "digits": Dataset(
        "Digits 8×8", "1,797 small handwritten digits; no network needed.", (1, 8, 8), 1500, load_digits, test_size=297
    ),
    "strokes": Dataset(
        "Strokes 28×28",
        "10,000 digits that look like handwriting, with known slant, thickness, size, curvature and place: generated "
        "here, no network needed.",
        (1, 28, 28),
        8500,
        load_strokes,
        factors=("digit", "slant", "thickness", "size", "curvature", "x", "y"),
        grid="of each digit, every combination of any three other factors equally often",
        test_size=1500,
    ),
    "mnist": from_torchvision(
        "mnist",
        "MNIST",
        "70,000 handwritten digits, 28×28.",
        (1, 28, 28),
        (60_000, 10_000),
        IdxSource(
            "MNIST",
            tuple("0123456789"),
            download_mb=11,
            unpacked_md5={
                "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
                "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
                "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
                "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
            },
        ),
    ),
    "fashion_mnist": from_torchvision(
        "fashion_mnist",
        "Fashion-MNIST",
        "70,000 pieces of clothing, 28×28.",
        (1, 28, 28),
        (60_000, 10_000),
        IdxSource(
            "FashionMNIST",
            ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
            download_mb=30,
        ),
    ),
    "kmnist": from_torchvision(
        "kmnist",
        "Kuzushiji-MNIST",
        "70,000 cursive Japanese characters, 28×28.",
        (1, 28, 28),
        (60_000, 10_000),
        IdxSource("KMNIST", ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"), download_mb=21),
    ),
    "shapes": Dataset(
        "Shapes 32×32",
        "6,144 hearts, moons and arrows in every size, rotation and place: generated here, no network needed.",
        (1, 32, 32),
        5120,
        load_shapes,
        factors=("shape", "scale", "rotation", "x", "y"),
        grid="every combination of factors once",
        test_size=1024,
    ),
    "shapes_colour": Dataset(
        "Shapes in colour 32×32",
        "The same hearts, moons and arrows, each in one of eight hues, which is one more known factor: 6,144 images, "
        "generated here, no network needed.",
        (3, 32, 32),
        5120,
        load_shapes_colour,
        factors=("shape", "scale", "rotation", "x", "y", "hue"),
        grid="of each shape in each scale, every combination of any three of rotation, x, y and hue once",
        test_size=1024,
    ),
    "cifar10": from_torchvision(
        "cifar10",
        "CIFAR-10",
        "60,000 photographs of animals and vehicles in colour, 32×32.",
        (3, 32, 32),
        (50_000, 10_000),
        CifarSource(
            "CIFAR10",
            ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
            download_mb=170,
        ),
    ),
    "svhn": from_torchvision(
        "svhn",
        "Street View House Numbers",
        "99,289 digits from photographs of house numbers in colour, 32×32.",
        (3, 32, 32),
        (73_257, 26_032),
        SvhnSource("SVHN", tuple("0123456789"), download_mb=246),
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
    if dataset.source and not dataset.available(data_dir):
        downloads.download(dataset.source, data_dir, progress)
