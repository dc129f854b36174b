"""The Latent space page: its numbers, measured again."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from lessons import AE, CONFIGS, VAE, Again, notices
from paging import open_page, open_tab, texts
from unpacking import unpacked

from pages.sections.latent_space import latent_views
from pages.stage import at_rest
from pages.stage.film import film
from pages.state import resources
from vae import datasets
from vae.analysis import geometry
from vae.analysis.codes import encode, kl_to_prior, mmd_to_prior, sample
from vae.analysis.views import manifold, side_by_side, view
from vae.figures.style import VARIANT_TITLES
from vae.learning.randomness import stream
from vae.store.runs import Store
from vae.store.tensor_bytes import unpack


def test_the_notice_of_the_latent_space_is_measured_again(stocked: Store, runs: dict[str, str]) -> None:
    again, run_id = Again.of(stocked, runs["3-D"]), runs["3-D"]
    (notice,) = notices(open_page("latent_space.py", run=run_id))
    spread, steepness, on = {}, {}, "pixel RMSE, median over 200 validation images"
    for name, model in again.models.items():
        mu = encode(model, again.x).mu
        spread[name] = np.sqrt(np.mean([np.var(column) for column in mu.T]))
        jacobians = geometry.jacobian(geometry.decoder(model), torch.from_numpy(mu)).double().numpy()  # (200, 64, 3)
        steepness[name] = np.median(np.linalg.norm(jacobians, axis=(1, 2))) / 8
    assert f"{AE} {spread['ae']:.2f}, {VAE} {spread['vae']:.2f}." in notice
    assert f"per unit of code ({on}): {AE} {steepness['ae']:.3f}, {VAE} {steepness['vae']:.3f}." in notice
    relative = {name: steepness[name] * spread[name] for name in spread}
    assert f"of its codes ({on}): {AE} {relative['ae']:.3f}, {VAE} {relative['vae']:.3f}." in notice
    absolute, per_std = ({name: f"{value:.3f}" for name, value in of_unit.items()} for of_unit in (steepness, relative))
    most, most_relative = (max(of_unit, key=lambda name: float(of_unit[name])) for of_unit in (absolute, per_std))
    end = (
        f"In this one run the larger change is that of {VARIANT_TITLES[most]} in both."
        if most == most_relative
        else f"In this one run the larger change is that of {VARIANT_TITLES[most]} per unit, and that of "
        f"{VARIANT_TITLES[most_relative]} per standard deviation: the order depends on the unit."
    )
    assert notice.endswith(f"{end} Only one seed: not enough to conclude.")


@pytest.mark.parametrize(
    ("steepness", "spread", "end"),
    [
        ((0.2, 0.1), (1.0, 1.0), "is that of Autoencoder in both. "),
        ((0.1, 0.2), (4.0, 1.0), "is that of Variational autoencoder per unit, and that of Autoencoder per "),
        ((0.1, 0.1), (4.0, 1.0), ""),
        ((0.1, 0.1004), (1.0, 1.0), ""),
    ],
    ids=["both", "depends on the unit", "a tie", "a tie in the digits shown"],
)
def test_whose_pictures_move_more_is_said_as_the_numbers_have_it(
    steepness: tuple[float, float], spread: tuple[float, float], end: str
) -> None:
    nothing = {"mean": np.zeros(2), "std": np.zeros(2), "kl": 0.0, "mmd": 0.0, "mmd_of_prior": 0.0, "count": 9}
    covered = {
        name: latent_views.Coverage(**nothing, steepness=steep, spread=wide)
        for name, steep, wide in zip(("ae", "vae"), steepness, spread, strict=True)
    }
    said = latent_views._whose_moves_more(covered)
    assert said.endswith("Only one seed: not enough to conclude.")
    assert end in said if end else said.startswith("Only one seed")


def test_the_distance_from_the_prior_is_measured_again(stocked: Store, runs: dict[str, str]) -> None:
    app = open_tab(open_page("latent_space.py", run=runs["3-D"]), "Distance from N(0, I)")
    table, codes = app.dataframe[0].value, Again.of(stocked, runs["3-D"]).codes()
    z = {"ae": codes["ae"].mu, "vae": sample(codes["vae"], stream(0, "coverage", 2))}
    for name, at in z.items():
        row = table.loc[VARIANT_TITLES[name]]
        assert row["Mean per dimension"] == ", ".join(f"{value:.2f}" for value in at.mean(axis=0))
        assert row["Std per dimension"] == ", ".join(f"{value:.2f}" for value in at.std(axis=0))
        assert float(row.iloc[3]) == pytest.approx(kl_to_prior(at), abs=6e-4)
        assert float(row["MMD²"]) == pytest.approx(mmd_to_prior(at, stream(0, "mmd")), abs=6e-5)
    assert table["Codes"].tolist() == ["as they are", "z ~ q(z|x)"]
    assert "Over 200 validation images." in texts(app)


@pytest.mark.parametrize("kind", ["1-D", "2-D", "64-D", "all four"])
def test_a_slice_says_that_it_is_one_and_a_line_has_no_plane(stocked: Store, runs: dict[str, str], kind: str) -> None:
    app, config = open_page("latent_space.py", run=runs[kind]), CONFIGS[kind]
    codes = Again.of(stocked, runs[kind]).codes()
    windows = side_by_side({name: view(of_variant) for name, of_variant in codes.items()})
    meta, arrays = unpacked(film(runs[kind], -1))
    assert ("plane" in meta["space"]) == (config.latent_dim > 2)
    if config.latent_dim > 2:
        assert meta["space"] == f"PCA plane of the {config.latent_dim}-D code"
        for name, of_variant in codes.items():
            variances = np.linalg.eigvalsh(np.cov(of_variant.mu.astype(np.float64), rowvar=False))
            assert arrays[f"{name}.share"][2] == pytest.approx(variances[-2:].sum() / variances.sum(), rel=1e-3)
    shown = texts(open_tab(app, "The space as pictures"))
    assert ("has no plane" in shown) == (config.latent_dim == 1)
    counted = [int(count) for count in re.findall(r"Tinted: (\d+) of 225 cells contain none of 200 codes", shown)]
    if 1 < config.latent_dim < 3:
        assert counted == [manifold(of_variant, name, 15).empty.sum() for name, of_variant in windows.items()]
    assert len(counted) == (0 if config.latent_dim == 1 else len(config.variants))
    table = open_tab(app, "Distance from N(0, I)").dataframe[0].value
    assert list(table.index) == [VARIANT_TITLES[name] for name in config.variants]
    assert table["Mean per dimension"].str.contains("…").all() == (config.latent_dim == 64)


def test_two_dimensions_can_be_chosen_and_never_the_same_one_twice(stocked: Store, runs: dict[str, str]) -> None:
    app = open_page("latent_space.py", run=runs["3-D"])
    app.selectbox(key="latent_space.across").set_value("2").run()
    up = app.selectbox(key="latent_space.up")
    assert (up.value, list(up.options)) == ("1", ["1", "3"])
    up.set_value("3").run()
    assert unpacked(film(runs["3-D"], -1, (1, 2)))[0]["space"] == "dimensions 2 and 3 of a 3-D code"
    app.selectbox(key="latent_space.across").set_value("3").run()
    assert (app.selectbox(key="latent_space.up").value, app.exception) == ("1", [])
    app.query_params["run"] = runs["2-D"]
    assert not app.run().exception
    assert "latent_space.across" not in [box.key for box in app.selectbox]


@pytest.mark.parametrize("kind", ["1-D", "64-D"])
def test_a_pinned_point_is_decoded_and_compared(
    stocked: Store, runs: dict[str, str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    strips: list[tuple[str, np.ndarray]] = []
    monkeypatch.setattr(
        "pages.shared.image_strips.strip", lambda title, images, *_, **__: strips.append((title, images))
    )
    app, again, at = open_page("latent_space.py", run=runs[kind]), Again.of(stocked, runs[kind]), [0.25, -0.125]
    assert "Click into a space to pin a point" in texts(app)
    app.session_state["latent_space.pin"] = {"place": (runs[kind], None), "at": {"ae": at, "vae": at}}
    app.run()
    assert not app.error and not app.exception
    shown = texts(app)
    for name, seen in at_rest.views(runs[kind], 2, None).items():
        np.testing.assert_array_equal(seen.codes.mu, again.codes()[name].mu)
        z = seen.plane.lift(np.array([at]))
        picture = geometry.decode(again.models[name], z)
        apart = np.sqrt(np.square(seen.codes.mu - z).sum(axis=1))
        assert (
            f"The nearest code is {apart.min() / seen.spread:.2f} standard deviations of the codes away, the training "
            f"image most alike {again.nearest(picture).item():.3f} (pixel RMSE, among 1,300)." in shown
        )
        (drawn,) = (images for title, images in strips if title == f"{VARIANT_TITLES[name]}: decoded here")
        assert np.abs(drawn / 255 - picture).max() <= 0.51 / 255
    near = [images for title, images in strips if title == "Images whose codes are nearest"]
    assert [images.shape for images in near] == [(8, 64)] * 2


def test_a_pin_of_another_run_is_not_shown(stocked: Store, runs: dict[str, str]) -> None:
    app = open_page("latent_space.py", run=runs["2-D"])
    app.session_state["latent_space.pin"] = {"place": (runs["3-D"], None), "at": {"ae": [0.0, 0.0], "vae": [0.0, 0.0]}}
    assert "Click into a space to pin a point" in texts(app.run())


@pytest.mark.parametrize("kind", ["1-D", "2-D", "64-D", "all four"])
def test_the_latent_space_as_tables(
    stocked: Store, runs: dict[str, str], downloads: dict[str, Callable[[], pd.DataFrame]], kind: str
) -> None:
    open_tab(open_page("latent_space.py", run=runs[kind]), "Take home")
    assert set(downloads) == {"codes", "map", "coverage"}
    tables, config, again = (
        {name: download() for name, download in downloads.items()},
        CONFIGS[kind],
        Again.of(stocked, runs[kind]),
    )
    count, latent_dim = len(config.variants), config.latent_dim
    assert all(table.notna().all(axis=None) for table in tables.values())
    whole = [f"z{place + 1}" for place in range(latent_dim)]
    assert list(tables["codes"].columns) == ["variant", "image", "class", "u", "v", *whole]
    assert len(tables["codes"]) == 200 * count
    classes = datasets.load("digits", resources.settings().data_dir).train_y[
        unpack(stocked.split_rows(runs[kind]))["validation"]
    ]
    for name, codes in again.codes().items():
        rows = tables["codes"][tables["codes"]["variant"] == name]
        np.testing.assert_array_equal(rows[whole], codes.mu)
        assert rows["image"].tolist() == list(range(200))
        assert rows["class"].tolist() == [str(label) for label in classes]
        if latent_dim == 2:
            np.testing.assert_array_equal(rows[["u", "v"]], codes.mu)
    assert list(tables["map"].columns) == ["variant", "u", "v", "area", "norm"]
    assert len(tables["map"]) == 48 * 48 * count
    assert (tables["map"][["area", "norm"]] >= 0).all(axis=None)
    first = tables["map"].iloc[0]
    seen = at_rest.views(runs[kind], 2, None)[config.variants[0]]
    z = seen.plane.lift(np.array([[first["u"], first["v"]]]))
    at = geometry.stretch(geometry.decoder(again.models[config.variants[0]]), z, seen.plane.axes[: min(2, latent_dim)])
    assert (first["area"], first["norm"]) == pytest.approx((at.area.item(), at.norm.item()), rel=1e-4)
    columns = ["variant", "dimension", "mean", "std", "kl_of_fitted_gaussian", "mmd2", "n"]
    assert list(tables["coverage"].columns) == columns
    assert tables["coverage"]["dimension"].tolist() == list(range(1, latent_dim + 1)) * count
    assert set(tables["coverage"]["n"]) == {200}
