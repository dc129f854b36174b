"""`python -m vae export | reproduce`: files, exit codes, and one line for each run."""

import json

import pytest

from vae.cli import main
from vae.exports.capsule import checksum, read
from vae.store.runs import Store

QUICK = ["train", "--hidden=16", "--train-limit=200", "--validation-size=50", "--epochs=2", "--device=cpu", "--seed=5"]


@pytest.fixture
def vae(settings, monkeypatch, capsys):
    """Runs one command in this process: (exit code, stdout, stderr)."""
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    def run(*arguments):
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def run_id(vae):
    return json.loads(vae(*QUICK, "--json", "-")[1])["run_id"]


@pytest.fixture
def file(vae, run_id, tmp_path):
    """A capsule's file."""
    assert vae("export", run_id, "--capsule", tmp_path / "capsule.json")[0] == 0
    return tmp_path / "capsule.json"


def doctor(file, seal=True, **test):
    raw = json.loads(file.read_text())
    raw["runs"][0]["metrics"]["vae"]["test"] |= test
    file.write_text(json.dumps(raw | {"checksum": checksum(raw)} if seal else raw))


def refused(result, *parts):
    code, out, err = result
    assert (code, out) == (2, "")
    assert err.startswith("vae: ") and err.count("\n") == 1
    for part in parts:
        assert part in err


def test_export_writes_folder_report_and_capsule(vae, run_id, tmp_path):
    to, report = tmp_path / "out", tmp_path / "report.html"
    code, out, _ = vae("export", run_id, "--to", to, "--report", report, "--capsule", "-", "--onnx")
    assert code == 0
    assert read(out).runs[0].config.seed == 5, "stdout holds the capsule and nothing else"
    names = {path.name for path in (to / f"run-{run_id}").iterdir()}
    assert {"config.json", "weights.safetensors", "vae_decoder.onnx", "images"} <= names
    assert report.read_text().startswith("<!doctype html>")


def test_export_refuses_in_a_sentence(vae, run_id, tmp_path):
    refused(vae("export", run_id), "--to", "--capsule", "--report")
    refused(vae("export", run_id, "--onnx", "--capsule", "-"), "--to")
    refused(vae("export", "nosuchrun", "--to", tmp_path / "out"), "nosuchrun")
    refused(vae("export", run_id, "nosuchrun", "--to", tmp_path / "out"), "nosuchrun")
    assert not (tmp_path / "out").exists(), "nothing is written for some of the runs"
    assert vae("export", run_id, "--to", tmp_path / "out")[0] == 0
    refused(vae("export", run_id, "--to", tmp_path / "out"), "isn't empty")
    refused(vae("export", run_id, "--capsule", tmp_path / "no" / "file.json"), "can't be written")


def test_reproduce_says_reproduced_and_keeps_the_rerun(vae, file, settings):
    code, out, err = vae("reproduce", file)
    assert code == 0
    name = "digits · 2-D · 16 · β 1 · on CPU · 2 epochs · 200 images · 50 for validation · seed 5"
    assert out == f"{name}: Reproduced, bit for bit.\n"
    assert "epoch 2/2" in err
    assert len(Store(settings.database_url).runs()) == 2


def test_reproduce_tells_a_doctored_capsule(vae, file):
    doctor(file, kl=25.9)
    code, out, err = vae("reproduce", file)
    assert code == 1
    assert "Differs: vae test kl 25.9 → 0" in out
    assert out.count("\n") == 2
    assert "changed after" not in err
    doctor(file, kl=26.9, seal=False)
    assert "changed after it was written" in vae("reproduce", file)[2]


def test_a_rerun_that_broke_off_is_no_bad_request(vae, file, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("vae.cli.results.epoch_bar", interrupted)
    code, out, _ = vae("reproduce", file)
    assert code == 1
    assert "its training was stopped" in out


def test_reproduce_prints_json(vae, file, tmp_path):
    doctor(file, active_units=0, kl=25.9)
    code, out, _ = vae("reproduce", file, "--json", "-")
    (outcome,) = json.loads(out)
    assert code == 1
    assert outcome["verdict"] == "differs"
    assert next((difference["what"], difference["old"]) for difference in outcome["differences"]) == (
        "vae test kl",
        25.9,
    )
    assert vae("reproduce", file, "--json", tmp_path / "out.json")[0] == 1
    assert json.loads((tmp_path / "out.json").read_text())[0]["sentence"] == outcome["sentence"]


def test_reproduce_refuses_what_can_not_be_repeated(vae, file, tmp_path, settings):
    raw = json.loads(file.read_text())
    raw["runs"][0]["dataset"]["hash"] = "0" * 64
    file.write_text(json.dumps(raw))
    code, out, _ = vae("reproduce", file)
    assert code == 2
    assert "Can't be repeated" in out
    assert len(Store(settings.database_url).runs()) == 1
    refused(vae("reproduce", tmp_path / "none.json"), "can't be read")
    refused(vae("reproduce", tmp_path), "can't be read")
    (tmp_path / "other.json").write_text("{}")
    refused(vae("reproduce", tmp_path / "other.json"), "no capsule")
