"""Samples of a run's networks, judged: models whose pictures are known, real images in their place, what is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from lessons import done
from sweeps_by_hand import TINY, begin, runs_by_point, train_all
from torch import Tensor

from vae import datasets
from vae.analysis.reference import Classifier
from vae.config import RunConfig
from vae.datasets import Images
from vae.errors import InputError
from vae.learning.networks import initialised
from vae.learning.randomness import stream
from vae.measuring import samples as samples_module
from vae.measuring.samples import SCORES, WAYS, samples
from vae.measuring.subject import Subject, subject_of
from vae.measuring.yardsticks import COLUMNS, judged, on_validation
from vae.store import measurements
from vae.store.runs import Store
from vae.store.tensor_bytes import pack_tensors
from vae.sweeps.driver import points
from vae.sweeps.spec import SweepSpec

JUDGED = 60
Draw = Callable[[Tensor], Tensor]


def silent(share: float, what: str) -> None:
    pass


def classifier_of(pixels: int, classes: int) -> Classifier:
    """Not trained: features all the same, in a fraction of the time."""
    weights = stream(0, "test classifier")
    model = Classifier(pixels, classes).requires_grad_(False)
    for parameter in model.parameters():
        parameter.normal_(0, 0.3, generator=weights)
    return model


def images_like(channels: int = 1, classes: int = 3, train: int = 300) -> Images:
    """Noise: training and test images from the same distribution."""
    generator = np.random.default_rng(1)
    x = generator.integers(0, 256, (train + JUDGED, channels * 64), dtype=np.uint8)
    y = generator.integers(0, classes, train + JUDGED).astype(np.uint8)
    shape = (channels, 8, 8)
    names = tuple(f"c{i}" for i in range(classes))
    return Images("noise", shape, 255, names, x[:train], y[:train], x[train:], y[train:])


def subject(
    images: Images, models: dict[str, object], train_rows: np.ndarray | None = None, **config: object
) -> Subject:
    x = images.test_x.astype(np.float32) / images.white
    rows = np.arange(len(images.train_x)) if train_rows is None else train_rows
    reference = SimpleNamespace(classifier=classifier_of(images.pixels, len(images.classes)), accuracy=0.9)
    setup = RunConfig(**{"latent_dim": 2, "seed": 3} | config)
    return Subject(setup, models, images, rows, x, images.test_y, lambda: reference)


def drawing(picture: Draw) -> object:
    """A model of two codes that draws `picture` of them, and whose encoder takes the first two pixels."""
    return SimpleNamespace(encoder=lambda x: (x[:, :2], None), picture=picture)


def from_images(images: Images) -> Draw:
    """Every code draws a training image: which one says its first number."""
    x = torch.from_numpy(images.train_x.astype(np.float32) / images.white)
    return lambda z: x[(z[:, 0].abs() * 1e5).long() % len(x)]


def by(table: pd.DataFrame, **wanted: str) -> pd.Series:
    """Values by score of one variant and way."""
    rows = table[(table[list(wanted)] == pd.Series(wanted)).all(axis=1)]
    return rows.set_index("score")["value"]


@pytest.fixture(scope="module")
def noise() -> Images:
    return images_like()


@pytest.fixture(scope="module")
def table(noise: Images) -> pd.DataFrame:
    """Of a model that draws real images, and of one that draws a single grey picture."""
    grey = drawing(lambda z: torch.full((len(z), noise.pixels), 0.5))
    return samples(subject(noise, {"ae": grey, "vae": drawing(from_images(noise))}), silent)


def test_real_images_come_to_the_floor_and_a_single_picture_does_not(table: pd.DataFrame) -> None:
    floor = by(table, variant="")
    for way in WAYS:
        real, grey = by(table, variant="vae", way=way), by(table, variant="ae", way=way)
        assert real["frechet_distance"] == pytest.approx(floor["frechet_distance"], rel=0.25)
        for share in SCORES[1:]:
            assert real[share] == pytest.approx(floor[share], abs=0.12)
        assert grey["frechet_distance"] > 2 * floor["frechet_distance"]
        assert grey["sample_recall"] == 0


def test_the_run_is_known_by_codes_from_the_prior_alone(table: pd.DataFrame) -> None:
    assert set(COLUMNS) <= set(table.columns)
    named = table[table["measure"].isin(SCORES)]
    assert set(named["way"]) == {"prior", "real"}
    assert set(table.loc[table["way"] == "mixture", "measure"]) == {f"{score}_mixture" for score in SCORES}
    assert len(table) == 2 * len(WAYS) * len(SCORES) + len(SCORES)
    assert set(table["n"]) == {JUDGED}
    drawn = table[table["variant"] == "vae"]
    assert set(drawn["draws"]) == {samples_module.DRAWS} and (drawn["error"] > 0).all()
    assert (table.loc[table["variant"] == "ae", "error"] == 0).all(), "one picture, whatever is drawn"


def test_values_and_errors_are_those_of_the_draws(noise: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    judge = samples_module._Judge
    scores = judge.scores
    monkeypatch.setattr(judge, "scores", lambda self, x: found.append(scores(self, x)) or found[-1])
    table = samples(subject(noise, {"vae": drawing(from_images(noise))}), silent)
    first = np.array(found[: samples_module.DRAWS])
    rows = table[table["way"] == "prior"]
    assert rows["value"].tolist() == pytest.approx(first.mean(axis=0))
    assert rows["error"].tolist() == pytest.approx(first.std(axis=0, ddof=1) / len(first) ** 0.5)


def test_models_share_the_noise_of_a_draw_and_another_seed_has_its_own(noise: Images) -> None:
    model = drawing(from_images(noise))
    table = samples(subject(noise, {"ae": model, "vae": model}), silent)
    for way in WAYS:
        pd.testing.assert_series_equal(by(table, variant="ae", way=way), by(table, variant="vae", way=way))
    other = samples(subject(noise, {"vae": model}, seed=4), silent)
    for way in WAYS:
        assert (
            by(other, variant="vae", way=way)["frechet_distance"]
            != by(table, variant="vae", way=way)["frechet_distance"]
        )


def test_fitted_codes_are_where_the_training_codes_are(noise: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[np.ndarray] = []
    monkeypatch.setattr(
        samples_module, "decode", lambda model, z: drawn.append(z) or np.zeros((len(z), 64), np.float32)
    )
    rows = np.arange(100)
    samples(subject(noise, {"ae": drawing(from_images(noise))}, train_rows=rows), silent)
    learnt = noise.train_x[rows, :2] / 255
    for place, _ in enumerate(WAYS):
        z = np.concatenate(drawn[place * samples_module.DRAWS : (place + 1) * samples_module.DRAWS])
        mean, std = (np.zeros(2), np.ones(2)) if place == 0 else (learnt.mean(0), learnt.std(0))
        np.testing.assert_allclose(z.mean(axis=0), mean, atol=0.2 * std.max())
        np.testing.assert_allclose(z.std(axis=0), std, rtol=0.2)
        assert len({z[:1].tobytes() for z in drawn}) == len(drawn), "no draw is another one"


def test_real_sets_share_no_image_and_where_too_few_are_left_there_is_no_floor(noise: Images) -> None:
    def sets(images: Images, rows: np.ndarray | None = None) -> list[np.ndarray]:
        return list(samples_module._real_images(subject(images, {}, train_rows=rows)))

    whole = {image.tobytes() for image in noise.train_x.astype(np.float32) / 255}
    found = sets(noise)
    assert [len(x) for x in found] == [JUDGED] * 5
    assert {image.tobytes() for x in found for image in x} == whole
    some = sets(noise, np.arange(130))
    assert len(some) == 2 and {image.tobytes() for x in some for image in x} <= {
        image.tobytes() for image in noise.train_x[:130].astype(np.float32) / 255
    }
    assert len(sets(noise, np.arange(10))) == 5, "a run of few images has the whole training set's floor"
    few = images_like(train=JUDGED - 1)
    assert sets(few) == []
    table = samples(subject(few, {"vae": drawing(from_images(few))}), silent)
    assert "" not in set(table["variant"])
    one = samples(subject(images_like(train=JUDGED), {}), silent)
    assert one["error"].isna().all() and set(one["draws"]) == {1}


def test_precision_and_recall_are_of_some_images_the_distance_of_all(
    noise: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples_module, "MOST_IN_BALLS", 20)
    monkeypatch.setattr(samples_module, "CHUNK", 7)
    table = samples(subject(noise, {"vae": drawing(from_images(noise))}), silent)
    counts = table.groupby("score")["n"].agg(set)
    assert counts.to_dict() == {"frechet_distance": {JUDGED}, "sample_precision": {20}, "sample_recall": {20}}


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_it_goes_for_colour_and_for_any_network(network: str) -> None:
    images = images_like(channels=3)
    config = RunConfig(network=network, hidden=(8,), channels=(4, 6), latent_dim=3)
    models = {name: initialised(config, images.shape, name, stream(0, "weights")).eval() for name in ("ae", "vae")}
    table = samples(subject(images, models, latent_dim=3), silent)
    assert table["value"].notna().all() and len(table) == 21


def test_what_cannot_be_judged_is_said_in_a_sentence(noise: Images) -> None:
    unlabelled = images_like(classes=1)
    with pytest.raises(InputError, match="these images have no classes"):
        samples(subject(unlabelled, {}), silent)
    few = Subject(**vars(subject(noise, {})) | {"x": np.zeros((3, 64), np.float32)})
    with pytest.raises(InputError, match="at least 4 images to be judged by; there are 3"):
        samples(few, silent)


def test_a_network_that_is_broken_has_no_scores_and_breaks_no_other(noise: Images) -> None:
    broken = SimpleNamespace(
        encoder=lambda x: (x[:, :2] * torch.nan, None), picture=lambda z: torch.full((len(z), 64), torch.nan)
    )
    table = samples(subject(noise, {"ae": broken, "vae": drawing(from_images(noise))}), silent)
    assert table.loc[table["variant"] == "ae", "value"].isna().all()
    assert table.loc[table["variant"] == "vae", "value"].notna().all()


def test_progress_goes_up_to_nearly_the_end(noise: Images) -> None:
    told: list[tuple[float, str]] = []
    samples(subject(noise, {"vae": drawing(from_images(noise))}), lambda share, what: told.append((share, what)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares) and shares[0] == 0 and 0.9 < shares[-1] < 1


# On stored runs


@pytest.fixture
def knowing(store: Store, settings: object) -> Iterator[Store]:
    """A store that has a classifier of the digits, not trained."""
    images = datasets.load("digits", settings.data_dir)
    model = classifier_of(images.pixels, len(images.classes))
    measurements.keep_classifier(store, images.hash, 0.9, pack_tensors(model.state_dict()))
    yield store


def test_the_scores_of_a_run_are_kept_with_its_test_metrics(knowing: Store, settings: object) -> None:
    run_id = done(knowing, TINY, settings)
    table = judged("samples", knowing, run_id, TINY.epochs, settings)
    history = knowing.history(run_id)
    for name in ("ae", "vae"):
        kept = history[(history["split"] == "test") & (history["variant"] == name)].iloc[0]
        expected = by(table, variant=name, way="prior")
        assert [kept[score] for score in SCORES] == pytest.approx([expected[score] for score in SCORES])
    again = judged("samples", knowing, run_id, TINY.epochs, settings)
    pd.testing.assert_frame_equal(again, table, check_dtype=False)


def test_a_sweep_judges_by_the_distance_on_validation_images(knowing: Store, settings: object) -> None:
    spec = SweepSpec.parse(TINY, {"beta": [0.5, 4.0]}, seeds=1, objectives=("frechet_distance", "sample_recall"))
    sweep = begin(knowing, spec)
    assert train_all(knowing, sweep, settings).status == "done"
    assert spec.directions() == ["minimize", "maximize"]
    for trial in points(knowing, sweep):
        runs = [knowing.run(member.run_id) for member in runs_by_point(knowing, sweep)[trial.number]]
        subjects = [subject_of(knowing, run, TINY.epochs, settings, test=False) for run in runs]
        assert {len(one.x) for one in subjects} == {TINY.validation_size}
        found = [by(samples(one, silent), variant="vae", way="prior") for one in subjects]
        for value, score in zip(trial.values, spec.objectives, strict=True):
            assert value == pytest.approx(np.mean([scores[score] for scores in found]))
        assert on_validation(knowing, runs[0], settings, "frechet_distance", "vae") == pytest.approx(
            found[0]["frechet_distance"]
        )


def test_a_sweep_gets_the_same_numbers_and_nothing_that_it_does_not_ask_for(noise: Images, table: pd.DataFrame) -> None:
    whole = subject(noise, {"vae": drawing(from_images(noise))})
    alone = samples(dataclasses.replace(whole, headlines_only=True), silent)
    assert set(alone["variant"]) == {"vae"} and set(alone["way"]) == {"prior"}
    pd.testing.assert_series_equal(by(alone, variant="vae"), by(table, variant="vae", way="prior"))
