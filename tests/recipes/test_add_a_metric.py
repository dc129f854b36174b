"""CONTRIBUTING.md, "a metric": one entry of vae/metrics/__init__.py."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vae.settings import ROOT


@pytest.mark.slow
def test_one_entry_is_enough() -> None:
    """In a process of its own: tables are made of METRICS when they are imported."""
    folder = ROOT / "tests" / "recipes"
    paths = [str(ROOT), str(folder), str(ROOT / "tests" / "support"), os.environ.get("PYTHONPATH", "")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "toy_metric", str(folder / "toy_metric_checks.py")]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "3 passed" in done.stdout, done.stdout[-4000:] + done.stderr[-2000:]
