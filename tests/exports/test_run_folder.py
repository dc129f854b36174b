"""A run as a folder: read back without this program, and compared with what it computes itself."""

import csv
import io
import json
import subprocess
import sys
import zipfile

import numpy as np
import postgres
import pytest
import torch
from onnx import checker, load_from_string
from onnx.reference import ReferenceEvaluator
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load
from thorough import thorough

from vae.choices.activations import ACTIVATIONS
from vae.config import RunConfig
from vae.errors import InputError
from vae.exports.capsule import read, record
from vae.exports.run_folder import as_zip, files, folder_name, loading, run_folder
from vae.measuring import models_of
from vae.runs.execution import execute
from vae.store.runs import Store
from vae.store.tensor_bytes import unpack

CONFIGS = {
    "deep": RunConfig(hidden=(16, 12), latent_dim=3, activation="elu", epochs=2, train_limit=200, device="cpu"),
    "shallow": RunConfig(hidden=(), latent_dim=4, activation="leaky_relu", epochs=1, train_limit=200, device="cpu"),
    "tanh": RunConfig(
        hidden=(8,), latent_dim=1, activation="tanh", epochs=1, train_limit=200, device="cpu", variants=("kl_only",)
    ),
    "relu": RunConfig(hidden=(8,), epochs=1, train_limit=200, device="cpu", variants=("ae", "noise_only")),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A store and the ids of its runs, by kind."""
    with postgres.settings_for(tmp_path_factory.mktemp("exporting")) as settings:
        store = Store(settings.database_url)
        ids = {kind: store.create(config, "test") for kind, config in CONFIGS.items()}
        assert {execute(store, run_id, settings) for run_id in ids.values()} == {"done"}
        yield store, ids


def test_a_folder_holds_the_run(place, tmp_path):
    store, ids = place
    run_id = ids["deep"]
    run_folder(store, run_id, tmp_path / "new" / "run")
    folder = tmp_path / "new" / "run"
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    images = ["ae_from_mean", "originals", "vae_from_mean", "vae_from_sample"]
    assert found == sorted(
        ["README.txt", "capsule.json", "codes.csv", "config.json", "history.csv", "weights.safetensors"]
        + [f"images/{name}.png" for name in images]
    )
    assert RunConfig.parse(json.loads((folder / "config.json").read_text())) == CONFIGS["deep"]
    assert read((folder / "capsule.json").read_text()).runs == [record(store, run_id)]
    rows = list(csv.DictReader(io.StringIO((folder / "history.csv").read_text())))
    stored = store.history(run_id)
    assert [float(row["loss"]) for row in rows] == stored["loss"].tolist()
    kl = [json.loads(row["kl_per_dim"]) for row in rows if row["variant"] == "vae"]
    assert kl == stored[stored["variant"] == "vae"]["kl_per_dim"].tolist()
    codes = list(csv.DictReader(io.StringIO((folder / "codes.csv").read_text())))
    assert {row["variant"] for row in codes} == {"ae", "vae"}
    assert {row["class"] for row in codes} == set("0123456789")
    for name in images:
        with Image.open(folder / "images" / f"{name}.png") as picture:
            assert picture.size[0] > 500


def test_a_folder_that_holds_something_is_left_alone(place, tmp_path):
    store, ids = place
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(InputError, match="isn't empty"):
        run_folder(store, ids["relu"], tmp_path)
    with pytest.raises(InputError, match="isn't empty"):
        run_folder(store, ids["relu"], tmp_path / "mine.txt")
    with pytest.raises(InputError, match="can't be written"):
        run_folder(store, ids["relu"], tmp_path / "mine.txt" / "below")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    run_folder(store, ids["relu"], tmp_path / "empty")
    assert (tmp_path / "empty" / "config.json").exists()
    with pytest.raises(InputError, match="queued"):
        run_folder(store, store.create(CONFIGS["relu"], "test"), tmp_path / "queued")
    assert not (tmp_path / "queued").exists()


@pytest.mark.parametrize("kind", thorough(["deep", "shallow"], ("deep",)))
def test_ten_lines_of_plain_pytorch_load_the_weights(place, tmp_path, kind):
    """The README's own lines, run in the folder by a process that can't even import this program."""
    store, ids = place
    run = store.run(ids[kind])
    run_folder(store, run.id, tmp_path / "run")
    lines = loading(run)
    assert lines in (tmp_path / "run" / "README.txt").read_text()
    assert len([line for line in lines.splitlines() if line]) <= 10
    code = "import sys; sys.modules['vae'] = None\n" + lines + "print(image.flatten().tolist())\n"
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, cwd=tmp_path / "run", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    decoder = models_of(store, run, run.config.epochs)["vae"].decoder
    expected = torch.sigmoid(decoder(torch.zeros(1, run.config.latent_dim)))[0]
    assert json.loads(done.stdout) == pytest.approx(expected.tolist(), abs=1e-6)


def test_weights_say_what_they_belong_to(place, tmp_path):
    store, ids = place
    run_folder(store, ids["deep"], tmp_path / "run")
    with safe_open(tmp_path / "run" / "weights.safetensors", "numpy") as file:
        told = file.metadata()
        assert json.loads(told["layers"]) == [64, 16, 12, 3]
        assert (told["activation"], told["variants"], json.loads(told["shape"])) == ("elu", "ae,vae", [8, 8])
        assert file.get_tensor("vae.encoder.body.0.weight").shape == (16, 64)
        names = set(file.keys())
        assert "vae.encoder.to_logvar.bias" in names
        assert "ae.encoder.to_logvar.bias" not in names


def test_a_zip_holds_the_folders(place):
    store, ids = place
    wanted = [ids["relu"], ids["tanh"]]
    with zipfile.ZipFile(io.BytesIO(as_zip(store, wanted))) as archive:
        assert archive.testzip() is None
        tops = {name.split("/")[0] for name in archive.namelist()}
        assert tops == {folder_name(run_id) for run_id in wanted}
        name = f"{folder_name(ids['tanh'])}/weights.safetensors"
        packed, stored = load(archive.read(name)), unpack(store.weights(ids["tanh"], 1)["kl_only"])
        assert {f"kl_only.{key}" for key in stored} == packed.keys()
        assert all((packed[f"kl_only.{key}"] == weight).all() for key, weight in stored.items())


def test_every_activation_can_be_spelled():
    for name, activation in ACTIVATIONS.items():
        assert repr(eval(activation.spelled, {"nn": torch.nn})) == repr(activation.build()), name
        assert activation.onnx


@pytest.mark.parametrize("kind", CONFIGS)
def test_onnx_computes_what_torch_computes(place, kind):
    """By ONNX's own reference evaluator, on batches of several sizes."""
    store, ids = place
    run = store.run(ids[kind])
    found = files(store, run.id, onnx=True)
    generator = np.random.default_rng(0)
    for variant, model in models_of(store, run, run.config.epochs).items():
        for count in (1, 5):
            x = generator.random((count, 64), dtype=np.float32)
            encoder = found[f"{variant}_encoder.onnx"]
            codes = ReferenceEvaluator(load_from_string(encoder)).run(None, {"image": x})
            mu, logvar = model.encoder(torch.from_numpy(x))
            expected = [mu] if logvar is None else [mu, logvar]
            assert len(codes) == len(expected)
            for code, wanted in zip(codes, expected, strict=True):
                np.testing.assert_allclose(code, wanted.numpy(), atol=1e-5)
            z = generator.normal(size=(count, run.config.latent_dim)).astype(np.float32)
            (image,) = ReferenceEvaluator(load_from_string(found[f"{variant}_decoder.onnx"])).run(None, {"z": z})
            wanted = model.picture(torch.from_numpy(z))
            np.testing.assert_allclose(image, wanted.numpy(), atol=1e-5)
            checker.check_model(load_from_string(encoder), full_check=True)


def test_without_the_package_a_sentence_says_how_to_get_it(place, monkeypatch):
    store, ids = place
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match="pip install onnx"):
        files(store, ids["relu"], onnx=True)
    assert "weights.safetensors" in files(store, ids["relu"])
