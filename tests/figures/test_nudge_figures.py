"""Figures of nudges, paths and manifolds draw what they are given: numbers in, the same numbers in the drawing."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vae.choices.nudge_units import NUDGE_UNITS
from vae.figures.nudges import NUDGE_MEASURES, nudge_curves, over_seeds
from vae.figures.paths import step_sizes
from vae.figures.style import VARIANT_COLOURS, VARIANT_TITLES
from vae.figures.tiles import VEIL, VEIL_COLOUR, WIDTH, tile_grid

SIZES = (0.1, 0.5, 2.0)


def measured(seeds: int) -> pd.DataFrame:
    """Two variants, two units, three sizes: every number differs, and tells where it is from."""
    rows = [
        (variant, unit, size, rmse, 10 * rmse, np.nan, rmse * 0.8, rmse * 1.1, 297, seed)
        for seed in range(seeds)
        for i, variant in enumerate(("ae", "vae"))
        for j, unit in enumerate(("absolute", "latent_std"))
        for size in SIZES
        for rmse in [size * (1 + i) * (1 + 10 * j) * (1 + seed**2) / 100]
    ]
    columns = ["variant", "unit", "size", "rmse", "class_change", "nearest_distance", "rmse_q25", "rmse_q75", "n"]
    return pd.DataFrame(rows, columns=[*columns, "seed"])


def of(curves: pd.DataFrame, variant: str) -> pd.DataFrame:
    return curves[curves["variant"] == variant].sort_values("size")


def test_one_seed_comes_with_the_quartiles_over_its_images() -> None:
    curves = over_seeds(measured(1), "latent_std", "rmse")
    assert list(curves.columns) == ["variant", "size", "value", "low", "high"]
    for factor, variant in ((1, "ae"), (2, "vae")):
        rows, value = of(curves, variant), np.array(SIZES) * factor * 11 / 100
        np.testing.assert_allclose(rows["value"], value)
        np.testing.assert_allclose(rows["low"], 0.8 * value)
        np.testing.assert_allclose(rows["high"], 1.1 * value)


def test_quartiles_stay_with_their_curve_whatever_the_order_of_the_rows() -> None:
    shuffled = measured(1).sample(frac=1, random_state=3)
    curves = over_seeds(shuffled, "absolute", "rmse")
    np.testing.assert_allclose(curves["low"] / curves["value"], 0.8)
    np.testing.assert_allclose(curves["high"] / curves["value"], 1.1)


def test_several_seeds_come_with_their_range() -> None:
    rows = of(over_seeds(measured(3), "absolute", "rmse"), "vae")
    one = np.array(SIZES) * 2 / 100  # times 1, 2 and 5
    np.testing.assert_allclose(rows["value"], one * 8 / 3)
    np.testing.assert_allclose(rows["low"], one)
    np.testing.assert_allclose(rows["high"], one * 5)


def test_the_quartiles_of_the_rmse_are_not_put_about_another_measure() -> None:
    rows = of(over_seeds(measured(1), "absolute", "class_change"), "ae")
    np.testing.assert_allclose(rows["value"], np.array(SIZES) / 10)
    assert rows["low"].tolist() == rows["high"].tolist() == rows["value"].tolist()


def test_one_seed_without_quartiles_has_a_band_of_no_width() -> None:
    rows = over_seeds(measured(1).drop(columns=["rmse_q25", "rmse_q75"]), "absolute", "rmse")
    assert rows["low"].tolist() == rows["high"].tolist() == rows["value"].tolist()


def test_what_was_not_measured_is_left_out() -> None:
    table = measured(1)
    table.loc[table["variant"] == "vae", "nearest_distance"] = 0.25
    curves = over_seeds(table, "absolute", "nearest_distance")
    assert set(curves["variant"]) == {"vae"}
    assert curves["value"].tolist() == [0.25] * 3


def test_curves_show_a_band_and_a_line_for_each_variant() -> None:
    table = measured(3)
    before = table.copy()
    band, line, vae_band, vae_line = nudge_curves(table, "absolute", "rmse").data
    pd.testing.assert_frame_equal(table, before)  # the input is left alone
    np.testing.assert_allclose(line.x, SIZES)
    np.testing.assert_allclose(line.y, np.array(SIZES) * 8 / 300, rtol=1e-6)
    np.testing.assert_allclose(vae_line.y, 2 * np.array(SIZES) * 8 / 300, rtol=1e-6)
    assert (line.line.color, vae_line.line.color) == (VARIANT_COLOURS["ae"], VARIANT_COLOURS["vae"])
    assert (line.name, vae_line.name) == (VARIANT_TITLES["ae"], VARIANT_TITLES["vae"])
    np.testing.assert_allclose(band.x, [0.1, 0.5, 2, 2, 0.5, 0.1])  # there above, and back below
    np.testing.assert_allclose(band.y[:3], np.array(SIZES) * 5 / 100, rtol=1e-6)
    np.testing.assert_allclose(band.y[3:], np.array(SIZES[::-1]) / 100, rtol=1e-6)
    assert band.fill == vae_band.fill == "toself"
    assert band.fillcolor == "rgba(42,127,203,0.16)", "#2A7FCB under a veil"


def test_curves_come_in_the_order_of_the_variants_and_by_size() -> None:
    table = measured(1).assign(variant=lambda rows: rows["variant"].map({"ae": "vae", "vae": "noise_only"}))
    lines = nudge_curves(table.iloc[::-1], "absolute", "rmse").data[1::2]
    assert [line.name for line in lines] == [VARIANT_TITLES["noise_only"], VARIANT_TITLES["vae"]]
    assert all(list(line.x) == sorted(line.x) for line in lines)


@pytest.mark.parametrize("measure", NUDGE_MEASURES)
@pytest.mark.parametrize("unit", NUDGE_UNITS)
def test_axes_name_the_unit_and_the_measure(unit: str, measure: str) -> None:
    layout = nudge_curves(measured(1), unit, measure).layout
    assert NUDGE_UNITS[unit].title in layout.xaxis.title.text
    assert layout.yaxis.title.text == NUDGE_MEASURES[measure].axis
    assert layout.xaxis.type == "log"
    assert (layout.yaxis.type == "log") == (measure == "rmse"), "shares and distances start at nought"
    assert layout.yaxis.rangemode == (None if measure == "rmse" else "tozero")


def test_the_size_of_the_table_is_marked() -> None:
    (mark,) = nudge_curves(measured(1), "absolute", "rmse", 0.5).layout.shapes
    assert (mark.x0, mark.x1, mark.y0, mark.y1, mark.yref) == (0.5, 0.5, 0, 1, "paper")
    assert len(nudge_curves(measured(1), "absolute", "rmse").layout.shapes) == 0


@pytest.mark.parametrize("unit", ["absolute", "posterior_std"])
def test_no_measurements_give_empty_axes(unit: str) -> None:
    table = measured(1) if unit == "posterior_std" else measured(1)[:0]
    figure = nudge_curves(table, unit, "rmse")
    assert len(figure.data) == 0
    assert NUDGE_UNITS[unit].title in figure.layout.xaxis.title.text


# Paths


def test_steps_are_bars_counted_from_one() -> None:
    sizes = {"ae": np.array([0.1, 0.0, 0.3]), "vae": np.array([0.2, 0.2, 0.2])}
    ae, vae = step_sizes(sizes).data
    assert list(ae.x) == list(vae.x) == [1, 2, 3]
    np.testing.assert_allclose(ae.y, sizes["ae"], rtol=1e-6)
    np.testing.assert_allclose(vae.y, sizes["vae"], rtol=1e-6)
    assert (ae.name, ae.marker.color) == (VARIANT_TITLES["ae"], VARIANT_COLOURS["ae"])
    layout = step_sizes(sizes).layout
    assert layout.barmode == "group"
    assert "pixel RMSE" in layout.yaxis.title.text and layout.yaxis.rangemode == "tozero"


def test_no_steps_give_empty_axes() -> None:
    assert len(step_sizes({}).data) == 0
    assert len(step_sizes({"ae": np.array([])}).data[0].y) == 0


# Manifolds


def decoded(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_a_grid_of_tiles_has_no_gaps_and_every_pixel_is_a_square() -> None:
    images = np.arange(4 * 6, dtype=np.uint8).reshape(4, 6) * 10  # four images of 2 × 3, two in a row
    sheet = decoded(tile_grid(images, (1, 2, 3), 2, np.zeros(4, dtype=bool)))
    scale = WIDTH // (2 * 3)
    assert sheet.shape == (4 * scale, 6 * scale, 3)
    assert (sheet == sheet[:, :, :1]).all(), "grey where nothing is tinted"
    expected = np.array(
        [
            [0, 10, 20, 60, 70, 80],
            [30, 40, 50, 90, 100, 110],
            [120, 130, 140, 180, 190, 200],
            [150, 160, 170, 210, 220, 230],
        ]
    )
    np.testing.assert_array_equal(sheet[:, :, 0], np.kron(expected, np.ones((scale, scale))))


def test_empty_cells_lie_under_a_veil() -> None:
    images = np.array([[0, 100, 200, 255]] * 2, dtype=np.uint8)
    sheet = decoded(tile_grid(images, (1, 1, 4), 2, np.array([True, False])))
    scale = sheet.shape[0]
    assert scale == WIDTH // 8
    pixels = sheet[0, ::scale].astype(int)  # one of each square
    for place, grey in enumerate((0, 100, 200, 255)):
        veiled = [(1 - VEIL) * grey + VEIL * colour for colour in VEIL_COLOUR]
        assert np.abs(pixels[place] - veiled).max() <= 1
        assert pixels[4 + place].tolist() == [grey] * 3
    seen = pixels[:4].mean(axis=1)
    assert (np.diff(seen) > 0).all(), "the picture is still seen"


def test_pictures_too_wide_for_the_page_are_not_shrunk() -> None:
    images = np.zeros((1, WIDTH + 30), dtype=np.uint8)
    assert decoded(tile_grid(images, (1, 1, WIDTH + 30), 1, np.zeros(1, dtype=bool))).shape == (1, WIDTH + 30, 3)


@pytest.mark.parametrize(("columns", "scale"), [(15, 6), (15 * 2, 3)])
def test_the_scale_is_the_largest_that_fits(columns: int, scale: int) -> None:
    images = np.zeros((columns, 64), dtype=np.uint8)
    assert decoded(tile_grid(images, (1, 8, 8), columns, np.ones(columns, dtype=bool))).shape == (
        8 * scale,
        8 * columns * scale,
        3,
    )
