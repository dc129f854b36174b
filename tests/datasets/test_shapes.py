"""The generated shapes: every combination once, all different, wholly in the frame, the same everywhere."""

from __future__ import annotations

import dataclasses
from math import acos, pi, sqrt
from pathlib import Path

import numpy as np
import pytest

from vae import datasets
from vae.datasets import DATASETS, Images, shapes

SHAPES_HASH = "b63394fe8d539f44a38abc3182a221895f569274d7dade15b445423e98aa2590"  # stored results name their data by it


@pytest.fixture(scope="module")
def images() -> Images:
    return datasets.load("shapes", Path("nowhere"))


@pytest.fixture(scope="module")
def grid() -> np.ndarray:
    """(shape, scale, rotation, x, y, height, width) in grey levels."""
    return shapes.draw().reshape(*shapes.SIZES, shapes.SIDE, shapes.SIDE).astype(np.int64)


def test_every_combination_of_factors_is_there_once(images: Images) -> None:
    assert images.factors is not None
    rows = np.vstack([images.factors.train, images.factors.test])
    assert len(rows) == len(np.unique(rows, axis=0)) == np.prod(images.factors.sizes) == 6144
    assert tuple(rows.max(axis=0) + 1) == images.factors.sizes
    assert len(images.factors.names) == len(images.factors.sizes)


def test_all_images_differ(images: Images) -> None:
    x = np.vstack([images.train_x, images.test_x])
    assert (x.shape, x.dtype, images.white, x.max()) == ((6144, 1024), np.uint8, 255, 255)
    assert len(np.unique(x, axis=0)) == len(x)


def test_no_shape_comes_near_another_or_itself_turned(grid: np.ndarray) -> None:
    """A difference that only a rounding makes would be none to a person or a network."""
    x = grid[:, :, :, 3, 3].reshape(-1, 1024) / 255
    apart = np.square(x[:, None] - x[None]).sum(axis=-1)
    np.fill_diagonal(apart, np.inf)
    assert apart.min() > 2, "pixels from black to white"


def test_every_shape_lies_wholly_in_the_frame(grid: np.ndarray) -> None:
    edges = (grid[..., 0, :], grid[..., -1, :], grid[..., :, 0], grid[..., :, -1])
    assert all((edge == 0).all() for edge in edges)
    ink = grid.sum(axis=(-2, -1))
    assert (ink == ink[..., :1, :1]).all(), "the same in every place: nothing is cut off"


def test_a_step_of_x_goes_right_and_of_y_down_by_two_pixels(grid: np.ndarray) -> None:
    np.testing.assert_array_equal(grid[:, :, :, 1:], np.roll(grid[:, :, :, :-1], 2, axis=-1))
    np.testing.assert_array_equal(grid[:, :, :, :, 1:], np.roll(grid[:, :, :, :, :-1], 2, axis=-2))


def test_a_step_of_rotation_is_an_eighth_of_a_turn_clockwise(grid: np.ndarray) -> None:
    square = grid[:, :, :, 0, 0, :18, :18]
    quarter = np.roll(square, -2, axis=2)  # two eighths on
    np.testing.assert_array_equal(quarter, np.rot90(square, -1, axes=(-2, -1)))
    across, down = np.meshgrid(np.arange(18) - 8.5, np.arange(18) - 8.5)
    ink = square[0, 3].astype(float)  # a heart: its middle of mass turns with it
    middles = [complex((image * across).sum(), (image * down).sum()) / image.sum() for image in ink]
    turns = np.angle(np.roll(middles, -1) / np.array(middles))
    np.testing.assert_allclose(turns, pi / 4, atol=0.03)


def test_every_shape_covers_its_area(grid: np.ndarray) -> None:
    """Closed forms for radius 1: of edges drawn too soft, too hard or in the wrong place the sum would tell."""

    def cap(radius: float, distance: float) -> float:
        return radius**2 * acos(distance / radius) - distance * sqrt(radius**2 - distance**2)

    chord = (0.5**2 + 0.95**2 - 0.75**2) / (2 * 0.5)  # from the middle of the larger disc
    area = {
        "heart": 1 + pi * 0.5**2,
        "moon": pi * 0.95**2 - cap(0.95, chord) - (pi * 0.75**2 - cap(0.75, chord - 0.5)),
        "arrow": 0.8**2 + 0.56 * 1.05,
    }
    found = grid[:, :, :, 0, 0].sum(axis=(-2, -1)) / 255  # (shape, scale, rotation), pixels
    for name, ratio in zip(shapes.SHAPES, found, strict=True):
        expected = area[name] * np.square(shapes.SCALES)[:, None]
        np.testing.assert_allclose(ratio, np.broadcast_to(expected, ratio.shape), rtol=0.04, err_msg=name)


def test_labels_are_shapes_and_a_random_sixth_is_for_testing(images: Images, grid: np.ndarray) -> None:
    assert (len(images.train_x), len(images.test_x)) == (5120, 1024)
    for x, y, factors in (
        (images.train_x, images.train_y, images.factors.train),
        (images.test_x, images.test_y, images.factors.test),
    ):
        np.testing.assert_array_equal(y, factors[:, 0])
        np.testing.assert_array_equal(x, grid[tuple(factors.T)].reshape(len(x), -1))
        assert all(len(np.unique(column)) == size for column, size in zip(factors.T, images.factors.sizes, strict=True))
    assert images.classes == shapes.SHAPES


def test_the_shapes_are_the_same_everywhere_and_their_hash_knows_the_factors(images: Images) -> None:
    assert images.hash == SHAPES_HASH
    other = images.factors.test.copy()
    other[0, 4] ^= 1
    assert dataclasses.replace(images, factors=dataclasses.replace(images.factors, test=other)).hash != SHAPES_HASH
    assert dataclasses.replace(images, factors=None).hash != SHAPES_HASH


def test_the_registry_knows_the_shapes(images: Images, tmp_path: Path) -> None:
    known = DATASETS["shapes"]
    assert (known.shape, known.train_size) == (images.shape, len(images.train_x))
    assert known.factors == images.factors.names
    assert known.available(tmp_path / "nowhere"), "nothing to download"
    assert not DATASETS["digits"].factors
    assert datasets.load("digits", tmp_path).factors is None
