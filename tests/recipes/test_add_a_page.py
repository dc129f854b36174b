"""CONTRIBUTING.md, "a page": a file in pages/ and a line in pages/_lessons.py (and one in the README's table)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vae.settings import ROOT

PAGE = '''"""Toy: what is a toy?"""

import streamlit as st

st.title("What is a toy?")
'''
LINE = '    Lesson("toy.py", "Toy", ":material/toys:", "What is a toy?", in_bar=False),\n'
# What a visitor does, in a process of its own: pages are modules, and those of this process are without the toy.
VISIT = """
from streamlit.testing.v1 import AppTest

app = AppTest.from_file("pages/_navigation.py", default_timeout=60).run()
assert not app.exception, app.exception
labels = [link.proto.label for link in app.get("page_link")]
assert labels[-1] == "Toy", labels  # below the page, as in_bar=False says
app.switch_page("toy.py").run()
assert not app.exception, app.exception
assert app.title[0].value == "What is a toy?"
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The pages, with one more."""
    shutil.copytree(ROOT / "pages", tmp_path / "pages", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "pages" / "toy.py").write_text(PAGE)
    lessons = tmp_path / "pages" / "_lessons.py"
    before, bracket, after = lessons.read_text().partition("\n)\n")  # the end of LESSONS
    lessons.write_text(f"{before}\n{LINE.rstrip()}{bracket}{after}")
    return tmp_path


def test_a_file_and_a_line_are_enough(copy: Path) -> None:
    paths = [str(copy), str(ROOT), os.environ.get("PYTHONPATH", "")]
    there = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "VAE_DATA_DIR": str(copy / "data")}
    done = subprocess.run(
        [sys.executable, "-c", VISIT], cwd=copy, env=os.environ | there, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
