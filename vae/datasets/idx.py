"""IDX, the format of MNIST's files."""

from __future__ import annotations

import struct
from math import prod

import numpy as np

UNSIGNED_BYTES, INTEGERS = b"\0\0\x08", b"\0\0\x0c"  # how a file of them begins; its rank follows
MOST_AXES = 4


def read_idx(content: bytes, integers: bool = False) -> np.ndarray | None:
    """An IDX file's bytes: 0, 0, type, rank, one big-endian length per axis, numbers. None when they don't add up.

    `integers`: whether it may also hold numbers of 32 bits, as some label files do (QMNIST's).
    """
    kinds = {UNSIGNED_BYTES: np.dtype(np.uint8)} | ({INTEGERS: np.dtype(">i4")} if integers else {})
    kind = kinds.get(content[:3])
    rank = content[3] if kind is not None and len(content) > 3 else 0
    start = 4 + 4 * rank
    if kind is None or not 0 < rank <= MOST_AXES or len(content) < start:
        return None
    lengths = struct.unpack_from(f">{rank}I", content, 4)
    if len(content) != start + prod(lengths) * kind.itemsize:
        return None
    return np.frombuffer(content, dtype=kind, offset=start).reshape(lengths).astype(kind.newbyteorder("="))
