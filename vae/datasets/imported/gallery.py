"""All pictures of an archive: what holds for one is decided for all, so that none is lighter than its neighbours."""

from __future__ import annotations

import io
from collections import Counter

import numpy as np
from PIL import Image, UnidentifiedImageError

from ...errors import InputError
from .choices import Choices
from .decoding import FORMATS, PAPER, Decoded, decoded
from .limits import LARGEST, PICTURE_PIXELS, Limits, NeedsSize, check_shape, shown
from .pixels import CHANNELS, SAID_OF_COLOURS, WHITE, Scale, alike, luminance

SIXTEEN_BITS = 65535


class Gallery:
    """Decoded pictures, all of one size, and what must be known of all of them before they are levels."""

    def __init__(self, count: int, choices: Choices, limits: Limits) -> None:
        self.count, self.choices, self.size, self.limits = count, choices, choices.size, limits
        self.pictures: list[np.ndarray] = []  # (H, W) or (H, W, 3) each: uint8, or float32 with numbers of 16 bits
        self.on_white: dict[int, np.ndarray] = {}  # place → the same on white paper, where it is transparent
        self.through: dict[int, np.ndarray] = {}  # place → (H, W) how much paper shows through one of 16 bits
        self.shown = self.ink = 0.0  # sums over transparent pictures: of opacity, and of brightness × opacity
        self.deep_ink = 0.0  # of those of 16 bits, in their numbers
        self.highest = 0.0  # of all numbers of 16 bits
        self.kinds: Counter[str] = Counter()
        self.decoded = 0  # pixels before resizing

    @property
    def coloured(self) -> bool:
        """Whether any picture was, kept so or not."""
        return self.kinds["colour"] > 0

    def hang(self, raw: bytes, name: str) -> None:
        """One more. Raises InputError when it can't be."""
        one = self._decode(raw, name)
        height, width = one.picture.shape[:2]
        check_shape(height, width, self.size, f"{shown(name)} has")
        picture = _resized(one.picture, self.size)
        if not self.pictures:
            self.limits.admit(self.count, picture.shape[0] * picture.shape[1])  # now that the size of all is known
        elif picture.shape[:2] != (first := self.pictures[0].shape[:2]):
            raise NeedsSize(
                f"The pictures are not of one size: {shown(name)} has {picture.shape[0]}×{picture.shape[1]} pixels, "
                f"those before it {first[0]}×{first[1]}. Choose a size to resize all of them to."
            )
        if one.on_white is not None:
            self.on_white[len(self.pictures)] = _resized(one.on_white, self.size)
        if one.through is not None:
            self.through[len(self.pictures)] = _resized(one.through, self.size)
        self.shown, self.ink, self.deep_ink = self.shown + one.shown, self.ink + one.ink, self.deep_ink + one.deep_ink
        self.highest = max(self.highest, one.highest)
        if one.coloured and not self.coloured and self.choices.keeps_colours:
            self.limits.admit(self.count, picture.shape[0] * picture.shape[1], CHANNELS)
        self.kinds.update(one.kinds)
        self.pictures.append(picture)

    def images(self) -> tuple[np.ndarray, list[str]]:
        """All of them, (N, H, W) or (N, H, W, 3) uint8, and what was decided."""
        white, notes = self._white_of_sixteen_bits()
        if self.on_white or self.through:
            ink = self.ink + self.deep_ink * WHITE / white
            dark = ink < self.shown / 2  # their mean brightness, weighted by opacity, is below one half
            paper = self.choices.paper or ("white" if dark else "black")
            for place, picture in self.on_white.items() if paper == "white" else ():
                self.pictures[place] = picture
            for place, through in self.through.items():
                picture = self.pictures[place]
                shines = (through if picture.ndim == 2 else through[..., None]) * (white * PAPER[paper] / WHITE)
                self.pictures[place] = np.rint(picture + shines)
            why = "" if self.choices.paper else f", because what they show is {'dark' if dark else 'light'}"
            count = len(self.on_white) + len(self.through)
            notes.insert(0, f"{count:,} transparent pictures lie on {paper} paper{why}.")
        if self.kinds["deep"]:
            scale = Scale(0, white)
            self.pictures = [
                picture if picture.dtype == np.uint8 else self._of_sixteen_bits(picture, scale)
                for picture in self.pictures
            ]
        return np.stack(alike(self.pictures)), [*notes, *self._said()]

    def _of_sixteen_bits(self, numbers: np.ndarray, scale: Scale) -> np.ndarray:
        """uint8; the levels of whole pictures are cut, not rounded, as they always were: 256 steps of equal width."""
        cut = scale.white == SIXTEEN_BITS
        levels = np.clip(numbers // 257, 0, WHITE).astype(np.uint8) if cut else scale.levels(numbers)
        return luminance(levels) if levels.ndim == 3 and not self.choices.keeps_colours else levels

    def _white_of_sixteen_bits(self) -> tuple[float, list[str]]:
        """The number that is white. Raises InputError where some are above it."""
        white = self.choices.white or (WHITE if self.highest <= WHITE else SIXTEEN_BITS)
        if not self.kinds["deep"]:
            return SIXTEEN_BITS, []
        if self.highest > white:
            raise InputError(f"White can't be {white:g}: the pixels run up to {self.highest:g}.")
        few = "Pictures of 16 bits hold nothing above 255: their numbers were taken for levels 0 to 255."
        return white, [few] if white == WHITE and not self.choices.white else []

    def _said(self) -> list[str]:
        """Of colours and of kinds that are seldom meant."""
        said = []
        if self.coloured:
            kept = self.choices.keeps_colours
            some = self.kinds["colour"] < self.count
            mixed = f" Coloured: {self.kinds['colour']:,} of {self.count:,} pictures." if kept and some else ""
            said.append(SAID_OF_COLOURS[kept] + mixed)
        if count := self.kinds["print"]:
            said.append(f"Pictures for print (CMYK) were read without their colour profile: {count:,}.")
        if count := self.kinds["animation"]:
            said.append(f"Of animated pictures only the first one was read: {count:,}.")
        return said

    def _decode(self, raw: bytes, name: str) -> Decoded:
        try:
            picture = Image.open(io.BytesIO(raw), formats=FORMATS)  # reads its header only
        except UnidentifiedImageError:
            raise InputError(f"{shown(name)} is neither a PNG nor a JPEG picture, or its start is damaged.") from None
        except Image.DecompressionBombError:
            raise _too_large(name) from None
        except Exception:  # Pillow's readers raise whatever damaged bytes lead them to
            raise _damaged(name) from None
        width, height = picture.size
        self.decoded += width * height
        if width * height > PICTURE_PIXELS:
            raise _too_large(name)
        if self.decoded > self.limits.decoded_pixels:
            raise InputError(
                f"The pictures have more than {self.limits.decoded_pixels / 1e6:,.0f} million pixels together, which "
                "is not allowed here: resize them before you upload them."
            )
        if max(width, height) > LARGEST:
            check_shape(height, width, self.size, f"{shown(name)} has")  # before anything large is decoded
        try:
            return decoded(picture, raw, self.choices.keeps_colours)
        except Exception:
            raise _damaged(name) from None


def _resized(picture: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """(H, W) or (H, W, 3), uint8 or float32, stretched or shrunk to exactly `size` (height, width)."""
    if size is None or picture.shape[:2] == size:
        return picture
    if picture.ndim == 3 and picture.dtype != np.uint8:  # Pillow has no three channels of floats
        return np.stack([_resized(channel, size) for channel in np.moveaxis(picture, -1, 0)], axis=-1)
    return np.asarray(Image.fromarray(picture).resize(size[::-1], Image.Resampling.LANCZOS))


def _too_large(name: str) -> InputError:
    return InputError(f"{shown(name)} has more than {PICTURE_PIXELS / 1e6:.0f} million pixels.")


def _damaged(name: str) -> InputError:
    return InputError(f"{shown(name)} is a damaged picture.")
