"""The documentation names all there is, and nothing that isn't; its links lead somewhere; its lines of code run."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

from pages._lessons import LESSONS
from vae import cli
from vae.choices.nudge_units import NUDGE_UNITS
from vae.config import CHOICES, PRESETS, RunConfig
from vae.datasets import DATASETS
from vae.exports.run_folder import loading
from vae.metrics import METRICS
from vae.runs.execution import execute
from vae.settings import ROOT, Settings
from vae.store.runs import Store
from vae.sweeps.spec import OBJECTIVES, READY, SAMPLERS

README, REFERENCE = ROOT / "README.md", ROOT / "docs" / "reference.md"
MOST_LINES = 120
OF_NOW = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
ALL = [*OF_NOW, ROOT / "CHANGELOG.md"]  # which also tells of what was
GUIDES = [ROOT / "docs" / "teachers.md", ROOT / "docs" / "practitioners.md"]
FOLDERS = ("vae", "pages", "tests", "docs", ".streamlit")
NOT_KEPT = (ROOT / ".gitignore").read_text().split()  # what people bring, such as keys
PROGRAM = ("vae", "pages", "dashboard.py", "Dockerfile", "compose.yaml")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VARIABLE = r"\bVAE_[A-Z_]*[A-Z]\b"

each_page = pytest.mark.parametrize("page", ALL, ids=lambda page: page.name)
each_page_of_now = pytest.mark.parametrize("page", OF_NOW, ids=lambda page: page.name)


# What is read


def prose(text: str) -> str:
    """Without blocks of code."""
    return FENCE.sub("", text)


def spans(text: str) -> list[str]:
    """Words that are set as code within sentences and tables."""
    return [span.replace("\\|", "|") for span in re.findall(r"`([^`\n]+)`", prose(text))]


def blocks(text: str, language: str) -> list[str]:
    return [code for of, code in FENCE.findall(text) if of == language]


def command_lines(text: str) -> Iterator[str]:
    """Lines of shell blocks and spans, without comments, each a command."""
    shell = "\n".join(blocks(text, "sh")).replace("\\\n", "")
    yield from (line.partition("  #")[0].strip() for line in shell.splitlines())
    yield from spans(text)


def anchors(text: str) -> set[str]:
    """Of the headings, as GitHub makes them; a second one of a name gets a number."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return set(found)


def sources(*names: str) -> Iterator[tuple[Path, str]]:
    """Text files of ours below these folders, and these files."""
    for name in names:
        paths = [ROOT / name] if (ROOT / name).is_file() else sorted((ROOT / name).rglob("*"))
        for path in paths:
            if path.is_file() and path.suffix in ("", ".py", ".js", ".html", ".yaml", ".sh", ".toml"):
                yield path, path.read_text(encoding="utf-8")


def variables(text: str, suffix: str) -> set[str]:
    """Variables of the environment that a file reads or sets: in Python they are strings."""
    return set(re.findall(rf"[\"']({VARIABLE})[\"']" if suffix == ".py" else VARIABLE, text))


# What is there


def commands() -> dict[str, argparse.ArgumentParser]:
    (subparsers,) = [action for action in cli._parser()._actions if action.choices]
    return dict(subparsers.choices)


def flags(parser: argparse.ArgumentParser) -> set[str]:
    return {option for action in parser._actions for option in action.option_strings} - {"-h"}


def undocumented(names: Iterable[str], text: str) -> set[str]:
    """Names that are nowhere set as code, alone or before a value or a description of one."""
    said = {span.split(" ")[0] for span in spans(text)}
    return {name for name in names if name not in said}


KNOWN = {
    "settings of a server": [f"VAE_{field.name.upper()}" for field in fields(Settings)],
    "settings of a run": RunConfig.model_fields,
    "presets": PRESETS,
    "data sets": DATASETS,
    "metrics": METRICS,
    "units of nudges": NUDGE_UNITS,
    "samplers": SAMPLERS,
    "objectives": OBJECTIVES,
    "ready-made sweeps": READY,
} | CHOICES


# Everything that is there is documented


def test_the_reference_is_what_the_program_says(capsys: pytest.CaptureFixture[str]) -> None:
    """If not: `make docs`."""
    assert cli.main(["reference"]) == 0
    assert capsys.readouterr().out == REFERENCE.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KNOWN)
def test_every_entry_is_in_the_reference(kind: str) -> None:
    assert undocumented(KNOWN[kind], REFERENCE.read_text(encoding="utf-8")) == set()


def test_defaults_are_what_the_reference_says() -> None:
    """As far as they don't depend on the machine."""
    settings = Settings.from_environment({})
    said = {name: hint.__metadata__[0].default for name, hint in get_type_hints(Settings, include_extras=True).items()}
    fixed = {name: int(default) for name, default in said.items() if default.isdecimal()}
    assert len(fixed) >= 9
    assert {name: getattr(settings, name) for name in fixed} == fixed
    assert list(settings.environment()) == KNOWN["settings of a server"]


@pytest.mark.parametrize("name", commands())
def test_every_command_and_flag_is_in_the_reference(name: str) -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    (section,) = re.findall(rf"^### {name}\n(.*?)(?=^##|\Z)", text.partition("## Commands")[2], re.M | re.S)
    of_runs = {f"--{field.replace('_', '-')}" for field in RunConfig.model_fields}
    own = flags(commands()[name]) - of_runs - {"--help"}
    assert undocumented(own, section) == set()
    assert ("setting of a run" in section) == bool(flags(commands()[name]) & of_runs)


def test_every_variable_is_documented() -> None:
    """Those that the program reads in the reference, those of the tests in some page."""
    reference = set(re.findall(VARIABLE, REFERENCE.read_text(encoding="utf-8")))
    for path, text in sources(*PROGRAM):
        assert variables(text, path.suffix) <= reference, path
    somewhere = set().union(*(re.findall(VARIABLE, page.read_text(encoding="utf-8")) for page in OF_NOW))
    for path, text in sources("tests/support", "tests/datasets", "tests/conftest.py", "Makefile"):
        assert variables(text, path.suffix) <= somewhere, path


def test_what_is_invented_is_found_to_be_undocumented(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Were these tests blind, they would hold nothing."""
    text = REFERENCE.read_text(encoding="utf-8")
    invented = 'workers = env["VAE_INVENTED"]'
    assert variables(invented, ".py") - set(re.findall(VARIABLE, text)) == {"VAE_INVENTED"}
    assert undocumented(["VAE_WORKERS", "VAE_INVENTED", "--invented", "--yes"], text) == {"VAE_INVENTED", "--invented"}
    monkeypatch.setitem(METRICS, "invented", METRICS["kl"])
    assert undocumented(METRICS, text) == {"invented"}
    cli.main(["reference"])
    assert capsys.readouterr().out != text


def test_every_page_is_in_the_readme() -> None:
    rows = re.findall(r"^\| ([^|]+?) \|", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert [row for row in rows if row in {lesson.title for lesson in LESSONS}] == [lesson.title for lesson in LESSONS]


def test_every_recipe_is_in_the_handbook() -> None:
    """And says by which heading."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    recipes = sorted((ROOT / "tests" / "recipes").glob("test_*.py"))
    assert len(recipes) >= 8
    for recipe in recipes:
        assert f"tests/recipes/{recipe.name}" in text
        (title,) = re.findall(r'CONTRIBUTING\.md, "([^"]+)"', recipe.read_text(encoding="utf-8"))
        assert f"### {title[0].upper()}{title[1:]}\n" in text, recipe.name


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


# Everything that is documented is there


def dead_links(page: Path, text: str) -> list[str]:
    """Relative links to files or headings that aren't there."""
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(text)):
        name, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        other = (page.parent / name).resolve() if name else page
        there = text if other == page else other.read_text(encoding="utf-8") if other.suffix == ".md" else ""
        if not other.exists() or (anchor and anchor not in anchors(there)):
            dead.append(target)
    return dead


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert dead_links(page, text) == []


def test_dead_links_are_seen() -> None:
    text = "# One, two\n[a](#one-two) [b](#three) [c](docs/reference.md#metrics) [d](docs/reference.md#none)"
    assert dead_links(README, text) == ["#three", "docs/reference.md#none"]


def missing_names(text: str) -> set[str]:
    """Files and modules of ours that a page names, and that aren't there."""
    missing = set()
    for word in {word for line in command_lines(text) for word in line.split()}:
        path = word.rstrip(".,:;")
        if path.split("/")[0] in FOLDERS and "/" in path and path not in NOT_KEPT and not (ROOT / path).exists():
            missing.add(path)
        if re.fullmatch(r"(vae|pages)(\.\w+)+", path) and not _resolves(path):
            missing.add(path)
    return missing


def _resolves(name: str) -> bool:
    """A module, or what is in one."""
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return "." in module and _resolves(module) and hasattr(importlib.import_module(module), attribute)
    return True


@each_page_of_now
def test_files_and_modules_are_there(page: Path) -> None:
    assert missing_names(page.read_text(encoding="utf-8")) == set()


def test_the_changelog_says_where_modules_went() -> None:
    moved = re.findall(r"→\s+`(vae[\w.]+)`", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert len(moved) >= 10
    assert [name for name in moved if not _resolves(name)] == []


def wrong_commands(text: str) -> list[str]:
    """Lines that argparse or make would refuse, and flags that no command has."""
    wrong = []
    parser, targets = cli._parser(), re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    every = set().union(*map(flags, commands().values()))
    for line in command_lines(text):
        words = shlex.split(line.partition(" | ")[0]) if line.startswith(("python -m vae ", "make ")) else line.split()
        if words[:3] == ["python", "-m", "vae"]:
            if " ".join(words[3:]) in ("", "COMMAND", *commands()):  # only named
                continue
            try:
                parser.parse_args(words[3:])
            except SystemExit as end:
                wrong += [line] if end.code else []
        elif words[:1] == ["make"] and len(words) > 1 and words[1] not in targets:
            wrong.append(line)
        elif len(words) > 1 and words[0] in commands() and words[1].startswith("--"):
            wrong += [line] if words[1] not in flags(commands()[words[0]]) else []
        elif words and re.fullmatch(r"--[a-z-]+", words[0]) and words[0] not in every:
            wrong.append(line)
    return wrong


@each_page_of_now
def test_commands_and_flags_are_there(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert wrong_commands(page.read_text(encoding="utf-8")) == []


def test_what_is_not_there_is_seen(capsys: pytest.CaptureFixture[str]) -> None:
    text = "`vae/helpers.py`, `vae.helpers`, `vae.metrics.METRICS`, `make nothing`, `export --nothing`, `--nothing`\n"
    assert missing_names(text) == {"vae/helpers.py", "vae.helpers"}
    text += "```sh\npython -m vae train --nothing 1  # a comment\npython -m vae runs --limit 3\n```\n"
    refused = ["python -m vae train --nothing 1", "make nothing", "export --nothing", "--nothing"]
    assert wrong_commands(text) == refused


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_words_in_bold_stand_on_the_screen(page: Path) -> None:
    screen = "\n".join(text for _, text in sources("pages", "vae"))
    bold = set(re.findall(r"\*\*([^*]+)\*\*", prose(page.read_text(encoding="utf-8"))))
    assert [words for words in sorted(bold) if words.replace("\n", " ") not in screen] == []


def test_the_notebook_runs(store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its first line to its last, beside a stored run, whose folder says how to load it as the guide has it."""
    monkeypatch.chdir(tmp_path)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert execute(store, store.create(RunConfig(epochs=1), "test"), settings) == "done"
    code = "\n".join(blocks((ROOT / "docs" / "library.md").read_text(encoding="utf-8"), "python"))
    there: dict[str, object] = {}
    exec(compile(code.replace("epochs=30", "epochs=1"), "docs/library.md", "exec"), there)
    assert set(there["models"]) == {"ae", "vae"} and there["run"].status == "done"
    assert blocks((ROOT / "docs" / "practitioners.md").read_text(encoding="utf-8"), "python") == [loading(there["run"])]
