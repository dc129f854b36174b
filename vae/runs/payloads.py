"""Arrays and weights as safetensors bytes and back. Nothing here is ever pickled."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays


def pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Named arrays as safetensors."""
    return save_arrays({name: np.asarray(array, order="C") for name, array in arrays.items()})


def unpack(payload: bytes) -> dict[str, np.ndarray]:
    """safetensors as named arrays."""
    return load_arrays(payload)


def pack_tensors(tensors: Mapping) -> bytes:
    """Named torch tensors, from any device, as safetensors."""
    return pack({name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()})


def unpack_tensors(payload: bytes) -> dict:
    """safetensors as torch tensors on the CPU."""
    from safetensors.torch import load  # a page that only draws has no need of torch

    return load(payload)
