"""Windows onto spaces side by side: what they hold, how long their bars are, and what the figures draw through them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
from lessons import done
from paging import shared_resources

from pages.stage import code_windows
from pages.state import resources
from vae.config import RunConfig
from vae.figures.latent import bar_words, latent_scatter, plane_title, prior_of, side_by_side
from vae.figures.windows import RINGS, Window, around, by_scale, crowded, extent, rounded_down, together, union
from vae.settings import Settings
from vae.store.runs import Store

RNG = np.random.default_rng(5)
WIDE = np.float16(RNG.uniform(-20, 25, size=(300, 2)))  # as an autoencoder's
NARROW = np.float16(RNG.uniform(-3, 3, size=(300, 2)))  # as a VAE's
COLLAPSED = np.float16(RNG.uniform(-0.02, 0.02, size=(300, 2)))
LABELS = np.arange(300) % 3
CLASSES = ("cat", "dog", "cow")
ORIGIN = np.zeros(2)


def windows(**clouds: np.ndarray) -> dict[str, dict[str, Window]]:
    return side_by_side({name: ({"codes": codes}, 2) for name, codes in clouds.items()})


# Windows


@pytest.mark.parametrize("codes", [WIDE, NARROW, COLLAPSED], ids=["wide", "narrow", "collapsed"])
def test_a_window_holds_every_code_and_the_prior_s_circles_and_no_more_than_it_takes(codes: np.ndarray) -> None:
    own = windows(cloud=codes)["cloud"]["own"]
    needed = np.concatenate([codes.astype(float), [[-2, -2], [2, 2]]])
    for axis in range(2):
        low, high = own.span(axis)
        assert low < needed[:, axis].min() and needed[:, axis].max() < high
    side = np.ptp(needed, axis=0).max()
    assert 1.05 * side < 2 * own.half < 1.4 * side


def test_a_collapsed_cloud_is_as_small_beside_the_circles_as_it_is() -> None:
    own = windows(cloud=COLLAPSED)["cloud"]["own"]
    assert own.half == 2.5, "2 standard deviations, some room, and on to the next half"
    assert 0.04 / (2 * own.half) < 0.01, "the cloud takes less than a hundredth of the picture's side"


def test_at_the_same_scale_all_look_through_one_window_that_holds_all_others() -> None:
    of_all = windows(ae=WIDE, vae=NARROW, dead=COLLAPSED)
    same = of_all["ae"]["same"]
    assert all(own_and_same["same"] == same for own_and_same in of_all.values())
    for own_and_same in of_all.values():
        for axis in range(2):
            assert same.span(axis)[0] <= own_and_same["own"].span(axis)[0] + 1e-9
            assert same.span(axis)[1] >= own_and_same["own"].span(axis)[1] - 1e-9
    assert same.half == pytest.approx(of_all["ae"]["own"].half), "the widest one's, which holds the others here"
    assert of_all["ae"]["own"].half > 5 * of_all["vae"]["own"].half


def test_one_space_has_nothing_to_be_compared_with() -> None:
    alone = windows(cloud=NARROW)["cloud"]
    assert alone["own"] == alone["same"]
    assert by_scale({}) == {}


def test_windows_far_apart_share_one_that_reaches_from_the_one_to_the_other() -> None:
    assert together([Window((-10, 0), 2), Window((10, 4), 3)]) == Window((0.5, 2.5), 12.5)


def test_a_cloud_that_grows_a_little_moves_no_axis() -> None:
    """While a run learns, its window moves in steps."""
    grown = [around(extent(np.float64([[-8, 1], [5 + 0.002 * i, 6]]), ORIGIN)) for i in range(100)]
    assert len(set(grown)) <= 2


def test_what_is_no_number_is_not_held_and_nothing_at_all_leaves_the_circles() -> None:
    broken = np.array([[np.nan, 1], [np.inf, 0], [3, 1]])
    np.testing.assert_array_equal(extent(broken, ORIGIN), [[-2, -2], [3, 2]])
    np.testing.assert_array_equal(extent(broken[:2], ORIGIN), [[-2, -2], [2, 2]])
    np.testing.assert_array_equal(extent(broken[:0]), [[-2, -2], [2, 2]])


def test_where_nobody_knows_the_prior_s_place_the_codes_have_as_much_room() -> None:
    codes = np.float64([[10, 10], [10.02, 10.02]])
    np.testing.assert_allclose(extent(codes, None), [[8.01, 8.01], [12.01, 12.01]])


def test_a_union_reaches_as_far_as_any() -> None:
    boxes = [np.float64([[0, -1], [2, 5]]), np.float64([[-3, 0], [1, 6]])]
    assert union(boxes).tolist() == [[-3, -1], [2, 6]]


# Bars


@pytest.mark.parametrize(
    ("length", "rounded"), [(1, 1), (1.99, 1), (2, 2), (4.9, 2), (5, 5), (9.99, 5), (10, 10), (0.03, 0.02), (700, 500)]
)
def test_lengths_are_rounded_down_to_1_2_or_5(length: float, rounded: float) -> None:
    assert rounded_down(length) == pytest.approx(rounded)


@pytest.mark.parametrize("half", [0.013, 0.5, 2.25, 8.5, 26.0, 4000.0])
def test_a_bar_is_a_round_length_that_fits(half: float) -> None:
    bar = Window((0, 0), half).bar
    assert 0.12 <= bar / (2 * half) <= 0.3
    assert f"{bar:.0e}"[0] in "125" and rounded_down(bar) == pytest.approx(bar)


def test_a_bar_says_its_length() -> None:
    assert [bar_words(length) for length in (0.05, 1, 20)] == [
        "0.05 units of code",
        "1 unit of code",
        "20 units of code",
    ]


# Figures


def drawn(
    codes: np.ndarray, of: dict[str, Window], latent_dim: int = 2, origin: np.ndarray | None = ORIGIN
) -> go.Figure:
    return latent_scatter(codes, LABELS, CLASSES, latent_dim, of, origin)


def shapes(drawing: go.Figure, scale: str) -> dict[str, dict]:
    return {shape["name"]: shape for shape in drawing.layout.meta["scales"][scale]["layout"]["shapes"]}


@pytest.mark.parametrize("scale", ["own", "same"])
def test_both_spaces_have_the_prior_s_circles_and_a_bar_of_its_length(scale: str) -> None:
    of_all = windows(ae=WIDE, vae=NARROW)
    for name, codes in (("ae", WIDE), ("vae", NARROW)):
        found, window = shapes(drawn(codes, of_all[name]), scale), of_all[name][scale]
        for ring in RINGS:
            circle = found[f"prior {ring:g}"]
            assert (circle["type"], circle["x0"], circle["x1"], circle["y0"], circle["y1"]) == (
                "circle",
                -ring,
                ring,
                -ring,
                ring,
            )
        bar = found["scale bar"]
        assert bar["x1"] - bar["x0"] == pytest.approx(window.bar) and bar["y0"] == bar["y1"]
        for axis, at in (("xaxis", (bar["x0"], bar["x1"])), ("yaxis", (bar["y0"],))):
            low, high = drawn(codes, of_all[name]).layout.meta["scales"][scale]["layout"][axis]["range"]
            assert all(low < value < high for value in at)


def test_circles_and_bar_are_named() -> None:
    of_all = windows(ae=WIDE, vae=NARROW)
    texts = {
        name: [
            annotation["text"]
            for annotation in drawn(codes, of_all[name]).layout.meta["scales"]["own"]["layout"]["annotations"]
        ]
        for name, codes in (("ae", WIDE), ("vae", NARROW))
    }
    assert texts["vae"] == ["1 std", "N(0, I), 2 std", "2 units of code"]
    assert texts["ae"] == ["N(0, I), 2 std", "10 units of code"], "small circles have room for one name"


def test_at_the_same_scale_the_axes_are_the_same_and_square() -> None:
    of_all = windows(ae=WIDE, vae=NARROW)
    axes = {}
    for name, codes in (("ae", WIDE), ("vae", NARROW)):
        scales = drawn(codes, of_all[name]).layout.meta["scales"]
        axes[name] = {scale: scales[scale]["layout"] for scale in ("own", "same")}
        for scale in ("own", "same"):
            across, up = (axes[name][scale][axis] for axis in ("xaxis", "yaxis"))
            assert np.ptp(across["range"]) == pytest.approx(np.ptp(up["range"]))
            assert (up["scaleanchor"], across["constrain"], up["constrain"]) == ("x", "domain", "domain")
    for axis in ("xaxis", "yaxis"):
        assert axes["ae"]["same"][axis] == axes["vae"]["same"][axis]
        assert axes["ae"]["own"][axis]["range"] != axes["vae"]["own"][axis]["range"]


def test_margins_leave_every_figure_the_same_room() -> None:
    of_all = windows(ae=WIDE, vae=NARROW)
    layouts = [drawn(codes, of_all[name]).layout for name, codes in (("ae", WIDE), ("vae", NARROW))]
    assert layouts[0].margin == layouts[1].margin
    assert not any(axis.automargin for layout in layouts for axis in (layout.xaxis, layout.yaxis))


def test_a_figure_opens_at_its_own_scale() -> None:
    of_all = windows(ae=WIDE, vae=NARROW)
    drawing = drawn(NARROW, of_all["vae"])
    assert drawing.layout.xaxis.range == of_all["vae"]["own"].span(0)
    assert [shape.name for shape in drawing.layout.shapes] == ["prior 1", "prior 2", "scale bar"]


def test_names_that_would_cover_one_another_are_left_out() -> None:
    middles = np.float64([[0, 0], [1, 0], [0, 1]])
    assert not crowded(middles, Window((0, 0), 2))
    assert crowded(middles, Window((0, 0), 20))
    assert not crowded(middles[:1], Window((0, 0), 1e6)), "one name covers no other"
    codes = np.float16(np.repeat(middles, 100, axis=0) + 0.01 * RNG.normal(size=(300, 2)))
    labels = np.repeat([0, 1, 2], 100)
    of_all = windows(near=codes, wide=20 * WIDE)
    scales = latent_scatter(codes, labels, CLASSES, 2, of_all["near"], ORIGIN).layout.meta["scales"]
    assert (scales["own"]["visible"], scales["same"]["visible"]) == ([True, True], [True, False])


def test_a_line_has_ends_in_place_of_circles_and_its_classes_stay_where_they_are() -> None:
    codes = np.column_stack([NARROW[:, 0], np.zeros(300)])
    of_all = side_by_side({"ae": ({"codes": 9 * codes}, 1), "vae": ({"codes": codes}, 1)})
    drawing = drawn(codes, of_all["vae"], latent_dim=1)
    for scale in ("own", "same"):
        layout, found = drawing.layout.meta["scales"][scale]["layout"], shapes(drawing, scale)
        assert [(found[f"prior {ring:g}"]["x0"], found[f"prior {ring:g}"]["x1"]) for ring in RINGS] == [
            (-1, 1),
            (-2, 2),
        ]
        assert {shape["yref"] for shape in found.values()} == {"y domain"}
        assert "range" not in layout["yaxis"] and layout["xaxis"]["range"] == of_all["vae"][scale].span(0)
    assert list(drawing.data[0].y) == LABELS.tolist()


def test_a_slice_has_its_circles_where_the_prior_lies_and_none_where_nobody_knows() -> None:
    place = np.float32([3, -1])
    snapshot = {"codes": NARROW, "prior": place}
    window = side_by_side({"it": (snapshot, 20)})["it"]
    ring = shapes(drawn(NARROW, window, 20, prior_of(snapshot, 20)), "own")["prior 2"]
    assert (ring["x0"], ring["x1"], ring["y0"], ring["y1"]) == (1, 5, -3, 1)
    old = {"codes": NARROW}
    assert prior_of(old, 20) is None and prior_of(old, 2).tolist() == [0, 0]
    assert list(shapes(drawn(NARROW, side_by_side({"it": (old, 20)})["it"], 20, None), "own")) == ["scale bar"]
    assert plane_title(20, 0.5, None).endswith("without the prior's place)")


# Runs


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Store, str]:
    """A run of 3-D codes, and its store, as pages see it."""
    settings = Settings.from_environment(
        {"VAE_DATA_DIR": str(tmp_path), "VAE_DATABASE_URL": f"sqlite:///{tmp_path / 'x'}"}
    )
    with shared_resources(tmp_path, settings.database_url, monkeypatch) as store:
        yield store, done(store, RunConfig(epochs=4, latent_dim=3), settings)


def test_a_replay_moves_no_axis_and_hides_no_code(recorded: tuple[Store, str]) -> None:
    store, run_id = recorded
    run = store.run(run_id)
    of_all = [code_windows.of_run(run, epoch) for epoch in range(5)]
    assert all(one == other for one, other in pairwise(of_all))
    for epoch in range(5):
        for name, snapshot in resources.snapshot(run_id, epoch).items():
            own = of_all[0][name]["own"]
            assert (np.abs(snapshot["codes"].astype(float) - own.centre) < own.half).all()


def test_snapshots_keep_where_the_prior_lies(recorded: tuple[Store, str]) -> None:
    _, run_id = recorded
    for snapshot in resources.snapshot(run_id, 4).values():
        assert snapshot["prior"].dtype == np.float32 and snapshot["prior"].shape == (2,)
        assert prior_of(snapshot, 3) is snapshot["prior"]
