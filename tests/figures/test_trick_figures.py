"""Figures of the trick and of the two losses draw what they are given: numbers in, the same numbers in the drawing."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from vae.analysis.estimation.toy import toy_gradients, toy_truth
from vae.analysis.objectives import kl_gaussians
from vae.choices.estimators import ESTIMATOR_SETUPS
from vae.figures.estimator_comparison import estimator_curves
from vae.figures.graph import BACKWARD, BOXES, DEAD, gradient_graph
from vae.figures.objectives import TERM_COLOURS, dimension_bars, kl_area, terms_per_epoch
from vae.figures.style import NEUTRAL, VARIANT_COLOURS
from vae.figures.trick import (
    DASH_MARKS,
    ESTIMATOR_COLOURS,
    ESTIMATOR_DASHES,
    ESTIMATOR_TITLES,
    by_hand,
    histograms,
    legend,
    lines_by_estimator,
    log_variance,
)

PASSING = {
    "logits": 3.25,
    "z": 0.123456,
    "mu": 12.5,
    "logvar": 0.0625,
    "encoder_weights": 4321.9,
    "decoder_weights": 77.7,
}
NORMS = {
    "pathwise": PASSING,
    "score_function": PASSING | {"z": 0.0},
    "score_function_loo": PASSING | {"z": 0.0},
    "detached": PASSING | {"z": 0.0, "mu": 0.0, "logvar": 0.0, "encoder_weights": 0.0},
}


def test_every_estimator_has_a_colour_a_dash_and_a_title() -> None:
    assert set(ESTIMATOR_COLOURS) == set(ESTIMATOR_DASHES) == set(ESTIMATOR_TITLES) == set(ESTIMATOR_SETUPS)


# The graph


def drawn(norms: dict[str, float], estimator: str) -> ET.Element:
    return ET.fromstring(gradient_graph(norms, estimator))


def edges(root: ET.Element, *, broken: bool) -> Counter[tuple[str, str]]:
    """Gradients' lines by the boxes they leave and reach, read from their coordinates."""
    found: Counter[tuple[str, str]] = Counter()
    for line in root.iter("line"):
        if line.get("stroke") != (DEAD if broken else BACKWARD):
            continue
        assert (line.get("stroke-dasharray") is not None) == broken
        x1, y1, x2, y2 = (float(line.get(name)) for name in ("x1", "y1", "x2", "y2"))
        source = next(n for n, (x, y, w, _) in BOXES.items() if x - w / 2 == x1 and y + 7 == y1)
        target = next(n for n, (x, y, w, _) in BOXES.items() if x + w / 2 == x2 and y + 7 == y2)
        found[source, target] += 1
    return found


def words(root: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in root.iter("text")]


@pytest.mark.parametrize("estimator", NORMS)
def test_an_edge_is_broken_exactly_where_nothing_passes(estimator: str) -> None:
    root, norms = drawn(NORMS[estimator], estimator), NORMS[estimator]
    alive, broken = edges(root, broken=False), edges(root, broken=True)
    at = {
        ("loss", "x_hat"): norms["logits"],
        ("decoder", "z"): norms["z"],
        # the score function's gradient does not come from z, whatever reaches μ
        ("z", "mu"): 0 if estimator.startswith("score") else norms["mu"],
        ("z", "logvar"): 0 if estimator.startswith("score") else norms["logvar"],
        ("mu", "encoder"): norms["encoder_weights"],
        ("logvar", "encoder"): norms["encoder_weights"],
    }
    assert set(alive) == {edge for edge, norm in at.items() if norm > 0}
    assert set(broken) == {edge for edge, norm in at.items() if norm == 0}
    crosses = [path for path in root.iter("path") if path.get("stroke") == DEAD]
    assert len(crosses) == sum(broken.values())


@pytest.mark.parametrize("estimator", NORMS)
def test_the_score_function_passes_over_the_sample(estimator: str) -> None:
    curves = [path for path in drawn(NORMS[estimator], estimator).iter("path") if path.get("stroke") == BACKWARD]
    assert len(curves) == (2 if estimator.startswith("score") else 0)
    assert ("∂log q/∂μ" in "".join(words(drawn(NORMS[estimator], estimator)))) == estimator.startswith("score")


def test_a_score_functions_curve_is_broken_where_it_carries_nothing() -> None:
    """A decoder that answers every code alike: with a baseline, each sample is worth exactly 0."""
    root = drawn(dict.fromkeys(PASSING, 0.0) | {"logits": 1.0, "decoder_weights": 1.0}, "score_function_loo")
    assert not [path for path in root.iter("path") if path.get("stroke") == BACKWARD]


@pytest.mark.parametrize("estimator", NORMS)
def test_the_graph_names_its_norms_for_those_who_cannot_see_it(estimator: str) -> None:
    root = drawn(NORMS[estimator], estimator)
    label = root.get("aria-label")
    assert root.get("role") == "img"
    assert estimator in label
    for place, norm in NORMS[estimator].items():
        assert f"{place} {norm:.3g}" in label
    assert "nan" not in gradient_graph(NORMS[estimator], estimator)


def test_the_graph_writes_every_norm_at_its_edge() -> None:
    shown = words(drawn(PASSING, "pathwise"))
    for expected in (
        "∂/∂logits3.25",
        "∂/∂z0.123",
        "∂/∂μ12.5",
        "∂/∂log σ²0.0625",
        "its weights4,322",
        "its weights77.7",
    ):
        assert expected in shown
    detached = words(drawn(NORMS["detached"], "detached"))
    for expected in ("∂/∂z0", "∂/∂μ0", "∂/∂log σ²0", "its weights0", "its weights77.7"):
        assert expected in detached


def test_every_box_of_the_graph_lies_inside_it() -> None:
    root = drawn(PASSING, "score_function")
    _, _, width, height = map(float, root.get("viewBox").split())
    assert len(list(root.iter("rect"))) == len(BOXES)
    for box in root.iter("rect"):
        x, y, w, h = (float(box.get(name)) for name in ("x", "y", "width", "height"))
        assert x >= 0 and x + w <= width and y >= 0 and y + h <= height
    for text in root.iter("text"):
        assert 0 < float(text.get("x")) < width and 0 < float(text.get("y")) < height - 10


# z by hand


def density(x: float, mean: float, std: float) -> float:
    return float(np.exp(-((x - mean) ** 2) / (2 * std**2)) / np.sqrt(2 * np.pi * std**2))


@pytest.mark.parametrize(("mu", "logvar", "eps"), [(1.0, -1.0, 0.8), (-3.0, 3.0, -3.0), (3.0, -6.0, 3.0)])
def test_eps_and_z_lie_on_their_bell_curves(mu: float, logvar: float, eps: float) -> None:
    prior, own, at_eps, at_z = by_hand(mu, logvar, eps).data
    std = np.exp(logvar / 2)
    z = mu + std * eps
    assert (at_eps.x[0], at_eps.y[0]) == pytest.approx((eps, density(eps, 0, 1)))
    assert (at_z.x[0], at_z.y[0]) == pytest.approx((z, density(z, mu, std)))
    assert (at_eps.text[0], at_z.text[0]) == (f"ε = {eps:.2f}", f"z = {z:.2f}")
    for curve in (prior, own):
        assert np.trapezoid(curve.y, curve.x) == pytest.approx(1, abs=2e-3), "all of the bell is drawn"
    layout = by_hand(mu, logvar, eps).layout
    low, high = layout.xaxis.range
    assert low < min(eps, z) and max(eps, z) < high
    assert at_z.y[0] < layout.yaxis2.range[1]
    assert at_eps.y[0] < layout.yaxis.range[1]


LOGVARS = [-6.0, -1.0, 0.0, 2.0, 3.0]  # the slider's ends among them


@pytest.mark.parametrize("logvar", LOGVARS)
def test_the_variance_drawn_is_the_exponential(logvar: float) -> None:
    exponential, raw, here = log_variance(logvar).data
    np.testing.assert_allclose(np.log(exponential.y), exponential.x, atol=1e-9)
    np.testing.assert_array_equal(raw.x, raw.y)
    assert (here.x[0], here.y[0]) == pytest.approx((logvar, np.exp(logvar)))
    (forbidden,) = log_variance(logvar).layout.shapes
    assert forbidden.y1 == 0 and forbidden.y0 == log_variance(logvar).layout.yaxis.range[0]


@pytest.mark.parametrize("logvar", LOGVARS)
def test_the_variances_point_is_in_sight_wherever_the_slider_is(logvar: float) -> None:
    drawing = log_variance(logvar)
    low, high = drawing.layout.yaxis.range
    assert low < drawing.data[2].y[0] < high


# Histograms


@pytest.mark.parametrize("parameter", ["mu", "sigma"])
@pytest.mark.parametrize(("mu", "sigma", "k"), [(1.0, 0.5, 0.3), (0.0, 0.05, 3.0), (-2.0, 3.0, 0.0)])
def test_histograms_show_nearly_all_estimates_and_the_true_gradient(
    mu: float, sigma: float, k: float, parameter: str
) -> None:
    samples, truth = toy_gradients(mu, sigma, k, 5000, 0), toy_truth(mu, sigma, k)
    drawing = histograms(samples, truth, parameter)
    assert [steps.name for steps in drawing.data] == [ESTIMATOR_TITLES["pathwise"], ESTIMATOR_TITLES["score_function"]]
    for steps, estimator in zip(drawing.data, ("pathwise", "score_function"), strict=True):
        assert 0.99 - 5e-4 <= steps.y.sum() <= 1 + 1e-6
        assert (steps.line.color, steps.line.shape) == (ESTIMATOR_COLOURS[estimator], "hvh")
        values, half = samples[estimator, parameter], (float(steps.x[1]) - float(steps.x[0])) / 2
        middle = int(np.argmax(steps.y))
        inside = np.mean(np.abs(values - float(steps.x[middle])) <= half * (1 + 1e-4))
        assert steps.y[middle] == pytest.approx(inside, abs=2e-3)
    (line,) = drawing.layout.shapes
    assert line.x0 == line.x1 == truth[parameter]
    assert drawing.data[0].x[0] < truth[parameter] < drawing.data[0].x[-1]
    assert {"mu": "∂/∂μ", "sigma": "∂/∂σ"}[parameter] in drawing.layout.xaxis.title.text


# Lines


def table() -> pd.DataFrame:
    """Every number differs; the detached rows are what `estimator_quality` gives."""
    rows = [
        (estimator, samples, (i + 1) * 10.0 / samples, (i + 1) * 11.0 / samples, 0.1 * (i + 1), 0.01 * (i + 1))
        for i, estimator in enumerate(("score_function", "pathwise", "score_function_loo"))
        for samples in (8, 1, 2)
    ]
    rows.append(("detached", 1, 0.0, 0.0, np.nan, np.nan))
    return pd.DataFrame(rows, columns=["way", "samples", "variance", "known", "cosine", "cosine_std"])


def test_there_is_one_line_for_each_estimator_sorted_by_what_is_across() -> None:
    given = table()
    drawing = lines_by_estimator(given, "samples", "variance", ("samples", "variance"))
    pd.testing.assert_frame_equal(given, table())
    assert [line.name for line in drawing.data] == [ESTIMATOR_TITLES[estimator] for estimator in ESTIMATOR_TITLES]
    for line, estimator in zip(drawing.data, ESTIMATOR_TITLES, strict=True):
        rows = given[(given["way"] == estimator) & (given["variance"] > 0)].sort_values("samples")
        np.testing.assert_allclose(line.x, rows["samples"])
        np.testing.assert_allclose(line.y, rows["variance"], rtol=1e-6)
        assert (line.line.color, line.line.dash) == (ESTIMATOR_COLOURS[estimator], ESTIMATOR_DASHES[estimator])
    assert drawing.layout.yaxis.type == drawing.layout.xaxis.type == "log"
    assert (drawing.layout.xaxis.title.text, drawing.layout.yaxis.title.text) == ("samples", "variance")


def test_what_is_known_is_a_line_and_what_is_measured_are_points() -> None:
    rows = table()[lambda whole: whole["way"] != "detached"]
    drawing = lines_by_estimator(rows, "samples", "variance", ("", ""), known="known")
    assert [line.mode for line in drawing.data] == ["lines", "markers"] * 3
    for known, points in zip(drawing.data[::2], drawing.data[1::2], strict=True):
        np.testing.assert_allclose(np.asarray(known.y) / np.asarray(points.y), 1.1, rtol=1e-6)
        np.testing.assert_array_equal(known.x, points.x)


def test_a_spread_is_drawn_as_bars_and_what_has_no_number_is_left_out() -> None:
    drawing = lines_by_estimator(table(), "samples", "cosine", ("", ""), spread="cosine_std", log_y=False)
    pathwise, *_, detached = drawing.data
    np.testing.assert_allclose(pathwise.error_y.array, [0.02] * 3, rtol=1e-6)
    assert len(detached.x) == len(detached.y) == 0
    assert drawing.layout.yaxis.type == "linear"
    assert "nan" not in drawing.to_json().lower()


def test_the_legend_names_the_estimators_in_their_colours() -> None:
    html = legend(["pathwise", "detached"])
    assert html.count("<span") == 2
    for estimator in ("pathwise", "detached"):
        assert (
            f"color:{ESTIMATOR_COLOURS[estimator]}" in html
            and f"{DASH_MARKS[ESTIMATOR_DASHES[estimator]]} {ESTIMATOR_TITLES[estimator]}<" in html
        )


# The estimators compared, and the terms


def history(estimators: tuple[str, ...]) -> pd.DataFrame:
    rows = [
        (estimator, epoch, 100.0 * (i + 1) / epoch, float(epoch + i))
        for i, estimator in enumerate(estimators)
        for epoch in (3, 1, 2)
    ]
    return pd.DataFrame(rows, columns=["way", "epoch", "reconstruction", "kl"])


def test_the_comparison_has_both_terms_of_every_estimator_and_the_mean_images_line() -> None:
    drawing = estimator_curves(history(("detached", "pathwise")), 42.5, "nats / image", 10)
    titles = [ESTIMATOR_TITLES["pathwise"]] * 2 + [ESTIMATOR_TITLES["detached"]] * 2
    terms = ["reconstruction", "kl"] * 2
    assert [line.name for line in drawing.data] == [f"{a}: {b}" for a, b in zip(titles, terms, strict=True)]
    for line, estimator, i in zip(
        drawing.data, ("pathwise", "pathwise", "detached", "detached"), (1, 1, 0, 0), strict=True
    ):
        np.testing.assert_array_equal(line.x, [1, 2, 3])
        kl = line.name.endswith("kl")
        np.testing.assert_allclose(line.y, [e + i if kl else 100 * (i + 1) / e for e in (1, 2, 3)], rtol=1e-6)
        assert line.yaxis == ("y2" if kl else "y")
        assert (line.line.color, line.line.dash) == (ESTIMATOR_COLOURS[estimator], ESTIMATOR_DASHES[estimator])
    (floor,) = drawing.layout.shapes
    assert (floor.y0, floor.y1, floor.yref) == (42.5, 42.5, "y")
    assert drawing.layout.xaxis.range == (0, 10)
    assert "nats / image" in drawing.layout.yaxis.title.text


def losses(epochs: range, beta: float) -> pd.DataFrame:
    rows = pd.DataFrame({"epoch": list(epochs)}).assign(reconstruction=lambda whole: 90.0 - 7 * whole["epoch"])
    rows["kl"] = 1.5 * rows["epoch"] ** 2
    return rows.assign(loss=rows["reconstruction"] + beta * rows["kl"])


@pytest.mark.parametrize("beta", [0.0, 0.5, 24.5])
def test_the_terms_add_up_to_their_sum(beta: float) -> None:
    reconstruction, kl, total = (drawing := terms_per_epoch(losses(range(5), beta), beta, "nats", 3)).data
    np.testing.assert_array_equal(reconstruction.x, [1, 2, 3, 4])
    np.testing.assert_allclose(kl.y, beta * 1.5 * np.array([1, 2, 3, 4]) ** 2, rtol=1e-6)
    np.testing.assert_allclose(reconstruction.y + kl.y, total.y, rtol=1e-6)
    assert [line.line.color for line in drawing.data] == [
        TERM_COLOURS[term] for term in ("reconstruction", "kl", "loss")
    ]
    assert f"β = {beta:g}" in kl.name
    (mark,) = drawing.layout.shapes
    assert mark.x0 == mark.x1 == 3


def test_an_untrained_epoch_is_shown_while_there_is_no_other() -> None:
    for line in terms_per_epoch(losses(range(1), 1.0), 1.0, "nats", 0).data:
        assert list(line.x) == [0]


# Dimensions


def test_dimensions_are_sorted_by_kl_and_coloured_when_active() -> None:
    kl, variance = np.array([0.5, 3.0, 0.0, 1.0]), np.array([0.2, 0.9, 1e-6, 0.005])
    drawing = dimension_bars(kl, variance, 0.01, "vae")
    above, below = drawing.data
    assert list(above.x) == list(below.x) == ["2", "4", "1", "3"]
    np.testing.assert_allclose(above.y, [3.0, 1.0, 0.5, 0.0])
    np.testing.assert_allclose(below.y, [0.9, 0.005, 0.2, 1e-6], rtol=1e-6)
    assert list(above.marker.color) == [VARIANT_COLOURS["vae"], NEUTRAL, VARIANT_COLOURS["vae"], NEUTRAL]
    assert list(above.marker.pattern.shape) == ["", "/", "", "/"], "hatched where nothing is active"
    other = dimension_bars(kl, variance, 0.01, "kl_only").data[0]
    assert other.marker.color[0] == VARIANT_COLOURS["kl_only"], "bars of a variant have that variant's colour"
    (line,) = drawing.layout.shapes
    assert (line.y0, line.y1, line.yref) == (0.01, 0.01, "y2"), "plotly takes shapes on log axes as they are"
    (note,) = drawing.layout.annotations
    assert (note.y, note.text) == (pytest.approx(-2), "active above 0.01"), "and annotations as logarithms"
    low, high = drawing.layout.yaxis2.range
    assert drawing.layout.yaxis2.type == "log"
    assert low <= np.log10(1e-6) and np.log10(0.9) < high
    assert kl.tolist() == [0.5, 3.0, 0.0, 1.0]


@pytest.mark.parametrize("variance", [[0.0, 0.0], [0.0, 5.0], [1e-30, 1e-30]])
def test_the_threshold_is_in_sight_whatever_the_variances(variance: list[float]) -> None:
    drawing = dimension_bars(np.zeros(2), np.array(variance), 0.01, "vae")
    low, high = drawing.layout.yaxis2.range
    assert np.isfinite([low, high]).all()
    assert low < -2 < high


def test_equal_dimensions_keep_their_order() -> None:
    assert list(dimension_bars(np.ones(3), np.ones(3), 0.01, "vae").data[0].x) == ["1", "2", "3"]


# The KL as an area


@pytest.mark.parametrize(
    ("mu", "std", "other_mu", "other_std"),
    [(1.0, 0.6, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0), (-3.0, 0.1, 3.0, 3.0), (2.0, 3.0, -1.0, 0.5), (3.0, 0.1, -3.0, 0.1)],
)
def test_the_area_that_is_drawn_is_the_kl(mu: float, std: float, other_mu: float, other_std: float) -> None:
    q, p, above, below = kl_area(mu, std, other_mu, other_std).data
    assert (np.asarray(above.y) >= 0).all() and (np.asarray(below.y) <= 0).all()
    area = np.trapezoid(np.float64(above.y), np.float64(above.x)) + np.trapezoid(np.float64(below.y), below.x)
    assert area == pytest.approx(kl_gaussians(mu, std, other_mu, other_std), rel=1e-3, abs=1e-3)
    for curve, mean, spread in ((q, mu, std), (p, other_mu, other_std)):
        assert np.trapezoid(curve.y, curve.x) == pytest.approx(1, abs=5e-3)
        assert max(curve.y) <= density(mean, mean, spread) * (1 + 1e-6)
    np.testing.assert_allclose(
        [density(float(x), mu, std) for x in np.asarray(q.x)[::40]], np.asarray(q.y)[::40], rtol=1e-4, atol=1e-6
    )


def test_a_penalty_is_a_term_of_its_own_and_what_a_variant_lacks_is_no_line() -> None:
    rows = losses(range(5), 0.0).assign(kl=None, penalty=[1.0, 2.0, 3.0, 4.0, 5.0])
    rows["loss"] = rows["reconstruction"] + rows["penalty"]
    reconstruction, penalty, total = terms_per_epoch(rows, 0.0, "nats", 3).data
    assert [line.name for line in (penalty, total)] == ["penalty", "their sum"]
    assert penalty.line.color == TERM_COLOURS["penalty"]
    np.testing.assert_allclose(reconstruction.y + penalty.y, total.y, rtol=1e-6)
