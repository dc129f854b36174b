"""Anomalies of stored runs: what is laid beside what and kept, what sweeps judge by, and what can't be measured."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

import numpy as np
import postgres
import pytest
import torch
from sklearn.metrics import roc_auc_score
from sweeps_by_hand import begin, train_all

from vae import datasets
from vae.cli import main
from vae.config import RunConfig
from vae.errors import InputError
from vae.exports import capsule
from vae.measuring import models_of
from vae.measuring.anomalies import anomalies
from vae.measuring.subject import Subject, subject_of
from vae.measuring.yardsticks import COLUMNS, judged, on_validation
from vae.runs.execution import check, execute
from vae.settings import Settings
from vae.store.runs import Run, Store
from vae.store.tensor_bytes import unpack
from vae.sweeps import stored
from vae.sweeps.driver import points
from vae.sweeps.spec import OBJECTIVES, READY, SweepSpec

TINY = RunConfig(hidden=(8,), train_limit=100, validation_size=30, epochs=2, device="cpu", held_out_class="8")


@dataclasses.dataclass
class Trained:
    store: Store
    settings: Settings
    run: Run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    with postgres.settings_for(tmp_path_factory.mktemp("anomalies")) as settings:
        store = Store(settings.database_url)
        run_id = store.create(TINY, "test")
        assert execute(store, run_id, settings) == "done"
        yield Trained(store, settings, store.run(run_id))


def errors(trained: Trained, variant: str, x: np.ndarray) -> np.ndarray:
    model = models_of(trained.store, trained.run, 2)[variant]
    with torch.no_grad():
        mu, _ = model.encoder(torch.from_numpy(x))
        return (model.picture(mu).numpy() - x) ** 2 @ np.ones(x.shape[1])


def area_of(trained: Trained, variant: str, known: np.ndarray, held_out: np.ndarray) -> float:
    both = [errors(trained, variant, x.astype(np.float32) / 16) for x in (known, held_out)]
    return float(roc_auc_score(np.repeat([0, 1], [len(known), len(held_out)]), np.concatenate(both)))


def test_test_images_of_the_class_are_laid_beside_those_of_the_others_and_the_area_is_kept(trained: Trained) -> None:
    digits = datasets.load("digits", trained.settings.data_dir)
    told: list[float] = []
    table = judged("anomalies", trained.store, trained.run.id, 2, trained.settings, lambda share, _: told.append(share))
    assert set(COLUMNS) <= set(table.columns) and told == sorted(told) and told[-1] == 1
    eight = digits.test_y == 8
    assert set(table["n"]) == {len(eight)} and set(table["held_out"]) == {eight.sum()}
    areas = table.set_index(["variant", "measure"])["value"]
    for variant in ("ae", "vae"):
        expected = area_of(trained, variant, digits.test_x[~eight], digits.test_x[eight])
        assert areas[variant, "anomaly_auc"] == pytest.approx(expected, abs=1e-4)
        history = trained.store.history(trained.run.id)
        kept = history[(history["variant"] == variant) & (history["split"] == "test")]["anomaly_auc"].item()
        assert kept == areas[variant, "anomaly_auc"]
    learnt = digits.train_x[unpack(trained.store.split_rows(trained.run.id))["train"]] / 16
    from_mean = ((digits.test_x / 16 - learnt.mean(axis=0)) ** 2).sum(axis=1)
    assert areas["", "anomaly_auc_mean_image"] == pytest.approx(roc_auc_score(eight, from_mean), abs=1e-4)


def test_a_run_is_tested_on_the_classes_it_learnt(trained: Trained) -> None:
    digits = datasets.load("digits", trained.settings.data_dir)
    known = digits.test_x[digits.test_y != 8].astype(np.float32) / 16
    assert trained.run.data["test_size"] == len(known) < len(digits.test_x)
    history = trained.store.history(trained.run.id)
    mse = history[(history["variant"] == "ae") & (history["split"] == "test")]["mse_from_mean"].item()
    assert mse == pytest.approx(errors(trained, "ae", known).mean() / 64, rel=1e-4)


def test_choices_are_made_without_a_test_image(trained: Trained) -> None:
    """By images of the class that lie in the training set, which no run learnt from, beside validation images."""
    digits = datasets.load("digits", trained.settings.data_dir)
    rows = unpack(trained.store.split_rows(trained.run.id))["validation"]
    expected = area_of(trained, "vae", digits.train_x[rows], digits.train_x[digits.train_y == 8])
    found = on_validation(trained.store, trained.run, trained.settings, "anomaly_auc", "vae")
    assert found == pytest.approx(expected, abs=1e-4)
    subject = subject_of(trained.store, trained.run, 2, trained.settings, test=False)
    learnt, _ = subject.learnt_from()
    assert not {image.tobytes() for image in learnt} & {image.tobytes() for image in subject.held_out}


def test_what_can_not_be_measured_is_told_in_a_sentence(trained: Trained) -> None:
    subject = subject_of(trained.store, trained.run, 2, trained.settings)

    def refused(**changes: object) -> str:
        with pytest.raises(InputError) as problem:
            anomalies(Subject(**{**vars(subject), **changes}), lambda share, what: None)
        return str(problem.value)

    every = trained.run.config.model_copy(update={"held_out_class": ""})
    assert "Train one with a held_out_class, such as 9," in refused(config=every)
    unlabelled = dataclasses.replace(subject.images, classes=("all",))
    assert "have no classes" in refused(images=unlabelled)
    assert refused(held_out=subject.x[:0]) == "There is no image of class 8 to measure on."
    with pytest.raises(InputError, match="held_out_class is 'eight'"):
        check(trained.store, TINY.model_copy(update={"held_out_class": "eight"}), trained.settings)


def test_from_the_command_line(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAE_DATA_DIR", str(trained.settings.data_dir))
    monkeypatch.setenv("VAE_DATABASE_URL", trained.settings.database_url)
    assert main(["evaluate", trained.run.id, "--yardstick", "anomalies", "--json", "-"]) == 0
    rows = json.loads(capsys.readouterr().out)["yardsticks"]["anomalies"]
    assert {row["measure"] for row in rows if row["variant"] == "vae" and row["value"]} == {
        "anomaly_auc",
        "anomaly_auc_loss",
        "anomaly_auc_kl",
        "anomaly_auc_elbo",
    }
    tiny = [f"--{name.replace('_', '-')}={getattr(TINY, name)}" for name in ("train_limit", "epochs", "device")]
    assert main(["train", *tiny, "--hidden", "8", "--held-out-class", "x"]) == 2
    assert "held_out_class is 'x', but the classes of digits are 0, 1" in capsys.readouterr().err
    assert main(["train", *tiny, "--hidden", "8", "--held-out-class", "3", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["config"]["held_out_class"] == "3"


def test_a_capsule_of_such_a_run_is_trained_again_to_the_same_weights(trained: Trained) -> None:
    (sealed,) = capsule.read(capsule.dumps(capsule.capsule(trained.store, [trained.run.id]))).runs
    assert sealed.config == trained.run.config and sealed.dataset.test_size == trained.run.data["test_size"]
    again = trained.store.create(sealed.config, "test")
    assert execute(trained.store, again, trained.settings) == "done"
    assert capsule.record(trained.store, again).weights == sealed.weights


@pytest.mark.slow
def test_a_sweep_over_the_class_is_judged_by_it(trained: Trained) -> None:
    base = TINY.model_copy(update={"held_out_class": ""})
    spec = SweepSpec.parse(base, {"held_out_class": [8]}, seeds=2, objectives=("anomaly_auc",), of="ae")
    sweep = begin(trained.store, spec)
    assert train_all(trained.store, sweep, trained.settings).status == "done"
    (found,) = points(trained.store, sweep)
    assert found.params == {"held_out_class": "8"}
    runs = [trained.store.run(member.run_id) for member in stored.members(trained.store, sweep.id)]
    values = [on_validation(trained.store, run, trained.settings, "anomaly_auc", "ae") for run in runs]
    assert len(set(values)) == 2 and found.values == [pytest.approx(np.mean(values))]


@pytest.mark.parametrize(
    ("over", "options", "said"),
    [
        ({"latent_dim": [2]}, {"objectives": ("anomaly_auc",)}, "Anomalies found needs a held_out_class"),
        ({"held_out_class": ["", "8"]}, {"objectives": ("anomaly_auc",)}, "needs a held_out_class"),
        ({"held_out_class": ["1", "8"]}, {}, "reconstruction can't compare them; judge by anomaly_auc"),
        ({"held_out_class": ["1"]}, {"objectives": ("anomaly_auc", "ratio")}, "ratio can't compare them"),
        (
            {"held_out_class": ["1"], "validation_size": [0, 50]},
            {"objectives": ("anomaly_auc",)},
            "needs validation images",
        ),
    ],
)
def test_a_sweep_that_could_not_be_judged_is_refused(over: dict, options: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        SweepSpec.parse(RunConfig(), over, **options)


def test_the_ready_made_sweep_holds_out_every_digit_once() -> None:
    _, _, spec = READY["held_out"]
    classes = datasets.load("digits", Settings.from_environment().data_dir).classes
    assert [config["held_out_class"] for config in spec.grid()] == list(classes) and spec.seeds == 3
    assert OBJECTIVES["anomaly_auc"].judged_on.startswith("validation images beside images of the held-out class")
    assert OBJECTIVES["mse"].judged_on == "validation images"
    kept = SweepSpec.parse(RunConfig(held_out_class="8"), {"latent_dim": [2, 8]}, objectives=("anomaly_auc",))
    assert kept.config({"latent_dim": 8}, 1).held_out_class == "8"
