"""Imports go one way, the first page needs no torch, and nothing is ever unpickled."""

import ast
import subprocess
import sys

import pytest

from vae.settings import ROOT

FILES = sorted([*(ROOT / "vae").rglob("*.py"), *(ROOT / "pages").rglob("*.py")])
# The house, from bottom to top: what each room may import of ours, itself aside. There is no other room.
FOUNDATION = {"vae.errors", "vae.choices", "vae.metrics", "vae.config", "vae.naming", "vae.logs", "vae.settings"}
ALLOWED = {
    "vae.errors": set(),
    "vae.metrics": set(),
    "vae.choices": {"vae.errors"},
    "vae.logs": {"vae.errors"},
    "vae.config": {"vae.errors", "vae.metrics", "vae.choices"},
    "vae.naming": {"vae.config", "vae.choices"},
    "vae.settings": {"vae.errors", "vae.logs", "vae.choices"},  # files of networks are read as text
    "vae.figures": {"vae.errors", "vae.metrics", "vae.choices", "vae.config"},
    "vae.datasets": FOUNDATION,
    "vae.learning": FOUNDATION | {"vae.datasets"},
    "vae.store": FOUNDATION | {"vae.datasets"},
    "vae.analysis": FOUNDATION | {"vae.datasets", "vae.learning"},
    "vae.benchmark": FOUNDATION | {"vae.datasets", "vae.learning"},
    "vae.runs": FOUNDATION | {"vae.datasets", "vae.learning", "vae.store"},
    "vae.measuring": FOUNDATION | {"vae.datasets", "vae.learning", "vae.store", "vae.analysis"},
    "vae.papers": FOUNDATION
    | {"vae.datasets", "vae.learning", "vae.store", "vae.analysis", "vae.runs", "vae.measuring"},
    "vae.argument": FOUNDATION | {"vae.datasets", "vae.store", "vae.analysis", "vae.figures"},
    "vae.exports": FOUNDATION
    | {"vae.datasets", "vae.learning", "vae.store", "vae.analysis", "vae.argument", "vae.figures", "vae.runs"},
    "vae.sweeps": FOUNDATION
    | {"vae.datasets", "vae.learning", "vae.store", "vae.analysis", "vae.runs", "vae.measuring"},
}
LIBRARY = set(ALLOWED)
ALLOWED |= {"vae.cli": LIBRARY, "vae.__main__": {"vae.cli"}}
# Each may import those after it.
ROOMS_OF_PAGES = [
    "pages.sections",
    "pages.claims",
    "pages.rooms",
    "pages.stage",
    "pages.links",
    "pages.shared",
    "pages.visitors",
    "pages.state",
]
for number, room in enumerate(ROOMS_OF_PAGES):
    ALLOWED[room] = LIBRARY | set(ROOMS_OF_PAGES[number + 1 :]) | {"pages.text", "pages.components"}
ALLOWED["pages.shared"] |= {"pages._lessons"}  # which question a page answers
ALLOWED["pages.links"] |= {"pages._lessons"}  # which page a link leads to
ALLOWED |= {
    "pages.text": set(),
    "pages.components": FOUNDATION | {"vae.figures", "vae.analysis", "vae.learning"},
    "pages._lessons": set(),
}
LESSONS = {f"pages.{path.stem}" for path in (ROOT / "pages").glob("*.py")} - {"pages._lessons"}
for lesson in LESSONS:
    ALLOWED[lesson] = LIBRARY | {*ROOMS_OF_PAGES, "pages.text", "pages.components", "pages._lessons"}
MOST_FILES, MOST_LINES = 20, 320  # side by side in a folder, and in one file
PICKLES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def name_of(path):
    """vae/store/runs.py → vae.store.runs, vae/runs/__init__.py → vae.runs."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module):
    """vae.store.runs → vae.runs: what the rules speak of."""
    return ".".join(module.split(".")[:2])


MODULES = {name_of(path) for path in FILES} | {"pages", "vae.analysis"}


def imports(path, source=None):
    """Full names of all that a file imports, anywhere in it: `from . import store` in vae/runs is vae.store.runs."""
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
        "def later():\n    from .cost import refuse\n    from streamlit import cache_data\n"
    )
    found = imports(ROOT / "vae" / "runs" / "execution.py", source)
    ours = {"vae.cli", "vae.datasets", "vae", "vae.learning.training", "vae.runs.cost"}
    assert found == ours | {"torch.nn", "streamlit"}
    assert imports(ROOT / "vae" / "runs" / "__init__.py", "from .cost import refuse") == {"vae.runs.cost"}


def test_there_is_something_to_read():
    names = {name_of(path) for path in FILES}
    assert {"vae", "vae.config", "vae.cli", "vae.store.runs", "vae.learning.training", "vae.datasets"} <= names


@each_file
def test_imports_go_one_way(path):
    room = room_of(name_of(path))
    assert room in ALLOWED or name_of(path) in ("vae", "pages"), f"{path.name} lies in no room: see ALLOWED"
    ours = {room_of(name) for name in imports(path) if name.split(".")[0] in ("vae", "pages")} - {room, "vae"}
    assert ours <= ALLOWED.get(room, set())


@each_file
def test_a_section_serves_the_page_of_its_name_alone(path):
    own = name_of(path).removeprefix("pages.").removeprefix("sections.").split(".")[0]
    sections = {name.split(".")[2] for name in imports(path) if name.startswith("pages.sections.")}
    assert sections <= {own}
    if name_of(path).startswith("pages.sections."):
        assert (ROOT / "pages" / f"{own}.py").exists()


def test_no_file_imports_itself_by_a_detour():
    """Also within a room, and also where the import stands in a function."""
    arrows = {name_of(path): imports(path) & MODULES - {name_of(path), "vae", "pages"} for path in FILES}
    while ends := {name for name, targets in arrows.items() if not targets & arrows.keys()}:
        arrows = {name: targets - ends for name, targets in arrows.items() if name not in ends}
    assert arrows == {}, "each of these is on a circle, or leads to one"


def test_the_rules_see_what_breaks_them():
    """A room that is not there, a section of another page, an import upward: told from what is allowed."""
    assert "vae.helpers" not in ALLOWED and "pages.helpers" not in ALLOWED
    up = imports(ROOT / "vae" / "store" / "runs.py", "from ..runs import execution\nfrom ..config import RunConfig")
    assert {room_of(name) for name in up} - ALLOWED["vae.store"] == {"vae.runs"}
    across = imports(ROOT / "pages" / "train.py", "from pages.sections.compare import run_table")
    assert across == {"pages.sections.compare.run_table"}


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in FILES}), ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_room_can_be_taken_in_at_a_glance(folder):
    assert len(list(folder.glob("*.py"))) <= MOST_FILES
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in folder.glob("*.py")}
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}


@each_file
def test_the_library_works_without_streamlit_and_without_pages(path):
    tops = {name.split(".")[0] for name in imports(path)}
    if name_of(path).startswith("vae"):
        assert not tops & {"streamlit", "pages", "dashboard"}
    if room_of(name_of(path)) == "vae.figures":
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
    figures = [name_of(path) for path in FILES if room_of(name_of(path)) == "vae.figures"]
    light = imported_by("vae.store.runs", "vae.config", "vae.settings", "vae.datasets", "vae.cli", *figures)
    assert not light & {"torch", "torchvision", "sklearn", "streamlit", "distributed"}
    assert "sqlalchemy" in light  # the measurement sees what is imported


def test_no_page_needs_torch_to_be_drawn():
    shared = [name_of(path) for path in FILES if name_of(path).startswith("pages.shared.")]
    assert len(shared) > 5
    assert not imported_by(*shared) & {"torch", "torchvision", "sklearn", "distributed"}


def test_the_library_brings_no_streamlit_along():
    assert "streamlit" not in imported_by("vae.runs.execution", "vae.learning.training")
