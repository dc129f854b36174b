"""Arrays and weights as safetensors bytes and back, with checksums. Nothing here is ever pickled."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from ..errors import InputError

CHECKSUM = "crc32"  # in the metadata: of all arrays' bytes, by name. Older records have none
HEADER = 8  # bytes that say how long the JSON header is


class Damaged(InputError):
    """Stored bytes are not those that were written: a failing disk, or somebody's hand."""


def pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Named arrays as safetensors."""
    whole = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in arrays.items()}
    return save_arrays(whole, metadata={CHECKSUM: _checksum(whole)})


def unpack(payload: bytes | None) -> dict[str, np.ndarray]:
    """safetensors as named arrays. Raises Damaged when they are not as they were written, or gone."""
    if payload is None:
        raise Damaged("What should be stored here is gone and can't be shown.")
    try:
        arrays = load_arrays(payload)
        metadata = _metadata(payload)
    except (SafetensorError, ValueError, KeyError, TypeError) as problem:
        raise Damaged(f"What is stored here is damaged and can't be shown ({_first_line(problem)}).") from None
    if CHECKSUM in metadata and metadata[CHECKSUM] != _checksum(arrays):
        raise Damaged("What is stored here is damaged and can't be shown (its checksum is another).")
    return arrays


def pack_tensors(tensors: Mapping) -> bytes:
    """Named torch tensors, from any device, as safetensors."""
    return pack({name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()})


def unpack_tensors(payload: bytes) -> dict:
    """safetensors as torch tensors on the CPU. Raises Damaged as `unpack`."""
    from torch import from_numpy  # a page that only draws has no need of torch

    return {name: from_numpy(array) for name, array in unpack(payload).items()}


def _checksum(arrays: Mapping[str, np.ndarray]) -> str:
    crc = 0
    for name in sorted(arrays):
        crc = zlib.crc32(arrays[name].reshape(-1).view(np.uint8).data, zlib.crc32(name.encode(), crc))
    return str(crc)


def _metadata(payload: bytes) -> dict[str, str]:
    length = int.from_bytes(payload[:HEADER], "little")
    return json.loads(payload[HEADER : HEADER + length]).get("__metadata__") or {}


def _first_line(problem: Exception) -> str:
    return (str(problem).splitlines() or [type(problem).__name__])[0]
