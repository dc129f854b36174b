"""PNG files by hand, of the kinds that Pillow reads and doesn't write: 16 bits a channel, 2 and 4 bits, one tRNS."""

from __future__ import annotations

import struct
import zlib

import numpy as np

GREY, COLOURS, GREY_WITH_OPACITY, COLOURS_WITH_OPACITY = 0, 2, 4, 6  # the PNG specification's colour types
PALETTE = 3


def png(
    numbers: np.ndarray, kind: int, depth: int = 16, transparent: tuple[int, ...] = (), extra: bytes = b""
) -> bytes:
    """`numbers`: (H, W) or (H, W, channels). Rows are filtered with the five filters in turn, as encoders do.

    `transparent`: the one colour that is. `extra`: whole chunks before the pixels.
    """
    height, width = numbers.shape[:2]
    rows = _packed(numbers.reshape(height, -1), depth)
    step = max(1, numbers[0, 0].size * depth // 8)  # bytes a pixel
    told = chunk(b"tRNS", struct.pack(f">{len(transparent)}H", *transparent)) if transparent else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
        + told
        + extra
        + chunk(b"IDAT", zlib.compress(_filtered(rows, step)))
        + chunk(b"IEND", b"")
    )


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def exif_chunk(orientation: int) -> bytes:
    """An eXIf chunk that says how to turn the picture."""
    return chunk(b"eXIf", b"MM\x00\x2a" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0))


def _packed(rows: np.ndarray, depth: int) -> np.ndarray:
    """(H, bytes) uint8."""
    if depth == 16:
        return rows.astype(">u2").view(np.uint8)
    if depth == 8:
        return rows.astype(np.uint8)
    bits = np.unpackbits(rows.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :]
    return np.packbits(bits.reshape(len(rows), -1), axis=1)


def _filtered(rows: np.ndarray, step: int) -> bytes:
    """Filters none, sub, up, average and Paeth, one row after the other."""
    out, above = b"", np.zeros(rows.shape[1], np.int64)
    for place, row in enumerate(rows.astype(np.int64)):
        left, corner = (np.concatenate([np.zeros(step, np.int64), line[:-step]]) for line in (row, above))
        guess = left + above - corner
        near = np.stack([abs(guess - left), abs(guess - above), abs(guess - corner)])
        paeth = np.choose(near.argmin(axis=0), [left, above, corner])
        way = place % 5
        taken = (0, left, above, (left + above) // 2, paeth)[way]
        out += bytes([way]) + ((row - taken) % 256).astype(np.uint8).tobytes()
        above = row
    return out
