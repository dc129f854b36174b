"""How much one upload may ask of this machine. What a sentence says about a file from outside is made here, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...errors import InputError
from ...settings import Settings

Progress = Callable[[float, str], None]  # share done, from 0 to 1, and of what

SMALLEST, LARGEST = 4, 64  # pixels along a side of a data set's images
FEWEST = 12  # images: ten to learn from, two to be tested on
PICTURE_PIXELS = 32_000_000  # of one picture before it is resized: a large photograph
PICTURE_BYTES = 64 << 20  # of one unpacked PNG or JPEG file
MOST_SHOWN = 60  # characters of a foreign name that a sentence repeats


class NeedsSize(InputError):
    """What is wrong is put right by resizing the images."""


@dataclass(frozen=True)
class Limits:
    """Checked against what is really read, never against what a header claims alone."""

    upload_bytes: int  # of the file, and of the images as they are stored
    images: int

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        return cls(settings.max_upload_mb << 20, settings.max_images)

    @property
    def unpacked_bytes(self) -> int:
        """MNIST as float64, which many people save, unpacks to 440 MB."""
        return 5 * self.upload_bytes

    @property
    def decoded_pixels(self) -> int:
        """Of all pictures of an archive, before they are resized: what bounds the seconds that decoding takes."""
        return 20 * self.upload_bytes

    @property
    def entries(self) -> int:
        """Files and folders of an archive."""
        return 2 * self.images + 10

    def admit(self, count: int, pixels: int = 0, channels: int = 1) -> None:
        """Raises InputError when there are too many images, of `channels` × `pixels` levels each, or too few."""
        if count > self.images:
            raise InputError(f"There are more than the {self.images:,} images allowed here (VAE_MAX_IMAGES).")
        if count < FEWEST:
            held = "no image" if count == 0 else f"only {count} image{'s' * (count > 1)}"
            raise InputError(f"It holds {held}; at least {FEWEST} are needed, to learn from and to be tested on.")
        if (size := count * pixels * channels) > self.upload_bytes:
            each, grey = (
                (f"{pixels:,} pixels", "") if channels == 1 else (f"{pixels:,} coloured pixels", ", make them grey")
            )
            raise InputError(
                f"{count:,} images of {each} would take {megabytes(size)} in the database, and "
                f"{megabytes(self.upload_bytes)} are allowed (VAE_MAX_UPLOAD_MB); resize them{grey}, or take fewer."
            )

    def unpackable(self, size: int) -> None:
        """Raises InputError when unpacking so many bytes is not allowed."""
        if size > self.unpacked_bytes:
            raise InputError(
                f"It unpacks to more than {megabytes(self.unpacked_bytes)}, which is not allowed here: five times "
                "VAE_MAX_UPLOAD_MB."
            )


def check_size(size: tuple[int, int] | None) -> None:
    """Raises InputError when images can't be resized to this height and width."""
    if size and not all(SMALLEST <= side <= LARGEST for side in size):
        raise InputError(
            f"Images can be resized to sides of {SMALLEST} to {LARGEST} pixels, not to {size[0]}×{size[1]}."
        )


def check_shape(height: int, width: int, size: tuple[int, int] | None, what: str = "The images are") -> None:
    """Raises InputError when images of this shape can't be used, NeedsSize when resizing them would do."""
    if min(height, width) < SMALLEST:
        raise InputError(f"{what} {height}×{width} pixels; at least {SMALLEST}×{SMALLEST} are needed.")
    if size is None and max(height, width) > LARGEST:
        raise NeedsSize(
            f"{what} {height}×{width} pixels, more than {LARGEST}×{LARGEST}: choose a size to resize them to."
        )


def shown(name: str) -> str:
    """A name from outside, in a sentence: one short line of printable characters, between quotes."""
    text = "".join(character if character.isprintable() else "�" for character in name)
    return f"“{text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + '…'}”"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Some names from outside, in a sentence: the first ones, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(shown(name) for name in names[:most]) + more


def megabytes(size: int) -> str:
    """Bytes, as a person reads them: 1 MB is 2²⁰ here, as in VAE_MAX_UPLOAD_MB."""
    value = size / (1 << 20)
    return f"{value:,.0f} MB" if value >= 10 else f"{value:.2g} MB"
