"""The shapes in colour: the grey ones, painted; hue is a factor like the others, and no hue costs more than another."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from vae import datasets
from vae.analysis.disentangle import mutual_information, mutual_information_gap
from vae.datasets import DATASETS, Images, shapes_colour

# Stored results name their data by it.
SHAPES_COLOUR_HASH = "0e777a475b77b1b349bf3a735cf8fc9e4578648079459d46fa18cbdf534e8c7e"


@pytest.fixture(scope="module")
def images() -> Images:
    return datasets.load("shapes_colour", Path("nowhere"))


@pytest.fixture(scope="module")
def factors(images: Images) -> np.ndarray:
    """(N, K), images to learn from and test images."""
    assert images.factors is not None
    return np.vstack([images.factors.train, images.factors.test])


@pytest.fixture(scope="module")
def x(images: Images) -> np.ndarray:
    """(N, 3, P), red, green and blue, from 0 to 1."""
    return np.vstack([images.train_x, images.test_x]).reshape(-1, 3, 32 * 32) / 255


def test_every_image_of_the_grey_shapes_is_there_in_the_same_place_in_colour(images: Images) -> None:
    grey = datasets.load("shapes", Path("nowhere"))
    assert grey.factors is not None and images.factors is not None
    for painted, plain in ((images.train_x, grey.train_x), (images.test_x, grey.test_x)):
        assert painted.dtype == np.uint8 and painted.shape == (len(plain), 3 * 32 * 32)
        brightest = painted.reshape(-1, 3, 32 * 32).max(axis=1)
        whole = plain == 255
        np.testing.assert_array_equal(brightest > 0, plain > 0)
        assert brightest[whole].min() >= 191, "as bright as its colour where the shape is white"
    np.testing.assert_array_equal(images.factors.train[:, :-1], grey.factors.train)
    np.testing.assert_array_equal(images.factors.test[:, :-1], grey.factors.test)
    np.testing.assert_array_equal(images.train_y, grey.train_y)
    assert images.classes == grey.classes


def test_a_grey_level_is_that_share_of_the_colour(images: Images) -> None:
    grey = datasets.load("shapes", Path("nowhere"))
    hue = images.factors.train[:500, -1]
    exact = grey.train_x[:500, None].astype(float) * shapes_colour.colours()[hue][:, :, None] / 255
    np.testing.assert_array_equal(images.train_x[:500].reshape(500, 3, -1), np.rint(exact))


def test_no_factor_tells_of_another(factors: np.ndarray) -> None:
    """Of each shape in each scale, any three of rotation, x, y and hue have all 512 combinations exactly once."""
    for others in combinations((2, 3, 4, 5), 3):
        rows, times = np.unique(factors[:, [0, 1, *others]], axis=0, return_counts=True)
        assert len(rows) == 3 * 4 * 512 and (times == 1).all()
    assert tuple(factors.max(axis=0) + 1) == shapes_colour.SIZES == (3, 4, 8, 8, 8, 8)


def test_hues_lie_evenly_around_a_circle_and_none_is_brighter(x: np.ndarray, factors: np.ndarray) -> None:
    """Measured from pixels, by the usual formula for the angle of a colour around grey."""
    ink = x.sum(axis=2)  # (N, 3)
    red, green, blue = ink.T
    angle = np.degrees(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)) % 360
    apart = (angle - 45.0 * factors[:, -1] + 180) % 360 - 180
    assert np.abs(apart).max() < 1, "degrees"
    colours = shapes_colour.colours() / 255
    np.testing.assert_allclose(colours.mean(axis=1), 0.5, atol=1 / 255)
    np.testing.assert_allclose(np.square(colours).sum(axis=1), 0.75 + 1.5 / 4, atol=0.01)  # 3·½² + 1.5·½²
    steps = np.linalg.norm(np.roll(colours, -1, axis=0) - colours, axis=1)
    np.testing.assert_allclose(steps, steps.mean(), atol=0.01)


def test_a_code_that_names_hue_scores_for_hue(x: np.ndarray, factors: np.ndarray) -> None:
    """The measures take hue like any other factor: a code with one dimension a factor has MIG 1, without hue 5/6."""
    codes = factors.astype(float)
    assert mutual_information_gap(codes, factors) == pytest.approx(1, abs=1e-6)
    without = np.delete(codes, 5, axis=1)
    assert mutual_information(without, factors)[:, 5].max() == pytest.approx(0, abs=1e-9)
    assert mutual_information_gap(without, factors) == pytest.approx(5 / 6, abs=1e-6)
    reddish = x[:, 0].sum(axis=1) / x.sum(axis=(1, 2))
    of_hue, *others = mutual_information(reddish[:, None], factors)[0, ::-1]
    assert of_hue > 1 > 10 * max(others), "nats"


def test_they_are_the_same_everywhere_and_all_differ(images: Images) -> None:
    assert images.hash == SHAPES_COLOUR_HASH
    assert len(np.unique(np.vstack([images.train_x, images.test_x]), axis=0)) == 6144


def test_the_registry_knows_them(images: Images, tmp_path: Path) -> None:
    known = DATASETS["shapes_colour"]
    assert known.shape == images.shape == (3, 32, 32)
    assert (known.train_size, known.test_size) == (len(images.train_x), len(images.test_x))
    assert images.factors is not None and known.factors == images.factors.names
    assert known.available(tmp_path / "nowhere"), "nothing to download"
    for name, dataset in DATASETS.items():
        assert bool(dataset.factors) == bool(dataset.grid), name
