"""`python -m vae`: the JSON object, and one sentence with exit code 2 for whatever a person can put right."""

import functools
import json
import math
import os
import subprocess
import sys

import pytest

from vae.analysis import gradients
from vae.cli import main
from vae.config import RunConfig
from vae.measuring import KINDS
from vae.metrics import METRICS
from vae.settings import ROOT
from vae.store import schema
from vae.store.measurements import measurement
from vae.store.runs import Store

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
            assert set(METRICS) <= row.keys()
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
        (["--dataset", "cats"], ["'cats'", "digits, strokes, mnist"]),
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
    monkeypatch.delenv("VAE_DATABASE_URL")
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
        connection.execute(schema.version.update().values(version_num="0099"))
    assert_refused(vae(*command), "newer version", "99", "VAE_DATABASE_URL")
    assert store.runs() == []


@pytest.mark.parametrize("arguments", [["dance"], ["train", "--latent-dims", "3"], ["runs", "--limit", "x"], []])
def test_unknown_words_show_the_usage(vae, capsys, arguments):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "usage: python -m vae" in capsys.readouterr().err


@pytest.mark.slow
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


# Sensitivity


@pytest.fixture
def quick_classifier(monkeypatch):
    """A classifier of a tenth of the steps, for tests in which it only has to be there."""
    monkeypatch.setattr("vae.analysis.reference.STEPS", 200)


def trained_runs(vae, *seeds, arguments=()):
    return [json.loads(vae(*QUICK, *arguments, "--seed", seed, "--json", "-")[1])["run_id"] for seed in seeds]


def test_sensitivity_prints_measurements_and_ratios_as_one_json_object(vae):
    ids = trained_runs(vae, "5", "6")
    code, out, _ = vae("sensitivity", *ids, "--json")
    result = json.loads(out, parse_constant=pytest.fail)
    assert code == 0
    assert list(result) == ["config", "runs", "epochs", "classifier_accuracy", "measurements", "ratios"]
    assert result["runs"] == dict(zip(ids, (5, 6), strict=True))
    assert RunConfig.parse(result["config"] | {"seed": 5}) == RunConfig(
        hidden=(16,), train_limit=200, validation_size=50, epochs=2, device="cpu", seed=5
    )
    assert 0.9 < result["classifier_accuracy"] < 1
    units = {"ae": ["absolute", "latent_std", "neighbour"]}
    units["vae"] = [*units["ae"], "posterior_std"]
    measured = {}
    for row in result["measurements"]:
        assert list(row) == ["variant", "unit", "size", "rmse", "class_change", "nearest_distance", "n", "seed"]
        assert row["n"] == 297
        assert 0 < row["rmse"] < 1 and 0 <= row["class_change"] <= 1 and 0 < row["nearest_distance"] < 1
        measured[row["variant"], row["unit"], row["size"], row["seed"]] = row["rmse"]
    sizes = sorted({size for _, _, size, _ in measured})
    assert measured.keys() == {
        (name, unit, size, seed) for name in units for unit in units[name] for size in sizes for seed in (5, 6)
    }
    assert len(result["ratios"]) == 3 * len(sizes), "no ratio in a unit that an autoencoder lacks"
    for row in result["ratios"]:
        logs = [
            math.log(measured["ae", row["unit"], row["size"], seed] / measured["vae", row["unit"], row["size"], seed])
            for seed in (5, 6)
        ]
        middle, half = sum(logs) / 2, 12.7062 * abs(logs[0] - logs[1]) / 2  # Student's t with one degree of freedom
        assert row["ratio"] == pytest.approx(math.exp(middle))
        assert [row["low"], row["high"]] == pytest.approx([math.exp(middle - half), math.exp(middle + half)], rel=1e-4)
        assert row["seeds"] == 2


def test_sensitivity_of_one_run_has_ratios_without_intervals_at_the_asked_epoch(vae, quick_classifier):
    (run_id,) = trained_runs(vae, "5")
    last, first = (json.loads(vae("sensitivity", run_id, *more, "--json")[1]) for more in ((), ("--epoch", "0")))
    assert all(row["low"] is row["high"] is None and row["seeds"] == 1 for row in last["ratios"])
    assert [row["rmse"] for row in last["measurements"]] != [row["rmse"] for row in first["measurements"]]
    again = json.loads(vae("sensitivity", run_id, "--epoch", "2", "--json")[1])
    assert again == last, "the last epoch is measured unless another is asked for"


def test_a_run_that_failed_is_measured_at_an_epoch_that_is_named(vae, quick_classifier):
    """Before it had learnt: nobody is to take its numbers for a trained model's."""
    diverging = [*QUICK, "--epochs", "2", "--learning-rate", "1", "--beta", "1000", "--json", "-"]
    code, out, _ = vae(*diverging)
    run_id = json.loads(out)["run_id"]
    assert code == 1
    before = "epoch 0 of 2, the state before training (the run failed)"
    code, out, err = vae("sensitivity", run_id)
    assert code == 0 and out.startswith(f"Pixel RMSE of a nudge, 1 seed, {before}; ratio")
    assert f"vae: run {run_id} is measured at {before}." in err
    assert json.loads(vae("sensitivity", run_id, "--json")[1])["epochs"] == {run_id: 0}
    code, out, err = vae("gradients", run_id)
    assert code == 0 and f"on its way back, {before}:" in out and before in err
    assert json.loads(vae("gradients", run_id, "--json")[1])["epoch"] == 0
    code, out, err = vae("export", run_id, "--capsule", "-")
    assert (code, out) == (2, "")
    assert f"Run {run_id} is failed after epoch 0 of 2; only a run that is done" in err


def test_sensitivity_without_an_autoencoder_has_measurements_but_no_ratios(vae, quick_classifier):
    (run_id,) = trained_runs(vae, "5", arguments=("--variants", "vae"))
    result = json.loads(vae("sensitivity", run_id, "--json")[1])
    assert result["ratios"] == []
    assert {row["variant"] for row in result["measurements"]} == {"vae"}
    code, out, _ = vae("sensitivity", run_id)
    assert code == 0
    assert "posterior_std" in out


def test_sensitivity_prints_a_table_under_its_header(vae, quick_classifier):
    ids = trained_runs(vae, "5", "6")
    code, out, err = vae("sensitivity", *ids)
    first, header, *rows = out.splitlines()
    assert (code, err) == (0, "")
    assert first == "Pixel RMSE of a nudge, 2 seeds, epoch 2 of 2; ratio: AE ÷ VAE, with its 95 % interval."
    assert header.split() == ["unit", "size", "ae", "vae", "ratio", "low", "high"]
    measured = json.loads(vae("sensitivity", *ids, "--json")[1])["measurements"]
    assert len(rows) == len({(row["unit"], row["size"]) for row in measured})
    both = [row["rmse"] for row in measured if (row["variant"], row["unit"], row["size"]) == ("vae", "absolute", 0.1)]
    (shown,) = (row.split() for row in rows if row.split()[:2] == ["absolute", "0.1000"])
    assert shown[3] == f"{sum(both) / 2:.4f}"
    assert "–" in rows[-1] and "posterior_std" in rows[-1], "what an autoencoder lacks is no number"
    assert "1 seed, epoch 2 of 2;" in vae("sensitivity", ids[0])[1]


def test_sensitivity_refuses_in_a_sentence_what_it_cannot_measure(vae):
    one, other = trained_runs(vae, "5", "6")
    (wider,) = trained_runs(vae, "7", arguments=("--latent-dim", "3", "--beta", "2"))
    (twin,) = trained_runs(vae, "5")
    assert_refused(vae("sensitivity", "nosuchrun", "--json"), "'nosuchrun'")
    assert_refused(vae("sensitivity", one, "nosuchrun"), "'nosuchrun'")
    assert_refused(vae("sensitivity", one, other, wider), one, wider, "beta, latent_dim")
    assert_refused(vae("sensitivity", one, one), one, "same seed, 5")
    assert_refused(vae("sensitivity", one, twin, "--json"), one, twin, "same seed, 5")
    assert_refused(vae("sensitivity", one, "--epoch", "77"), "epoch 77", one, "not kept")
    assert_refused(vae("sensitivity", one, "--epoch", "-1"), "epoch -1", one, "not kept")


def test_sensitivity_refuses_runs_that_have_learnt_nothing_and_files_it_cannot_write(
    vae, store, tmp_path, quick_classifier
):
    queued = store.create(RunConfig(epochs=2), "test")
    assert_refused(vae("sensitivity", queued, "--json"), queued, "queued", "no weights")
    (run_id,) = trained_runs(vae, "5")
    target = str(tmp_path / "no such folder" / "result.json")
    assert_refused(vae("sensitivity", run_id, "--json", target), target, "can't be written")
    code, out, _ = vae("sensitivity", run_id, "--json", str(tmp_path / "result.json"))
    assert (code, out) == (0, "")
    assert json.loads((tmp_path / "result.json").read_text())["runs"] == {run_id: 5}


# Gradients


def test_gradients_prints_flow_and_quality_as_one_json_object(vae, settings):
    (run_id,) = trained_runs(vae, "5")
    code, out, _ = vae("gradients", run_id, "--json", "-")
    result = json.loads(out, parse_constant=pytest.fail)
    assert code == 0
    assert list(result) == ["run_id", "epoch", "variant", "flow", "quality"]
    assert (result["run_id"], result["epoch"], result["variant"]) == (run_id, 2, "vae")
    places = ["logits", "z", "mu", "logvar", "encoder_weights", "decoder_weights"]
    ways = ["pathwise", "score_function", "score_function_loo", "detached"]
    assert [(row["way"], row["place"]) for row in result["flow"]] == [(way, place) for way in ways for place in places]
    for row in result["flow"]:
        assert set(row) == {"place", "reconstruction", "kl", "way"}
        nothing = row["way"] == "detached" and row["place"] in ("z", "mu", "logvar", "encoder_weights")
        assert (row["reconstruction"] == 0) == (nothing or (row["way"] != "pathwise" and row["place"] == "z"))
    columns = ["way", "samples", "bias", "standard_error", "variance", "snr", "cosine", "cosine_std", "gradient"]
    assert all(list(row) == [*columns, "reference", "repeats"] for row in result["quality"])
    counts = [1, 2, 4, 8, 16, 32]
    assert [(row["way"], row["samples"]) for row in result["quality"]] == [
        *((way, count) for way in ways[:3] for count in counts if (way, count) != ("score_function_loo", 1)),
        ("detached", 1),
    ]
    last = result["quality"][-1]
    assert (last["gradient"], last["variance"]) == (0, 0)
    assert last["snr"] is last["cosine"] is last["cosine_std"] is None, "JSON knows no NaN"
    stored = Store(settings.database_url)
    assert measurement(stored, run_id, 2, KINDS["gradients"])["variance"].tolist() == pytest.approx(
        [row["variance"] for row in result["quality"]]
    )
    assert json.loads(vae("gradients", run_id, "--epoch", "2", "--json")[1]) == result, "the last epoch, kept"


@pytest.fixture
def quick_quality(monkeypatch):
    """The measurement with fewer estimates, for tests in which it only has to be there."""
    fewer = functools.partial(gradients.estimator_quality, samples=(1, 2), repeats=3)
    monkeypatch.setattr(gradients, "estimator_quality", fewer)
    monkeypatch.setattr(gradients, "REFERENCE_SAMPLES", 128)


def test_gradients_measures_the_asked_epoch_and_writes_files(vae, tmp_path, quick_quality):
    (run_id,) = trained_runs(vae, "5")
    last, first = (json.loads(vae("gradients", run_id, *more, "--json")[1]) for more in ((), ("--epoch", "0")))
    assert (last["epoch"], first["epoch"]) == (2, 0)
    assert last["flow"] != first["flow"]
    assert last["quality"][0]["reference"] != first["quality"][0]["reference"]
    code, out, _ = vae("gradients", run_id, "--json", str(tmp_path / "result.json"))
    assert (code, out) == (0, "")
    assert json.loads((tmp_path / "result.json").read_text()) == last


def test_gradients_prints_both_tables(vae, quick_quality):
    (run_id,) = trained_runs(vae, "5", arguments=("--variants", "noise_only"))
    code, out, err = vae("gradients", run_id)
    assert (code, err) == (0, "")
    flow, quality = out.split("\n\n")
    assert flow.splitlines()[0] == "Norms of the gradient on its way back, epoch 2 of 2:"
    assert flow.splitlines()[1].split() == ["place", "reconstruction", "kl", "way"]
    assert len(flow.splitlines()) == 2 + 4 * 6
    assert quality.splitlines()[0] == "Estimates of the reconstruction's gradient for the encoder:"
    assert quality.splitlines()[-1].split()[:2] == ["detached", "1"]
    assert quality.splitlines()[-1].split().count("–") == 3, "no direction is no number"
    assert "nan" not in out.lower()


def test_gradients_refuses_in_a_sentence_what_it_cannot_measure(vae, store, tmp_path, quick_quality):
    (run_id,) = trained_runs(vae, "5")
    (plain,) = trained_runs(vae, "5", arguments=("--variants", "ae"))
    queued = store.create(RunConfig(epochs=2), "test")
    assert_refused(vae("gradients", "nosuchrun", "--json", "-"), "'nosuchrun'")
    assert_refused(vae("gradients", plain, "--json", "-"), plain, "no variant that samples its codes")
    assert_refused(vae("gradients", run_id, "--epoch", "77", "--json", "-"), "epoch 77", run_id, "not kept")
    assert_refused(vae("gradients", queued), queued, "queued", "no weights")
    target = str(tmp_path / "no such folder" / "result.json")
    assert_refused(vae("gradients", run_id, "--json", target), target, "can't be written")


def test_train_takes_an_estimator_its_samples_and_its_baseline(vae, settings):
    flags = ("--estimator", "score_function", "--samples", "2", "--baseline", "leave_one_out", "--epochs", "1")
    code, out, _ = vae(*QUICK, *flags, "--json", "-")
    result = json.loads(out)
    assert code == 0
    expected = {"estimator": "score_function", "samples": 2, "baseline": "leave_one_out", "epochs": 1}
    assert {name: result["config"][name] for name in expected} == expected
    stored = Store(settings.database_url).run(result["run_id"])
    assert {name: getattr(stored.config, name) for name in expected} == expected
    assert stored.status == "done"
    vae_rows = result["variants"]["vae"]
    assert vae_rows["epochs"][0]["loss"] < vae_rows["initial"]["loss"]


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--baseline", "leave_one_out"], ["leave_one_out", "samples must be at least 2"]),
        (["--estimator", "magic"], ["'magic'", "pathwise, score_function, detached"]),
        (["--samples", "65"], ["samples is '65'", "from 1 to 64"]),
    ],
    ids=["baseline", "estimator", "samples"],
)
def test_estimators_that_cannot_be_are_refused_and_leave_no_run(vae, store, arguments, parts):
    assert_refused(vae(*QUICK, *arguments), *parts)
    assert store.runs() == []
