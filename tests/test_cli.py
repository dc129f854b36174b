"""`python -m vae`: the JSON object, and one sentence with exit code 2 for whatever a person can put right."""

import json
import math
import os
import sqlite3
import subprocess
import sys

import pytest

from vae.cli import main
from vae.config import RunConfig
from vae.learning.training import METRIC_NAMES
from vae.runs import schema
from vae.runs.store import Store
from vae.settings import ROOT

QUICK = ["train", "--hidden=16", "--train-limit=200", "--validation-size=50", "--epochs=2", "--device=cpu", "--seed=5"]


@pytest.fixture
def vae(settings, monkeypatch, capsys):
    """Runs one command in this process: (exit code, stdout, stderr)."""
    monkeypatch.setenv("VAE_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("VAE_DATABASE_URL", settings.database_url)

    def run(*arguments):
        capsys.readouterr()
        code = main(list(arguments))
        return code, *capsys.readouterr()

    return run


def test_train_prints_the_result_as_one_json_object(vae, settings):
    code, out, err = vae(*QUICK, "--json", "-")
    result = json.loads(out)
    assert code == 0
    assert {"run_id", "config", "versions", "seconds", "variants"} <= result.keys()
    assert RunConfig.parse(result["config"]) == RunConfig(
        hidden=(16,), train_limit=200, validation_size=50, epochs=2, device="cpu", seed=5
    )
    assert {"python", "torch", "numpy"} <= result["versions"].keys()
    assert result["variants"].keys() == {"ae", "vae"}
    for variant in result["variants"].values():
        assert [epoch["epoch"] for epoch in variant["epochs"]] == [1, 2]
        for row in (*variant["epochs"], variant["initial"], variant["test"]):
            assert set(METRIC_NAMES) <= row.keys()
            assert type(row["active_units"]) is int
    test = result["variants"]["vae"]["test"]
    assert test["loss"] == pytest.approx(test["reconstruction"] + test["kl"])
    assert test["kl"] == pytest.approx(math.fsum(test["kl_per_dim"]))
    assert result["variants"]["ae"]["test"]["kl"] is None
    assert result["seconds"] == pytest.approx(
        sum(row["seconds"] for row in [result["variants"]["ae"]["initial"], *result["variants"]["ae"]["epochs"]])
    )
    stored = Store(settings.database_url).run(result["run_id"])
    assert (stored.status, stored.epoch, stored.seconds) == ("done", 2, result["seconds"])
    assert "epoch 2/2" in err  # progress goes to stderr


def test_the_same_command_gives_the_same_numbers(vae):
    def numbers(seed):
        result = json.loads(vae(*QUICK, "--seed", seed, "--json", "-")[1])
        for variant in result["variants"].values():
            for row in (variant["initial"], *variant["epochs"]):
                del row["seconds"]
        return result["variants"]

    assert numbers("5") == numbers("5")
    assert numbers("5") != numbers("6")


def test_json_may_go_to_a_file(vae, tmp_path):
    code, out, _ = vae(*QUICK, "--json", str(tmp_path / "result.json"))
    assert (code, out) == (0, "")
    assert json.loads((tmp_path / "result.json").read_text())["status"] == "done"


def test_without_json_a_summary_is_printed(vae):
    code, out, _ = vae(*QUICK, "--variants", "vae")
    assert code == 0
    assert "nats per image" in out
    assert "vae" in out
    assert "kl" in out


def test_flags_change_only_their_field_of_a_preset(vae):
    result = json.loads(vae(*QUICK, "--preset", "collapse", "--dataset", "digits", "--json", "-")[1])
    config = result["config"]
    assert (config["beta"], config["reconstruction"], config["latent_dim"]) == (24.5, "sse", 32)
    assert (config["hidden"], config["epochs"]) == ([16], 2)


def test_runs_lists_the_stored_runs_newest_first(vae):
    assert json.loads(vae("runs", "--json")[1]) == []
    assert "No runs yet" in vae("runs")[1]
    ids = [json.loads(vae(*QUICK, "--json", "-")[1])["run_id"] for _ in range(2)]
    listed = json.loads(vae("runs", "--json", "-")[1])
    assert [run["run_id"] for run in listed] == ids[::-1]
    assert {"name", "status", "epoch", "seconds", "created_at", "config"} <= listed[0].keys()
    assert (listed[0]["status"], listed[0]["epoch"]) == ("done", 2)
    assert [run["run_id"] for run in json.loads(vae("runs", "--limit", "1", "--json")[1])] == ids[1:]
    table = vae("runs")[1].splitlines()
    assert [line.split()[0] for line in table] == ids[::-1]


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
def test_a_run_that_fails_is_reported_and_exits_with_1(vae):
    code, out, err = vae(*QUICK, "--learning-rate", "1", "--hidden", "256,256,256,256", "--train-limit", "0", "--json")
    result = json.loads(out)
    assert code == 1
    assert result["status"] == "failed"
    assert "diverged in epoch 1" in result["error"]
    assert result["error"] in err
    assert "Traceback" not in err
    assert result["variants"]["vae"]["test"] is None


# What a person can put right


def assert_refused(answer, *parts):
    """Exit code 2, nothing on stdout, one sentence on stderr that names what is wrong."""
    code, out, err = answer
    assert (code, out) == (2, "")
    assert err.startswith("vae: ")
    assert err.endswith(".\n")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert [part for part in parts if part not in err] == []


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--dataset", "cats"], ["'cats'", "digits, mnist"]),
        (["--latent-dim", "0"], ["latent_dim", "from 1 to 512"]),
        (["--hidden", "abc"], ["hidden", "'abc'", "layer widths"]),
        (["--hidden", "-4"], ["hidden", "-4", "layer widths"]),
        (["--epochs", "-1"], ["epochs", "-1", "from 1 to 1,000"]),
        (["--learning-rate", "1e9"], ["learning_rate", "1e9", "from 1e-06 to 1"]),
        (["--beta", "nan"], ["beta", "nan"]),
        (["--activation", "swish"], ["activation", "relu, leaky_relu"]),
        (["--variants", "gan"], ["variants", "'gan'"]),
        (["--validation-size", "1500"], ["validation_size", "1,500"]),
        (["--kl-warmup-epochs", "3"], ["kl_warmup_epochs", "2 epochs"]),
        (["--dataset", "mnist"], ["MNIST", "--download", "digits"]),
    ],
    ids=lambda value: " ".join(value) if value[0].startswith("--") else "",
)
def test_bad_requests_are_refused_in_a_sentence_and_leave_no_run(vae, store, arguments, parts):
    assert_refused(vae(*QUICK, *arguments), *parts)
    assert store.runs() == []


def test_bad_environments_are_refused_in_a_sentence(vae, store, monkeypatch):
    monkeypatch.setenv("VAE_MAX_EPOCHS", "1")
    assert_refused(vae(*QUICK), "epochs is 2", "VAE_MAX_EPOCHS")
    monkeypatch.setenv("VAE_MAX_EPOCHS", "few")
    assert_refused(vae(*QUICK), "VAE_MAX_EPOCHS", "'few'")
    monkeypatch.setenv("VAE_MAX_EPOCHS", "10")
    monkeypatch.setenv("VAE_SCHEDULER", "tcp://cluster:8786")
    assert_refused(vae(*QUICK), "VAE_SCHEDULER", "SQLite")
    assert store.runs() == []


def test_a_damaged_mnist_file_is_refused(vae, store, settings, mnist_dir):
    raw = settings.data_dir / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in (mnist_dir / "MNIST" / "raw").glob("*-ubyte*"):
        (raw / file.name).symlink_to(file)
    labels = raw / "t10k-labels-idx1-ubyte"
    labels.unlink(missing_ok=True)
    labels.write_bytes(bytes(10_008))
    assert_refused(vae(*QUICK, "--dataset", "mnist"), str(labels), "damaged", "digits")
    assert store.runs() == []


@pytest.mark.parametrize(
    "command", [QUICK, [*QUICK, "--dataset=mnist", "--download"], ["runs"]], ids=["train", "download", "runs"]
)
def test_a_data_folder_that_cannot_be_written_is_refused(vae, monkeypatch, command):
    """Below /proc nobody makes folders, not even root."""
    monkeypatch.setenv("VAE_DATA_DIR", "/proc/nowhere")
    monkeypatch.delenv("VAE_DATABASE_URL")
    assert_refused(vae(*command), "/proc/nowhere", "written" if "--download" in command else "VAE_DATA_DIR")


@pytest.mark.parametrize("command", [QUICK, ["runs"]], ids=["train", "runs"])
def test_a_database_of_a_newer_program_is_refused_and_left_alone(vae, store, settings, command):
    with store.write() as connection:
        connection.execute(schema.schema_version.update().values(version=99))
    assert_refused(vae(*command), "newer version", "99", "VAE_DATABASE_URL")
    connection = sqlite3.connect(settings.database_url.removeprefix("sqlite:///"))
    assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)
    connection.close()


@pytest.mark.parametrize("arguments", [["dance"], ["train", "--latent-dims", "3"], ["runs", "--limit", "x"], []])
def test_unknown_words_show_the_usage(vae, capsys, arguments):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "usage: python -m vae" in capsys.readouterr().err


def test_the_real_command(settings):
    """A process of its own: stdout holds the JSON object and nothing else."""
    env = os.environ | settings.environment()

    def vae(*arguments):
        command = [sys.executable, "-m", "vae", *arguments]
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)

    trained = vae(*QUICK, "--json", "-")
    assert trained.returncode == 0, trained.stderr
    assert Store(settings.database_url).run(json.loads(trained.stdout)["run_id"]).status == "done"
    refused = vae("train", "--latent-dim", "0")
    assert_refused((refused.returncode, refused.stdout, refused.stderr), "latent_dim")
