"""A run's film: what the browser is sent is what was recorded, in whole numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lessons import CONFIGS, done, under_way
from unpacking import unpacked

from pages.stage import at_rest, code_windows, film
from pages.stage.film import IMAGES, NO_NUMBER
from pages.state import loaded_models, memory_cache, resources
from vae.analysis.codes import plane
from vae.config import RunConfig
from vae.figures.style import VARIANT_TITLES
from vae.store.runs import Store
from vae.store.tensor_bytes import unpack

each_kind = pytest.mark.parametrize("kind", list(CONFIGS))


def codes_of(arrays: dict[str, np.ndarray], variant: str) -> np.ndarray:
    """(E, n, 2), as the browser reads them."""
    return arrays[f"{variant}.codes"].astype(np.float64) * arrays[f"{variant}.unit"][:, None, None]


def whole(run_id: str, dimensions: Any = None) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    return unpacked(film.film(run_id, -1, dimensions))


@each_kind
def test_codes_pictures_and_numbers_are_those_that_were_recorded(
    stocked: Store, runs: dict[str, str], kind: str
) -> None:
    meta, arrays = whole(runs[kind])
    config, history = CONFIGS[kind], stocked.history(runs[kind])
    assert (meta["epochs"], meta["newest"], meta["planned"], meta["status"]) == ([0, 1, 2], 2, 2, "done")
    assert [spec["variant"] for spec in meta["variants"]] == list(config.variants)
    for spec in meta["variants"]:
        name = spec["variant"]
        assert spec["title"] == VARIANT_TITLES[name]
        for place, epoch in enumerate(meta["epochs"]):
            snapshot = unpack(stocked.snapshots(runs[kind], epoch)[name])
            recorded = snapshot["codes"].astype(np.float64)
            assert np.abs(codes_of(arrays, name)[place] - recorded).max() <= np.abs(recorded).max() / 65_000
            np.testing.assert_array_equal(arrays[f"{name}.from_mean"][place], snapshot["from_mean"][:IMAGES])
            assert (f"{name}.from_sample" in arrays) == ("from_sample" in snapshot) == spec["noise"]
            assert len(spec["rows"]) == 2 + spec["noise"]
            np.testing.assert_array_equal(arrays[f"{name}.prior"][place], snapshot["prior"])
            row = (
                history[(history["split"] == "validation") & (history["epoch"] == epoch)].set_index("variant").loc[name]
            )
            for term in ("reconstruction", "kl", "active_units"):
                told = meta["rows"][name][term][place]
                assert told == pytest.approx(row[term], nan_ok=True) if told is not None else np.isnan(row[term])
    images = unpack(stocked.originals(runs[kind]))
    np.testing.assert_array_equal(arrays["originals"], images["images"][:IMAGES])
    np.testing.assert_array_equal(arrays["labels"], images["labels"])
    assert (meta["latentDim"], meta["shape"], meta["rings"]) == (config.latent_dim, [1, 8, 8], [1, 2])
    assert meta["kept"] == [0, 1, 2]
    floor = stocked.run(runs[kind]).data["floor"]["validation"]["bce"]
    assert meta["floor"] == floor and "validation images" in meta["watched"]


def test_only_new_epochs_are_sent_once_the_others_are_known(stocked: Store, runs: dict[str, str]) -> None:
    meta, arrays = unpacked(film.film(runs["2-D"], 1))
    assert meta["epochs"] == [2] and len(arrays["ae.codes"]) == 1
    assert "originals" not in arrays and "variants" not in meta, "the browser has what is the same for all epochs"
    np.testing.assert_array_equal(arrays["ae.codes"][0], whole(runs["2-D"])[1]["ae.codes"][2])
    assert unpacked(film.film(runs["2-D"], 2))[0]["epochs"] == []


def test_a_run_under_way_is_sent_as_far_as_it_is_and_one_that_waits_has_no_epoch(shared: Store) -> None:
    meta, _ = whole(under_way(shared, 1))
    assert (meta["epochs"], meta["status"], meta["planned"], meta["newest"]) == ([0, 1], "running", 5, 1)
    waiting, arrays = whole(shared.create(RunConfig(epochs=7), "test"))
    assert (waiting["epochs"], waiting["status"], waiting["planned"], waiting["newest"]) == ([], "queued", 7, -1)
    assert arrays == {}


def test_windows_hold_all_codes_and_are_the_same_one_at_the_same_scale(stocked: Store, runs: dict[str, str]) -> None:
    meta, arrays = whole(runs["3-D"])
    of_run = code_windows.of_run(stocked.run(runs["3-D"]), 2)
    for name, scales in meta["windows"].items():
        for scale, window in scales.items():
            expected = of_run[name][scale]
            assert (tuple(window["centre"]), window["half"], window["bar"]) == (*vars(expected).values(), expected.bar)
        own = scales["own"]
        assert (np.abs(codes_of(arrays, name) - own["centre"]) <= own["half"]).all()
    assert meta["windows"]["ae"]["same"] == meta["windows"]["vae"]["same"]


def test_along_two_dimensions_codes_are_encoded_with_the_kept_weights(stocked: Store, runs: dict[str, str]) -> None:
    meta, arrays = whole(runs["64-D"], (3, 1))
    assert meta["epochs"] == [0, 1, 2] and meta["space"] == "dimensions 4 and 2 of a 64-D code"
    for place, epoch in enumerate(meta["epochs"]):
        for name, codes in loaded_models.codes(runs["64-D"], epoch).items():
            surface = plane(codes.mu, (3, 1))
            expected = codes.mu[:, [3, 1]] - codes.mu[:, [3, 1]].mean(axis=0)
            np.testing.assert_allclose(codes_of(arrays, name)[place], expected, atol=1e-3)
            assert arrays[f"{name}.share"][place] == pytest.approx(surface.share)
            own = meta["windows"][name]["own"]
            assert (np.abs(expected - own["centre"]) <= own["half"]).all()


@each_kind
def test_a_point_of_the_picture_lies_where_the_plane_says(stocked: Store, runs: dict[str, str], kind: str) -> None:
    """The axes are those of the recorded codes, which do not flip from epoch to epoch."""
    _, recorded = whole(runs[kind])
    for epoch in (0, 2):
        meta, arrays = unpacked(at_rest.AtRest(runs[kind], epoch, None).plane())
        assert meta["epoch"] == epoch
        for name, codes in loaded_models.codes(runs[kind], epoch).items():
            panel, flat = meta["panels"][name], CONFIGS[kind].latent_dim == 1
            origin, axes = np.array(panel["origin"]), np.array(panel["axes"])
            uv = (codes.mu - origin) @ axes.T
            found = codes_of(recorded, name)[epoch]
            np.testing.assert_allclose(uv[: len(found)], found, atol=2e-3 * max(1, np.abs(found).max()))
            assert panel["slice"] == (CONFIGS[kind].latent_dim > 2)
            assert panel["spread"] == pytest.approx(np.sqrt(uv.var(axis=0)[: 1 if flat else 2].mean()), rel=1e-4)
            if f"{name}.ellipses" in arrays:
                variance = np.square(codes.std[:3]) @ np.square(axes[0])
                np.testing.assert_allclose(arrays[f"{name}.ellipses"][:3, 2], variance, rtol=1e-3)
            assert (f"{name}.ellipses" in arrays) == (codes.std is not None and not flat)


def test_maps_are_those_of_the_window_they_were_measured_in(stocked: Store, runs: dict[str, str]) -> None:
    meta, arrays = unpacked(at_rest.AtRest(runs["2-D"], 2, None).maps())
    for name, seen in at_rest.views(runs["2-D"], 2, None).items():
        assert meta["windows"][name] == {"centre": pytest.approx(seen.centre.tolist()), "half": seen.half}
        for kind in ("area", "norm"):
            values = arrays[f"{name}.{kind}"]
            np.testing.assert_allclose(meta["ranges"][kind][name], [values.min(), values.max()], rtol=1e-6)


def test_a_long_film_leaves_epochs_out_and_stays_below_its_size(shared: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = done(shared, RunConfig(epochs=12))
    every = len(film.film(run_id, -1))
    monkeypatch.setattr(film, "MOST", every // 3)
    memory_cache.clear()
    stride = film.stride(shared.run(run_id))
    assert 2 < stride < 6
    assert whole(run_id)[0]["epochs"] == sorted({*range(0, 13, stride), 12})


def test_codes_that_have_diverged_travel_as_no_number() -> None:
    codes = np.array([[[1.0, -2.0], [np.nan, 3.0], [np.inf, 0.0]]])
    found = film._whole("ae", codes)
    assert found["ae.codes"].tolist()[0][1][0] == NO_NUMBER == found["ae.codes"].tolist()[0][2][0]
    np.testing.assert_allclose(codes_of(found, "ae")[0, 0], [1, -2], atol=1e-4)
    assert np.isfinite(found["ae.unit"]).all()


def test_what_to_notice_is_said_of_each_epoch(stocked: Store, runs: dict[str, str]) -> None:
    meta, _ = whole(runs["2-D"])
    for place, epoch in enumerate(meta["epochs"]):
        notice = meta["notices"][place]
        for name in ("ae", "vae"):
            spread = resources.snapshot(runs["2-D"], epoch)[name]["codes"].astype(np.float64).std(axis=0)
            assert f"{VARIANT_TITLES[name]} {spread[0]:.3g} × {spread[1]:.3g}" in notice
            assert f"{meta['rows'][name]['reconstruction'][place]:.2f}" in notice
        assert "Only one seed" in notice
