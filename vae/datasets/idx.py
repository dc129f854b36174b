"""IDX, the format of MNIST's files."""

from __future__ import annotations

import struct
from math import prod

import numpy as np

UNSIGNED_BYTES = b"\0\0\x08"  # how a file of them begins; its rank follows
MOST_AXES = 4


def read_idx(content: bytes) -> np.ndarray | None:
    """An IDX file's bytes: 0, 0, type, rank, one big-endian length per axis, numbers. None when they don't add up."""
    rank = content[3] if len(content) > 3 and content.startswith(UNSIGNED_BYTES) else 0
    start = 4 + 4 * rank
    if not 0 < rank <= MOST_AXES or len(content) < start:
        return None
    lengths = struct.unpack_from(f">{rank}I", content, 4)
    if len(content) != start + prod(lengths):
        return None
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(lengths).copy()
