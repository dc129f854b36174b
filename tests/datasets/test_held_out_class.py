"""A class that is kept from training: no image that is learnt from or watched is of it, and it is measured apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vae import datasets
from vae.config import RunConfig
from vae.datasets import Factors, Images
from vae.errors import InputError
from vae.learning.losses import mean_image_floor
from vae.learning.training import Training

CONFIG = RunConfig(hidden=(8,), epochs=1, held_out_class="8", device="cpu")


@pytest.fixture(scope="module")
def digits() -> Images:
    return datasets.load("digits", Path())


@pytest.mark.parametrize("name", ["0", "8"])
def test_no_image_of_it_is_learnt_from_or_watched_and_both_are_as_many_as_asked_for(digits: Images, name: str) -> None:
    split = datasets.split(digits, 200, 500, held_out_class=name)
    assert (len(split.validation), len(split.train)) == (200, 500)
    rows = np.concatenate([split.train, split.validation])
    assert len(set(rows.tolist())) == 700
    assert set(digits.train_y[rows].tolist()) == set(range(10)) - {int(name)}
    every = datasets.split(digits, 200, held_out_class=name)
    assert len(every.train) == (digits.train_y != int(name)).sum() - 200


def test_the_others_keep_their_order_and_each_class_has_a_hash_of_its_own(digits: Images) -> None:
    whole, without = datasets.split(digits, 0), datasets.split(digits, 0, held_out_class="8")
    np.testing.assert_array_equal(whole.train[digits.train_y[whole.train] != 8], without.train)
    hashes = {datasets.split(digits, 200, held_out_class=name).hash for name in ("", *digits.classes)}
    assert len(hashes) == 11
    assert datasets.split(digits, 200, held_out_class="").hash == datasets.split(digits, 200).hash


def test_a_class_that_is_not_there_is_refused_in_a_sentence(digits: Images) -> None:
    with pytest.raises(InputError, match=r"held_out_class is '11', but the classes of digits are 0, 1, .*, 9\."):
        datasets.split(digits, 200, held_out_class="11")
    many = replace(digits, classes=tuple(f"c{place}" for place in range(255)))
    with pytest.raises(InputError, match=r"c19 and 235 more\."):
        datasets.split(many, 200, held_out_class="8")
    with pytest.raises(InputError, match=r"the images of digits have no classes"):
        datasets.split(replace(digits, classes=("all",)), 200, held_out_class="all")
    with pytest.raises(InputError, match=r"validation_size is 1,400, but digits has only .* classes other than 8"):
        datasets.split(digits, 1400, held_out_class="8")
    of_eights = replace(digits, test_y=np.full_like(digits.test_y, 8))
    with pytest.raises(InputError, match="All test images of digits are of class 8"):
        datasets.split(of_eights, 200, held_out_class="8")


@pytest.mark.parametrize("binarisation", ["none", "static"])
def test_a_run_is_tested_on_the_classes_it_learnt_and_its_mean_image_is_of_those(
    digits: Images, binarisation: str
) -> None:
    config = CONFIG.model_copy(update={"binarisation": binarisation})
    split = datasets.split_for(config, digits)
    training = Training(config, digits, split)
    seen = datasets.binarised(digits, binarisation)  # the same pixels as a run's that has learnt every class
    kept = seen.test_x[digits.test_y != 8].astype(np.float32) / digits.white
    np.testing.assert_array_equal(training.test_x.numpy(), kept)
    train = seen.train_x[split.train].astype(np.float32) / digits.white
    floor = mean_image_floor(*(training._tensor(x, 1.0) for x in (train, kept)), config)
    assert training.floor()["test"] == floor


def test_a_split_that_forgot_the_class_is_no_split_of_such_a_run(digits: Images) -> None:
    with pytest.raises(ValueError, match="kept from training"):
        Training(CONFIG, digits, datasets.split(digits, 200))


def test_factors_stay_beside_the_test_images_that_are_left() -> None:
    y = np.array([0, 1, 2, 1], np.uint8)
    x, factors = np.arange(8, dtype=np.uint8).reshape(4, 2), Factors(("a",), (9,), y[:, None], y[:, None] + 5)
    images = Images("some", (1, 1, 2), 7, tuple("abc"), x, y, x, y, factors)
    left = images.tested_without("b")
    assert (left.test_y.tolist(), left.test_x.tolist(), left.train_x.tolist()) == ([0, 2], [[0, 1], [4, 5]], x.tolist())
    assert left.factors is not None
    assert left.factors.test.tolist() == [[5], [7]] and left.factors.train.tolist() == y[:, None].tolist()
    assert images.tested_without("") is images


def test_a_class_goes_into_a_config_as_text_and_out_of_it_into_links_and_fingerprints() -> None:
    config = RunConfig.parse({"held_out_class": 8})
    assert config == RunConfig(held_out_class=" 8 ") and config.held_out_class == "8"
    assert RunConfig.parse(config.query()) == config
    assert RunConfig.model_validate_json(config.model_dump_json()) == config
    assert config.fingerprint() != RunConfig().fingerprint() == RunConfig(held_out_class="").fingerprint()
    earlier = {name: value for name, value in RunConfig().model_dump().items() if name != "held_out_class"}
    assert RunConfig.parse(earlier).held_out_class == ""
    for wrong in ("a\0b", "x" * 81, True, ["8"]):
        with pytest.raises(InputError, match="held_out_class"):
            RunConfig.parse({"held_out_class": wrong})
