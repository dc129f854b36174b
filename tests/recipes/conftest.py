"""Where a new entry of a registry has to turn up by itself: in the form, in --help, and in what a run leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from paging import open_page

from vae.cli import main
from vae.config import RunConfig
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Run, Store

SMALL: dict[str, Any] = {
    "hidden": (12,),
    "train_limit": 200,
    "validation_size": 50,
    "epochs": 2,
    "batch_size": 50,
    "device": "cpu",
}


@pytest.fixture
def train(shared: Store) -> Callable[..., Run]:
    """A tiny run with these settings, trained to its end."""

    def trained(**settings: Any) -> Run:
        run_id = shared.create(RunConfig(**SMALL | settings), "test")
        assert execute(shared, run_id, Settings.from_environment()) == "done", shared.run(run_id).error
        return shared.run(run_id)

    return trained


@pytest.fixture
def form(shared: Store) -> Callable[[str], list[str]]:
    """What the form of the Train page offers for a field."""
    return lambda field: list(open_page("train.py").selectbox(key=f"config.{field}").options)


@pytest.fixture
def explained(capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """What `python -m vae COMMAND --help` prints, on one line."""

    def text(command: str) -> str:
        with pytest.raises(SystemExit):
            main([command, "--help"])
        return " ".join(capsys.readouterr().out.split())

    return text
