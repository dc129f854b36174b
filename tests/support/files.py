"""Files with images, made by hand, for tests of uploads."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np
from PIL import Image

from vae.datasets import SPLIT_SEED, Images
from vae.datasets.imported import Choices, Limits, Progress, read

LIMITS = Limits(upload_bytes=200_000, images=300)  # small, so that what exceeds them is small as well
COUNT = 20


def images_of(
    name: str,
    data: bytes,
    size: tuple[int, int] | None = None,
    limits: Limits = LIMITS,
    progress: Progress = lambda share, what: None,
) -> Images:
    """The file's images, without what is said of them."""
    return read(name, data, Choices(size=size), limits, progress).images


def in_file_order(images: Images, held_out: np.ndarray | None = None) -> tuple[np.ndarray, list[str]]:
    """All images, (N, H, W) or (N, H, W, 3), and their labels, put back where the file had them.

    `held_out`: the file's own split.
    """
    count = len(images.train_x) + len(images.test_x)
    if held_out is None:
        order = np.random.default_rng(SPLIT_SEED).permutation(count)
    else:
        order = np.concatenate([np.flatnonzero(held_out), np.flatnonzero(~held_out)])
    x, y = np.concatenate([images.test_x, images.train_x]), np.concatenate([images.test_y, images.train_y])
    back = np.argsort(order)
    x = x[back].reshape(-1, *images.shape)
    return x[:, 0] if images.shape[0] == 1 else x.transpose(0, 2, 3, 1), [images.classes[label] for label in y[back]]


def grey(count: int = COUNT, height: int = 8, width: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, height, width), dtype=np.uint8)


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def picture(image: np.ndarray | Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def pictures(images: np.ndarray, name: str = "{}.png") -> dict[str, bytes]:
    return {name.format(f"{place:05d}"): picture(image) for place, image in enumerate(images)}


def csv(images: np.ndarray, labels: list | None = None, header: str = "") -> bytes:
    labels = [""] * len(images) if labels is None else labels
    lines = [f"{label}," + ",".join(map(str, image.ravel())) for label, image in zip(labels, images, strict=True)]
    return "\n".join([*([header] if header else []), *lines]).encode()


def black_png(width: int, height: int) -> bytes:
    """Large when it is decoded, small as a file: one bit a pixel, all of them 0."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    deflate, rows = zlib.compressobj(9), bytes((width + 7) // 8 + 1)
    pixels = b"".join(deflate.compress(rows) for _ in range(height)) + deflate.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
