"""`python -m vae sweep`: what it prints, its exit codes, and one sentence for whatever can't be done.

Only the cluster is replaced, by one that trains in this process; tests/sweeps/test_sweep_faults.py has the real one.
"""

import json
import threading

import numpy as np
import pytest

from vae.cli import main, sweep
from vae.runs import dispatcher, heartbeats
from vae.runs.execution import execute
from vae.store.runs import Store
from vae.sweeps import stored
from vae.sweeps.spec import READY, SweepSpec

QUICK = ["--hidden=8", "--train-limit=100", "--validation-size=20", "--epochs=2", "--device=cpu"]
GRID = [*QUICK, "--over=beta=0,1", "--seeds=2"]


class Here:
    """Jobs without a cluster: trains what is queued, one after the other, in a thread."""

    def __init__(self, store, settings):
        self.store, self.settings, self.owner, self.workers = store, settings, "here", 1
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._train, daemon=True)

    def start(self):
        self._thread.start()

    def _train(self):
        while not self._closing.wait(0.02):
            for run_id in self.store.owned(self.owner, "queued"):
                execute(self.store, run_id, self.settings)

    def wake(self):
        pass

    def close(self):
        self._closing.set()
        self._thread.join()


@pytest.fixture
def vae(settings, monkeypatch, capsys):
    """Runs one sweep in this process: (exit code, stdout, stderr)."""
    monkeypatch.setenv("VAE_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("VAE_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("VAE_WORKERS", "1")
    monkeypatch.setattr(dispatcher, "Jobs", Here)
    monkeypatch.setattr(sweep, "LOOK", 0.02)

    def run(*arguments):
        capsys.readouterr()
        code = main(["sweep", *arguments])
        return code, *capsys.readouterr()

    return run


def test_a_sweep_prints_points_and_results_as_one_json_object(vae, store):
    code, out, err = vae(*GRID, "--objective=reconstruction", "--objective=kl", "--name=Which β?", "--json")
    told = json.loads(out)
    assert code == 0
    assert list(told) == ["sweep_id", "name", "status", "error", "spec", "points", "results"]
    assert (told["name"], told["status"], told["error"]) == ("Which β?", "done", None)
    assert SweepSpec(**told["spec"]) == stored.find(store, told["sweep_id"]).spec
    assert [(point["number"], point["state"], point["params"]) for point in told["points"]] == [
        (0, "complete", {"beta": 0.0}),
        (1, "complete", {"beta": 1.0}),
    ]
    assert len(told["results"]) == 2 * 2 * 2 * 2, "points × seeds × variants × validation and test images"
    for point in told["points"]:
        for objective in ("reconstruction", "kl"):
            judged = [
                row[objective]
                for row in told["results"]
                if (row["number"], row["variant"], row["split"]) == (point["number"], "vae", "validation")
            ]
            assert len(judged) == 2
            assert point["values"][objective] == pytest.approx(np.mean(judged), rel=1e-12)
    assert {row["kl"] for row in told["results"] if row["variant"] == "ae"} == {None}
    assert "4 of 4 runs done" in err


@pytest.mark.slow
def test_without_json_the_means_of_done_runs_are_printed(vae):
    code, out, _ = vae(*GRID, "--variants=ae", "--of=ae", "--over=latent-dim=2,3")
    assert code == 0
    head, columns, *rows = out.splitlines()
    assert "done, 4 points" in head
    assert columns.split() == ["beta", "latent_dim", "variant", "split", "reconstruction", "kl", "mse_from_mean"]
    assert len(rows) == 4 * 2
    assert all(row.split()[5] == "–" for row in rows), "an autoencoder has no KL"


def test_json_may_go_to_a_file(vae, tmp_path):
    code, out, _ = vae(*QUICK, "--over=beta=1", "--seeds=1", "--json", str(tmp_path / "sweep.json"))
    assert (code, out) == (0, "")
    told = json.loads((tmp_path / "sweep.json").read_text())
    assert (told["name"], told["status"]) == ("beta", "done")


def test_a_ready_made_sweep_takes_other_settings_but_keeps_its_fields(vae, store):
    code, out, _ = vae("--ready=beta", *QUICK, "--seeds=1", "--sampler=random", "--points=2", "--json")
    told = json.loads(out)
    spec = stored.find(store, told["sweep_id"]).spec
    title, _, ready = READY["beta"]
    assert code == 0
    assert told["name"] == title
    assert spec.over == ready.over
    assert spec.objectives == ready.objectives
    assert (spec.base.latent_dim, spec.base.epochs, spec.base.hidden) == (ready.base.latent_dim, 2, (8,))
    assert (spec.seeds, spec.sampler, spec.points) == (1, "random", 2)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ([], "Name at least one field to go over"),
        (["--over=beta"], "names no values; write it as"),
        (["--over=betta=1"], "There is no setting called 'betta'."),
        (["--over=beta=1", "--over=beta=2"], "Name each field once"),
        (["--over=beta=0..4"], "a range, which a grid can't list"),
        (["--over=beta=-1"], "beta is '-1', but it must be a number"),
        (["--over=beta=1", "--epochs=none"], "epochs is 'none'"),
        (["--over=beta=1", "--seeds=0"], "Seeds is 0"),
        (["--over=beta=1", "--of=kl_only"], "no objective can judge 'kl_only'"),
        (["--over=beta=1", "--objective=kl", "--objective=ratio", "--prune"], "not by two"),
        (["--over=beta=1", "--dataset=mnist"], "MNIST"),
        (["--over=beta=1", "--json=/nowhere/sweep.json"], "/nowhere/sweep.json can't be written"),
        (["--ready=beta", "--over=beta=1"], "give --ready or --over, not both"),
        (["--resume=ffff"], "There is no sweep 'ffff' in this database."),
        (["--resume=ffff", "--over=beta=1"], "give --resume without"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_sentence_and_leaves_nothing(vae, store, flags, sentence):
    code, out, err = vae(*flags)
    assert (code, out) == (2, "")
    assert err.startswith("vae: ") and sentence in err
    assert err.count("\n") == 1
    assert stored.listed(store) == []


@pytest.mark.parametrize("flag", ["--sampler=magic", "--objective=fun", "--ready=lunch", "--seeds=some", "--points=x"])
def test_a_flag_that_is_no_choice_exits_with_2(vae, capsys, flag):
    with pytest.raises(SystemExit) as caught:
        vae("--over=beta=1", flag)
    assert caught.value.code == 2
    assert flag.split("=")[0] in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
def test_points_that_fail_are_told_with_their_reasons(vae):
    code, out, _ = vae(
        *["--hidden=256,256,256,256", "--validation-size=20", "--epochs=1", "--device=cpu", "--seeds=1"],
        *["--over=learning-rate=1,0.001", "--json"],
    )
    told = json.loads(out)
    assert code == 0
    assert [point["state"] for point in told["points"]] == ["fail", "complete"]
    assert "diverged in epoch 1" in told["points"][0]["reason"]
    assert (told["points"][0]["values"], told["points"][1]["reason"]) == ({}, None)


# Stop and resume


def interrupted(vae, monkeypatch, *flags):
    """The output of a sweep that is stopped with Ctrl-C as soon as it is there."""

    def ctrl_c(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(sweep, "_watch", ctrl_c)
        return vae(*flags)


def test_ctrl_c_says_how_to_go_on_and_what_is_done_by_then(vae, store, monkeypatch):
    code, out, err = interrupted(vae, monkeypatch, *GRID, "--json")
    told = json.loads(out)
    assert (code, told["status"]) == (1, "stopped")
    assert err.splitlines()[-1] == f"vae: stopped; go on with: python -m vae sweep --resume {told['sweep_id']}"
    assert store.queue() == []
    code, out, _ = vae("--resume", told["sweep_id"], "--json")
    again = json.loads(out)
    assert (code, again["status"], again["sweep_id"]) == (0, "done", told["sweep_id"])
    assert [point["state"] for point in again["points"]] == ["complete", "complete"]
    assert len(store.runs()) == 4


def test_a_sweep_that_was_stopped_before_anything_was_trained_has_no_means(vae, monkeypatch):
    code, out, _ = interrupted(vae, monkeypatch, *QUICK, "--over=beta=1", "--epochs=1000")
    assert code == 1
    assert out.splitlines() == [out.strip()]
    assert "stopped, 0 points" in out


def test_a_finished_sweep_is_not_resumed_and_its_results_stay_where_they_are(vae, tmp_path):
    target = tmp_path / "sweep.json"
    vae(*QUICK, "--over=beta=1", "--seeds=1", "--json", str(target))
    before = target.read_text()
    sweep_id = json.loads(before)["sweep_id"]
    code, out, err = vae("--resume", sweep_id, "--json", str(target))
    assert (code, out) == (2, "")
    assert err == f"vae: Sweep {sweep_id} is done, so there is nothing to resume.\n"
    assert target.read_text() == before


@pytest.mark.parametrize("alive", [False, True])
def test_a_sweep_that_seems_to_run_is_taken_over_only_from_the_dead(vae, store, settings, monkeypatch, alive):
    monkeypatch.setattr(heartbeats, "SILENCE", 0.3)
    spec = SweepSpec.parse(READY["beta"][2].base.model_copy(update={"epochs": 1}), {"beta": [1]}, seeds=1)
    sweep_id = stored.create(store, spec, "", "somebody")
    over = threading.Event()

    def live():
        while not over.wait(0.05):
            stored.beat(Store(settings.database_url), "somebody")

    thread = threading.Thread(target=live, daemon=True)
    if alive:
        thread.start()
    code, _, err = vae("--resume", sweep_id)
    over.set()
    assert stored.find(store, sweep_id).owner == ("somebody" if alive else "here")
    assert code == (2 if alive else 0)
    assert ("running in another program" in err) == alive


DIVERGING = ["--hidden=8", "--train-limit=100", "--validation-size=20", "--epochs=3", "--learning-rate=1", "--seeds=1"]


@pytest.mark.slow
def test_points_that_diverged_are_listed_with_their_reasons(vae):
    code, out, err = vae(*DIVERGING, "--over=beta=1,1000")
    assert code == 0, err
    assert "1 of 2 points failed:" in out
    assert "  beta=1000.0: Seed 0: The " in out and "diverged in epoch" in out
    code, out, _ = vae(*DIVERGING, "--over=beta=1,1000", "--json=-")
    lost = [point for point in json.loads(out)["points"] if point["state"] == "fail"]
    assert code == 0 and [point["params"] for point in lost] == [{"beta": 1000.0}]
    assert "diverged in epoch" in lost[0]["reason"]


def test_a_sweep_of_which_nothing_succeeded_ends_with_1(vae):
    code, out, err = vae(*DIVERGING, "--over=beta=900,1000")
    assert code == 1
    assert "2 of 2 points failed:" in out and out.count("diverged in epoch") == 2
    assert "vae: No point ended well. Seed 0: The " in err
    code, out, _ = vae(*DIVERGING, "--over=beta=900,1000", "--json=-")
    result = json.loads(out)
    assert (code, result["status"], result["error"].startswith("No point ended well.")) == (1, "failed", True)
