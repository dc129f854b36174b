"""Figures draw what they are given: numbers in, the same numbers in the drawing."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from PIL import Image

from vae.choices.variants import VARIANTS
from vae.figures.curves import shared_ranges
from vae.figures.errors import error_bars
from vae.figures.latent import latent_scatter, plane_title, side_by_side
from vae.figures.network import network_svg
from vae.figures.style import CLASS_COLOURS, VARIANT_COLOURS, VARIANT_TITLES
from vae.figures.tiles import BACKGROUND, GAP, tile_rows, to_grey

HISTORY = pd.DataFrame(
    {
        "variant": ["ae"] * 3 + ["vae"] * 3,
        "epoch": [0, 1, 2] * 2,
        "reconstruction": [45.0, 30.0, 20.0, 46.0, 31.0, 22.0],
        "kl": [None, None, None, 0.25, 0.5, 2.0],
    }
)
FLOOR = 27.5


def test_two_variants_share_their_ranges_and_everything_after_the_start_is_in_view() -> None:
    low, high = shared_ranges(HISTORY, FLOOR)["reconstruction"]
    assert low < 20 and high > 31, "all values but the untrained ones"
    assert low < FLOOR < high


def test_a_kl_begins_at_0_and_its_largest_value_is_in_view() -> None:
    assert shared_ranges(HISTORY, FLOOR)["kl"] == (0.0, pytest.approx(1.08 * 2.0))


def test_no_history_gives_empty_axes() -> None:
    assert shared_ranges(HISTORY[:0], FLOOR) == {"reconstruction": (0.0, 1.0), "kl": (0.0, 1.0)}


def scatter(codes: np.ndarray, labels: np.ndarray, classes: tuple[str, ...], latent_dim: int) -> go.Figure:
    windows = side_by_side({"it": ({"codes": codes}, latent_dim)})["it"]
    return latent_scatter(codes, labels, classes, latent_dim, windows, np.zeros(2))


def test_scatter_shows_every_code_in_the_colour_of_its_class() -> None:
    codes = np.array([[0, 1], [2, 3], [4, 5], [6, 9]], dtype=np.float16)
    cloud, names = scatter(codes, np.array([0, 1, 1, 1]), ("cat", "dog"), 2).data
    assert list(cloud.x) == [0, 2, 4, 6] and list(cloud.y) == [1, 3, 5, 9]
    assert list(cloud.marker.color) == [CLASS_COLOURS[0], *[CLASS_COLOURS[1]] * 3]
    assert list(cloud.customdata) == ["cat", "dog", "dog", "dog"]
    assert [(x, y) for x, y in zip(names.x, names.y, strict=True)] == [(0, 1), (4, 5)], "each name at its median"


def test_a_2d_scatter_has_equal_scales_and_a_1d_one_spreads_by_class() -> None:
    codes, labels = np.array([[0.5, 0], [1.5, 0]]), np.array([0, 3])
    assert scatter(codes, labels, tuple("0123"), 2).layout.yaxis.scaleanchor == "x"
    line = scatter(codes, labels, tuple("0123"), 1)
    assert list(line.data[0].y) == [0, 3]
    assert line.layout.yaxis.scaleanchor is None


def test_a_slice_says_that_it_is_one() -> None:
    assert plane_title(2, 1.0, np.zeros(2)) == "2-D code"
    assert plane_title(20, 0.434, np.zeros(2)) == "PCA plane of the 20-D code: 43% of its variance"


def test_tiles_keep_every_pixel_a_square() -> None:
    black_white = np.array([[0, 255, 255, 0]], dtype=np.uint8)
    grey = np.array([[10, 20, 30, 40]], dtype=np.uint8)
    sheet = np.asarray(Image.open(io.BytesIO(tile_rows([black_white, grey], (1, 2, 2), 1))))
    scale = (sheet.shape[1] - 2 * GAP) // 2
    assert scale > 1 and sheet.shape == (4 * scale + 3 * GAP, 2 * scale + 2 * GAP)
    assert (sheet[:GAP] == BACKGROUND).all()
    corner = sheet[GAP : GAP + 2 * scale, GAP : GAP + 2 * scale]
    assert np.array_equal(corner, np.kron([[0, 255], [255, 0]], np.ones((scale, scale))))
    below = sheet[2 * GAP + 2 * scale :, GAP:]
    assert (below[0, 0], below[0, scale], below[scale, 0], below[scale, scale]) == (10, 20, 30, 40)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("layers", [[784, 32], [784, 400, 20], [64, 512, 256, 128, 64, 1]])
def test_the_drawing_is_well_formed_and_names_every_layer(layers: list[int], variant: str) -> None:
    ingredients = VARIANTS[variant]
    drawing = ET.fromstring(network_svg(layers, variant, 12345))
    texts = [element.text for element in drawing.iter() if element.text]
    for width in layers[:-1]:
        assert texts.count(str(width)) >= 2, "once on the way in, once on the way out"
    assert any("12,345 parameters" in text for text in texts)
    assert ("ε" in texts) == ingredients.noise
    assert ("log σ²" in texts) == ingredients.has_logvar and ("σ" in texts) == ingredients.fixed_noise


def test_feature_maps_are_drawn_by_their_sizes() -> None:
    drawing = ET.fromstring(network_svg([(1, 28, 28), (32, 14, 14), 128, 2], "vae", 12345))
    texts = [element.text for element in drawing.iter() if element.text]
    for label in ("1×", "28×28", "32×", "14×14", "128"):
        assert texts.count(label) == 2, "once on the way in, once on the way out"
    assert "layers 1×28×28 → 32×14×14 → 128 → 2 and back" in drawing.get("aria-label", "")


def test_every_variant_has_a_title_and_a_colour_of_its_own() -> None:
    assert set(VARIANT_TITLES) == set(VARIANT_COLOURS) == set(VARIANTS)
    assert len(set(VARIANT_COLOURS.values())) == len(VARIANTS)


def test_error_bars_show_means_and_intervals_of_the_mean() -> None:
    values = np.array([0.01, 0.02, 0.03, 0.06])
    colours = {"one": "#2A7FCB", "all equal": "#D9730D"}
    (bars,) = error_bars({"one": values, "all equal": np.full(4, 0.05)}, colours, 0.07).data
    assert bars.x == pytest.approx((0.03, 0.05))
    assert list(bars.error_x.array) == pytest.approx([1.96 * np.std(values, ddof=1) / 2, 0])
    assert list(bars.y) == ["one", "all equal"]


def test_pca_has_a_line_beside_the_mean_image() -> None:
    one, other = {"one": np.array([0.5])}, {"one": "#2A7FCB"}
    layout = error_bars(one, other, 0.07, 0.04).layout
    assert [(line.x0, line.line.dash) for line in layout.shapes] == [(0.07, "dot"), (0.04, "dash")]
    assert [note.text for note in layout.annotations] == ["mean image", "PCA"]
    assert [note.text for note in error_bars(one, other, 0.07).layout.annotations] == ["mean image"]


def test_an_axis_of_losses_holds_pca_s_line() -> None:
    low, _ = shared_ranges(HISTORY, FLOOR, 5.0)["reconstruction"]
    assert low < 5.0 < shared_ranges(HISTORY, FLOOR)["reconstruction"][0]


def test_one_image_has_a_mean_but_no_interval() -> None:
    (bars,) = error_bars({"one": np.array([0.5])}, {"one": "#2A7FCB"}, 0.07).data
    assert list(bars.x) == [0.5] and list(bars.error_x.array) == [0]


def test_grey_levels_are_clipped_and_scaled() -> None:
    assert to_grey(np.array([[-1.0, 0.0, 0.25, 0.5, 2.0]]), white=0.5).tolist() == [[0, 0, 128, 255, 255]]


def test_three_channels_are_painted_in_colour() -> None:
    """Channel by channel, as PyTorch keeps them: a red pixel, a green one, a blue one."""
    channels, height, width = shape = (3, 1, 3)
    image = np.zeros(shape, dtype=np.uint8)
    image[[0, 1, 2], 0, [0, 1, 2]] = 255
    sheet = np.asarray(Image.open(io.BytesIO(tile_rows([image.reshape(1, -1)], shape, 1))))
    scale = (sheet.shape[1] - 2 * GAP) // width
    middles = sheet[GAP + scale // 2, GAP + scale // 2 :: scale][:width]
    assert sheet.shape[2] == channels and scale * height == sheet.shape[0] - 2 * GAP
    np.testing.assert_array_equal(middles, 255 * np.eye(3))
