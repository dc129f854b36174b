"""Rows are trained and measured once, runs that are there are taken, and what falls short is said."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from vae.cli import main
from vae.config import RunConfig
from vae.errors import InputError
from vae.papers import comparison
from vae.papers.comparison import kept, measured, page, verdict
from vae.papers.measures import Found
from vae.papers.rows import PAPER_NUMBERS, PaperNumber
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store

TINY = RunConfig(epochs=2, hidden=(4,), train_limit=100, device="cpu", variants=("vae",))
ROW = PaperNumber(
    "KL of a tiny VAE",
    "digits",
    3.0,
    "nobody",
    lambda bench: Found(bench.tested("vae", "kl"), details="As measured."),
    TINY,
    within=0.5,
)
FREE = PaperNumber("Two", "no run", 2.0, "arithmetic", lambda bench: Found(2.25), within=0.1)
GONE = PaperNumber("Lost", "lost", 1.0, "a lost book", None, missing="Not measured: the images are lost.")


@pytest.fixture(autouse=True)
def _tiny_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(PAPER_NUMBERS):
        monkeypatch.delitem(PAPER_NUMBERS, name)
    for name, row in {"tiny": ROW, "lost": GONE, "free": FREE}.items():
        monkeypatch.setitem(PAPER_NUMBERS, name, row)


@pytest.fixture
def vae(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    monkeypatch.setenv("VAE_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("VAE_DATABASE_URL", settings.database_url)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        return main(["benchmark-papers", *arguments]), *capsys.readouterr()

    return run


def never(*arguments: Any, **options: Any) -> None:
    raise AssertionError("this was done already")


def test_a_row_is_trained_and_measured_once(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    epochs: list[tuple[int, int]] = []
    found = measured("tiny", store, settings, lambda epoch, of: epochs.append((epoch.epoch, of)))
    (run,) = store.runs()
    assert epochs == [(0, 2), (1, 2), (2, 2)] and run.status == "done"
    history = store.history(run.id)
    assert found["value"] == history[history["split"] == "test"]["kl"].iloc[0]
    assert (found["theirs"], found["epochs"], found["training_seconds"]) == (3.0, 2, run.seconds)
    monkeypatch.setattr(comparison, "execute", never)
    monkeypatch.setitem(PAPER_NUMBERS, "tiny", dataclasses.replace(ROW, measure=never))
    assert measured("tiny", store, settings) == found == kept(settings)["tiny"]

    other = dataclasses.replace(ROW, measure=never, config=TINY.model_copy(update={"epochs": 1}))
    monkeypatch.setitem(PAPER_NUMBERS, "tiny", other)
    assert kept(settings) == {}, "another setting is another row"


def test_a_run_that_is_there_is_taken(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = store.create(TINY, "somebody")
    execute(store, run_id, settings)
    monkeypatch.setattr(comparison, "execute", never)
    assert measured("tiny", store, settings)["epochs"] == 2
    assert [run.id for run in store.runs()] == [run_id]


@pytest.mark.parametrize("status", ["running", "stopped"])
def test_a_run_that_was_cut_short_is_gone_on_with(store: Store, settings: Settings, status: str) -> None:
    run_id = store.create(TINY, "somebody")

    class Killed(BaseException):
        pass

    def die(epoch: Any) -> None:
        if epoch.epoch == 1:
            raise Killed if status == "running" else KeyboardInterrupt

    with contextlib.suppress(Killed):
        execute(store, run_id, settings, die)
    assert (store.run(run_id).status, store.run(run_id).epoch) == (status, 1)
    if status == "running":
        with pytest.raises(InputError, match=rf"Run {run_id} for it is running, epoch 1 of 2: .* --take-over"):
            measured("tiny", store, settings)
        assert store.run(run_id).status == "running", "nobody has touched it"
    epochs: list[int] = []
    measured("tiny", store, settings, lambda epoch, of: epochs.append(epoch.epoch), take_over=status == "running")
    assert epochs[-1] == 2 and 0 not in epochs
    assert [(run.id, run.status) for run in store.runs()] == [(run_id, "done")]


def test_what_falls_short_is_said_and_what_fails_stops_no_other_row(
    vae: Callable[..., Any], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = dataclasses.replace(ROW, config=TINY.model_copy(update={"validation_size": 99_999}))
    monkeypatch.setitem(PAPER_NUMBERS, "tiny", broken)
    target = settings.data_dir / "page.md"
    code, out, err = vae("--page", str(target))
    assert code == 1
    assert "theirs 2.00, ours 2.25 (NOT within 0.1)" in out and "99,999" in err
    assert "the images are lost" in out
    text = target.read_text(encoding="utf-8")
    assert "| Two | 2.00 | 2.25 | +0.25 | NOT within 0.1 |" in text
    assert "| Lost | 1.00 | – | – | not measured |" in text
    assert "Source: a lost book. Not measured: the images are lost." in text
    assert str(settings.data_dir) not in text, "no path of this computer"
    monkeypatch.setitem(PAPER_NUMBERS, "tiny", ROW)
    code, out, _ = vae("--json", "-")
    assert code == 0 and set(json.loads(out)["rows"]) == {"tiny", "free"}
    code, out, _ = vae("--kept", "--only", "tiny")
    assert code == 0 and "free" in out


def test_unknown_rows_and_a_spoilt_file_are_told(vae: Callable[..., Any], settings: Settings) -> None:
    code, _, err = vae("--only", "pi")
    assert code == 2 and "pi is no row; there are tiny, lost, free." in err
    (settings.data_dir / comparison.FILE).write_text("{", encoding="utf-8")
    for arguments in (("--only", "free"), ("--kept",)):
        code, _, err = vae(*arguments)
        assert code == 2 and "move it away" in err


def test_a_row_goes_into_the_page_with_its_times_and_versions(store: Store, settings: Settings) -> None:
    found = measured("tiny", store, settings)
    text = page({"tiny": found | {"value": 2.875, "training_seconds": 50.0, "measuring_seconds": 3.0}}, {})
    assert "| KL of a tiny VAE | 3.00 | 2.88 | −0.12 | within 0.5 |" in text
    assert "As measured. Trained for 2 epochs in 50 s (25.0 s each). Measured in 3 s." in text
    assert f"torch {found['versions']['torch']}" in text.split("## Made with")[1]
    assert "Not measured yet." in text, "the row without a number"


def test_a_verdict_takes_both_directions() -> None:
    judge = partial(verdict, dataclasses.replace(FREE, within=0.1))
    assert judge({"value": 2.09, "theirs": 2.0}) == judge({"value": 1.91, "theirs": 2.0}) == "within 0.1"
    assert judge({"value": 1.89, "theirs": 2.0}) == "NOT within 0.1"
    assert verdict(dataclasses.replace(FREE, within=None), {"value": 9.0, "theirs": 2.0}) == "–"
