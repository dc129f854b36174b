"""The pen strokes: each factor does what its name says, measured from pixels; they pass for handwriting."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from vae import datasets
from vae.analysis.reference import train_classifier
from vae.datasets import DATASETS, Images, strokes

STROKES_HASH = (
    "9a5c7175accd3e13fd382a5a9270b542e2224b603563637ee0e73a1fb43ed26a"  # stored results name their data by it
)


@pytest.fixture(scope="module")
def images() -> Images:
    return datasets.load("strokes", Path("nowhere"))


@pytest.fixture(scope="module")
def x(images: Images) -> np.ndarray:
    """(N, 28, 28) in [0, 1]."""
    return np.vstack([images.train_x, images.test_x]).reshape(-1, 28, 28) / 255


@pytest.fixture(scope="module")
def factors(images: Images) -> np.ndarray:
    """(N, K), in the order of `x`."""
    assert images.factors is not None
    return np.vstack([images.factors.train, images.factors.test])


def by_level(measured: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The mean of what was measured on each image, (N,), for each of the 5 values of a factor, (N,)."""
    return np.array([measured[levels == level].mean() for level in range(5)])


def column(name: str) -> int:
    return strokes.NAMES.index(name)


# What there is


def test_no_factor_tells_of_another(factors: np.ndarray) -> None:
    """Of each digit, any three others have all 125 combinations 8 times: any two factors are independent, exactly."""
    assert len(factors) == len(np.unique(factors, axis=0)) == 10_000
    for others in combinations(range(1, 7), 3):
        rows, times = np.unique(factors[:, [0, *others]], axis=0, return_counts=True)
        assert len(rows) == 10 * 125 and (times == 8).all()
    assert tuple(factors.max(axis=0) + 1) == strokes.SIZES


def test_all_images_differ_by_more_than_rounding(images: Images) -> None:
    x = np.vstack([images.train_x, images.test_x])
    assert (x.shape, x.dtype, images.white, x.max()) == ((10_000, 784), np.uint8, 255, 255)
    coarse = np.round(x / 32).astype(np.uint8)
    assert len(np.unique(coarse, axis=0)) == len(x)


def test_labels_are_digits_and_a_random_part_is_for_testing(images: Images) -> None:
    assert (len(images.train_x), len(images.test_x)) == (8500, 1500)
    assert images.factors is not None
    for y, values in ((images.train_y, images.factors.train), (images.test_y, images.factors.test)):
        np.testing.assert_array_equal(y, values[:, 0])
        for levels, size in zip(values.T, strokes.SIZES, strict=True):
            share = np.bincount(levels, minlength=size) / len(levels)
            np.testing.assert_allclose(share, 1 / size, atol=0.04)
    assert images.classes == tuple("0123456789")


def test_the_strokes_are_the_same_everywhere(images: Images) -> None:
    assert images.hash == STROKES_HASH


def test_the_registry_knows_the_strokes(images: Images, tmp_path: Path) -> None:
    known = DATASETS["strokes"]
    assert (known.shape, known.train_size, known.test_size) == (images.shape, 8500, 1500)
    assert images.factors is not None
    assert known.factors == images.factors.names
    assert known.available(tmp_path / "nowhere"), "nothing to download"


# What the factors do


def test_slant_moves_the_top_to_the_right(x: np.ndarray, factors: np.ndarray) -> None:
    """Σ xy / Σ y² of the ink about its middle: how far right it goes for each pixel up. The pen isn't slanted."""
    middle = strokes.middles(np.round(x * 255))
    right, up = np.arange(28) - middle[:, :1], middle[:, 1:] - np.arange(28)
    slant = np.einsum("nyx,ny,nx->n", x, up, right) / np.einsum("nyx,ny->n", x, up * up)
    for digit in range(10):
        of = factors[:, 0] == digit
        steps = np.diff(by_level(slant[of], factors[of, column("slant")]))
        np.testing.assert_allclose(steps, np.diff(strokes.SLANTS), atol=0.035)


def test_thickness_is_the_width_of_the_line(x: np.ndarray, factors: np.ndarray) -> None:
    """Ink in a row of an upright 1, below its flag; and the ink of any digit grows with it."""
    upright = (factors[:, 0] == 1) & (factors[:, column("slant")] == 1)
    widths = x[upright, 14:20].sum(axis=-1).mean(axis=-1)
    found = by_level(widths, factors[upright, column("thickness")])
    np.testing.assert_allclose(found, strokes.THICKNESSES, atol=0.06)
    for digit in range(10):
        of = factors[:, 0] == digit
        ink = by_level(x[of].sum(axis=(1, 2)), factors[of, column("thickness")])
        assert (ink[1:] / ink[:-1] > 1.1).all()


def test_size_is_the_longer_side_of_the_box(x: np.ndarray, factors: np.ndarray) -> None:
    """Rows with ink, or columns, where grey ones count as a part; what a frame cuts off is missing."""
    side = np.maximum(x.max(axis=2).sum(axis=1), x.max(axis=1).sum(axis=1))
    wanted = np.array(strokes.HEIGHTS)[factors[:, column("size")]]
    np.testing.assert_allclose(by_level(side, factors[:, column("size")]), strokes.HEIGHTS, atol=0.1)
    assert (np.abs(side - wanted) < 0.5).mean() > 0.98


def test_x_and_y_are_where_the_middle_of_the_ink_lies(x: np.ndarray, factors: np.ndarray) -> None:
    middle = strokes.middles(np.round(x * 255))
    wanted = strokes.MIDDLE + np.array(strokes.PLACES)[factors[:, [column("x"), column("y")]]]
    assert np.abs(middle - wanted).max() < 0.25, "pixels, where the frame cuts some ink off"
    assert np.abs(middle - wanted).mean() < 0.02


def test_few_digits_reach_the_frame(x: np.ndarray) -> None:
    """1.4 % of MNIST's images do; some of these are moved, too."""
    edges = np.concatenate([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]], axis=1)
    assert (edges > 0).any(axis=1).mean() < 0.025


def _between(rows: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of (5, n, 28) what lies at the heights `y`, (n,), of each image: straight from one row to the next."""
    above, images = np.floor(y).astype(int), np.arange(len(y))
    share = y - above
    return (1 - share) * rows[:, images, above] + share * rows[:, images, above + 1]


@pytest.fixture(scope="module")
def hands() -> dict[str, np.ndarray]:
    """The same 200 hands write a 1 and a 0 with every curvature: (5, 200, 28, 28) in [0, 1], by the way of writing."""
    values = np.zeros((5, 200, 7), dtype=np.uint8)
    values[..., 1:4] = 1, 0, 4  # upright, thin, large
    values[..., 5:] = np.arange(200)[:, None] % 5  # on all parts of a pixel
    values[..., column("curvature")] = np.arange(5)[:, None]
    return {
        way: np.stack([strokes.inked(*strokes.placed(way, rows, np.random.default_rng(5))) for rows in values]) / 255
        for way in (strokes.WAYS[1][0], strokes.WAYS[0][0])
    }


def test_curvature_bows_straight_strokes(hands: dict[str, np.ndarray]) -> None:
    """The middle of a 1 lies left of its ends: by so much of the line's length, which is the box without the pen."""
    ones = hands[strokes.WAYS[1][0]]
    rows = (ones * np.arange(28)).sum(axis=-1) / np.maximum(ones.sum(axis=-1), 1e-9)  # where the line is: (5, 200, 28)
    y = (14 + np.array(strokes.PLACES))[np.arange(200) % 5]
    ends = np.stack([_between(rows, y - 9), _between(rows, y + 9)])
    bow = (ends.mean(axis=0) - _between(rows, y)).mean(axis=1)
    np.testing.assert_allclose(bow, strokes.BOW * np.array(strokes.CURVATURES) * (20 - 1.7), rtol=0.05)


def test_curvature_rounds_corners(hands: dict[str, np.ndarray]) -> None:
    """A 0 fills more of its box: the same points, first nearly a polygon, then round."""
    zeros = hands[strokes.WAYS[0][0]]
    inside = np.minimum(
        np.maximum.accumulate(zeros, axis=-1), np.maximum.accumulate(zeros[..., ::-1], axis=-1)[..., ::-1]
    )
    box = zeros.max(axis=-1).sum(axis=-1) * zeros.max(axis=-2).sum(axis=-1)
    filled = (inside.sum(axis=(-2, -1)) / box).mean(axis=1)
    assert (np.diff(filled) > 0).all() and filled[-1] / filled[0] > 1.02


# How it is drawn


@pytest.mark.parametrize("digit", range(10))
def test_a_pixel_is_as_grey_as_it_lies_in_the_line(digit: int) -> None:
    """Against the distances of all pixels to all pieces, in float64: within a grey level."""
    values = strokes.factor_values().reshape(10, -1, 7)[digit, ::97]  # 11 images
    for way in strokes.WAYS[digit]:
        begin, end, thickness = strokes.placed(way, values, np.random.default_rng(digit))
        pixels = np.stack(np.meshgrid(np.arange(28), np.arange(28)), axis=-1).reshape(-1, 1, 2)  # x, y
        for image, a, b, width in zip(strokes.inked(begin, end, thickness), begin, end, thickness, strict=True):
            along = ((pixels - a) * (b - a)).sum(-1) / np.square(b - a).sum(-1).clip(1e-12)
            nearest = a + along.clip(0, 1)[..., None] * (b - a)
            distance = np.sqrt(np.square(pixels - nearest).sum(-1)).min(axis=1)
            grey = np.clip(0.5 - (distance - width / 2), 0, 1) * 255
            np.testing.assert_allclose(image.reshape(-1), grey, atol=0.51)


def test_a_stroke_passes_its_points_and_a_corner_stays_one() -> None:
    values = np.full((50, 7), 2, dtype=np.uint8)
    begin, end, _ = strokes.placed("0,0 40,0 / 40,0 40,100", values, np.random.default_rng(0))
    first = 2 * strokes.PIECES  # of a stroke of two points, with its third between them
    np.testing.assert_array_equal(end[:, first - 1], begin[:, first])
    np.testing.assert_allclose(begin[:, 1:first], end[:, : first - 1])
    ring = "50,0 0,50 50,100 100,50 50,0"
    begin, end, _ = strokes.placed(ring, values, np.random.default_rng(0))
    np.testing.assert_array_equal(begin[:, 0], end[:, -1])


# Whether it is handwriting


@pytest.mark.slow
def test_a_classifier_of_real_digits_reads_them(images: Images, mnist_dir: Path) -> None:
    """One that was trained on MNIST alone, where it is right on 97.6 % of the test images."""
    model = train_classifier(datasets.load("mnist", mnist_dir))
    named = model.probabilities(images.train_x.astype(np.float32) / 255).argmax(axis=1)
    right = named == images.train_y
    assert right.mean() > 0.94
    assert all(right[images.train_y == digit].mean() > 0.85 for digit in range(10))
