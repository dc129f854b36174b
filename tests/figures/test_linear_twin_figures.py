"""Linear twins beside theory: what is drawn is what was given."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vae.figures.closed_forms.linear_twins import codes_and_axes, collapse_line, kl_beside_theory
from vae.figures.style import NEUTRAL, VARIANT_COLOURS
from vae.figures.sweeps import against


def test_axes_above_the_line_and_within_the_code_have_the_vae_s_colour() -> None:
    figure = collapse_line(np.array([4.0, 3.0, 2.0, 0.5]), 2.0, latent_dim=2)
    (bars,) = figure.data
    assert list(bars.y) == [4.0, 3.0, 2.0, 0.5]
    assert list(bars.marker.color) == [VARIANT_COLOURS["vae"]] * 2 + [NEUTRAL] * 2
    (line,) = figure.layout.shapes
    assert line.y0 == line.y1 == 1.0 and figure.layout.annotations[0].text == "β/2 = 1"
    low, high = figure.layout.yaxis.range
    assert 10**low < 0.5 and 10**high > 4


def test_theory_stands_on_the_bars() -> None:
    bars, marks = kl_beside_theory(np.array([0.5, 0.1]), np.array([0.49, 0.0])).data
    assert list(bars.y) == [0.5, 0.1] and list(marks.y) == [0.49, 0.0] and marks.mode == "markers"


def test_cells_say_their_numbers_where_there_is_room() -> None:
    correlations = np.eye(2)
    (cells,) = codes_and_axes(correlations, "ae").data
    np.testing.assert_array_equal(cells.z, correlations)
    assert (cells.zmin, cells.zmax) == (0, 1) and cells.texttemplate == "%{z:.2f}"
    assert codes_and_axes(np.eye(40), "vae").data[0].texttemplate is None


def test_a_sweep_of_sizes_has_pca_s_line() -> None:
    bands = pd.DataFrame(
        {"variant": "ae", "latent_dim": [2, 8], "mean": [0.05, 0.03], "low": 0.0, "high": 0.1, "seeds": 3}
    )
    *_, line = against(bands, "latent_dim", "Latent dimensions", "MSE", pca={2: 0.06, 8: 0.04}).data
    assert (line.name, list(line.x), list(line.y)) == ("PCA", ["2", "8"], [0.06, 0.04])
    assert "PCA" not in {trace.name for trace in against(bands, "latent_dim", "Latent dimensions", "MSE").data}
