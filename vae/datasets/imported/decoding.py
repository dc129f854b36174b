"""One PNG or JPEG picture: upright, its levels grey or red, green and blue; what is transparent on either paper."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from .pixels import BLUE, GREEN, RED, WHITE, coloured, luminance

FORMATS = ("PNG", "JPEG")  # Pillow looks at the content; no other of its readers is ever run
PAPER = {"black": 0, "white": WHITE}  # `Choices.paper` → the level that shows through
ALL_OF_SIXTEEN_BITS = 65535
GREY_MODES = ("1", "L", "LA")  # of Pillow's, that know no colour
# Pillow cuts colours of 16 bits to the first of their two bytes: how it unpacks them → how it unpacks the second ones.
SECOND_BYTES = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L"}
GREY_WITH_OPACITY, FOUR_BYTES = "LA;16B", "RGBA"  # two numbers of two bytes each are four bytes, all of them


@dataclass(frozen=True)
class Decoded:
    """A picture (H, W), or (H, W, 3) with colours: uint8, or float32 with numbers of 16 bits. Transparent: on black.

    Colours that aren't wanted are there only with 16 bits: they become grey when it is known which number is white.
    """

    picture: np.ndarray
    kinds: tuple[str, ...] = ()  # "colour" (kept or not), "deep" (16 bits), "print" (CMYK), "animation"
    on_white: np.ndarray | None = None  # the same on white, where it is transparent
    through: np.ndarray | None = None  # (H, W) float32, from 0 to 1: how much paper shows through one of 16 bits
    shown: float = 0.0  # mean opacity of a transparent one, from 0 to 255
    ink: float = 0.0  # its mean brightness on black, in levels
    deep_ink: float = 0.0  # the same of one of 16 bits, in its numbers
    highest: float = 0.0  # of numbers of 16 bits

    @property
    def coloured(self) -> bool:
        return "colour" in self.kinds


def decoded(picture: Image.Image, raw: bytes, keep_colours: bool) -> Decoded:
    """`picture` was opened from `raw`, and only its header read. Raises whatever Pillow does for damaged bytes."""
    kinds = ["print"] if picture.mode == "CMYK" else []
    if picture.format == "PNG" and getattr(picture, "is_animated", False):
        kinds.append("animation")
    if picture.mode.startswith("I") or _unpacks(picture) in (*SECOND_BYTES, GREY_WITH_OPACITY):
        return _deep(picture, raw, kinds)
    picture = _upright(picture, raw)
    if not picture.has_transparency_data:
        return _opaque(picture, keep_colours, kinds)
    return _transparent(picture, keep_colours, kinds)


def _opaque(picture: Image.Image, keep_colours: bool, kinds: list[str]) -> Decoded:
    if picture.mode not in GREY_MODES:
        colours = np.asarray(picture.convert("RGB"))
        if coloured(colours):
            kinds.append("colour")
            if keep_colours:
                return Decoded(colours, tuple(kinds))
    return Decoded(np.asarray(picture.convert("L")), tuple(kinds))


def _transparent(picture: Image.Image, keep_colours: bool, kinds: list[str]) -> Decoded:
    """On black and, a second time, on white."""
    picture = picture.convert("RGBA")
    opacity = np.asarray(picture.getchannel("A"))
    papers = [
        Image.alpha_composite(Image.new("RGBA", picture.size, (*[level] * 3, WHITE)), picture)
        for level in PAPER.values()
    ]
    if any(coloured(np.asarray(paper.convert("RGB"))) for paper in papers):  # what is wholly transparent has no colour
        kinds.append("colour")
    mode = "RGB" if keep_colours and "colour" in kinds else "L"
    on_black, on_white = (np.asarray(paper.convert(mode)) for paper in papers)
    if opacity.min() == WHITE:
        return Decoded(on_black, tuple(kinds))
    ink = float((luminance(on_black) if mode == "RGB" else on_black).mean(dtype=float))
    return Decoded(on_black, tuple(kinds), on_white, shown=float(opacity.mean(dtype=float)), ink=ink)


def _deep(picture: Image.Image, raw: bytes, kinds: list[str]) -> Decoded:
    """Of a PNG with 16 bits a channel, all of them: Pillow's own conversions would cut them off."""
    kinds.append("deep")
    transparent = picture.info.get("transparency")  # one grey or one colour that nobody is to see
    numbers = _numbers(picture, raw)
    seen: np.ndarray = np.full(numbers.shape[:2], ALL_OF_SIXTEEN_BITS)
    if numbers.shape[2] in (2, 4):
        seen, numbers = numbers[..., -1], numbers[..., :-1]
    elif transparent is not None:
        seen = (numbers != np.array(transparent)).any(axis=-1) * ALL_OF_SIXTEEN_BITS
    opacity = seen.astype(np.float32) / np.float32(ALL_OF_SIXTEEN_BITS)
    visible = numbers.astype(np.float32) * opacity[..., None]
    means, weights = visible.mean(axis=(0, 1), dtype=float), (RED, GREEN, BLUE)
    if visible.shape[2] > 1 and coloured(visible):
        kinds.append("colour")
        ink = float(means @ weights / sum(weights))
    else:
        visible, ink = visible[..., 0], float(means[0])
    highest = float(visible.max())
    if opacity.min() == 1:
        return Decoded(visible, tuple(kinds), highest=highest)
    shown = float(opacity.mean(dtype=float)) * WHITE
    return Decoded(visible, tuple(kinds), through=1 - opacity, shown=shown, deep_ink=ink, highest=highest)


def _numbers(picture: Image.Image, raw: bytes) -> np.ndarray:
    """(H, W, channels) uint16, upright: grey, grey and opacity, three colours, or these and opacity."""
    way = _unpacks(picture)
    if way == GREY_WITH_OPACITY:
        pairs = np.asarray(_upright(_unpacked(picture, FOUR_BYTES), raw)).astype(np.uint16)
        return (pairs[..., ::2] << 8) | pairs[..., 1::2]
    if way in SECOND_BYTES:
        again = Image.open(io.BytesIO(raw), formats=FORMATS)
        first, second = (
            np.asarray(_upright(one, raw)).astype(np.uint16) for one in (picture, _unpacked(again, SECOND_BYTES[way]))
        )
        return (first << 8) | second
    return np.asarray(_upright(picture, raw)).astype(np.uint16)[..., None]


def _unpacks(picture: Image.Image) -> str:
    """How Pillow is going to unpack the pixels of a PNG, by its own name for it."""
    tile = getattr(picture, "tile", None)
    return str(tile[0].args) if picture.format == "PNG" and tile else ""


def _unpacked(picture: Image.Image, way: str) -> Image.Image:
    """The picture, to be unpacked in another way."""
    picture.tile = [tile._replace(args=way) for tile in picture.tile]  # type: ignore[attr-defined]
    return picture


def _upright(picture: Image.Image, raw: bytes) -> Image.Image:
    """Turned as its camera says."""
    return ImageOps.exif_transpose(picture) if picture.format != "PNG" or b"eXIf" in raw else picture
