"""`pip install .`: every file of vae/ and pages/ goes along, and workers and notebooks find it from any folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

import vae
from vae.settings import ROOT

NEEDED = ("pyproject.toml", "requirements.txt", "README.md", "LICENSE")
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as pip lays it into site-packages. Built from a copy: a build leaves folders of its own behind."""
    source, built, installed = (tmp_path_factory.mktemp(name) for name in ("source", "built", "installed"))
    for name in NEEDED:
        shutil.copy(ROOT / name, source)
    for name in ("vae", "pages"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-c", BUILD, str(built)], cwd=source, check=True, capture_output=True)
    (wheel,) = built.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(installed)
    return installed


@pytest.fixture(scope="module")
def about(installed: Path) -> Path:
    (folder,) = installed.glob("*.dist-info")
    return folder


@pytest.fixture(scope="module")
def metadata(about: Path) -> Message:
    return Parser().parsestr((about / "METADATA").read_text(encoding="utf-8"))


def printed(code: str, installed: Path, folder: Path) -> str:
    """What a Python in `folder` prints, for which the program is only where it was installed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VAE_")}
    environment |= {"PYTHONPATH": str(installed), "HOME": str(folder)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=environment, check=True, text=True, stdout=subprocess.PIPE).stdout


def files(folder: Path) -> set[str]:
    paths = [path for name in ("vae", "pages") for path in (folder / name).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)) for path in paths if "__pycache__" not in path.parts}


def test_every_file_goes_along(installed: Path, about: Path) -> None:
    """Also what the browser gets. A new kind of file must be named in pyproject.toml."""
    assert "pages/components/packing.js" in files(ROOT)
    assert files(installed) == files(ROOT)
    assert {path.name for path in installed.iterdir()} == {"vae", "pages", about.name}
    assert (about / "licenses" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_the_metadata_say_what_the_program_says(metadata: Message) -> None:
    assert (metadata["Name"], metadata["Version"]) == ("latent-twins", vae.__version__)
    assert (metadata["License-Expression"], metadata["Requires-Python"]) == ("MIT", ">=3.11")


def test_it_needs_what_requirements_names(metadata: Message) -> None:
    lines = [line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    assert sorted(metadata.get_all("Requires-Dist")) == sorted(line for line in lines if line)


def test_the_console_script_is_the_command_line(installed: Path, about: Path, tmp_path: Path) -> None:
    assert "latent-twins = vae.cli:main" in (about / "entry_points.txt").read_text()
    script = "import sys; sys.argv = ['/bin/latent-twins', '--help']; from vae.cli import main; sys.exit(main())"
    assert printed(script, installed, tmp_path).startswith("usage: latent-twins ")


@pytest.mark.slow
def test_a_worker_in_any_folder_finds_it(installed: Path, tmp_path: Path) -> None:
    """With the migrations: a worker may be the first to open a database."""
    code = """
import vae.runs.worker_preload, pages
from vae.store.migrations import HERE
print(vae.__file__, pages.__file__, *HERE.glob("versions/*.py"), sep="\\n")
"""
    found = printed(code, installed, tmp_path).splitlines()
    assert len(found) > 2 and all(path.startswith(str(installed)) for path in found)


def test_an_installed_copy_keeps_its_data_in_the_home_folder(installed: Path, tmp_path: Path) -> None:
    code = "from vae.settings import Settings; print(Settings.from_environment().data_dir)"
    assert printed(code, installed, tmp_path).strip() == str(tmp_path / "latent-twins")
