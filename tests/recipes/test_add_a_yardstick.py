"""CONTRIBUTING.md, "a yardstick": one metric that is asked for, and what measures it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vae.settings import ROOT


@pytest.mark.slow
def test_a_metric_and_what_measures_it_are_enough() -> None:
    """In a process of its own: tables are made of METRICS when they are imported."""
    folder = ROOT / "tests" / "recipes"
    paths = [str(ROOT), str(folder), str(ROOT / "tests" / "support"), os.environ.get("PYTHONPATH", "")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "toy_yardstick", str(folder / "toy_yardstick_checks.py")]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "4 passed" in done.stdout, done.stdout[-4000:] + done.stderr[-2000:]
