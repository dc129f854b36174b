"""The yardstick "codes" and the map, laid on stored runs: which codes, which rows, what is kept, what is refused."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from vae import datasets
from vae.analysis.codes import encode
from vae.analysis.yardsticks import probes
from vae.analysis.yardsticks.probes import Labelled, accuracies
from vae.choices.variants import VARIANTS
from vae.config import PRESETS, RunConfig
from vae.datasets.principal_axes import PrincipalAxes
from vae.errors import InputError
from vae.learning.training import Training
from vae.measuring import MEASUREMENTS, code_map, codes, map_of
from vae.measuring.subject import Subject, subject_of
from vae.measuring.yardsticks import COLUMNS, judged, on_validation
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store import measurements
from vae.store.runs import Run, Store

TINY = RunConfig(hidden=(8,), latent_dim=3, train_limit=120, validation_size=40, epochs=1, device="cpu")


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "DRAWS", {10: 2, 100: 2})
    monkeypatch.setattr(probes, "STARTS", 2)


def done(store: Store, settings: Settings, **fields: object) -> Run:
    run_id = store.create(TINY.model_copy(update=fields), "test")
    assert execute(store, run_id, settings) == "done"
    return store.run(run_id)


def value(table: pd.DataFrame, measure: str, variant: str = "", of: str = "codes") -> float:
    rows = table[(table["measure"] == measure) & (table["variant"] == variant) & (table["of"] == of)]
    return float(rows["value"].item())


def test_it_judges_the_means_beside_pca_and_pixels_and_keeps_its_headlines(store: Store, settings: Settings) -> None:
    run, told = done(store, settings), []
    table = judged("codes", store, run.id, 1, settings, lambda share, what: told.append(share))
    assert set(COLUMNS) <= set(table.columns)
    assert told == sorted(told) and told[-1] == 1.0
    subject = subject_of(store, run, 1, settings)
    train, y = subject.learnt_from()
    assert len(train) == 120
    axes = PrincipalAxes.of(subject.images, subject.train_rows)
    spaces = {name: (encode(model, train).mu, encode(model, subject.x).mu) for name, model in subject.models.items()}
    spaces["pca"] = ((train - axes.mean) @ axes.axes[:3].T, (subject.x - axes.mean) @ axes.axes[:3].T)
    spaces["pixels"] = (train, subject.x)
    for name, (learnt, judged_codes) in spaces.items():
        key = {"variant": name} if name in VARIANTS else {"of": name}
        found = {
            (row.measure, row.labels): row.value for row in accuracies(Labelled(learnt, y, judged_codes, subject.y), 0)
        }
        assert value(table, "probe_accuracy", **key) == pytest.approx(found["probe", 120])
        assert value(table, "probe_accuracy_10", **key) == pytest.approx(found["probe", 10])
        assert value(table, "knn_accuracy", **key) == pytest.approx(found["knn", 120])
        assert value(table, "same_class_neighbours", **key) == pytest.approx(found["same_class", 120])
    kept = store.history(run.id).query("split == 'test'").set_index("variant")
    for name in run.config.variants:
        for metric in ("probe_accuracy", "knn_accuracy", "cluster_nmi"):
            assert kept.loc[name, metric] == pytest.approx(value(table, metric, name))
    guess = table[table["of"] == "guess"].iloc[0]
    assert guess["value"] == pytest.approx((subject.y == np.bincount(y).argmax()).mean())
    pd.testing.assert_frame_equal(judged("codes", store, run.id, 1, settings), table, check_dtype=False)


def test_pixels_of_many_images_are_learnt_from_in_part_and_say_so(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes, "MOST_NUMBERS", 119 * 64)
    table = judged("codes", store, done(store, settings).id, 1, settings)
    of_pixels = table[(table["of"] == "pixels") & table["measure"].str.startswith("probe")]
    assert list(of_pixels["measure"]) == ["probe_accuracy_10", "probe_accuracy_100"]
    assert list(of_pixels["labels"]) == [10, 100]
    assert value(table, "probe_accuracy", "ae") > 0


def test_for_a_choice_of_settings_it_takes_validation_images_and_the_headlines_alone(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, seen, real = done(store, settings), [], codes.accuracies

    def watched(labelled: Labelled, *rest: object) -> object:
        seen.append(labelled)
        return real(labelled, *rest)

    monkeypatch.setattr(codes, "accuracies", watched)
    found = on_validation(store, run, settings, "probe_accuracy", "vae")
    (only,) = seen
    assert (len(only.train), len(only.judged)) == (120, 40)
    subject = subject_of(store, run, 1, settings, test=False)
    assert np.array_equal(only.judged, encode(subject.models["vae"], subject.x).mu)
    expected = [row.value for row in real(only, 0, False) if row.measure == "probe"]
    assert [found] == expected
    assert measurements.measurement(store, run.id, 1, measurements.KINDS["codes"]) is None, "of other images"


def test_images_without_classes_and_training_images_of_one_class_are_refused(store: Store, settings: Settings) -> None:
    subject = subject_of(store, done(store, settings), 1, settings)
    bare = dataclasses.replace(subject, images=dataclasses.replace(subject.images, classes=("image",)))
    with pytest.raises(InputError, match=r"^The images of digits have no classes[^.]*\.$"):
        codes.codes(bare, lambda share, what: None)
    only = dataclasses.replace(subject, train_rows=np.flatnonzero(subject.images.train_y == 3))
    with pytest.raises(InputError, match=r"^The training images are all of one class[^.]*\.$"):
        codes.codes(only, lambda share, what: None)


@pytest.mark.slow
def test_on_mnist_codes_are_learnt_from_as_a_whole_in_little_time(
    mnist_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time is the processor's, of one thread: other work on the machine does not count."""
    monkeypatch.undo()  # as many draws as ever
    images = datasets.load("mnist", mnist_dir)
    config = PRESETS["pytorch_example"].config.model_copy(update={"epochs": 1, "train_limit": 20_000})
    training = Training(config, images, datasets.split(images, config.validation_size, config.train_limit))
    list(training.run())
    rows = datasets.split(images, config.validation_size).train
    x = images.test_x.astype(np.float32) / images.white
    models = {learner.name: learner.model for learner in training.learners}
    subject = Subject(config, models, images, rows, x, images.test_y, lambda: None)
    with threadpool_limits(1):
        began = time.process_time()
        table = codes.codes(subject, lambda share, what: None)
        took = time.process_time() - began
    print(f"{took:.1f} s of one thread")
    assert took < 12
    probed = table[table["measure"].str.startswith("probe_accuracy")].set_index(["of", "variant"])
    assert probed.groupby(level=[0, 1])["labels"].max().to_dict() == {
        ("codes", "ae"): 55_000,
        ("codes", "vae"): 55_000,
        ("pca", ""): 55_000,
        ("pixels", ""): 1000,
    }
    axes = PCA(20).fit(images.train_x[rows] / np.float32(255))
    pca = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    pca.fit(axes.transform(images.train_x[rows] / np.float32(255)), images.train_y[rows])
    assert value(table, "probe_accuracy", of="pca") == pytest.approx(
        pca.score(axes.transform(x), images.test_y), abs=0.002
    )


# The map


def test_the_map_has_a_place_for_each_image_of_each_model_and_is_kept(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_map, "MOST_MAPPED", 60)
    run = done(store, settings)
    table = MEASUREMENTS["map"](store, run.id, 1, settings)
    assert list(table.columns) == code_map.MAP_COLUMNS
    assert table.groupby("variant").size().to_dict() == {"ae": 60, "vae": 60}
    subject = subject_of(store, run, 1, settings)
    assert table.loc[table["variant"] == "vae", "label"].tolist() == subject.y[:60].tolist()
    assert table[["x", "y"]].notna().all(axis=None)
    monkeypatch.setattr(code_map, "code_map", lambda *_: pytest.fail("this was kept"))
    pd.testing.assert_frame_equal(map_of(store, run.id, 1, settings), table, check_dtype=False)


def test_codes_that_are_their_own_map_get_none(store: Store, settings: Settings) -> None:
    run = done(store, settings, latent_dim=2)
    with pytest.raises(InputError, match=r"can be drawn as they are: they need no map\.$"):
        map_of(store, run.id, 1, settings)
