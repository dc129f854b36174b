"""A colour means one thing on all pages, can be seen on both of them, and is never the only thing that tells."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from vae.figures.comparing import difference_curves, overlaid, plane
from vae.figures.graph import BACKWARD, gradient_graph
from vae.figures.nudges import nudge_curves
from vae.figures.objectives import kl_area, terms_per_epoch
from vae.figures.overlay import overlaid_curves
from vae.figures.paths import step_sizes
from vae.figures.style import (
    COLOURS_BY_MEANING,
    ESTIMATOR_COLOURS,
    TERM_COLOURS,
    VARIANT_COLOURS,
    VARIANT_MARKS,
    VARIANT_PATTERNS,
    VARIANT_SHORT,
    VARIANT_SYMBOLS,
    VARIANT_TITLES,
    veil,
)
from vae.figures.sweeps import against, drawn_points
from vae.settings import ROOT

MEANINGS = {f"{kind}: {name}": hue for kind, hues in COLOURS_BY_MEANING.items() for name, hue in hues.items()}
SAME = {
    ("estimator: detached", "other: alarm"),
    ("estimator: detached", "badge: fails"),
    ("badge: fails", "other: alarm"),
    ("part: test", "other: neutral"),
}  # no gradient arrives; a claim that does not hold; nothing particular
# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
SIGHT = {
    "all colours": np.eye(3),
    "no red cones": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no green cones": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
)
WHITE = np.array([0.95047, 1.0, 1.08883])


def linear(colour: str) -> np.ndarray:
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 contrast ratio of two hex colours."""
    low, high = sorted(float(TO_XYZ[1] @ linear(colour)) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(colour: str, sight: str) -> np.ndarray:
    """CIE L*a*b* of a colour as it is seen."""
    xyz = TO_XYZ @ np.clip(SIGHT[sight] @ linear(colour), 0, 1) / WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def apart(one: str, other: str, sight: str = "all colours") -> float:
    """ΔE*ab (1976): about 2 can just be seen side by side, 10 at a glance."""
    return float(np.linalg.norm(lab(one, sight) - lab(other, sight)))


def test_the_measures_know_black_white_and_red() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    np.testing.assert_allclose(lab("#FFFFFF", "all colours"), [100, 0, 0], atol=0.01)
    np.testing.assert_allclose(lab("#FF0000", "all colours"), [53.24, 80.09, 67.20], atol=0.05)


def pages() -> dict[str, str]:
    """Both themes' grounds, as .streamlit/config.toml has them."""
    themes = re.findall(r"\[theme\.(light|dark)\](.*?)(?=\n\[|\Z)", (ROOT / ".streamlit/config.toml").read_text(), re.S)
    return {name: re.search(r'\nbackgroundColor = "(#\w{6})"', text).group(1) for name, text in themes}


@pytest.mark.parametrize("meaning", MEANINGS)
def test_every_colour_stands_out_on_both_pages(meaning: str) -> None:
    assert set(pages()) == {"light", "dark"}
    for ground in pages().values():
        assert contrast(MEANINGS[meaning], ground) >= 3


@pytest.mark.parametrize(("one", "other"), [pair for pair in combinations(MEANINGS, 2) if pair not in SAME])
def test_no_two_meanings_share_a_colour(one: str, other: str) -> None:
    assert apart(MEANINGS[one], MEANINGS[other]) >= 20


@pytest.mark.parametrize("other", [name for name in MEANINGS if name not in ("variant: ae", "variant: vae")])
def test_nothing_else_is_blue_or_orange(other: str) -> None:
    assert min(apart(MEANINGS[other], VARIANT_COLOURS[name]) for name in ("ae", "vae")) >= 35


@pytest.mark.parametrize("kind", [kind for kind in COLOURS_BY_MEANING if kind != "other"])
@pytest.mark.parametrize("sight", SIGHT)
def test_what_shares_a_figure_is_told_apart_by_every_eye(kind: str, sight: str) -> None:
    for one, other in combinations(COLOURS_BY_MEANING[kind].values(), 2):
        assert apart(one, other, sight) >= 15


def test_colours_are_written_in_one_place() -> None:
    """A colour spelt out elsewhere is one that no test above has seen. Whites, blacks and greys mean nothing."""
    files = [
        path for part in ("vae/figures", "pages") for path in (ROOT / part).rglob("*.py") if path.name != "style.py"
    ]
    found = {
        f"{path.name}: {hue}"
        for path in files
        for hue in re.findall(r"#(?:[0-9A-Fa-f]{6}|[0-9A-Fa-f]{3})\b", path.read_text())
        if len(set(re.findall(r"..", hue[1:]) if len(hue) == 7 else hue[1:])) > 1
    }
    assert found == {"logo.py: #8A8F98"}, "an SVG file of its own"


def test_a_veil_is_the_same_colour_let_through() -> None:
    assert veil("#2A7FCB", 0.16) == "rgba(42,127,203,0.16)"


# A second cue, for those to whom blue and orange are the same grey


def test_variants_have_a_marker_a_hatching_and_a_name_each() -> None:
    for looks in (VARIANT_SYMBOLS, VARIANT_MARKS, VARIANT_PATTERNS, VARIANT_SHORT):
        assert set(looks) == set(VARIANT_COLOURS) and len(set(looks.values())) == len(VARIANT_COLOURS)


EPOCHS = 20
BOTH = ("ae", "vae")


def history(**more: object) -> pd.DataFrame:
    parts = [pd.DataFrame({"variant": name, "epoch": np.arange(1, EPOCHS + 1), "value": 1.0}) for name in BOTH]
    return pd.concat(parts).assign(**more)


def lines_of(kind: str) -> dict[str, object]:
    """Each figure in which variants meet as lines or points: variant → its trace."""
    if kind == "nudges":
        rows = pd.DataFrame({"variant": BOTH, "unit": "absolute", "size": 0.1, "seed": 0, "rmse": 0.5})
        drawing = nudge_curves(rows, "absolute", "rmse")
    elif kind == "overlaid":
        drawing = overlaid(history(name="A", low=0.5, high=1.5, seeds=2), "MSE")
    elif kind == "differences":
        drawing = difference_curves(history(mean=0.1, low=0.0, high=0.2), "B − A")
    elif kind == "report":
        drawing = overlaid_curves(history(run="#1", reconstruction=20.0, kl=np.nan), "nats / image")
    elif kind == "sweep":
        rows = pd.DataFrame({"variant": BOTH, "beta": 1.0, "mean": 1.0, "low": 0.5, "high": 1.5, "seeds": 3})
        drawing = against(rows, "beta", "β", "MSE")
    elif kind == "drawn":
        drawing = drawn_points(pd.DataFrame({"variant": BOTH, "beta": 1.0, "mean": 1.0}), "beta", "β", "MSE", log=False)
    else:
        folded = {"settings": "s", "rate": [np.nan, 2.0], "distortion": 20.0, "seeds": 1, "front": False}
        runs = {"settings": "s", "kl": [np.nan, 2.0], "reconstruction": 20.0}
        tables = [pd.DataFrame({"variant": BOTH} | columns) for columns in (folded, runs)]
        drawing = plane(*tables, {"s": "s"}, {}, "nats / image")
    ends = {trace.name: trace for trace in drawing.data if trace.name and trace.marker.symbol is not None}
    return {name: next(trace for title, trace in ends.items() if title.endswith(VARIANT_TITLES[name])) for name in BOTH}


@pytest.mark.parametrize("kind", ["nudges", "overlaid", "differences", "report", "sweep", "drawn", "plane"])
def test_variants_have_their_own_markers_wherever_they_meet(kind: str) -> None:
    for name, trace in lines_of(kind).items():
        assert "markers" in trace.mode and trace.marker.symbol == VARIANT_SYMBOLS[name]
        assert VARIANT_COLOURS[name] in (trace.marker.color, trace.line.color)
        if len(trace.x) == EPOCHS:
            assert trace.marker.maxdisplayed == 8, "a few along the line, not one for each epoch"


def test_lines_end_in_the_names_of_their_variants() -> None:
    notes = overlaid(history(name="B", low=0.5, high=1.5, seeds=1), "MSE").layout.annotations
    assert [note.text for note in notes] == ["<b>B</b> AE", "<b>B</b> VAE"]
    assert [note.font.color for note in notes] == [VARIANT_COLOURS[name] for name in BOTH]


def test_bars_of_variants_are_hatched_and_named() -> None:
    drawing = step_sizes({name: np.array([0.1, 0.2]) for name in VARIANT_COLOURS})
    assert [bars.marker.pattern.shape for bars in drawing.data] == list(VARIANT_PATTERNS.values())
    assert drawing.layout.showlegend


def test_curves_of_nudges_have_a_legend_of_lines_and_no_bands() -> None:
    rows = pd.DataFrame({"variant": BOTH, "unit": "absolute", "size": 0.1, "seed": 0, "rmse": 0.5})
    drawing = nudge_curves(rows, "absolute", "rmse")
    assert drawing.layout.showlegend
    listed = [trace.name for trace in drawing.data if trace.showlegend is not False]
    assert listed == [VARIANT_TITLES[name] for name in BOTH]


# Terms and estimators


def test_terms_have_their_own_colours_and_dashes() -> None:
    rows = pd.DataFrame({"epoch": [1, 2], "reconstruction": 20.0, "kl": 2.0, "loss": 22.0})
    lines = terms_per_epoch(rows, 1.0, "nats / image", 1).data
    assert [line.line.color for line in lines] == [TERM_COLOURS[term] for term in ("reconstruction", "kl", "loss")]
    assert len({line.line.dash for line in lines}) == 3


def test_what_adds_to_the_kl_and_what_subtracts_are_the_kl_s_own_colour() -> None:
    *_, above, below = kl_area(1.0, 0.6, 0.0, 1.0).data
    assert above.line.color == below.line.color == TERM_COLOURS["kl"]
    assert (above.fillpattern.shape, below.fillpattern.shape) == (None, "/")


def test_the_gradient_that_flows_back_is_the_reconstruction_s() -> None:
    norms = dict.fromkeys(("logits", "z", "mu", "logvar", "encoder_weights", "decoder_weights"), 1.0)
    drawing = gradient_graph(norms, "pathwise")
    assert TERM_COLOURS["reconstruction"] == BACKWARD
    assert drawing.count(f'fill="{BACKWARD}"') == 6, "the heads of all arrows"
    assert not any(hue in drawing for hue in (VARIANT_COLOURS["ae"], ESTIMATOR_COLOURS["pathwise"]))
