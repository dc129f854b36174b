"""A Dask scheduler and workers started one by one, as a lab starts them on its machines, here all on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

from vae.settings import ROOT, Settings

PATIENCE = 60  # seconds for a process to be there: importing torch takes a while on a busy machine


class Cluster:
    """`dask scheduler` and some `dask worker`s; `address` is what VAE_SCHEDULER names."""

    def __init__(self, folder: Path, settings: Settings, protocol: str = "tcp", **environment: str) -> None:
        """Starts nothing yet. Workers get `settings` by VAE_… variables of their own; `environment` goes to all."""
        self.folder, self.protocol = folder, protocol
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"{protocol}://127.0.0.1:{self.port}"
        mine = settings.environment() | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        self.environment = os.environ | mine | environment
        self.scheduler: psutil.Popen | None = None
        self.workers: list[psutil.Popen] = []

    def start(self, workers: int) -> Cluster:
        self.start_scheduler()
        for _ in range(workers):
            self.start_worker()
        return self

    def start_scheduler(self) -> None:
        place = ["--host", "127.0.0.1", "--port", str(self.port), "--protocol", self.protocol]
        self.scheduler = self._run("scheduler", *place, "--no-dashboard", "--no-show")
        deadline = time.monotonic() + PATIENCE
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert time.monotonic() < deadline and self.scheduler.poll() is None, self.log("scheduler")
            time.sleep(0.05)

    def start_worker(self, preload: str | None = "vae.runs.worker_preload", **environment: str) -> psutil.Popen:
        """One process and its nanny; it comes up behind this call."""
        options = ["--nthreads", "1", "--memory-limit", "0", "--no-dashboard", "--local-directory", str(self.folder)]
        options += ["--preload", preload] if preload else []
        self.workers.append(self._run("worker", self.address, *options, **environment))
        return self.workers[-1]

    def kill(self, process: psutil.Popen) -> None:
        """With all its children, as when a machine is switched off."""
        family = [process, *process.children(recursive=True)] if process.is_running() else []
        for member in family:
            member.kill()
        psutil.wait_procs(family, timeout=PATIENCE)

    def await_workers(self, count: int) -> None:
        """Until as many have told the scheduler that they are there."""
        deadline = time.monotonic() + PATIENCE
        while self.log("scheduler").count("Register worker addr") < count:
            assert time.monotonic() < deadline, self.log("worker")
            time.sleep(0.1)

    def stop(self) -> None:
        for process in [*self.workers, self.scheduler]:
            if process is not None:
                self.kill(process)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def _run(self, what: str, *options: str, **environment: str) -> psutil.Popen:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *options]
        with (self.folder / f"{what}.log").open("ab") as log:
            return psutil.Popen(
                command,
                cwd=self.folder,  # not in the project: what is on the path decides
                env=self.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
