"""Numbers that stand for pixels, in whatever form they come, as grey levels 0–255."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isqrt

import numpy as np
from PIL import Image

from ...errors import InputError
from .limits import check_shape

WHITE = 255
RED, GREEN, BLUE, HALF = 19595, 38470, 7471, 1 << 15  # luminance of ITU-R BT.601 in 1/2¹⁶, as Pillow takes it


@dataclass
class Range:
    """What has been seen of a data set's numbers, block by block."""

    low: float = inf
    high: float = -inf
    whole: bool = True

    def see(self, numbers: np.ndarray) -> None:
        """Raises InputError as soon as no reading of the numbers is left."""
        if numbers.dtype.kind == "f":
            if not np.isfinite(numbers).all():
                raise InputError("Some pixels are NaN or infinite; every pixel must be a number.")
            self.whole = self.whole and bool((numbers == np.rint(numbers)).all())
        self.low, self.high = min(self.low, float(numbers.min())), max(self.high, float(numbers.max()))
        if self.low < 0 or self.high > (WHITE if self.whole else 1):
            raise InputError(
                f"Pixels must be whole numbers from 0 to {WHITE}, or numbers from 0 to 1; these run from "
                f"{self.low:g} to {self.high:g}{'' if self.whole else ', with fractions'}."
            )

    @property
    def scale(self) -> int:
        """What makes them levels: where nothing is above 1, 1 is white."""
        return WHITE if self.high <= 1 else 1


def levels(numbers: np.ndarray, scale: int) -> np.ndarray:
    """Numbers within a `Range`, times its scale, as uint8."""
    if numbers.dtype == np.uint8 and scale == 1:
        return numbers
    return np.rint(numbers.astype(np.float32) * scale).astype(np.uint8)


@dataclass(frozen=True)
class Layout:
    """Where the axes of an array of images are."""

    height: int
    width: int
    channels: int = 1
    channels_first: bool = False

    @classmethod
    def of(cls, shape: tuple[int, ...], size: tuple[int, int] | None) -> Layout:
        """Raises InputError for a shape that is not images, or not ones that can be used (NeedsSize: as they are)."""
        layout = _layout(shape)
        check_shape(layout.height, layout.width, size)
        return layout

    def grey(self, block: np.ndarray) -> np.ndarray:
        """Levels of n images, uint8 in this layout, as (n, H, W): colours become their luminance."""
        if self.channels == 1:
            return block.reshape(-1, self.height, self.width)
        colours = block.transpose(0, 2, 3, 1) if self.channels_first else block
        red, green, blue = np.moveaxis(colours.astype(np.uint32), -1, 0)
        return ((red * RED + green * GREEN + blue * BLUE + HALF) >> 16).astype(np.uint8)


def _layout(shape: tuple[int, ...]) -> Layout:
    if len(shape) == 2 and isqrt(shape[1]) ** 2 == shape[1]:
        return Layout(isqrt(shape[1]), isqrt(shape[1]))
    if len(shape) == 3:
        return Layout(*shape[1:])
    if len(shape) == 4 and shape[3] in (1, 3):
        return Layout(*shape[1:])
    if len(shape) == 4 and shape[1] in (1, 3):
        return Layout(*shape[2:], shape[1], channels_first=True)
    raise InputError(
        f"The images have the shape {shape}; it must be (N, H, W), (N, H, W, 1 or 3), (N, 1 or 3, H, W), or (N, P) "
        "with P pixels of a square."
    )


def resized(images: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """(n, H, W) uint8 stretched or shrunk to exactly `size` (height, width): proportions are not kept."""
    if size is None or images.shape[1:] == size:
        return images
    height, width = size
    return np.stack(
        [np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS)) for image in images]
    )
