"""The environment, read once: where data and runs live, who trains, and the limits of a shared server."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypedDict

from .choices import own_networks
from .errors import InputError
from .logs import LEVELS, STYLES

ROOT = Path(__file__).resolve().parent.parent
# A copy that `pip install .` made lies among other people's packages: no place for data.
DATA = ROOT / "data" if (ROOT / "pyproject.toml").exists() else Path("~/latent-twins")
# As a container sees its own limit: version 2, and 1, which says 2⁶³ for none.
CONTROL_GROUPS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
FOR_WORKERS = 0.8  # of the memory: the rest is for the dashboard and the system
LEAST_MEMORY_MB = 1200  # a small run must always be possible


def cores() -> int:
    """Processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory() -> int:
    """Bytes of main memory this process may use: the machine's, or less where a control group says so."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    else:  # Windows
        import psutil

        machine = psutil.virtual_memory().total
    limits = [_limit(path) for path in CONTROL_GROUPS]
    return min([machine, *(limit for limit in limits if limit)])


def _limit(path: str) -> int | None:
    """What a control group's file says; None where there is none, or no limit."""
    try:
        text = Path(path).read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None  # "max"


@dataclass(frozen=True)
class Variable:
    """What docs/reference.md says of a variable of the environment."""

    meaning: str
    default: str


@dataclass(frozen=True)
class Settings:
    """What the environment says, checked. A field `workers` is the variable VAE_WORKERS."""

    data_dir: Annotated[
        Path,
        Variable(
            "Folder for datasets and the default database.",
            "`data/` beside dashboard.py; of a copy that `pip install .` made, `~/latent-twins`",
        ),
    ]
    database_url: Annotated[
        str,
        Variable(
            "Where runs are stored: SQLite, or `postgresql://user:password@host/database`.",
            "the SQLite file `latent_twins.db` in the data folder",
        ),
    ]
    scheduler: Annotated[
        str | None,
        Variable(
            "Address of a Dask scheduler. Needs a PostgreSQL database that its workers reach.",
            "none: worker processes on this machine",
        ),
    ]
    workers: Annotated[int, Variable("Worker processes; each trains one run at a time.", "the cores, at most 4")]
    threads: Annotated[int, Variable("Torch threads per model that is trained.", "cores ÷ workers")]
    max_epochs: Annotated[int, Variable("The longest run that may be asked for, in epochs.", "1000")]
    max_queued: Annotated[int, Variable("Runs that may wait at one time.", "200")]
    max_queued_per_visitor: Annotated[int, Variable("Runs of one visitor that may wait at one time.", "50")]
    max_sweeps_per_visitor: Annotated[int, Variable("Sweeps of one visitor that may run at one time.", "3")]
    max_weights_mb: Annotated[int, Variable("Weights kept per run; beyond it, only those of every k-th epoch.", "64")]
    max_memory_mb: Annotated[
        int,
        Variable(
            "Memory that training a run may need, estimated before it begins; on a cluster, a worker's.",
            "80 % of this machine's ÷ workers, at least 1200",
        ),
    ]
    max_run_mb: Annotated[int, Variable("What a run may take in the database, estimated before it begins.", "1024")]
    max_upload_mb: Annotated[
        int,
        Variable(
            "Largest file of images, and most that its images may take as they are stored. "
            "Raise `server.maxUploadSize` in `.streamlit/config.toml` with it.",
            "200",
        ),
    ]
    max_images: Annotated[int, Variable("Most images in one file.", "200000")]
    networks: Annotated[
        tuple[Path, ...],
        Variable(
            "Python files with networks of your own (docs/own_networks.md), with commas between them; they are run. "
            "The workers of a cluster need the same files.",
            "none",
        ),
    ]
    shared: Annotated[bool, Variable("1: nobody counts as sitting at the server, for one behind a reverse proxy.", "0")]
    admins: Annotated[
        tuple[str, ...],
        Variable("E-mail addresses, with commas between them, of accounts that may change everything.", "none"),
    ]
    log: Annotated[str, Variable("How events are written to stderr: `text` or `json`, one line each.", "text")]
    log_level: Annotated[
        str | None,
        Variable(
            "The least important events that are written: `DEBUG`, `INFO`, `WARNING` or `ERROR`.",
            "INFO on a server, WARNING on the command line",
        ),
    ]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Settings from VAE_… variables. Raises InputError with the variable's name and what it may be."""
        env = os.environ if environment is None else environment
        data_dir = Path(env.get("VAE_DATA_DIR") or DATA).expanduser().resolve()
        workers = _whole(env, "VAE_WORKERS", max(1, min(cores() // _whole(env, "VAE_THREADS", 1), 4)))
        threads = _whole(env, "VAE_THREADS", max(1, cores() // workers))
        if workers * threads > cores():
            raise InputError(
                f"VAE_WORKERS × VAE_THREADS is {workers} × {threads}, more than the {cores()} cores of this machine; "
                "training would slow down several times over. Lower one of them."
            )
        url = env.get("VAE_DATABASE_URL") or f"sqlite:///{data_dir / 'latent_twins.db'}"
        scheduler = env.get("VAE_SCHEDULER") or None
        if scheduler and url.startswith("sqlite"):
            raise InputError(
                "VAE_SCHEDULER names a cluster on other machines, which cannot write to a SQLite file here. "
                "Set VAE_DATABASE_URL to a database server that every worker reaches, such as PostgreSQL."
            )
        return cls(
            data_dir=data_dir,
            database_url=url,
            scheduler=scheduler,
            workers=workers,
            threads=threads,
            max_epochs=_whole(env, "VAE_MAX_EPOCHS", 1000),
            max_queued=_whole(env, "VAE_MAX_QUEUED", 200),
            max_queued_per_visitor=_whole(env, "VAE_MAX_QUEUED_PER_VISITOR", 50),
            max_sweeps_per_visitor=_whole(env, "VAE_MAX_SWEEPS_PER_VISITOR", 3),
            max_weights_mb=_whole(env, "VAE_MAX_WEIGHTS_MB", 64),
            max_memory_mb=_whole(
                env, "VAE_MAX_MEMORY_MB", max(LEAST_MEMORY_MB, int(memory() * FOR_WORKERS / workers) >> 20)
            ),
            max_run_mb=_whole(env, "VAE_MAX_RUN_MB", 1024),
            max_upload_mb=_whole(env, "VAE_MAX_UPLOAD_MB", 200),
            max_images=_whole(env, "VAE_MAX_IMAGES", 200_000),
            networks=tuple(file.path for file in own_networks.files(env).values()),
            shared=_switch(env, "VAE_SHARED"),
            admins=_addresses(env, "VAE_ADMINS"),
            **logging_settings(env),
        )

    def environment(self) -> dict[str, str]:
        """The variables that give a child process these same settings."""
        return {
            "VAE_DATA_DIR": str(self.data_dir),
            "VAE_DATABASE_URL": self.database_url,
            "VAE_SCHEDULER": self.scheduler or "",
            "VAE_WORKERS": str(self.workers),
            "VAE_THREADS": str(self.threads),
            "VAE_MAX_EPOCHS": str(self.max_epochs),
            "VAE_MAX_QUEUED": str(self.max_queued),
            "VAE_MAX_QUEUED_PER_VISITOR": str(self.max_queued_per_visitor),
            "VAE_MAX_SWEEPS_PER_VISITOR": str(self.max_sweeps_per_visitor),
            "VAE_MAX_WEIGHTS_MB": str(self.max_weights_mb),
            "VAE_MAX_MEMORY_MB": str(self.max_memory_mb),
            "VAE_MAX_RUN_MB": str(self.max_run_mb),
            "VAE_MAX_UPLOAD_MB": str(self.max_upload_mb),
            "VAE_MAX_IMAGES": str(self.max_images),
            "VAE_NETWORKS": ",".join(map(str, self.networks)),
            "VAE_SHARED": "1" if self.shared else "0",
            "VAE_ADMINS": ",".join(self.admins),
            "VAE_LOG": self.log,
            "VAE_LOG_LEVEL": self.log_level or "",
        }


class LoggingSettings(TypedDict):
    """Those of `Settings` that are about events."""

    log: str
    log_level: str | None


def logging_settings(environment: Mapping[str, str] | None = None) -> LoggingSettings:
    """`log` and `log_level` of Settings, also where the rest of the environment is wrong. Raises InputError."""
    env = os.environ if environment is None else environment
    return {
        "log": (_one_of(env, "VAE_LOG", STYLES) or STYLES[0]),
        "log_level": _one_of(env, "VAE_LOG_LEVEL", LEVELS),
    }


def _one_of(env: Mapping[str, str], name: str, known: tuple[str, ...]) -> str | None:
    text = (env.get(name) or "").strip()
    for value in known:
        if text.lower() == value.lower():
            return value
    if text:
        raise InputError(f"{name} is {text!r}, but it must be one of {', '.join(known)}.")
    return None


def _whole(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name)
    if not text:
        return default
    if not text.strip().isdecimal() or int(text) < 1:
        raise InputError(f"{name} is {text!r}, but it must be a whole number of at least 1.")
    return int(text)


def _switch(env: Mapping[str, str], name: str) -> bool:
    text = (env.get(name) or "0").strip()
    if text not in ("0", "1"):
        raise InputError(f"{name} is {text!r}, but it must be 1 or 0.")
    return text == "1"


def _addresses(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    found = tuple(word.strip().lower() for word in (env.get(name) or "").split(",") if word.strip())
    if bad := [word for word in found if not re.fullmatch(r"[^@\s]+@[^@\s]+", word)]:
        raise InputError(f"{name} names {bad[0]!r}, but it must be e-mail addresses with commas between them.")
    return found
