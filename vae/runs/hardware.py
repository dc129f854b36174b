"""What of a computer decides the last bits of a result, beside the versions of its libraries."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")  # Linux only
ARITHMETIC = ("avx", "amx", "fma", "asimd", "sve")  # flags by which libraries choose how to multiply
STEERING = (  # variables that make them choose otherwise
    "ATEN_CPU_CAPABILITY",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_MAX_CPU_ISA",
)


def machine(device: str, threads: int) -> dict[str, str | int]:
    """Of this process. Two results are comparable bit for bit only where all of this is equal.

    Measured: products of large matrices are summed in another order with another number of `threads` (784-400-20 on
    MNIST: other bits; 64-128-2: the same) and with other instructions (always other bits). One Python thread per
    variant or one for all changes nothing.
    """
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "instructions": _instructions(),
        "threads": threads,
        "accelerator": _accelerator(device),
    }


def _cpu_info(name: str) -> str:
    try:
        text = CPU_INFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(rf"^{name}\s*:\s*(.*)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


def _processor() -> str:
    name = _cpu_info("model name") or platform.processor() or "unknown"
    model = _cpu_info("model")  # machines in a cloud share one name
    return f"{name} (model {model})" if model else name


def _instructions() -> str:
    import torch

    flags = {flag for flag in _cpu_info("(?:flags|Features)").split() if flag.startswith(ARITHMETIC)}
    steered = [f"{name}={os.environ[name]}" for name in STEERING if name in os.environ]
    return " ".join([torch.backends.cpu.get_cpu_capability(), *sorted(flags), *steered])[:1000]


def _accelerator(device: str) -> str:
    import torch

    return torch.cuda.get_device_name() if device == "cuda" else "" if device == "cpu" else device
