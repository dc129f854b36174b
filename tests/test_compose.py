"""What the Dockerfile, compose.yaml and docs/server.md name exists in this program. No container is run."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tomllib
from fnmatch import fnmatch
from typing import Any

import pytest
import yaml
from distributed.cli import dask_scheduler, dask_worker

from vae.settings import ROOT, Settings

DOCKERFILE = (ROOT / "Dockerfile").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
COMMANDS = {"scheduler": dask_scheduler.main, "worker": dask_worker.main}
SECTION = (ROOT / "docs" / "server.md").read_text().partition("## A lab on a cluster")[2].partition("\n## ")[0]
IN_THE_GUIDE = [
    shlex.split(line.partition("#")[0])
    for line in re.sub(r"\\\n\s*", "", SECTION).splitlines()
    if re.match(r"(\.venv/bin/)?dask ", line)
]


def check(words: list[str]) -> None:
    """As Dask's own command line reads them: an unknown option, or a missing value, raises."""
    what, options = words[1], words[2:]
    COMMANDS[what].make_context(f"dask {what}", list(options), resilient_parsing=False)
    assert "--nthreads" in options or what != "worker", "one run at a time in each process"
    if "--preload" in options:
        assert importlib.util.find_spec(options[options.index("--preload") + 1])


@pytest.mark.parametrize("name", ["scheduler", "worker"])
def test_dask_takes_the_commands(name: str) -> None:
    command = SERVICES[name]["command"]
    assert command[:2] == ["dask", name]
    check(command)


def test_dask_takes_the_commands_of_the_guide() -> None:
    assert {words[1] for words in IN_THE_GUIDE} == {"scheduler", "worker"}
    for words in IN_THE_GUIDE:
        check(words)


def test_a_wrong_option_would_be_seen() -> None:
    with pytest.raises(Exception, match="No such option"):
        check(["dask", "worker", "tcp://scheduler:8786", "--nthreads", "1", "--no-such-option"])


def test_variables_are_those_of_the_program() -> None:
    known = set(Settings.from_environment({}).environment())
    for service in OURS.values():
        named = {name for name in service.get("environment", {}) if name.startswith("VAE_")}
        assert named <= known
    assert {"VAE_DATABASE_URL", "VAE_SCHEDULER"} <= set(OURS["dashboard"]["environment"])
    assert "VAE_DATABASE_URL" in OURS["worker"]["environment"]
    assert set(re.findall(r"\bVAE_\w+", SECTION)) <= known


def test_what_is_named_is_the_same_everywhere() -> None:
    environment, database = OURS["dashboard"]["environment"], SERVICES["database"]["environment"]
    assert environment["VAE_DATABASE_URL"] == OURS["worker"]["environment"]["VAE_DATABASE_URL"]
    user, name = database["POSTGRES_USER"], database["POSTGRES_DB"]
    url = environment["VAE_DATABASE_URL"].replace(database["POSTGRES_PASSWORD"], "secret")
    assert url == f"postgresql://{user}:secret@database:5432/{name}"
    assert environment["VAE_SCHEDULER"] == OURS["worker"]["command"][2] == "tcp://scheduler:8786"
    settings = {"VAE_DATABASE_URL": url, "VAE_SCHEDULER": environment["VAE_SCHEDULER"]}
    assert Settings.from_environment(settings).scheduler == "tcp://scheduler:8786"


def test_only_the_dashboard_is_reached_and_only_from_this_machine() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["dashboard"]
    assert SERVICES["dashboard"]["ports"] == ["${PUBLISH:-127.0.0.1:8501}:8501"]
    networks = yaml.safe_load((ROOT / "compose.yaml").read_text())["networks"]
    assert networks["inside"] == {"internal": True}
    assert all(service["networks"] == ["inside"] for name, service in SERVICES.items() if name != "dashboard")


def test_the_password_must_be_chosen() -> None:
    text = (ROOT / "compose.yaml").read_text()
    said = [line for line in text.splitlines() if "POSTGRES_PASSWORD}" in line or "{POSTGRES_PASSWORD" in line]
    assert len(said) == 2 and all("${POSTGRES_PASSWORD:?" in line for line in said)


def test_the_image_holds_the_program_and_nothing_else() -> None:
    copied = [word for line in re.findall(r"^COPY (.*)", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]]
    assert all((ROOT / path).exists() for path in copied)
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert all(any(fnmatch(pattern, path) or pattern.startswith(f"{path}/") for pattern in kept) for path in copied)
    sent = {
        path
        for path in kept
        if not any(path == copied_path or path.startswith(f"{copied_path}/") for copied_path in copied)
    }
    assert sent == set(), "nothing goes to Docker that the image does not hold"


def test_the_image_starts_the_dashboard_as_nobody_in_particular() -> None:
    assert re.search(r"^USER (?!root)\w+", DOCKERFILE, re.MULTILINE)
    assert '"streamlit", "run", "dashboard.py"' in DOCKERFILE
    assert "http://127.0.0.1:8501/_stcore/health" in DOCKERFILE and "EXPOSE 8501" in DOCKERFILE
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert "port" not in config["server"], "8501 is what Streamlit listens to when nobody says otherwise"
