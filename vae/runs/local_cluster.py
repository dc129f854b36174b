"""The embedded cluster: a Dask scheduler and worker processes, in a process of their own that dies with its parent.

Worker processes started from inside a Streamlit script would run the page again in every child, so `EmbeddedCluster`
starts `python -m vae.runs.local_cluster`, which owns a LocalCluster and ends when its standard input closes: on
`close()`, and when the dashboard is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from typing import Any

from .. import logs
from ..settings import ROOT, Settings

CREDENTIALS = ("tls_ca_file", "tls_client_cert", "tls_client_key")  # PEM texts that live in memory only
NICENESS = 5  # the dashboard shares the cores: a visitor's click goes before a training step
PATIENCE = "1 day"  # for a killed worker's replacement
GOODBYE = 10  # seconds an ending cluster has before it is killed


class EmbeddedCluster:
    """A running cluster on loopback, reachable only with credentials that it made for itself."""

    def __init__(self, settings: Settings) -> None:
        """Starts it and waits until the scheduler answers (about two seconds; workers follow)."""
        # A folder may shadow a package when it is on sys.path as "": name the project's root explicitly.
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vae.runs.local_cluster"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | settings.environment() | {"PYTHONPATH": path},
            text=True,
        )
        assert self.process.stdin and self.process.stdout, "both are pipes"
        self._until_closed, self._told = self.process.stdin, self.process.stdout
        line = self._told.readline()
        if not line:
            raise RuntimeError(f"the embedded cluster ended at once with code {self.process.wait()}")
        self.contact: dict[str, Any] = json.loads(line)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def close(self) -> None:
        """End it, with its workers."""
        self._until_closed.close()
        try:
            self.process.wait(GOODBYE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._told.close()


def main() -> None:
    """Own a LocalCluster until standard input closes."""
    import dask
    from distributed import LocalCluster, Security

    logs.adopt("distributed")
    # Dask closes a lost worker for good when its replacement takes longer than this to register: 15 s, which
    # on a busy machine is less than importing torch takes, and no run would ever be trained again.
    dask.config.set({"distributed.deploy.lost-worker-timeout": PATIENCE})
    # A terminal's Ctrl-C reaches all its processes: ours end, workers too, when the one that owns them has tidied up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(AttributeError, OSError):  # Windows has no nice()
        os.nice(NICENESS)  # workers inherit it
    contact_line = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever workers print belongs in the log, not in the pipe that nobody reads any further
    settings = Settings.from_environment()
    logs.configure(settings.log, settings.log_level or "INFO")
    security = Security.temporary()
    cluster = LocalCluster(
        n_workers=settings.workers,
        threads_per_worker=1,  # one run at a time each; torch's own threads are VAE_THREADS
        processes=True,
        host="127.0.0.1",
        protocol="tls://",
        security=security,
        dashboard_address="127.0.0.1:0",  # a fixed port would clash with another dashboard on this machine
        worker_dashboard_address=None,
        preload=["vae.runs.worker_preload"],
        memory_limit=0,
    )
    with cluster:
        contact = {"address": cluster.scheduler_address} | {name: getattr(security, name) for name in CREDENTIALS}
        print(json.dumps(contact), file=contact_line, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
