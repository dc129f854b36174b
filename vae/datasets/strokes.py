"""Digits drawn with a pen: they look like handwriting, and it is known what each of them was made from.

Every image is a digit with a slant, thickness, size, curvature and position of its own, and small chances beside them,
so that no two are alike. Size and centring follow MNIST (LeCun et al. 1998): a box of at most 20 × 20 pixels around the
digit, and the middle of its ink in the middle of 28 × 28.

Only +, −, ×, ÷, √, min, max and rounding are used, which every processor does alike, so that the images are the same
everywhere, to the bit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .images import SPLIT_SEED, Factors, Images

SIDE = 28  # pixels
MIDDLE = 14.0  # where MNIST has the middle of the ink: pixels from the first pixel's centre
NAMES = ("digit", "slant", "thickness", "size", "curvature", "x", "y")
SLANTS = (-0.15, 0.0, 0.15, 0.3, 0.45)  # pixels to the right for each pixel up
THICKNESSES = (1.7, 2.1, 2.6, 3.1, 3.7)  # of the line, pixels
HEIGHTS = (17.0, 17.75, 18.5, 19.25, 20.0)  # the longer side of the box around the digit, pixels
CURVATURES = (0.5, 0.75, 1.0, 1.25, 1.5)  # of cardinal splines. 0: straight from point to point; 1: Catmull–Rom
PLACES = (-0.8, -0.4, 0.0, 0.4, 0.8)  # of the middle of the ink, pixels from `MIDDLE`
LEVELS = 5  # values of each of these
SIZES = (10, *6 * (LEVELS,))
BLOCK = LEVELS**3  # 125 images
BLOCKS = 8  # of each digit
IMAGES = 10 * BLOCKS * BLOCK  # 10,000
TEST_SIZE = 1500

# Ways to write each digit, which its blocks take in turn. A way is the strokes of the pen, " / " between them, and a
# stroke the points it passes, in hundredths of the digit's height: to the right, and down. Corners are where one stroke
# ends and another begins; a stroke that ends where it began is closed; one of two points is nearly straight.
WAYS = (
    (
        "43,0 13,16 2,50 13,86 40,100 65,86 76,50 67,14 43,0",
        "58,8 34,0 9,22 0,58 18,94 45,98 69,72 69,30 45,6 25,4",
    ),
    (
        "0,0 0,100",
        "0,0 0,100",  # more often than the next
        "0,0 0,100",
        "-15,17 0,0 / 0,0 0,100",
    ),
    (
        "4,26 16,6 40,0 65,12 65,34 40,64 4,98 / 4,98 78,94",
        "4,22 22,3 49,0 67,20 56,52 27,88 7,98 0,86 16,76 43,88 83,96",
    ),
    (
        "7,10 31,0 60,6 65,26 52,42 27,48 / 27,48 58,54 74,74 60,94 29,100 0,90",
        "4,14 31,0 60,12 56,36 31,50 22,44 34,40 63,54 69,80 43,100 4,92",
    ),
    (
        "18,0 4,52 / 4,52 72,50 / 67,0 63,100",
        "58,0 0,62 / 0,62 81,60 / 58,0 56,100",
        "11,0 2,26 9,46 34,50 63,40 / 67,2 58,100",
    ),
    (
        "69,2 16,0 / 16,0 9,42 / 9,42 38,36 65,50 67,76 43,98 2,92",
        "72,4 40,0 16,16 20,38 47,50 63,70 49,94 20,98 0,88",
    ),
    (
        "56,0 27,18 7,48 4,78 27,99 56,90 60,66 38,54 9,72",
        "38,0 13,36 0,72 16,98 45,98 60,78 47,60 20,64 4,82",
    ),
    (
        "0,6 72,0 / 72,0 27,100",
        "0,6 72,0 / 72,0 27,100 / 20,50 67,46",
        "2,20 4,2 / 4,2 72,4 / 72,4 31,100",
    ),
    (
        "58,14 36,0 11,12 13,34 34,50 52,68 49,90 27,100 4,90 7,68 31,50 56,34 58,14",
        "38,0 16,8 16,34 34,48 56,34 60,10 38,0 / 34,48 9,62 4,84 20,99 45,96 56,78 54,60 34,48",
    ),
    (
        "67,20 47,0 18,4 2,24 16,46 47,41 67,20 / 67,20 61,100",
        "67,20 47,0 18,4 2,25 16,48 47,43 67,20 65,56 49,90 16,100",
    ),
)

# Standard deviations of the chances, in heights of the digit.
TREMOR = 0.02  # of each point, by itself
BEND = (0.07, 0.05)  # of the digit as a whole, across and down, for each of the ways to bend it in `_by_hand`
BOW = 0.05  # of a stroke of two points: how far its middle lies off the straight line, in lengths of the stroke

PIECES = 5  # straight pieces that a curve is drawn with from one of its points to the next
WINDOW = 8  # pixels: the side of a square that holds all that one piece darkens


def load_strokes(data_dir: Path) -> Images:
    """All images in random order; 1,500 of them are the test images."""
    order = np.random.default_rng(SPLIT_SEED).permutation(IMAGES)
    values, x = factor_values()[order], draw()[order]
    test, train = slice(0, TEST_SIZE), slice(TEST_SIZE, None)
    return Images(
        name="strokes",
        shape=(1, SIDE, SIDE),
        white=255,
        classes=tuple("0123456789"),
        train_x=x[train],
        train_y=values[train, 0].copy(),
        test_x=x[test],
        test_y=values[test, 0].copy(),
        factors=Factors(NAMES, SIZES, values[train], values[test]),
    )


def factor_values() -> np.ndarray:
    """(N, K) uint8, digit by digit: of each digit, any three other factors have all their combinations equally often.

    The whole grid would be 156,250 images. A block is a Reed–Solomon code over the whole numbers modulo 5: any three of
    its six columns determine the others (an orthogonal array of strength 3). Blocks differ by what is added to the
    last three columns, so that no row is there twice.
    """
    a, b, c = np.unravel_index(np.arange(BLOCK), 3 * (LEVELS,))
    code = np.stack([*(a + b * t + c * t * t for t in range(LEVELS)), c], axis=1)  # (125, 6)
    added = np.stack(np.unravel_index(np.arange(10 * BLOCKS), 3 * (LEVELS,)), axis=1)  # (blocks, 3)
    rows = (code + np.pad(added, ((0, 0), (3, 0)))[:, None]) % LEVELS  # (blocks, 125, 6)
    digits = np.arange(10).repeat(BLOCKS * BLOCK)
    return np.column_stack([digits, rows.reshape(IMAGES, 6)]).astype(np.uint8)


def draw() -> np.ndarray:
    """Every image, (N, P) uint8, in the order of `factor_values`."""
    generator = np.random.default_rng(SPLIT_SEED)
    values = factor_values().reshape(10, BLOCKS, BLOCK, len(NAMES))
    images = np.empty((10, BLOCKS, BLOCK, SIDE * SIDE), dtype=np.uint8)
    for digit, ways in enumerate(WAYS):
        for number, way in enumerate(ways):
            blocks = slice(number, None, len(ways))
            begin, end, thickness = placed(way, values[digit, blocks].reshape(-1, len(NAMES)), generator)
            images[digit, blocks] = inked(begin, end, thickness).reshape(-1, BLOCK, SIDE * SIDE)
    return images.reshape(IMAGES, SIDE * SIDE)


def placed(way: str, values: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One way to write a digit, with the factors `values` (n, K): where pieces of line begin and end, and thicknesses.

    (n, pieces, 2), (n, pieces, 2) and (n,), in pixels.
    """
    _, slant, thickness, size, curvature, x, y = values.T
    slants, thicknesses, heights = np.array(SLANTS)[slant], np.array(THICKNESSES)[thickness], np.array(HEIGHTS)[size]
    strokes = _by_hand(way, len(values), generator)
    ends = np.stack(_pieces(strokes, np.array(CURVATURES)[curvature]))  # (2, n, pieces, 2)
    ends[..., 0] -= slants[:, None] * ends[..., 1]
    low, high = ends.min(axis=(0, 2)), ends.max(axis=(0, 2))  # (n, 2)
    scale = (heights - thicknesses) / (high - low).max(axis=1)  # the pen reaches half its width beyond the line
    ends = (ends - (low + high)[:, None] / 2) * scale[:, None, None] + MIDDLE
    off = middles(inked(ends[0], ends[1], thicknesses)) - MIDDLE
    ends += (np.array(PLACES)[np.stack([x, y], axis=1)] - off)[:, None]
    return ends[0], ends[1], thicknesses


def inked(begin: np.ndarray, end: np.ndarray, thickness: np.ndarray) -> np.ndarray:
    """Pieces of line drawn with a round pen of this `thickness`, (n,): (n, SIDE, SIDE) uint8.

    A pixel's grey is how far its centre lies inside the line, from half a pixel outside (black) to half a pixel inside
    (white): an edge without steps.
    """
    squares = np.full((len(begin), SIDE, SIDE), 2.0 * SIDE * SIDE, dtype=np.float32)  # of distances to the line
    windows = np.lib.stride_tricks.sliding_window_view(squares, (WINDOW, WINDOW), axis=(1, 2), writeable=True)
    corners = np.clip(np.ceil((begin + end - WINDOW) / 2), 0, SIDE - WINDOW).astype(np.intp)  # about each piece
    begin, way = (begin - corners).astype(np.float32), (end - begin).astype(np.float32)
    length = (way * way)[..., :1] + (way * way)[..., 1:]  # squared
    along = way / np.maximum(length, np.float32(1e-9))
    pixels, images = np.arange(WINDOW, dtype=np.float32), np.arange(len(begin))
    for piece in range(begin.shape[1]):
        (x, y), (dx, dy), (ax, ay) = (of[:, piece].T[..., None, None] for of in (begin, way, along))  # each (n, 1, 1)
        x, y = pixels - x, pixels[:, None] - y  # from where the piece begins: (n, 1, WINDOW), (n, WINDOW, 1)
        t = np.clip(x * ax + y * ay, 0, 1)  # the nearest place on the piece: 0 is its beginning, 1 its end
        x, y = x - t * dx, y - t * dy
        window = images, corners[:, piece, 1], corners[:, piece, 0]
        windows[window] = np.minimum(windows[window], x * x + y * y)
    outside = np.sqrt(squares) - (thickness / 2).astype(np.float32)[:, None, None]
    return np.round(np.clip(0.5 - outside, 0, 1) * 255).astype(np.uint8)


def middles(images: np.ndarray) -> np.ndarray:
    """Of the ink of `images` (n, SIDE, SIDE): (n, 2), x and y in pixels. From whole numbers, whose sums are exact."""
    places, grey = np.arange(SIDE), images.astype(np.int64)
    x, y = ((grey.sum(axis=axis) * places).sum(axis=1) for axis in (1, 2))
    return np.stack([x, y], axis=1) / grey.sum(axis=(1, 2))[:, None]


def _by_hand(way: str, count: int, generator: np.random.Generator) -> list[np.ndarray]:
    """The strokes as `count` hands would draw them, in heights of the digit: a list of (count, points, 2)."""
    strokes = [[point.split(",") for point in stroke.split()] for stroke in way.split(" / ")]
    points, at = np.unique(np.concatenate(strokes).astype(float) / 100, axis=0, return_inverse=True)
    x, y = 2 * points[:, 0] - 0.75, 2 * points[:, 1] - 1  # (points,), about -1 to 1
    bends = np.stack([x, x * x, x * y, y * y, y * y * y - y], axis=1)  # (points, 5): width, …, waist, …
    amounts = np.array(BEND) * _chances(generator, (count, 1, bends.shape[1], 2))
    moved = points + TREMOR * _chances(generator, (count, len(points), 2))  # a corner's points move together
    for bend in range(bends.shape[1]):
        moved += bends[:, bend, None] * amounts[:, :, bend]
    return np.split(moved[:, at.reshape(-1)], np.cumsum([len(stroke) for stroke in strokes])[:-1], axis=1)


def _chances(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Bell-shaped about 0 with standard deviation 1, within ±3: sums of three uniform numbers, without log or cos."""
    return 2 * (generator.random((3, *shape)).sum(axis=0) - 1.5)


def _pieces(strokes: list[np.ndarray], curvature: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where straight pieces along the `strokes` begin and end: each (n, pieces, 2). `curvature`: (n,)."""
    curves = [_curve(stroke, curvature[:, None, None]) for stroke in strokes]  # each (n, points − 1, PIECES + 1, 2)
    begin = [curve[:, :, :-1].reshape(len(curve), -1, 2) for curve in curves]
    end = [curve[:, :, 1:].reshape(len(curve), -1, 2) for curve in curves]
    return np.concatenate(begin, axis=1), np.concatenate(end, axis=1)


def _curve(points: np.ndarray, curvature: np.ndarray) -> np.ndarray:
    """A cardinal spline through `points`, (n, points, 2), in steps of a piece: (n, points − 1, PIECES + 1, 2).

    The tangent in a point is `curvature` times half the way from the point before to the point after it.
    """
    if points.shape[1] == 2:
        points = _bowed(points, curvature)
    closed = (points[:, 0] == points[:, -1]).all()
    before, after = (points[:, -2:-1], points[:, 1:2]) if closed else (points[:, :1], points[:, -1:])
    padded = np.concatenate([before, points, after], axis=1)
    tangents = curvature * (padded[:, 2:] - padded[:, :-2]) / 2
    t = np.arange(PIECES + 1)[:, None] / PIECES  # from a point, 0, to the next, 1
    s = 1 - t
    here, there = points[:, :-1, None], points[:, 1:, None]  # (n, points − 1, 1, 2)
    out, into = tangents[:, :-1, None], tangents[:, 1:, None]
    return s * s * (1 + 2 * t) * here + t * t * (1 + 2 * s) * there + s * s * t * out - t * t * s * into  # Hermite


def _bowed(points: np.ndarray, curvature: np.ndarray) -> np.ndarray:
    """A stroke of two points, (n, 2, 2), with a third between them, to the right of the pen's way: (n, 3, 2)."""
    begin, end = points[:, :1], points[:, 1:]
    way = end - begin
    right = np.stack([-way[..., 1], way[..., 0]], axis=-1)  # y goes down
    return np.concatenate([begin, begin + way / 2 + BOW * curvature * right, end], axis=1)
