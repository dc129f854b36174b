"""The Sample page: its numbers, measured again."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from lessons import AE, VAE, Again, labels, notices, press, until
from paging import open_page, open_tab, texts
from scipy import stats

from pages.state import resources
from vae import datasets
from vae.analysis import geometry
from vae.analysis.expectations import EXPECTATIONS
from vae.figures.style import VARIANT_SHORT, VARIANT_TITLES
from vae.learning.randomness import stream
from vae.measuring import reference_classifier_of
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store


def test_the_quality_of_drawn_pictures_is_measured_again(stocked: Store, runs: dict[str, str]) -> None:
    app, again = open_page("sampling.py", run=runs["3-D"]), Again.of(stocked, runs["3-D"])
    table = app.dataframe[0].value
    column = table["Nearest training image"]
    z = torch.randn(500, 3, generator=stream(0, "draw 0")).numpy()
    pictures = {"Real test images": again.test}
    pictures |= {f"{VARIANT_SHORT[name]}, N(0, I)": geometry.decode(model, z) for name, model in again.models.items()}
    means = {}
    for title, x in pictures.items():
        distances = again.nearest(x)
        half = 1.96 * distances.std(ddof=1) / math.sqrt(len(x))
        means[title] = distances.mean()
        assert [float(part) for part in column[title].split(" ± ")] == pytest.approx([means[title], half], abs=6e-5)
    (first,) = notices(app)
    ae, vae = means["AE, N(0, I)"], means["VAE, N(0, I)"]
    assert f"Of real test images it is {means['Real test images']:.4f}. " in first
    head = "Distance to the nearest training image in pixel RMSE (mean over 500 pictures of each, drawn from N(0, I))"
    assert f"{head}: {AE} {ae:.4f}; {VAE} {vae:.4f}. In this one run: " in first
    interval = stats.ttest_ind(
        *(again.nearest(pictures[f"{short}, N(0, I)"]) for short in ("VAE", "AE")), equal_var=False
    ).confidence_interval(0.95)
    if interval.low <= 0 <= interval.high:
        assert f"no clear difference between {AE} and {VAE}" in first
    else:
        assert f"{VAE} is {'higher' if vae > ae else 'lower'} than {AE} by {abs(vae - ae):.4f} " in first
    assert first.endswith("Only one seed: not enough to conclude.")
    reference = reference_classifier_of(stocked, datasets.load("digits", resources.settings().data_dir))
    sure = reference.classifier.probabilities(again.test).max(axis=1).mean()
    assert table.loc["Real test images", "Confidence"] == f"{sure:.1%}"
    assert f"of the reference classifier; it is right on {reference.accuracy:.1%} of the test images." in texts(app)
    assert len(table) == 1 + 3 * 2


def test_no_more_real_images_are_claimed_than_there_are(stocked: Store, runs: dict[str, str]) -> None:
    shown = texts(open_page("sampling.py", run=runs["3-D"]))
    assert "297" in shown, "the digits have 297 test images, not as many as are drawn"
    assert "500 real test images" not in shown


@pytest.mark.parametrize(
    ("kind", "named"), [("3-D", AE), ("all four", f"{AE} and {VARIANT_TITLES['noise_only']}"), ("vae only", None)]
)
def test_drawing_from_the_prior_is_called_unfair_to_whoever_pays_no_kl(
    stocked: Store, runs: dict[str, str], kind: str, named: str | None
) -> None:
    app = open_page("sampling.py", run=runs[kind])
    assert [warning.value.split(". ")[0] for warning in app.warning] == (
        [f"This test is unfair to: {named}"] if named else []
    )
    app.get("button_group")[0].set_value("gaussian").run()
    assert not app.warning
    assert "drawn from a fitted Gaussian" in notices(app)[0]


def test_drawing_again_draws_others_and_a_mixture_says_how_many(stocked: Store, runs: dict[str, str]) -> None:
    app = open_page("sampling.py", run=runs["64-D"])
    before = notices(app)[0]
    press(app, "Draw again")
    assert notices(app)[0] != before
    app.get("button_group")[0].set_value("mixture").run()
    assert (
        "The mixture has 4 Gaussians with full covariances, fewer than 10: there are too few codes for more."
        in texts(app)
    )
    assert 1300 // (5 * 65) == 4, "five codes for each dimension of each component, and one for its weight"


def test_the_detour_is_measured_again_for_every_way(stocked: Store, runs: dict[str, str]) -> None:
    app = open_tab(open_page("sampling.py", run=runs["3-D"]), "Between two images")
    again = Again.of(stocked, runs["3-D"])
    app.selectbox(key="sampling.from").set_value(2).run()
    app.selectbox(key="sampling.to").set_value(9).run()
    table = app.dataframe[0].value.set_index(["Model", "Way"])
    ends = {name: codes.mu[[1, 8]] for name, codes in again.codes().items()}
    detours = {}
    for name, (a, b) in ends.items():
        decode = geometry.decoder(again.models[name])
        path = np.linspace(a, b, 11, dtype=np.float32)
        x = geometry.decode(again.models[name], path).astype(np.float64)
        steps = [float(np.sqrt(np.square(after - before).mean())) for before, after in pairwise(x)]
        apart = float(np.sqrt(np.square(x[-1] - x[0]).mean()))
        fine = geometry.decode(again.models[name], np.linspace(a, b, 2001, dtype=np.float32)).astype(np.float64)
        length = float(np.sqrt(np.square(np.diff(fine, axis=0)).mean(axis=1)).sum())  # ever smaller steps
        row = table.loc[VARIANT_TITLES[name], "straight line"]
        assert row.tolist() == pytest.approx([sum(steps), length, apart, max(steps)], abs=6e-5)
        detours[name] = geometry.pullback_length(decode, path) / apart
        ways = table.loc[VARIANT_TITLES[name]]
        assert (ways.iloc[:, 1] >= ways["Distance between the two ends"] - 1e-4).all(), (
            "no path is shorter than its ends are apart"
        )
        assert ways.iloc[2, 1] <= ways.iloc[0, 1] + 1e-4, "the geodesic began at the straight line"
    assert notices(app)[0].endswith(f"of this one path: {AE} {detours['ae']:.2f}, {VAE} {detours['vae']:.2f}.")


def test_a_way_to_the_same_image_goes_nowhere(stocked: Store, runs: dict[str, str]) -> None:
    app = open_tab(open_page("sampling.py", run=runs["2-D"]), "Between two images")
    app.selectbox(key="sampling.to").set_value(1).run()
    assert not app.exception and not app.error
    assert "Both ends are the same image" in texts(app)
    assert not notices(app)
    for way in ("slerp", "geodesic"):
        app.get("button_group")[0].set_value(way).run()
        assert not app.exception and not app.error
    assert app.dataframe[0].value.iloc[:, 2:].to_numpy() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(("kind", "rows"), [("1-D", 1), ("3-D", 3), ("64-D", 12)])
def test_dimensions_are_traversed_in_the_order_of_their_spread(
    stocked: Store, runs: dict[str, str], kind: str, rows: int
) -> None:
    app = open_tab(open_page("sampling.py", run=runs[kind]), "Each dimension by itself")
    for name, codes in Again.of(stocked, runs[kind]).codes().items():
        ranked = sorted(range(codes.latent_dim), key=lambda place: -codes.mu[:, place].std())[:rows]
        listed = ", ".join(str(place + 1) for place in ranked)
        assert f"Rows: dimension{'s' if rows > 1 else ''} {listed}." in texts(app), name
    assert ("The 12 of 64 dimensions" in texts(app)) == (kind == "64-D")


def test_samples_and_paths_as_tables(
    stocked: Store, runs: dict[str, str], downloads: dict[str, Callable[[], pd.DataFrame]]
) -> None:
    open_tab(open_page("sampling.py", run=runs["3-D"]), "Between two images")
    assert set(downloads) == {"samples", "paths"}
    samples, paths = downloads["samples"](), downloads["paths"]()
    assert list(samples.columns) == [
        "variant",
        "source",
        "nearest_distance",
        "nearest_half_interval",
        "confidence",
        "n",
    ]
    assert list(zip(samples["variant"], samples["source"], strict=True)) == [
        ("real", "test images"),
        *((name, source) for source in ("prior", "gaussian", "mixture") for name in ("ae", "vae")),
    ]
    assert samples["n"].tolist() == [297, *[500] * 6]
    lengths = ["pixel_length", "pullback_length", "ends_apart", "largest_step"]
    assert list(paths.columns) == ["variant", "way", "step", "rmse", *lengths]
    assert samples.notna().all(axis=None) and paths.notna().all(axis=None)
    groups = paths.groupby(["way", "variant"], sort=False)
    assert list(groups.groups) == [(way, name) for way in ("line", "slerp", "geodesic") for name in ("ae", "vae")]
    for _, rows in groups:
        assert rows["step"].tolist() == list(range(1, 11))
        assert rows["rmse"].sum() == pytest.approx(rows["pixel_length"].iloc[0], rel=1e-5)
        assert rows["rmse"].max() == pytest.approx(rows["largest_step"].iloc[0], rel=1e-6)
        assert (rows[lengths] == rows[lengths].iloc[0]).all(axis=None)


def brute_detours(again: Again, name: str) -> np.ndarray:
    """Of straight lines between images 2i and 2i + 1: the sum of many small steps over the distance of the ends."""
    found = []
    for a, b in again.codes()[name].mu[:80].reshape(40, 2, -1):
        x = geometry.decode(again.models[name], np.linspace(a, b, 1001, dtype=np.float32)).astype(np.float64)
        length = np.sqrt(np.square(np.diff(x, axis=0)).mean(axis=1)).sum()
        found.append(length / np.sqrt(np.square(x[-1] - x[0]).mean()))
    return np.array(found)


def test_many_paths_are_measured_again_and_the_missing_seeds_are_offered(stocked: Store, runs: dict[str, str]) -> None:
    app = open_tab(open_page("sampling.py", run=runs["3-D"]), "Between two images")
    again = Again.of(stocked, runs["3-D"])
    ae, vae = (brute_detours(again, name).mean() for name in ("ae", "vae"))
    said = next(element.value for element in app.markdown if "Over many paths" in element.value)
    outcome = "as expected" if f"{ae:.2f}" > f"{vae:.2f}" else "**not as expected**"
    on = "straight lines between 40 pairs of validation images"
    expected = f"Expected from the article: {EXPECTATIONS['path'].said}."
    assert said == (
        f"**Over many paths.** Path length ÷ straight distance (mean over {on}): {VAE} {vae:.2f}; {AE} {ae:.2f}. "
        f"{expected} In this one seed: {outcome}. Only one seed: not enough to conclude."
    )
    press(app, "Train 2 more seeds for a verdict")
    queued = stocked.runs(status=("queued",))
    assert {run.config.seed for run in queued} == {1, 2}
    for run in queued:
        assert execute(stocked, run.id, Settings.from_environment()) == "done"
    until(app, lambda app: "Over 3 seeds" in texts(app))
    assert "Train 2 more seeds for a verdict" not in labels(app)
    seeds = [again, *(Again.of(stocked, run.id) for run in queued)]
    means = {name: np.mean([brute_detours(of_seed, name).mean() for of_seed in seeds]) for name in ("ae", "vae")}
    assert f": {VAE} {means['vae']:.2f}; {AE} {means['ae']:.2f}. Over 3 seeds, seed by seed: " in texts(app)


def test_a_run_without_both_models_has_no_such_comparison(stocked: Store, runs: dict[str, str]) -> None:
    assert "Over many paths" not in texts(
        open_tab(open_page("sampling.py", run=runs["vae only"]), "Between two images")
    )
