"""What somebody has asked to be measured goes into every file of a run, and its absence breaks none."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import postgres
import pytest

from vae.config import RunConfig
from vae.exports.capsule import capsule, dumps, read, record
from vae.exports.report import comparison
from vae.exports.rerun import DIFFERS, REPRODUCED, WITHIN, compare
from vae.exports.run_folder import files, run_folder
from vae.exports.run_json import document
from vae.exports.weights_import import import_weights, read_config
from vae.exports.whole_run_file import packed, unpacked
from vae.metrics import METRICS
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store import whole_runs
from vae.store.measurements import keep_test_values
from vae.store.runs import Store

CONFIG = RunConfig(hidden=(8,), train_limit=100, validation_size=50, epochs=1, device="cpu")
FOUND = {"vae": {"nll": 41.5, "probe_accuracy": 0.75}, "ae": {"probe_accuracy": 0.5}}
Place = tuple[Settings, Store, str, str]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A store with two runs of one config: of the first one something was asked, of the second nothing."""
    with postgres.settings_for(tmp_path_factory.mktemp("asked")) as settings:
        store = Store(settings.database_url)
        ids = [store.create(CONFIG, "test") for _ in range(2)]
        assert {execute(store, run_id, settings) for run_id in ids} == {"done"}
        keep_test_values(store, ids[0], FOUND)
        yield settings, store, *ids


def test_json_and_tables_of_a_run_have_them(place: Place) -> None:
    _, store, asked, other = place
    told = document(store, asked)["variants"]
    assert told["vae"]["test"]["nll"] == 41.5 and told["ae"]["test"]["nll"] is None
    assert told["vae"]["epochs"][-1]["nll"] is None
    assert document(store, other)["variants"]["vae"]["test"]["nll"] is None
    rows = list(csv.DictReader(io.StringIO(files(store, asked)["history.csv"].decode())))
    cells = {row["variant"]: row["probe_accuracy"] for row in rows if row["split"] == "test"}
    assert cells == {"vae": "0.75", "ae": "0.5"}
    none = list(csv.DictReader(io.StringIO(files(store, other)["history.csv"].decode())))
    assert {row["probe_accuracy"] for row in none} == {""}


def test_a_report_has_a_column_for_what_was_measured_and_none_for_the_rest(place: Place) -> None:
    _, store, asked, other = place
    both, without = comparison(store, [asked, other]), comparison(store, [other])
    headings = {name: f'<th class="number">{METRICS[name].title} (' for name in METRICS if METRICS[name].asked}
    assert {name for name, head in headings.items() if head in both} == {"nll", "probe_accuracy"}
    assert not any(head in without for head in headings.values())
    assert '<td class="number">41.5</td>' in both


def test_a_rerun_that_nobody_has_asked_is_no_other_run(place: Place) -> None:
    _, store, asked, other = place
    (told,) = read(dumps(capsule(store, [asked]))).runs
    assert (told.metrics["vae"].test.nll, told.metrics["ae"].test.probe_accuracy) == (41.5, 0.5)
    judged = compare(told, record(store, other))
    assert judged.verdict == REPRODUCED and not judged.differences
    titles = f"{METRICS['nll'].title}, {METRICS['probe_accuracy'].title}"
    assert judged.sentence == f"Reproduced, bit for bit. Not measured anew, so not compared: {titles}."
    back = compare(record(store, other), told)
    assert (back.verdict, back.unchecked) == (REPRODUCED, ()), "what the capsule doesn't tell, it doesn't claim"
    assert compare(told, told).sentence == "Reproduced, bit for bit."


def with_nll(run: Any, nll: float, machine: str | None = None) -> Any:
    """A record whose VAE has another likelihood, of another computer perhaps."""
    vae = run.metrics["vae"].model_copy(update={"test": run.metrics["vae"].test.model_copy(update={"nll": nll})})
    changed = {"metrics": run.metrics | {"vae": vae}}
    if machine:
        changed["machine"] = run.machine.model_copy(update={"processor": machine})
    return run.model_copy(update=changed)


def test_what_both_have_is_compared(place: Place) -> None:
    told = record(place[1], place[2])
    assert compare(told, with_nll(told, 41.6)).verdict == DIFFERS
    assert "vae test nll 41.5 → 41.6" in compare(told, with_nll(told, 41.6)).sentence
    assert compare(told, with_nll(told, 41.51, machine="another")).verdict == WITHIN
    assert compare(told, with_nll(told, 45.0, machine="another")).verdict == DIFFERS


def test_a_run_s_own_file_brings_them_back(place: Place, tmp_path: Path) -> None:
    _, store, asked, _ = place
    other = Store(f"sqlite:///{tmp_path / 'other.db'}")
    run_id = whole_runs.keep(other, unpacked(packed(whole_runs.read(store, asked, [1])), "a file"), "test")
    test = other.history(run_id).query("split == 'test'").set_index("variant")
    assert test["probe_accuracy"].to_dict() == {"ae": 0.5, "vae": 0.75} and test.loc["vae", "nll"] == 41.5


def test_imported_weights_have_none_until_somebody_asks(place: Place, tmp_path: Path) -> None:
    settings, store, asked, _ = place
    run_folder(store, asked, tmp_path / "run")
    config = read_config(tmp_path / "run" / "config.json")
    other = Store(f"sqlite:///{tmp_path / 'other.db'}")
    here = dataclasses.replace(settings, database_url=str(other.engine.url))
    run_id = import_weights(other, tmp_path / "run" / "weights.safetensors", config, here).run_id
    assert json.loads(json.dumps(document(other, run_id)))["variants"]["vae"]["test"]["nll"] is None
    keep_test_values(other, run_id, FOUND)
    assert document(other, run_id)["variants"]["vae"]["test"]["nll"] == 41.5
    assert "41.5" in comparison(other, [run_id])
