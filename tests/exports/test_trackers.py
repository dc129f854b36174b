"""Runs in TensorBoard and MLflow: read back with their own readers, they say what the store says, and once."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import postgres
import pytest

from vae.cli import main
from vae.config import RunConfig
from vae.errors import InputError
from vae.exports.trackers.mlflow import to_mlflow
from vae.exports.trackers.tensorboard import SUFFIX, to_tensorboard
from vae.exports.trackers.told import Point, params, points, tags
from vae.metrics import scalars
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.measurements import keep_test_values
from vae.store.runs import Store
from vae.sweeps import stored
from vae.sweeps.spec import SweepSpec

CONFIG = RunConfig(hidden=(8, 4), train_limit=100, validation_size=50, epochs=2, device="cpu", seed=3)
Place = tuple[Settings, Store, str]


def needs(package: str) -> pytest.MarkDecorator:
    there = importlib.util.find_spec(package) is not None
    return pytest.mark.skipif(not there, reason=f"the package {package} isn't installed: pip install {package}")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A store with one run that is done, and one number of it that somebody has asked for."""
    with postgres.settings_for(tmp_path_factory.mktemp("trackers")) as settings:
        store = Store(settings.database_url)
        run_id = store.create(CONFIG, "test")
        assert execute(store, run_id, settings) == "done"
        store.describe(run_id, name="Mine · β 1", tags=["b", "a"], note="")
        keep_test_values(store, run_id, {"vae": {"nll": 41.25}})
        yield settings, store, run_id


@pytest.fixture
def command(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs one command in this process: (exit code, stderr)."""
    for name, value in place[0].environment().items():
        monkeypatch.setenv(name, value)

    def run(*arguments: object) -> tuple[int, str]:
        return main([str(argument) for argument in arguments]), capsys.readouterr().err

    return run


def expected(store: Store, run_id: str) -> dict[tuple[str, int], float]:
    """(name, epoch) → value, from the rows of the store."""
    return {
        (f"{row['variant']}/{row['split']}/{name}", row["epoch"]): row[name]
        for row in store.history(run_id).to_dict("records")
        for name in scalars()
        if pd.notna(row[name])
    }


def test_what_is_told_of_a_run(place: Place) -> None:
    _, store, run_id = place
    run = store.run(run_id)
    told = points(store, run)
    assert {(point.name, point.epoch): point.value for point in told} == expected(store, run_id)
    assert Point("vae/test/nll", 2, 41.25, told[-1].seconds) in told
    assert not any("kl" in point.name.split("/") and point.name.startswith("ae/") for point in told), "it has none"
    seconds = store.history(run_id).query("variant == 'vae' and split == 'validation'")["seconds"].sum()
    assert max(point.seconds for point in told) == pytest.approx(seconds)
    assert (
        params(run)["hidden"] == "8,4"
        and params(run)["beta"] == 1.0
        and set(params(run)) == set(RunConfig.model_fields)
    )
    named = tags(run)
    assert named["latent_twins.run_id"] == run_id and named["latent_twins.seed"] == "3"
    assert named["latent_twins.data.hash"] == run.data["hash"] and named["latent_twins.tags"] == "a, b"
    assert named["latent_twins.version.torch"] == run.versions["torch"]
    assert named["latent_twins.machine.processor"] and "latent_twins.note" not in named


def read_events(folder: Path) -> tuple[dict[tuple[str, int], float], Any]:
    """Scalars as TensorBoard's own reader finds them, and the settings on its HParams page."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    found = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    scalars = {(name, event.step): event.value for name in found.Tags()["scalars"] for event in found.Scalars(name)}
    assert sum(len(found.Scalars(name)) for name in found.Tags()["scalars"]) == len(scalars), "each once"
    about = found.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    return scalars, HParamsPluginData.FromString(about).session_start_info.hparams


@needs("tensorboard")
def test_event_files_hold_what_the_store_holds_and_are_replaced(place: Place, tmp_path: Path, command: Any) -> None:
    _, store, run_id = place
    folder = tmp_path / f"run-{run_id}"
    folder.mkdir()
    (folder / "events.out.tfevents.1.somebody").write_bytes(b"")
    for _ in range(2):
        code, said = command("export-tensorboard", run_id, "--to", tmp_path)
        assert code == 0 and f"1 run in {tmp_path}; look at them with: tensorboard --logdir {tmp_path}" in said
    assert len(list(folder.glob(f"*{SUFFIX}"))) == 1 and len(list(folder.iterdir())) == 2, "only ours is replaced"
    (folder / "events.out.tfevents.1.somebody").unlink()
    found, settings = read_events(folder)
    wanted = expected(store, run_id)
    assert found.keys() == wanted.keys()
    assert all(found[key] == np.float32(wanted[key]) for key in wanted)  # TensorBoard's precision
    assert settings["hidden"].string_value == "8,4" and settings["beta"].number_value == 1.0
    assert settings["run_id"].string_value == run_id and settings["seed"].number_value == 3


@needs("tensorboard")
def test_a_sweep_is_a_folder_of_its_runs(place: Place, tmp_path: Path, command: Any) -> None:
    _, store, run_id = place
    sweep_id = sweep_of(store)
    code, said = command("export-tensorboard", run_id, "--sweep", sweep_id, "--to", tmp_path)
    assert code == 0 and said.startswith("3 runs in ")
    members = {f"run-{member.run_id}" for member in stored.members(store, sweep_id)}
    assert {path.name for path in (tmp_path / f"sweep-{sweep_id}").iterdir()} == members
    assert {path.name for path in tmp_path.iterdir()} == {f"run-{run_id}", f"sweep-{sweep_id}"}


def sweep_of(store: Store) -> str:
    """A sweep whose two runs have not begun."""
    spec = SweepSpec.parse(CONFIG, {"beta": [0.5, 2.0]}, seeds=1)
    sweep = stored.find(store, stored.create(store, spec, "which β?", "me"))
    for number, params_of_point in enumerate(spec.grid()):
        assert stored.add_runs(store, sweep, number, [spec.config(params_of_point, 3)])
    return sweep.id


@pytest.mark.slow  # a new database of MLflow's takes many seconds
@needs("mlflow")
def test_mlflow_holds_what_the_store_holds_once(place: Place, tmp_path: Path, command: Any) -> None:
    from mlflow.tracking import MlflowClient

    _, store, run_id = place
    keep_test_values(store, run_id, {"vae": {"nll": 41.25}})
    for _ in range(2):
        code, said = command("export-mlflow", run_id, "--to", tmp_path / "ml", "--experiment", "lecture")
        assert (code, said.splitlines()[-1]) == (0, "1 run in the experiment lecture")
    client = MlflowClient(f"sqlite:///{tmp_path / 'ml' / 'mlflow.db'}")
    where = [client.get_experiment_by_name("lecture").experiment_id]
    (found,) = client.search_runs(where)
    run = store.run(run_id)
    assert (found.info.status, found.info.run_name) == ("FINISHED", "Mine · β 1")
    assert found.info.start_time == round(1000 * run.started_at.timestamp())
    assert found.data.params == {name: str(value) for name, value in params(run).items()}
    assert tags(run).items() <= found.data.tags.items()
    assert logged(client, found) == {key: [value] for key, value in expected(store, run_id).items()}

    keep_test_values(store, run_id, {"vae": {"nll": 40.0}, "ae": {"probe_accuracy": 0.5}})  # asked for since
    assert to_mlflow(store, [run_id], str(tmp_path / "ml"), "lecture") == {run_id: found.info.run_id}
    (again,) = client.search_runs(where)
    assert again.data.metrics["vae/test/nll"] == 40.0 and again.data.metrics["ae/test/probe_accuracy"] == 0.5
    history = logged(client, again)
    assert history.pop(("vae/test/nll", 2)) == [41.25, 40.0], "nothing that is logged is lost"
    assert {len(values) for values in history.values()} == {1}
    keep_test_values(store, run_id, {"vae": {"nll": 41.25}})

    sweep_id = sweep_of(store)
    for _ in range(2):
        assert command("export-mlflow", "--sweep", sweep_id, "--to", tmp_path / "ml", "--experiment", "sweeps")[0] == 0
    listed = client.search_runs([client.get_experiment_by_name("sweeps").experiment_id])
    (parent,) = [told for told in listed if "latent_twins.sweep" in told.data.tags]
    assert len(listed) == 3 and json.loads(parent.data.params["over"]) == {"beta": [0.5, 2.0]}
    children = [told for told in listed if told is not parent]
    assert {told.data.tags["mlflow.parentRunId"] for told in children} == {parent.info.run_id}
    assert {told.data.params["beta"] for told in children} == {"0.5", "2.0"}
    assert {told.data.tags["latent_twins.sweep_point"] for told in children} == {"0", "1"}


def logged(client: Any, run: Any) -> dict[tuple[str, int], list[float]]:
    """(name, epoch) → all values, in the order of their dates."""
    found: dict[tuple[str, int], list[float]] = {}
    for name in run.data.metrics:
        for metric in sorted(client.get_metric_history(run.info.run_id, name), key=lambda told: told.timestamp):
            found.setdefault((name, metric.step), []).append(metric.value)
    return found


@pytest.mark.slow
@needs("mlflow")
def test_what_mlflow_refuses_is_one_sentence_without_a_password(place: Place, command: Any) -> None:
    code, said = command("export-mlflow", place[2], "--to", "http://me:secret@127.0.0.1:9", "--experiment", "x")
    (line,) = [line for line in said.splitlines() if line.startswith("vae: ")]  # beside urllib3's warnings
    assert code == 2 and line.startswith("vae: MLflow at http://***@127.0.0.1:9 refused: ")
    assert "secret" not in said


@pytest.mark.parametrize("name", ["mlflow", "tensorboard"])
def test_without_the_package_one_sentence_says_what_to_install(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    _, store, run_id = place
    for module in [module for module in sys.modules if module.split(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=rf"needs? the package {name}, which isn't installed: pip install {name}\.$"):
        if name == "mlflow":
            to_mlflow(store, [run_id], str(tmp_path), "x")
        else:
            to_tensorboard(store, [run_id], tmp_path / "events")
    assert not list(tmp_path.rglob("*events*")), "nothing is written"


def test_bad_requests_are_one_sentence(command: Any, tmp_path: Path) -> None:
    for name in ("export-mlflow", "export-tensorboard"):
        assert command(name, "--to", tmp_path) == (2, "vae: Say what to export: a RUN_ID, or --sweep SWEEP_ID.\n")
        code, said = command(name, "ffff", "--to", tmp_path)
        assert (code, said) == (2, "vae: There is no run 'ffff' in this database.\n")
        assert (
            command(name, "--sweep", "ffff", "--to", tmp_path)[1] == "vae: There is no sweep 'ffff' in this database.\n"
        )
