"""Comparisons against cases worked out by hand, and against brute force."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vae.analysis import comparing
from vae.analysis.comparing import Difference
from vae.config import RunConfig
from vae.figures import comparing as figures
from vae.figures.style import VARIANT_COLOURS, VARIANT_TITLES

# Folding and differences of configs


def test_seeds_of_one_config_are_folded_and_nothing_else() -> None:
    base = RunConfig()
    configs = {
        "a": base,
        "b": base.model_copy(update={"beta": 2.0}),
        "c": base.model_copy(update={"seed": 5}),
        "d": base.model_copy(update={"seed": 5, "beta": 2.0}),
        "e": base.model_copy(update={"epochs": 3}),
        "f": base,
    }
    assert comparing.fold(configs) == [["a", "c", "f"], ["b", "d"], ["e"]]
    assert comparing.fold({}) == []


def test_differing_names_what_differs_in_words_and_not_the_seed() -> None:
    a, b = RunConfig(hidden=()), RunConfig(hidden=(512, 256), beta=0.5, seed=9)
    table = comparing.differing({"A": a, "B": b})
    assert table.to_dict("records") == [
        {"setting": "Hidden layers", "A": "none", "B": "512,256"},
        {"setting": "β, the weight of the KL", "A": "1", "B": "0.5"},
    ]
    same = comparing.differing({"A": a, "B": a.model_copy(update={"seed": 1})})
    assert same.empty and list(same.columns) == ["setting", "A", "B"]


# Over seeds


def histories() -> pd.DataFrame:
    rows = [("A", "vae", 1, 1.0), ("A", "vae", 2, 4.0), ("A", "vae", 1, 3.0), ("A", "vae", 2, 8.0), ("A", "ae", 1, 7.0)]
    return pd.DataFrame(rows, columns=["name", "variant", "epoch", "kl"])


def test_seeds_fold_into_mean_and_range() -> None:
    found = comparing.over_seeds(histories(), "kl")
    expected = [("A", "ae", 1, 7.0, 7.0, 7.0, 1), ("A", "vae", 1, 2.0, 1.0, 3.0, 2), ("A", "vae", 2, 6.0, 4.0, 8.0, 2)]
    assert list(found.itertuples(index=False, name=None)) == expected


def test_epochs_that_one_seed_lacks_are_left_out_and_so_is_nothing_measured() -> None:
    rows = pd.concat(
        [histories(), pd.DataFrame([("A", "vae", 3, 9.0), ("A", "ae", 2, np.nan)], columns=histories().columns)]
    )
    found = comparing.over_seeds(rows, "kl")
    assert found[["variant", "epoch"]].to_numpy().tolist() == [["ae", 1], ["vae", 1], ["vae", 2]]
    assert comparing.over_seeds(rows[:0], "kl").empty


# Paired differences


def test_a_paired_difference_is_a_paired_t_test() -> None:
    rng = np.random.default_rng(1)
    a = dict(enumerate(rng.normal(size=6)))
    b = {seed: value + 0.3 + 0.1 * rng.normal() for seed, value in a.items()} | {99: 1e6}
    found = comparing.paired(a, b)
    test = stats.ttest_rel([b[seed] for seed in a], list(a.values()))
    interval = test.confidence_interval(0.95)
    assert found.pairs == 6, "the seed that only B has plays no part"
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert (found.judgement == "B is higher") == (test.pvalue < 0.05)


@pytest.mark.parametrize("pairs", [1, 2])
def test_below_three_pairs_there_is_no_interval_and_no_verdict(pairs: int) -> None:
    found = comparing.paired(dict.fromkeys(range(pairs), 1.0), {seed: 3.0 + seed for seed in range(pairs)})
    assert found.mean == pytest.approx(2.0 + (pairs - 1) / 2)
    assert math.isnan(found.low) and math.isnan(found.high)
    assert found.judgement == "too few seeds"


def test_without_a_common_seed_there_is_no_difference() -> None:
    assert comparing.paired({1: 2.0}, {2: 2.0}) is None
    assert comparing.paired({1: 2.0}, {1: float("nan")}) is None
    assert comparing.paired({}, {}) is None


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.1, 0.3, "B is higher"), (-0.3, -0.1, "B is lower"), (-0.1, 0.1, "open"), (0.0, 0.0, "equal")],
)
def test_judgements(low: float, high: float, said: str) -> None:
    assert Difference((low + high) / 2, low, high, 3).judgement == said


def test_equal_differences_leave_an_interval_of_no_width() -> None:
    found = comparing.paired({1: 1.0, 2: 2.0, 3: 3.0}, {1: 2.0, 2: 3.0, 3: 4.0})
    assert (found.mean, found.low, found.high, found.judgement) == (1.0, 1.0, 1.0, "B is higher")


def test_a_paired_curve_pairs_by_seed_at_every_epoch() -> None:
    a = pd.DataFrame({"seed": [0, 0, 1, 1], "epoch": [1, 2, 1, 2], "kl": [1.0, 2.0, 3.0, 4.0]})
    b = pd.DataFrame({"seed": [1, 1, 0, 7], "epoch": [1, 2, 1, 1], "kl": [5.0, 9.0, 2.0, 100.0]})
    found = comparing.paired_curve(a, b, "kl")
    # Epoch 1: seed 0 gives 2 − 1, seed 1 gives 5 − 3; epoch 2 has seed 1 alone, one pair less.
    assert found[["epoch", "mean", "pairs"]].to_numpy().tolist() == [[1, 1.5, 2]]
    assert comparing.paired_curve(a, b[b.seed == 7], "kl").empty


# Best values


def test_best_is_the_least_of_its_group_ties_included() -> None:
    values = pd.Series([3.0, 1.0, 1.0, 5.0, 4.0, 2.0, np.nan])
    group = pd.Series(["x", "x", "x", "y", "y", "alone", "x"])
    assert comparing.best(values, group).tolist() == [False, True, True, False, True, False, False]


def test_runs_without_a_group_are_never_best() -> None:
    assert not comparing.best(pd.Series([1.0, 2.0]), pd.Series(["", ""])).any()
    assert len(comparing.best(pd.Series([], dtype=float), pd.Series([], dtype=str))) == 0


# Pareto fronts


def dominated(points: np.ndarray, i: int) -> bool:
    return any((p <= points[i]).all() and (p < points[i]).any() for p in points)


@pytest.mark.parametrize("seed", range(5))
def test_the_front_holds_what_nothing_dominates(seed: int) -> None:
    points = np.random.default_rng(seed).integers(0, 8, size=(40, 2)).astype(float)  # full of ties and duplicates
    assert comparing.pareto(points).tolist() == [not dominated(points, i) for i in range(len(points))]


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([], []),
        ([[1, 1]], [True]),
        ([[1, 1], [1, 1]], [True, True]),  # equal points do not dominate one another
        ([[1, 1], [1, 2], [2, 1]], [True, False, False]),  # a tie in one coordinate does
        ([[0, 3], [1, 2], [2, 2], [3, 0]], [True, True, False, True]),
        ([[np.nan, 0], [0, np.inf], [5, 5]], [False, False, True]),
    ],
)
def test_fronts_by_hand(points: list, front: list) -> None:
    assert comparing.pareto(np.array(points, dtype=float)).tolist() == front


def test_the_plane_takes_means_over_seeds_and_leaves_out_what_has_no_rate() -> None:
    rows = [
        ("s", "vae", 2.0, 10.0),
        ("s", "vae", 4.0, 14.0),
        ("t", "vae", 5.0, 13.0),
        ("s", "kl_only", 1.0, 1.0),
        ("s", "ae", np.nan, 0.5),
    ]
    found = comparing.rate_distortion(pd.DataFrame(rows, columns=["settings", "variant", "kl", "reconstruction"]))
    found = found.set_index(["settings", "variant"])
    assert found.loc[("s", "vae"), ["rate", "distortion", "seeds"]].tolist() == [3.0, 12.0, 2]
    assert found["front"].to_dict() == {
        ("s", "vae"): True,
        ("t", "vae"): False,
        ("s", "kl_only"): False,
        ("s", "ae"): False,
    }
    assert not found.loc[("s", "kl_only"), "samples"], "it decodes the mean: its reconstruction is no distortion"


# Figures


def test_letters_at_the_ends_of_lines_are_kept_apart_in_their_order() -> None:
    moved = figures.ends_apart([1.0, 0.0, 1.1, 5.0], gap=0.5)
    assert moved == [1.0, 0.0, 1.5, 5.0]
    assert figures.ends_apart([2.0, 2.0, 2.0], gap=1.0) == [2.0, 3.0, 4.0]
    assert figures.ends_apart([], gap=1.0) == []


def test_colour_is_the_variant_and_dash_the_settings() -> None:
    rows = [
        (name, v, e, 1.0, 0.5, 1.5, seeds)
        for name, seeds in (("A", 3), ("B", 1))
        for v in ("ae", "vae")
        for e in (1, 2)
    ]
    curves = pd.DataFrame(rows, columns=["name", "variant", "epoch", "value", "low", "high", "seeds"])
    drawing = figures.overlaid(curves, "Reconstruction (nats / image)")
    lines = {trace.name: trace.line for trace in drawing.data if trace.name}
    assert {name: (line.color, line.dash) for name, line in lines.items()} == {
        f"{letter} {VARIANT_TITLES[variant]}": (VARIANT_COLOURS[variant], dash)
        for letter, dash in (("A", "solid"), ("B", "dash"))
        for variant in ("ae", "vae")
    }
    bands = [trace for trace in drawing.data if trace.fill == "toself"]
    assert len(bands) == 2, "one seed has no band"
    assert list(bands[0].y) == [1.5, 1.5, 0.5, 0.5]
    assert len(set(figures.DASHES)) == len(comparing.LETTERS)
    assert figures.overlaid(curves[:0], "x").data == ()


def test_a_difference_without_an_interval_has_no_band() -> None:
    rows = [("vae", 1, 0.5, np.nan, np.nan), ("vae", 2, 0.4, np.nan, np.nan), ("ae", 1, 0.1, 0.0, 0.2)]
    drawing = figures.difference_curves(
        pd.DataFrame(rows, columns=["variant", "epoch", "mean", "low", "high"]), "B − A"
    )
    assert [trace.fill for trace in drawing.data] == ["toself", None, None]
    assert drawing.layout.shapes[0].y0 == drawing.layout.shapes[0].y1 == 0


def test_the_plane_keeps_what_has_no_rate_at_its_edge_and_names_as_text() -> None:
    rows = [("s", "vae", 2.0, 10.0), ("s", "vae", 4.0, 14.0), ("s", "ae", np.nan, 9.0), ("t", "vae", 1.0, 20.0)]
    runs = pd.DataFrame(rows, columns=["settings", "variant", "kl", "reconstruction"])
    folded = comparing.rate_distortion(runs)
    drawing = figures.plane(folded, runs, {"s": "<b>x</b>", "t": "t"}, {"s": "A"}, "nats / image")
    named = {(trace.name, trace.mode): trace for trace in drawing.data}
    front = named[("Pareto front", "lines")]
    assert (list(front.x), list(front.y), front.line.shape) == ([1.0, 3.0], [20.0, 12.0], "hv")
    vae = named[(VARIANT_TITLES["vae"], "markers+text")]
    assert vae.text == ("<b>A</b>", "<b></b>") and vae.customdata[0] == "&lt;b&gt;x&lt;/b&gt;<br>2 seeds"
    assert list(named[(VARIANT_TITLES["vae"], "markers")].x) == [2.0, 4.0], "only settings with several seeds"
    assert named[(VARIANT_TITLES["ae"], "markers+text")].xaxis == "x2"
    assert drawing.layout.xaxis.range[0] < 0, "a dead code's point is whole"
    without = figures.plane(folded[folded.variant == "vae"], runs, {"s": "", "t": ""}, {}, "nats / image")
    assert tuple(without.layout.xaxis.domain) == (0, 1)
