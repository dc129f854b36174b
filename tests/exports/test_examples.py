"""Runs that come with the program: whole, once, and the same as their command trains."""

from __future__ import annotations

import io
import json
import re
import shlex
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load as tensors

from vae import datasets
from vae.cli import _parser, main
from vae.cli.configs import config_of
from vae.config import RunConfig
from vae.errors import InputError
from vae.exports import examples
from vae.exports.capsule import record
from vae.exports.examples import EXAMPLES, FOLDER, load, missing, pictured
from vae.exports.rerun import REPRODUCED, WITHIN, compare
from vae.exports.run_folder import files
from vae.exports.whole_run_file import packed, unpacked
from vae.runs.execution import execute
from vae.store import whole_runs
from vae.store.runs import Store

MOST_BYTES = 3_000_000  # of all of them: they lie in the repository
each_example = pytest.mark.parametrize("name", EXAMPLES)


def test_they_are_small_and_nothing_else_lies_there():
    sizes = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert set(sizes) == {"README.md", *(f"{name}.zip" for name in EXAMPLES)}
    assert sum(sizes.values()) < MOST_BYTES


@each_example
def test_the_stated_command_asks_for_this_run(name):
    """In the registry, and word for word in the table beside the files."""
    words = shlex.split(EXAMPLES[name].command)
    assert words[:3] == ["python", "-m", "vae"]
    assert config_of(_parser().parse_args(words[3:])) == EXAMPLES[name].config
    assert f"| `{name}.zip` | `{EXAMPLES[name].command}` |" in (FOLDER / "README.md").read_text(encoding="utf-8")


@each_example
def test_it_is_a_whole_run_of_the_images_that_are_here(name, store, settings):
    run = store.run(load(store).runs[name])
    assert run.config == EXAMPLES[name].config
    assert (run.status, run.epoch, run.imported, run.tags) == ("done", run.config.epochs, False, ("ready-trained",))
    assert run.data["hash"] == datasets.load(run.config.dataset, settings.data_dir).hash
    assert store.weight_epochs(run.id) == [run.config.epochs]
    shown = store.snapshots_of(run.id, range(run.config.epochs + 1))
    assert list(shown) == pictured(run.config.epochs)
    history = store.history(run.id)
    assert sorted(set(history["epoch"])) == list(range(run.config.epochs + 1))
    for variant in run.config.variants:
        losses = history[(history["variant"] == variant) & (history["split"] == "validation")]["loss"]
        assert losses.iloc[-1] < losses.iloc[0] / 1.5
        weights = tensors(store.weights(run.id, run.config.epochs)[variant])
        assert {array.dtype for array in weights.values()} == {np.dtype(np.float32)}
    assert record(store, run.id).weights.keys() == set(run.config.variants)
    assert "weights.safetensors" in files(store, run.id)


@each_example
def test_its_numbers_are_those_of_its_weights(name, store, settings):
    """Measured again here: the weights and the metrics in a file belong together."""
    from vae.exports.rerun import allowed
    from vae.exports.weights_import import _measured

    run = store.run(load(store).runs[name])
    stored = store.weights(run.id, run.config.epochs)
    import torch

    found = {
        f"{variant}.{key}": torch.from_numpy(array.copy())
        for variant in run.config.variants
        for key, array in tensors(stored[variant]).items()
    }
    again = _measured(store, run.config, found, settings).test
    test = store.history(run.id).query("split == 'test'").set_index("variant")
    for variant, row in again.items():
        for metric in ("loss", "reconstruction", "mse_from_mean"):
            was = float(test.loc[variant, metric])
            assert abs(row[metric] - was) <= allowed(metric, 0, "float32", was, row[metric]) / 10, (variant, metric)


def test_loaded_twice_there_is_one_of_each(store):
    assert missing(store) == list(EXAMPLES)
    first = load(store)
    assert first.new == tuple(EXAMPLES)
    again = load(store)
    assert (again.runs, again.new) == (first.runs, ())
    assert len(store.runs()) == len(EXAMPLES)
    assert missing(store) == []
    store.delete([first.runs["digits"]])
    assert missing(store) == ["digits"]
    assert load(store).new == ("digits",)


def test_one_that_was_trained_here_is_not_loaded_beside_it(store, settings, monkeypatch):
    quick = RunConfig(epochs=1, hidden=(4,), train_limit=100)
    monkeypatch.setitem(EXAMPLES, "digits", replace(EXAMPLES["digits"], config=quick))
    run_id = store.create(quick, "test")
    assert missing(store) == list(EXAMPLES)  # it waits: nobody knows whether it ends well
    assert execute(store, run_id, settings) == "done"
    assert missing(store) == ["strokes", "shapes"]
    assert load(store).runs["digits"] == run_id


def test_who_asks_for_the_same_settings_is_shown_it(store):
    loaded = load(store)
    assert store.same(EXAMPLES["strokes"].config).id == loaded.runs["strokes"]


def test_epochs_that_are_pictured():
    assert pictured(1) == [0, 1]
    assert pictured(8) == [0, 1, 2, 4, 8]
    assert pictured(15) == [0, 1, 2, 4, 8, 15]


@pytest.fixture
def small(store, settings):
    run_id = store.create(RunConfig(epochs=3, hidden=(4,), train_limit=100, device="cpu"), "test")
    assert execute(store, run_id, settings) == "done"
    return run_id


def test_a_run_comes_back_from_its_file_as_it_was(store, small, tmp_path):
    whole = whole_runs.read(store, small, range(4))
    data = packed(whole)
    assert data == packed(whole)  # the same run is the same file
    other = Store(f"sqlite:///{tmp_path / 'other.db'}")
    run_id = whole_runs.keep(other, unpacked(data, "a file"), "test", "somebody")
    assert other.run(run_id).visitor == "somebody"
    there, here = store.history(small).drop(columns="run_id"), other.history(run_id).drop(columns="run_id")
    assert here.equals(there)
    assert other.snapshots_of(run_id, range(4)) == store.snapshots_of(small, range(4))
    assert other.weights(run_id, 3) == store.weights(small, 3)
    assert other.split_rows(run_id) == store.split_rows(small)
    assert other.originals(run_id) == store.originals(small)
    assert compare(record(store, small), record(other, run_id)).verdict == REPRODUCED


def test_only_a_run_that_is_done_can_be_taken_whole(store):
    waiting = store.create(RunConfig(), "test")
    with pytest.raises(InputError, match="is queued; only a run that is done"):
        whole_runs.read(store, waiting, [0])


def _without(data: bytes, name: str) -> bytes:
    found = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(found, "w") as new:
        for entry in old.infolist():
            if not entry.filename.startswith(name):
                new.writestr(entry, old.read(entry))
    return found.getvalue()


def _about(data: bytes, **values: object) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        about = json.loads(old.read("run.json")) | values
    found = io.BytesIO(_without(data, "run.json"))
    with zipfile.ZipFile(found, "a") as new:
        new.writestr("run.json", json.dumps(about))
    return found.getvalue()


def test_a_file_that_is_none(store, small):
    data = packed(whole_runs.read(store, small, [3]))
    for broken, said in (
        (b"", "no file of a run"),
        (data[:1000], "no file of a run"),
        (_without(data, "run.json"), "no file of a run"),
        (_without(data, "split"), "no file of a run"),
        (_without(data, "weights"), "holds no weights"),
        (_about(data, version=2), "another version of this program"),
        (_about(data, format="zip"), "another version of this program"),
        (_about(data, epochs=3), "no file of a run"),
        (_about(data, config={"beta": -1}), "beta is -1"),
    ):
        with pytest.raises(InputError, match=said):
            unpacked(broken, "a file")


def test_a_file_that_is_gone_is_told(store, monkeypatch, tmp_path):
    monkeypatch.setattr(examples, "FOLDER", tmp_path)
    examples._file.cache_clear()
    try:
        with pytest.raises(InputError, match="can't be read"):
            load(store)
    finally:
        examples._file.cache_clear()
    assert store.runs() == []


def test_from_the_command_line(store, settings, monkeypatch, capsys):
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    assert main(["examples"]) == 0
    assert re.fullmatch(r"\w{8}  handwriting\n\w{8}  small digits\n\w{8}  shapes\n", capsys.readouterr().out)
    assert main(["examples"]) == 0
    assert capsys.readouterr().out.count("(there already)") == 3
    assert main(["examples", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == load(store).runs


@pytest.mark.slow
def test_the_smallest_is_trained_anew_to_the_same_numbers(store, settings):
    """On the machine that made the file to the last bit, elsewhere within what a capsule allows."""
    loaded = record(store, load(store).runs["digits"])
    run_id = store.create(EXAMPLES["digits"].config, "test")
    threads = loaded.machine.threads if loaded.machine else 1
    assert execute(store, run_id, replace(settings, threads=threads)) == "done"
    outcome = compare(loaded, record(store, run_id))
    assert outcome.verdict in (REPRODUCED, WITHIN), outcome.sentence
    if not outcome.elsewhere:
        assert outcome.verdict == REPRODUCED, outcome.sentence
