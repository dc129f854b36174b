"""ROC curves: a panel for each score that some model has, the baselines beside the squared error."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd

from vae.figures.in_words import in_words
from vae.figures.yardsticks.roc import panels, roc_curves


def table() -> pd.DataFrame:
    curves = {
        ("ae", "roc_squared_error"): [(0, 0), (0.25, 0.5), (1, 1)],
        ("ae", "roc_loss"): [(0, 0), (1, 1)],
        ("vae", "roc_squared_error"): [(0, 0), (0.5, 0.75), (1, 1)],
        ("vae", "roc_loss"): [(0, 0), (1, 1)],
        ("vae", "roc_kl"): [(0, 0), (0.75, 0.25), (1, 1)],
        ("", "roc_pca"): [(0, 0), (0.1, 0.2), (1, 1)],
        ("", "roc_mean_image"): [(0, 0), (0.3, 0.2), (1, 1)],
    }
    rows = [
        {"variant": variant, "measure": measure, "false_alarms": x, "hits": y}
        for (variant, measure), points in curves.items()
        for x, y in points
    ]
    return pd.DataFrame([*rows, {"variant": "ae", "measure": "anomaly_auc", "value": 0.6}])


def test_each_score_has_a_panel_with_the_models_that_have_it() -> None:
    assert panels(table()) == ["squared_error", "loss", "kl"]
    drawing = roc_curves(table())
    by_panel: dict[str, list[str]] = {}
    for trace in drawing.data:
        if trace.name:
            by_panel.setdefault(trace.xaxis, []).append(trace.name)
    assert by_panel == {"x": ["PCA", "Mean image", "AE", "VAE"], "x2": ["AE", "VAE"], "x3": ["VAE"]}
    kl = next(trace for trace in drawing.data if trace.xaxis == "x3" and trace.name == "VAE")
    assert list(zip(kl.x, kl.y, strict=True)) == [(0, 0), (0.75, 0.25), (1, 1)]
    guesses = [trace for trace in drawing.data if not trace.name]
    assert len(guesses) == 3 and all(list(trace.x) == list(trace.y) == [0, 1] for trace in guesses)
    ends = [drawing.layout[axis].domain for axis in ("xaxis", "xaxis2", "xaxis3")]
    assert ends[0][0] == 0 and ends[-1][1] == 1
    assert all(left[1] < right[0] for left, right in pairwise(ends)), "panels don't overlap"
    assert [note.text for note in drawing.layout.annotations] == ["Squared error", "Reconstruction loss", "KL"]
    assert "PCA: 0 at 0, 1 at 1" in in_words(drawing)


def test_of_a_run_without_a_kl_there_are_two_panels() -> None:
    ae = table()
    ae = ae[ae["variant"] != "vae"]
    assert panels(ae) == ["squared_error", "loss"] and len(roc_curves(ae).layout.annotations) == 2
