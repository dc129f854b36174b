"""What is sent to the browser's components, read back with struct, json and numpy alone."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

LITTLE_ENDIAN = {"float32": "<f4", "int16": "<i2", "uint8": "|u1"}


def refuse(token: str) -> None:
    raise AssertionError(f"JSON.parse stumbles over {token}")


def unpacked(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The format as its first line describes it: [u32 length][JSON padded to 4][array][array]…"""
    (length,) = struct.unpack_from("<I", data)
    assert length % 4 == 0
    meta = json.loads(data[4 : 4 + length].decode("utf-8"), parse_constant=refuse)
    arrays, end = {}, 0
    for name, described in meta.pop("arrays").items():
        assert described["offset"] % 4 == 0, "typed arrays in a browser must be aligned"
        assert described["offset"] >= end, "no array lies over another"
        count = int(np.prod(described["shape"], dtype=int))
        array = np.frombuffer(data, LITTLE_ENDIAN[described["type"]], count, 4 + length + described["offset"])
        arrays[name], end = array.reshape(described["shape"]), described["offset"] + array.nbytes
    assert len(data) == 4 + length + end + -end % 4, "nothing is left over"
    return meta, arrays
