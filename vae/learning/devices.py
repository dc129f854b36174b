"""Where a run computes, and how: device, precision, threads. All of it is torch's own state, set and put back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ..errors import InputError


def pick_device(name: str) -> torch.device:
    """The device that `name` means here. Raises InputError when it is absent."""
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if present[kind]))
    if not present[name]:
        there = [kind for kind in present if present[kind]]
        raise InputError(f"device is {name!r}, but this machine has no such device; it has {', '.join(there)}.")
    return torch.device(name)


def free_memory(device: torch.device) -> int | None:
    """Bytes that are free on a GPU; None where memory is not its own."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None


@contextmanager
def arithmetic(precision: str, device: torch.device, threads: int) -> Iterator[None]:
    """Set torch's process-wide arithmetic for a run, and put it back afterwards."""
    onednn: Any = torch.backends.mkldnn  # torch replaces this module by an object
    cudnn: Any = torch.backends.cudnn
    products = [onednn.matmul, onednn.conv]
    before, before_threads = [kind.fp32_precision for kind in products], torch.get_num_threads()
    if device.type == "cpu":
        # float32 tensors, products in bfloat16 inside oneDNN: no casts to pay for, unlike autocast. Ignored by
        # processors without bfloat16.
        for kind in products:
            kind.fp32_precision = "bf16" if precision == "bfloat16" else "ieee"
    torch.set_num_threads(threads)
    try:
        # A GPU's convolutions round float32 to ten bits and add in any order, unless they are told not to.
        with cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        for kind, precision_before in zip(products, before, strict=True):
            kind.fp32_precision = precision_before
        torch.set_num_threads(before_threads)


@contextmanager
def arithmetic_of_thread(threads: int) -> Iterator[None]:
    """Settings that belong to a thread, for the time of an epoch."""
    torch.set_num_threads(threads)  # its OpenMP part
    # Adam's moments of pixels that are rarely lit decay into denormal numbers, which cost a later epoch 15 %.
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
