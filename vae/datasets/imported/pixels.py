"""Numbers that stand for pixels, in whatever form they come, as levels 0–255: grey, or red, green and blue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isqrt

import numpy as np
from PIL import Image

from ...errors import InputError
from .choices import Ambiguous, Choices
from .limits import check_shape

WHITE = 255
RED, GREEN, BLUE, HALF = 19595, 38470, 7471, 1 << 15  # luminance of ITU-R BT.601 in 1/2¹⁶, as Pillow takes it
CHANNELS = 3  # of a coloured image
SAID_OF_COLOURS = {  # by whether they were kept
    True: "Colours are kept: each pixel has a level of red, of green and of blue.",
    False: "Colours became grey levels (their luminance).",
}

NO_CHOICE = Choices()
BRIGHT = 64  # fractions that reach this far are levels from 0 to 255 that somebody resized or averaged
EVEN_FRACTION = 1e-3  # how far beyond 0 and 1 rounding may lead
# Numbers of so many bits, by their largest: what cameras, scanners and 16-bit files hold.
DEPTHS = {1023: "10 bits", 4095: "12 bits", 16383: "14 bits", 65535: "16 bits"}
SIXTEEN_BITS = 32768  # whole numbers that reach the upper half of 16 bits are of 16 bits


@dataclass(frozen=True)
class Scale:
    """What numbers mean: which one is black, which white."""

    black: float
    white: float
    note: str | None = None  # said to whoever brought them, where it isn't what everybody does

    def levels(self, numbers: np.ndarray) -> np.ndarray:
        """Levels from 0 to 255 as uint8, in the numbers' shape."""
        if numbers.dtype == np.uint8 and (self.black, self.white) == (0, WHITE):
            return numbers
        share = (numbers.astype(np.float32) - np.float32(self.black)) * np.float32(WHITE / (self.white - self.black))
        return np.rint(np.clip(share, 0, WHITE)).astype(np.uint8)


@dataclass
class Range:
    """What has been seen of a data set's numbers, block by block."""

    low: float = inf
    high: float = -inf
    whole: bool = True

    def see(self, numbers: np.ndarray) -> None:
        """Raises InputError for what is no number."""
        if numbers.dtype.kind == "f":
            if not np.isfinite(numbers).all():
                raise InputError("Some pixels are NaN or infinite; every pixel must be a number.")
            self.whole = self.whole and bool((numbers == np.rint(numbers)).all())
        self.low, self.high = min(self.low, float(numbers.min())), max(self.high, float(numbers.max()))

    def scale(self, choices: Choices = NO_CHOICE) -> Scale:
        """How to read them. Raises InputError where they are no pixels, Ambiguous where white can't be told."""
        low, high = self.low, self.high
        if choices.white is not None:
            if not (choices.white > 0 and low >= 0 and high <= choices.white):
                raise InputError(f"White can't be {choices.white:g}: the pixels run from {low:g} to {high:g}.")
            return Scale(0, choices.white)
        if low >= -EVEN_FRACTION and high <= 1 + EVEN_FRACTION:
            return Scale(0, 1)
        if low == -1 and high <= 1:
            return Scale(-1, 1, "The pixels run from −1 to 1: −1 was taken for black, 1 for white.")
        if low >= 0 and self.whole and high in (15, 16):
            return Scale(0, high, f"The pixels run from 0 to {high:g}, so {high:g} was taken for white.")
        if low >= 0 and high <= WHITE and (self.whole or high >= BRIGHT):
            fractions = "The pixels are fractions from 0 to 255; they were rounded to whole levels."
            return Scale(0, WHITE, None if self.whole else fractions)
        if low >= 0 and self.whole and SIXTEEN_BITS <= high <= 65535:
            return Scale(0, 65535, "The pixels have 16 bits: 65535 was taken for white, and levels became 0 to 255.")
        raise self._unread()

    def _unread(self) -> InputError:
        run = f"these run from {self.low:g} to {self.high:g}{'' if self.whole else ', with fractions'}."
        sentence = f"Pixels must be whole numbers from 0 to {WHITE}, or numbers from 0 to 1; {run}"
        if self.low < 0 or self.high > 65535:
            return InputError(sentence)
        known = {f"{top}": bits for top, bits in DEPTHS.items() if top >= self.high > WHITE}
        few = {"255": "levels as in most files"} if self.high < WHITE else {}
        readings = {f"{self.high:g}": "the brightest of these pixels"} | few | known
        return Ambiguous(f"{sentence} Say which number is white.", "white", readings)


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

    def images(self, block: np.ndarray) -> np.ndarray:
        """Numbers of n images in this layout, as (n, H, W), or as (n, H, W, 3) where there are three channels."""
        if self.channels == 1:
            return block.reshape(-1, self.height, self.width)
        return block.transpose(0, 2, 3, 1) if self.channels_first else block


def coloured(images: np.ndarray) -> bool:
    """Whether any pixel of (…, 3) is coloured: its channels differ."""
    return not bool((images[..., :1] == images[..., 1:]).all())


def luminance(colours: np.ndarray) -> np.ndarray:
    """(…, 3) uint8 → (…) uint8: what grey pictures have of coloured ones. Three equal levels stay that level."""
    red, green, blue = np.moveaxis(colours.astype(np.uint32), -1, 0)
    return ((red * RED + green * GREEN + blue * BLUE + HALF) >> 16).astype(np.uint8)


def alike(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Each (…, H, W) or (…, H, W, 3): all of them with three channels where any has three, those of grey ones equal."""
    most = max((image.ndim for image in images), default=0)
    return [image if image.ndim == most else np.repeat(image[..., None], CHANNELS, axis=-1) for image in images]


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
    """(n, H, W) or (n, H, W, 3) uint8 at exactly `size` (height, width): proportions are not kept."""
    if size is None or images.shape[1:3] == size:
        return images
    height, width = size
    return np.stack(
        [np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS)) for image in images]
    )
