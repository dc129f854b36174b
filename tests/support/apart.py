"""Checks that need a process of their own: tables are made of METRICS when they are imported."""

import os
import subprocess
import sys

from vae.settings import ROOT

FOLDER = ROOT / "tests" / "recipes"


def assert_passed(plugin: str, checks: str, count: int) -> None:
    """All tests of `checks`, a file beside the recipes, `count` of them, with a plugin that is imported first."""
    paths = [str(ROOT), str(FOLDER), str(ROOT / "tests" / "support"), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", plugin, str(FOLDER / checks)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    passed = done.returncode == 0 and f"{count} passed" in done.stdout
    assert passed, done.stdout[-4000:] + done.stderr[-2000:]
