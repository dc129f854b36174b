"""A figure's name for those who can't see it tells the numbers that it draws, whichever way they come out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from vae.figures.classes import class_bars
from vae.figures.errors import error_bars
from vae.figures.in_words import FEW, SERIES, in_words
from vae.figures.latent import latent_scatter, side_by_side
from vae.figures.nudges import nudge_curves
from vae.figures.objectives import dimension_bars, terms_per_epoch
from vae.figures.paths import step_sizes
from vae.figures.trick import by_hand, lines_by_estimator


def history(reconstruction: list[float]) -> pd.DataFrame:
    epochs = list(range(len(reconstruction)))
    rows = {
        "variant": "vae",
        "epoch": epochs,
        "reconstruction": reconstruction,
        "kl": [0.5 * epoch for epoch in epochs],
        "loss": [value + 0.5 * epoch for value, epoch in zip(reconstruction, epochs, strict=True)],
    }
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([46.0, 31.0, 22.0], "46 at 1, 22 at 3."),
        ([22.0, 31.0, 46.0], "22 at 1, 46 at 3."),
        ([46.0, 20.25, 22.0], "46 at 1, 22 at 3, lowest 20.25 at 2."),
        ([22.0, 60.0, 46.0], "22 at 1, 46 at 3, highest 60 at 2."),
    ],
)
def test_a_curve_is_told_by_its_ends_and_extremes(values: list[float], told: str) -> None:
    words = in_words(terms_per_epoch(history([99.0, *values]), 1.0, "nats / image", 2))
    assert words.startswith("nats / image against epoch. ")
    assert f"reconstruction: {told}" in words
    assert "β · KL, β = 1: 0.5 at 1, 1.5 at 3." in words


def test_bars_are_told_one_by_one_or_by_their_extremes() -> None:
    errors = {"Autoencoder": np.array([0.1, 0.2]), "Variational autoencoder": np.array([0.5, 0.25])}
    words = in_words(error_bars(errors, dict.fromkeys(errors, "#000"), 0.3))
    assert words == "squared error per pixel. Autoencoder: 0.15, Variational autoencoder: 0.375."
    assert "training: 3 at cat & dog, 4 at emu." in in_words(
        class_bars({"training": np.array([3, 4])}, ["cat & dog", "emu"])
    )
    many = np.ones(FEW + 1)
    many[2], many[5] = 0.25, 7
    assert "Autoencoder: 13 bars, highest 7 at 6, lowest 0.25 at 3." in in_words(step_sizes({"ae": many}))
    assert "KL (nats / image): 2 at 2, 0.5 at 1. variance of μ: 0.001 at 2, 0.75 at 1." in in_words(
        dimension_bars(np.array([0.5, 2.0]), np.array([0.75, 0.001]), 0.01, "vae")
    )


def test_a_cloud_is_told_by_its_reach_and_where_its_classes_are() -> None:
    codes, labels = np.array([[3.0, 4.0], [-1.0, 2.0], [5.0, -6.0]]), np.array([1, 0, 1])
    windows = side_by_side({"it": ({"codes": codes}, 2)})["it"]
    words = in_words(latent_scatter(codes, labels, ["ant", "bee"], 2, windows, np.zeros(2)))
    assert "codes: 3 points, across from −1 to 5, up from −6 to 4." in words
    assert "median of each class: ant at (−1, 2), bee at (4, −1)." in words


def test_bands_and_second_drawings_are_not_told_twice() -> None:
    rows = pd.DataFrame({"variant": ["ae", "ae"], "unit": "absolute", "size": [0.1, 1.0], "seed": [0, 0]})
    words = in_words(nudge_curves(rows.assign(rmse=[0.02, 0.4], rmse_q25=0.01, rmse_q75=0.5), "absolute", "rmse"))
    assert words == (
        "pixel RMSE (levels from 0 to 1) against size of the nudge (absolute). Autoencoder: 0.02 at 0.1, 0.4 at 1."
    )
    table = pd.DataFrame({"way": "pathwise", "n": [1, 10], "measured": [4.0, 0.5], "known": [4.1, 0.41]})
    words = in_words(lines_by_estimator(table, "n", "measured", ("samples", "variance"), known="known"))
    assert words == "variance against samples. Pathwise (the trick): 4 at 1, 0.5 at 10."


def test_what_is_written_into_a_figure_is_told() -> None:
    assert "ε = 0.80 at (0.8, 0.2897). z = 1.49 at (1.485, 0.4776)." in in_words(by_hand(1.0, -1.0, 0.8))


def test_what_is_missing_or_unknown_is_not_made_up() -> None:
    assert in_words(go.Figure()) == "Nothing is drawn yet."
    assert in_words(go.Figure(go.Contour(z=[[1, 2], [3, 4]]))) == ""
    broken = go.Figure(go.Scatter(x=[0, 1, 2], y=[None, float("nan"), 3.5], name="loss"))
    assert in_words(broken) == "loss: 3.5 at 2."
    crowd = go.Figure([go.Scatter(x=[0], y=[number], name=f"line {number}") for number in range(SERIES + 3)])
    assert in_words(crowd).endswith("line 9: 9 at 0. And 3 more.")
