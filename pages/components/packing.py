"""Arrays for a component that runs in the browser, as bytes: [u32 length][JSON padded to 4][array][array]…"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

TYPES = {"float32": "<f4", "int16": "<i2", "uint8": "u1"}  # what packing.js reads


def packed(meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """`meta`: all that JSON can say. Each array starts at a multiple of 4; its type must be one of TYPES."""
    described, parts, offset = {}, [], 0
    for name, array in arrays.items():
        data = np.asarray(array, dtype=TYPES[array.dtype.name], order="C").tobytes()
        described[name] = {"type": array.dtype.name, "shape": array.shape, "offset": offset}
        data += b"\0" * (-len(data) % 4)
        parts.append(data)
        offset += len(data)
    head = json.dumps({**meta, "arrays": described}).encode()
    head += b" " * (-len(head) % 4)
    return struct.pack("<I", len(head)) + head + b"".join(parts)
