"""Weights that were trained elsewhere as a run: the same numbers, or one sentence and nothing left behind."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from owning import EXAMPLE, RESIDUAL, name_files
from safetensors.torch import load, load_file, save_file

from vae.cli import main
from vae.config import RunConfig
from vae.errors import InputError
from vae.exports.capsule import capsule
from vae.exports.run_folder import files, run_folder
from vae.exports.weights_import import import_weights, read_config
from vae.runs.execution import execute
from vae.store.configurations import by_configuration
from vae.store.runs import Store

QUICK = {"train_limit": 300, "validation_size": 60, "epochs": 2, "batch_size": 50, "hidden": (12,), "device": "cpu"}
NUMBERS = ["variant", "loss", "reconstruction", "kl", "kl_per_dim", "mse_from_mean", "mse_from_sample", "active_units"]
SETTINGS = {
    "usual": {},
    "8-D, all variants": {"latent_dim": 8, "variants": ("ae", "vae", "code_noise")},
    "a loss with a parameter": {"reconstruction": "sigma"},
    "convolutions and batch normalisation": {"network": "conv", "channels": (4,), "normalisation": "batch"},
    "one's own": {"network": RESIDUAL},
}


def trained(store, settings, **values):
    run_id = store.create(RunConfig(**QUICK | values), "test")
    assert execute(store, run_id, settings) == "done", store.run(run_id).error
    return run_id


@pytest.fixture
def folder(store, settings, tmp_path):
    """A run's folder, as `export` writes it."""
    run_folder(store, trained(store, settings), tmp_path / "run")
    return tmp_path / "run"


def imported(store, settings, folder):
    config = read_config(folder / "config.json")
    return import_weights(store, folder / "weights.safetensors", config, settings)


def numbers(store, run_id, split, epoch):
    history = store.history(run_id)
    return history[(history["split"] == split) & (history["epoch"] == epoch)].reset_index(drop=True)[NUMBERS]


@pytest.mark.parametrize("values", SETTINGS.values(), ids=SETTINGS)
def test_a_folder_comes_back_with_the_same_numbers(store, settings, tmp_path, monkeypatch, values):
    name_files(monkeypatch, EXAMPLE)
    if values.get("reconstruction") == "sigma":  # whichever learns something besides
        from vae.choices.likelihoods import LIKELIHOODS

        values = {"reconstruction": next(name for name, entry in LIKELIHOODS.items() if entry.parameters)}
    run_id = trained(store, settings, **values)
    run_folder(store, run_id, tmp_path / "run")
    done = imported(store, settings, tmp_path / "run")
    assert done.told == ()
    for split in ("validation", "test"):
        assert numbers(store, done.run_id, split, 2).equals(numbers(store, run_id, split, 2))
    there, here = (store.weights(which, 2) for which in (run_id, done.run_id))
    assert all(
        torch.equal(tensor, load(here[name])[key]) for name in there for key, tensor in load(there[name]).items()
    )
    assert set(store.snapshots(done.run_id, 2)) == set(store.run(run_id).config.variants)


def test_another_database_has_the_same_numbers(store, settings, folder, tmp_path):
    other = Store(f"sqlite:///{tmp_path / 'other.db'}")
    run_id = store.runs(1)[0].id
    done = imported(other, settings, folder)
    assert numbers(other, done.run_id, "test", 2).equals(numbers(store, run_id, "test", 2))


def test_it_is_told_from_a_run_that_was_trained(store, settings, folder):
    original = store.runs(1)[0]
    run = store.run(imported(store, settings, folder).run_id)
    assert (run.status, run.epoch, run.imported, original.imported) == ("done", 2, True, False)
    assert run.name == f"{original.name} · imported"
    assert store.weight_epochs(run.id) == [2]
    assert not run.resumable
    assert store.same(run.config).id == original.id
    store.delete([original.id])
    assert store.same(run.config) is None  # asked for, it is trained
    assert by_configuration([run]) == {}  # no evidence of what these settings lead to
    with pytest.raises(InputError, match="no training to repeat"):
        capsule(store, [run.id])


def test_its_own_folder_holds_it_and_comes_back(store, settings, folder, tmp_path):
    run_id = imported(store, settings, folder).run_id
    found = files(store, run_id)
    assert "capsule.json" not in found
    assert b"no training to repeat" in found["README.txt"]
    ours, theirs = load(found["weights.safetensors"]), load_file(folder / "weights.safetensors")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_the_same_file_comes_once(store, settings, folder):
    first = imported(store, settings, folder)
    again = imported(store, settings, folder)
    assert again.run_id == first.run_id
    assert again.told == (f"These weights are here already, as run {first.run_id}.",)
    store.delete([first.run_id])
    assert imported(store, settings, folder).run_id != first.run_id


def test_a_lone_model_needs_no_name_before_its_tensors(store, settings, folder, tmp_path):
    tensors = load_file(folder / "weights.safetensors")
    path = tmp_path / "lone.safetensors"
    save_file({name[4:]: tensor for name, tensor in tensors.items() if name.startswith("vae.")}, path)
    config = read_config(folder / "config.json").model_copy(update={"variants": ("vae",)})
    run_id = import_weights(store, path, config, settings).run_id
    expected = numbers(store, store.runs(2)[1].id, "test", 2)
    assert numbers(store, run_id, "test", 2).equals(expected[expected["variant"] == "vae"].reset_index(drop=True))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_precisions_are_converted_with_a_word(store, settings, folder, dtype):
    path = folder / "weights.safetensors"
    save_file({name: tensor.to(dtype) for name, tensor in load_file(path).items()}, path)
    done = imported(store, settings, folder)
    assert done.told == (f"Weights of {str(dtype).removeprefix('torch.')} were converted to float32.",)
    same = numbers(store, done.run_id, "test", 2).equals(numbers(store, store.runs(2)[1].id, "test", 2))
    assert same == (dtype == torch.float64)


def _change(change):
    def apply(folder: Path) -> None:
        path = folder / "weights.safetensors"
        tensors = load_file(path)
        change(tensors)
        save_file(tensors, path)

    return apply


def _poisoned(value):
    return _change(lambda tensors: tensors["vae.encoder.to_mu.bias"].fill_(value))


def _rename(tensors):
    tensors["vae.decoder.extra"] = tensors.pop("vae.decoder.to_logits.bias")


def _config(**values):
    def apply(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return apply


def _write(name, data):
    return lambda folder: (folder / name).write_bytes(data)


def _zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("data.pkl", b"\x80\x02.")  # as torch.save writes: nothing here unpickles it
    return packed.getvalue()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_change(_rename), r"to_logits\.bias is missing; vae\.decoder\.extra is not part of them"),
        (_change(lambda tensors: [tensors.pop(name) for name in list(tensors)[:-1]]), "and [0-9]+ more are missing"),
        (_change(lambda tensors: tensors.update({"ae.encoder.to_mu.bias": torch.zeros(3)})), "is 3, but .* make it 2"),
        (_poisoned(float("nan")), r"vae\.encoder\.to_mu\.bias holds a value that is not a finite number"),
        (_poisoned(float("inf")), "not a finite number"),
        (_poisoned(1e30), "loss of the imported vae is not a finite number"),
        (
            _change(lambda tensors: tensors.update({"ae.encoder.to_mu.bias": torch.zeros(2, dtype=torch.int32)})),
            "is of int32, but it must be of float32",
        ),
        (_config(hidden=[13]), r"is 12 × 64, but these settings make it 13 × 64|not the weights|Give the config"),
        (_config(network="conv", channels=[4]), "doesn't hold the weights of these settings"),
        (_config(latent_dim=0), "latent_dim is 0, but it must be a whole number from 1 to 512"),
        (_config(dataset="nowhere"), "no dataset called 'nowhere'"),
        (_config(layers=3), "There is no setting called 'layers'"),
        (_config(network="gone:net"), r"VAE_NETWORKS names no file gone\.py"),
        (_write("config.json", b"{"), "is not JSON"),
        (_write("config.json", b"[]"), "holds no settings of a run"),
        (_write("config.json", b'{"dataset": "' + b"x" * 200_000 + b'"}'), "is not JSON"),
        (_write("weights.safetensors", b""), "is no safetensors file, or a damaged one"),
        (_write("weights.safetensors", b"\xff" * 400), "is no safetensors file, or a damaged one"),
        (_write("weights.safetensors", _zipped()), "is no safetensors file, or a damaged one"),
        (_write("weights.safetensors", bytes(2_000_000)), "more than the .* numbers of these networks take"),
        (lambda folder: (folder / "weights.safetensors").unlink(), "can't be read"),
        (lambda folder: (folder / "config.json").unlink(), "can't be read"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_left(store, settings, folder, change, said):
    before = [run.id for run in store.runs()]
    change(folder)
    with pytest.raises(InputError, match=said) as problem:
        imported(store, settings, folder)
    assert "\n" not in str(problem.value)
    assert [run.id for run in store.runs()] == before


def test_a_cut_file_is_told(store, settings, folder):
    path = folder / "weights.safetensors"
    whole = path.read_bytes()
    for share in np.linspace(0, 0.99, 12):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(InputError, match="is no safetensors file, or a damaged one"):
            imported(store, settings, folder)


def test_nothing_is_left_of_one_that_breaks_off(store, settings, folder, monkeypatch):
    """A run is written in one piece."""
    from vae.store import whole_runs

    def broken(*args: object) -> None:
        raise RuntimeError("out of disk")

    monkeypatch.setattr(whole_runs, "update", broken)  # the last statement of the transaction
    before = store.runs()
    with pytest.raises(RuntimeError, match="out of disk"):
        imported(store, settings, folder)
    assert store.runs() == before


def test_from_the_command_line(store, settings, folder, monkeypatch, capsys):
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    weights, config = str(folder / "weights.safetensors"), str(folder / "config.json")
    assert main(["import-weights", weights, "--config", config, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["status"] == "done"
    assert store.run(told["run_id"]).imported
    assert main(["import-weights", weights, "--config", config]) == 0
    said = capsys.readouterr()
    assert f"run {told['run_id']}: imported and measured. Test images (nats per image):" in said.out
    assert "are here already" in said.err
    assert main(["import-weights", config, "--config", config]) == 2
    assert "vae: config.json is no safetensors file" in capsys.readouterr().err
