"""A gzipped file from outside, unpacked in memory no further than is allowed; and the IDX files often in one."""

from __future__ import annotations

import gzip
import io
import zlib

from ...errors import InputError
from ..idx import read_idx
from .choices import Choices
from .found import Found
from .limits import Limits, Progress, check_shape
from .pixels import resized

STEP = 1 << 20  # bytes unpacked at a time


def unpacked(data: bytes, limits: Limits) -> bytes:
    """Raises InputError for what is no gzip file, a damaged one, or one that unpacks to more than is allowed."""
    parts, done = [], 0
    try:
        with gzip.open(io.BytesIO(data)) as file:
            while part := file.read(STEP):
                done += len(part)
                limits.unpackable(done)
                parts.append(part)
    except (OSError, EOFError, zlib.error):
        raise InputError("It is not a gzip file, or a damaged one.") from None
    return b"".join(parts)


def read_idx_images(data: bytes, choices: Choices, limits: Limits, progress: Progress) -> Found:
    """Images of an IDX file, without labels: those are in another file. Raises InputError."""
    numbers = read_idx(data)
    if numbers is None or numbers.ndim != 3:
        raise InputError("It is not an IDX file with images (…-images-idx3-ubyte), or a damaged one.")
    count, height, width = numbers.shape
    check_shape(height, width, choices.size)
    limits.admit(count, height * width)
    progress(1.0, "Reading images")
    alone = "An IDX file of images has no labels in it; all images were read without."
    return Found(resized(numbers, choices.size), None, None, (alone,))
