"""IDX, the format of MNIST's files."""

from __future__ import annotations

import numpy as np


def read_idx(content: bytes) -> np.ndarray | None:
    """An IDX file's bytes: 0, 0, type, rank, one big-endian length per axis, numbers. None when they don't add up."""
    rank = content[3] if len(content) > 3 and content[:3] == b"\0\0\x08" else 0
    lengths = np.frombuffer(content[4 : 4 + 4 * rank], dtype=">u4").astype(int)
    if not rank or len(lengths) < rank or len(content) != 4 + 4 * rank + int(np.prod(lengths)):
        return None
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * rank).reshape(lengths).copy()
