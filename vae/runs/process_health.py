"""How this process, its machine and its disk are doing."""

from __future__ import annotations

import os
import platform
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .. import __version__
from ..settings import cores, memory

# What a container uses, where `settings.memory` reads its limits: version 2, and 1.
IN_USE = ("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes")
LIBRARIES = ("streamlit", "torch", "distributed", "optuna", "SQLAlchemy", "numpy", "pandas")


@dataclass(frozen=True)
class ProcessHealth:
    """All sizes in bytes."""

    memory: int  # that this process has in use, with the libraries' files, which its workers share
    private: int  # of it, this process's own
    used: int  # of the machine's, or of the container's
    total: int
    cores: int  # that this process may use
    load: float | None  # processes that want a core, over the last minute; none where the system doesn't say
    disk_free: int  # where the data lie
    disk_total: int
    uptime: float  # seconds since this process began


def process_health(data_dir: Path) -> ProcessHealth:
    """Takes a millisecond."""
    import psutil

    me, machine, total = psutil.Process(), psutil.virtual_memory(), memory()
    used = machine.total - machine.available
    if total < machine.total:
        used = next((int(path.read_text()) for path in map(Path, IN_USE) if path.exists()), used)
    there = data_dir
    while not there.exists():  # a folder that nothing has been written to yet
        there = there.parent
    disk = shutil.disk_usage(there)
    return ProcessHealth(
        memory=me.memory_info().rss,
        private=_private() or me.memory_info().rss,
        used=used,
        total=total,
        cores=cores(),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        disk_free=disk.free,
        disk_total=disk.total,
        uptime=max(0.0, time.time() - me.create_time()),
    )


def _private() -> int:
    """Bytes, from Linux's own account, which costs nothing; 0 elsewhere."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return 1024 * int(line.split()[1])
    return 0


def versions() -> dict[str, str]:
    """Of the program and what it runs on; nothing is imported for it."""
    found = {"latent-twins": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name.lower()] = version(name)
    return found


def readable(size: float) -> str:
    """Bytes for people: 12.3 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < 1000:
            return f"{size:,.0f} {unit}" if unit == "B" or size >= 100 else f"{size:,.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} TB"
