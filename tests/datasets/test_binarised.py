"""Binarised images: how often a pixel is lit, what is drawn once and what each time, and what old runs see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from vae import datasets
from vae.config import RunConfig
from vae.datasets import Images, binarised
from vae.learning.learner import Learner
from vae.learning.training import Training

SMALL = RunConfig(hidden=(8,), train_limit=300, validation_size=100, epochs=3, batch_size=50, device="cpu")


def levels(white: int, copies: int = 20_000) -> Images:
    """Images of one pixel for each grey level."""
    x = np.tile(np.arange(white + 1, dtype=np.uint8), (copies, 1))
    none = np.zeros(copies, dtype=np.uint8)
    return Images("levels", (1, 1, white + 1), white, ("all",), x, none, x, none)


@pytest.mark.parametrize("white", [1, 16, 255])
def test_a_pixel_is_lit_as_often_as_it_is_bright(white: int) -> None:
    grey = levels(white, 20_000 if white < 20 else 2500)
    drawn = binarised(grey, "static")
    assert set(np.unique(drawn.train_x)) == {0, white}
    for x in (drawn.train_x, drawn.test_x):
        p = np.arange(white + 1) / white
        lit = (x == white).mean(axis=0)
        deviation = np.sqrt(p * (1 - p) / len(x))
        assert (np.abs(lit - p) <= 5 * deviation).all(), "and black and white pixels stay as they are"
    assert np.array_equal(drawn.train_x, drawn.test_x) == (white == 1), "with draws of their own"


def test_none_are_the_images_themselves_and_static_ones_are_always_the_same() -> None:
    grey = datasets.load("digits", None)
    assert binarised(grey, "none") is grey
    one, other = binarised(grey, "static"), binarised(grey, "dynamic")
    assert np.array_equal(one.train_x, other.train_x) and np.array_equal(one.test_x, other.test_x)
    assert grey.train_x.max() == 16 and len(np.unique(grey.train_x)) > 2, "which stay as they were"


def begin(**settings: Any) -> Training:
    images, config = datasets.load("digits", None), RunConfig.parse(SMALL.model_dump() | settings)
    return Training(config, images, datasets.split(images, config.validation_size, config.train_limit))


def learnt_from(monkeypatch: pytest.MonkeyPatch, **settings: Any) -> dict[str, list[np.ndarray]]:
    """The images of each epoch as each variant saw them, sorted by nothing: in the order of their batches."""
    seen: dict[str, list[np.ndarray]] = {}
    step = Learner.step

    def recording(learner: Learner, x: Any, rows: Any, beta: float, noise: Any, rate: float) -> None:
        seen.setdefault(learner.name, []).append(x[rows].numpy().copy())
        step(learner, x, rows, beta, noise, rate)

    with monkeypatch.context() as patched:
        patched.setattr(Learner, "step", recording)
        for _ in begin(**settings).run():
            pass
    return seen


def epochs_of(batches: list[np.ndarray]) -> list[list[bytes]]:
    """Of each epoch its images, sorted."""
    whole = np.concatenate(batches).reshape(SMALL.epochs, 300, -1)
    return [sorted(map(bytes, epoch)) for epoch in whole]


def test_static_images_are_the_same_in_every_epoch_and_dynamic_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = epochs_of(learnt_from(monkeypatch, binarisation="static")["vae"])
    assert all(other == first for other in others)
    seen = learnt_from(monkeypatch, binarisation="dynamic")
    drawn = epochs_of(seen["vae"])
    assert drawn[0] != drawn[1] != drawn[2]
    assert all(set(np.unique(batch)) <= {0.0, 1.0} for batch in seen["vae"])
    assert all(np.array_equal(a, b) for a, b in zip(seen["ae"], seen["vae"], strict=True)), "twins see the same"
    again = learnt_from(monkeypatch, binarisation="dynamic")
    assert all(np.array_equal(a, b) for a, b in zip(again["vae"], seen["vae"], strict=True)), "of one seed, always"
    other_seed = learnt_from(monkeypatch, binarisation="dynamic", seed=1)
    assert epochs_of(other_seed["vae"])[0] != drawn[0]


def test_dynamic_draws_are_lit_as_often_as_the_image_is_bright(monkeypatch: pytest.MonkeyPatch) -> None:
    images = datasets.load("digits", None)
    with monkeypatch.context() as patched:
        patched.setattr(torch, "randperm", lambda n, generator: torch.arange(n))
        seen = learnt_from(monkeypatch, binarisation="dynamic", epochs=100, variants=("ae",), batch_size=300)
    split = datasets.split(images, 100, 300)
    grey = images.train_x[split.train] / images.white
    lit = np.mean(seen["ae"], axis=0)
    apart = np.abs(lit - grey) / np.sqrt(np.maximum(grey * (1 - grey), 1e-9) / 100)
    assert (lit[(grey == 0) | (grey == 1)] == grey[(grey == 0) | (grey == 1)]).all()
    assert apart[(grey > 0) & (grey < 1)].mean() == pytest.approx(np.sqrt(2 / np.pi), abs=0.05)  # |N(0, 1)|'s mean


def test_held_out_images_are_one_draw_for_all_seeds_and_splits() -> None:
    static, dynamic = begin(binarisation="static"), begin(binarisation="dynamic", seed=5, variants=("vae",))
    assert torch.equal(static.watched_x, dynamic.watched_x) and torch.equal(static.test_x, dynamic.test_x)
    assert set(static.test_x.unique().tolist()) == {0.0, 1.0}
    assert len(dynamic.train_x.unique()) == 17, "drawn later"
    wider = begin(binarisation="static", validation_size=200)
    assert torch.equal(wider.watched_x[:100], static.watched_x) or torch.equal(wider.test_x, static.test_x)


def test_the_mean_image_is_measured_on_binarised_images() -> None:
    grey, drawn = begin().floor()["test"], begin(binarisation="static").floor()["test"]
    assert drawn["mse"] > 1.2 * grey["mse"], "the noise of the draws can't be predicted"
    assert drawn["bernoulli"] == drawn["bce"]
