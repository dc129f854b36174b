"""Imports go one way, the first page needs no torch, and nothing is ever unpickled."""

import ast
import subprocess
import sys

import pytest

from vae.settings import ROOT

FILES = sorted([*(ROOT / "vae").rglob("*.py"), *(ROOT / "pages").rglob("*.py")])
LEAVES = {"vae.errors", "vae.config", "vae.naming", "vae.settings", "vae.logs"}
# What each part may import of ours, itself aside. Parts that aren't named (cli, benchmark) may import all but pages.
ALLOWED = {
    "vae.errors": set(),
    "vae.config": {"vae.errors"},
    "vae.naming": {"vae.config"},
    "vae.settings": {"vae.errors", "vae.logs"},
    "vae.logs": {"vae.errors"},
    "vae.datasets": LEAVES,
    "vae.learning": LEAVES | {"vae.datasets"},
    "vae.runs": LEAVES | {"vae.datasets", "vae.learning"},
    "vae.analysis": LEAVES | {"vae.datasets", "vae.learning"},
    "vae.figures": {"vae.errors", "vae.config"},
}
PICKLES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def name_of(path):
    """vae/runs/store.py → vae.runs.store, vae/runs/__init__.py → vae.runs."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module):
    """vae.runs.store → vae.runs: what the rules speak of."""
    return ".".join(module.split(".")[:2])


MODULES = {name_of(path) for path in FILES} | {"pages", "vae.analysis"}


def imports(path, source=None):
    """Full names of all that a file imports, anywhere in it: `from . import store` in vae/runs is vae.runs.store."""
    tree, found = ast.parse(path.read_text(encoding="utf-8") if source is None else source), set()
    package = name_of(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*base, *([node.module] if node.module else [])])
            # What is imported may be a module or a name in one; `vae` itself holds nothing but its version.
            found |= {f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base for alias in node.names}
    return found


each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))


def test_the_import_reader_reads_all_ways_to_import():
    """Were it blind to one of them, the tests below would hold nothing."""
    source = (
        "import torch.nn as nn, vae.cli\n"
        "from .. import datasets, __version__\n"
        "from ..learning.training import Training\n"
        "def later():\n    from .store import Store\n    from streamlit import cache_data\n"
    )
    found = imports(ROOT / "vae" / "runs" / "execution.py", source)
    ours = {"vae.cli", "vae.datasets", "vae", "vae.learning.training", "vae.runs.store"}
    assert found == ours | {"torch.nn", "streamlit"}
    assert imports(ROOT / "vae" / "runs" / "__init__.py", "from .store import Store") == {"vae.runs.store"}


def test_there_is_something_to_read():
    names = {name_of(path) for path in FILES}
    assert {"vae", "vae.config", "vae.cli", "vae.runs.store", "vae.learning.training", "vae.datasets"} <= names


@each_file
def test_imports_go_one_way(path):
    me = part_of(name_of(path))
    ours = {part_of(name) for name in imports(path) if name.split(".")[0] == "vae"} - {me, "vae"}
    if me in ALLOWED:
        assert ours <= ALLOWED[me]
    if me.startswith("vae"):
        assert "vae.cli" not in ours or me == "vae.__main__"


@each_file
def test_the_library_works_without_streamlit_and_without_pages(path):
    tops = {name.split(".")[0] for name in imports(path)}
    if name_of(path).startswith("vae"):
        assert not tops & {"streamlit", "pages", "dashboard"}
    if part_of(name_of(path)) == "vae.figures":
        assert not tops & {"torch", "torchvision", "sklearn"}


@each_file
def test_nothing_is_pickled(path):
    """A pickle from a database, a link or an upload is somebody else's program."""
    assert not {name.split(".")[0] for name in imports(path)} & PICKLES
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("read_pickle", "to_pickle")
            assert not (isinstance(node.value, ast.Name) and (node.value.id, node.attr) == ("torch", "load"))
        if isinstance(node, ast.ImportFrom) and node.module == "torch":
            assert "load" not in [alias.name for alias in node.names]
        if isinstance(node, ast.keyword):
            assert node.arg != "allow_pickle" or ast.unparse(node.value) == "False"


def imported_by(*modules):
    """Top names of sys.modules after importing these in a fresh process."""
    code = f"import sys, {', '.join(modules)}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_first_page_paints_without_torch():
    figures = [name_of(path) for path in FILES if part_of(name_of(path)) == "vae.figures"]
    light = imported_by("vae.runs.store", "vae.config", "vae.settings", "vae.datasets", "vae.cli", *figures)
    assert not light & {"torch", "torchvision", "sklearn", "streamlit", "distributed"}
    assert "sqlalchemy" in light  # the measurement sees what is imported


def test_no_page_needs_torch_to_be_drawn():
    shared = [name_of(path) for path in FILES if name_of(path).startswith("pages.shared.")]
    assert len(shared) > 5
    assert not imported_by(*shared) & {"torch", "torchvision", "sklearn", "distributed"}


def test_the_library_brings_no_streamlit_along():
    assert "streamlit" not in imported_by("vae.runs.execution", "vae.learning.training")
