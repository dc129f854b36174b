"""Two losses on a data set with known factors: scores and traversals as Streamlit's own test runner sees them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import postgres
import pytest
from lessons import done, notices, numbers_missing, press, until
from paging import every_tab, open_page, open_tab, texts
from streamlit.testing.v1 import AppTest

from pages.sections.two_losses import dimension_traversals, known_factors, loss_terms
from pages.shared import latent_traversals
from pages.state import resources
from vae import datasets
from vae.analysis.codes import encode, sample
from vae.config import RunConfig
from vae.figures.factors import SCORE_TITLES, scores_by_beta
from vae.figures.style import VARIANT_TITLES
from vae.learning.randomness import stream
from vae.measuring import KINDS, MEASUREMENTS, disentanglement_of, models_of
from vae.store.measurements import measurement
from vae.store.runs import Run, Store

TINY = RunConfig(dataset="shapes", epochs=1, hidden=(8,), latent_dim=3, train_limit=64, validation_size=16)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """In the place of that of lessons.py, for the fixtures there: an AE and a VAE, and the VAE with another β."""
    with postgres.settings_for(tmp_path_factory.mktemp("library")) as settings:
        store = Store(settings.database_url)
        configs = {
            "both": TINY,
            "β = 4": TINY.model_copy(update={"variants": ("vae",), "beta": 4.0}),
            "another seed": TINY.model_copy(update={"variants": ("vae",), "beta": 0.5, "seed": 9}),
            "ae only": TINY.model_copy(update={"variants": ("ae",), "latent_dim": 2}),
            "digits": RunConfig(epochs=1),
        }
        ids = {kind: done(store, config, settings) for kind, config in configs.items()}
        yield settings.database_url, ids


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[str, Callable[[], pd.DataFrame]]:
    """What the section's download buttons would make, by the first word of the file's name."""
    found: dict[str, Callable[[], pd.DataFrame]] = {}
    for module in (known_factors, dimension_traversals):
        monkeypatch.setattr(module, "csv", lambda table, name: found.update({name.split("-")[0]: table}))
    return found


def scored(app: AppTest) -> pd.DataFrame | None:
    """The table of scores, once it is there."""
    return next((element.value for element in app.dataframe if "Codes of" in element.value.columns), None)


def html(app: AppTest) -> list[str]:
    return [element.proto.body for element in app.get("html")]


def factors_of(run_id: str) -> AppTest:
    """The tab of the page that shows this run."""
    return open_tab(open_page("two_losses.py", run=run_id), "Known factors")


def test_scores_of_this_run_and_its_siblings_are_measured_and_shown(
    stocked: Store, runs: dict[str, str], made: dict[str, Callable[[], pd.DataFrame]]
) -> None:
    app = until(factors_of(runs["both"]), lambda app: scored(app) is not None)
    until(app, lambda app: len(scored(app)) == 3)
    app.run()
    shown = scored(app)
    assert list(shown["Codes of"]) == [VARIANT_TITLES["ae"], "VAE, β = 1", "VAE, β = 4"]
    assert list(shown.columns[1:]) == list(SCORE_TITLES.values())
    kept = {kind: measurement(stocked, runs[kind], 1, KINDS["disentanglement"]) for kind in ("both", "β = 4")}
    for place, (kind, name) in enumerate((("both", "ae"), ("both", "vae"), ("β = 4", "vae"))):
        values = kept[kind][kept[kind]["variant"] == name].set_index(["score", "codes"])["value"]
        assert shown.iloc[place, 1:].tolist() == [
            f"{values[key]:.3f}" if key in values else "–" for key in SCORE_TITLES
        ]
    assert shown.iloc[0, 2] == "–", "an autoencoder has no samples"
    said = texts(app)
    assert "5 factors: shape, scale, rotation, x, y" in said
    assert "on all 6,144 images, also those that it did not learn from: every combination of factors once." in said
    assert measurement(stocked, runs["another seed"], 1, KINDS["disentanglement"]) is None, "no sibling"
    (notice,) = (text for text in notices(app) if "MIG" in text)
    assert "Only one seed: not enough to conclude." in notice
    assert numbers_missing(app) == []
    table = made["disentanglement"]()
    assert sorted(table["beta"].dropna().unique()) == [1.0, 4.0]
    assert table.loc[table["variant"] == "ae", "beta"].isna().all()
    assert len(table) == 2 + 3 + 3


def test_each_dimension_of_the_chosen_vae_is_moved_in_the_order_of_its_kl(
    stocked: Store,
    runs: dict[str, str],
    made: dict[str, Callable[[], pd.DataFrame]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    traversed = latent_traversals.traversals
    monkeypatch.setattr(
        latent_traversals, "traversals", lambda *given, **more: asked.append((given, more)) or traversed(*given, **more)
    )
    app = factors_of(runs["both"])
    until(app, lambda app: scored(app) is not None and len(scored(app)) == 3)
    (choice,) = (group for group in app.get("button_group") if group.label == "β of the VAE")
    assert [str(option) for option in choice.options] == ["1", "4"]
    choice.set_value(4.0).run()
    assert not app.exception, app.exception
    (run_id, epoch, image, *_), more = asked[-1]
    assert (run_id, epoch, image) == (runs["β = 4"], 1, 0)
    kl = loss_terms.dimensions(run_id, 1)["vae"].kl
    assert list(kl[list(more["order"])]) == sorted(kl, reverse=True)
    rows = re.findall(r"Dimension (\d): KL (\d+\.\d\d) nats, knows (\d+)% of (\w+)<", "".join(html(app)))
    assert [int(row[0]) - 1 for row in rows] == list(more["order"])
    assert [row[1] for row in rows] == [f"{value:.2f}" for value in kl[list(more["order"])]]
    images = datasets.load("shapes", resources.settings().data_dir)
    x = np.vstack([images.train_x, images.test_x]).astype(np.float32) / 255
    codes = encode(models_of(stocked, stocked.run(run_id), 1)["vae"], x)
    z = sample(codes, stream(0, "disentangle"))
    grid = np.vstack([images.factors.train, images.factors.test])
    first = more["order"][0]
    binned = np.digitize(z[:, first], np.histogram_bin_edges(z[:, first], 20)[1:-1])
    shares = {}
    for name, size, value in zip(images.factors.names, images.factors.sizes, grid.T, strict=True):
        joint = np.histogram2d(binned, value, [20, size], [[0, 20], [0, size]])[0] / len(x)
        outer = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
        shares[name] = (joint[joint > 0] * np.log(joint[joint > 0] / outer[joint > 0])).sum() / np.log(size)
    best = max(shares, key=shares.get)
    assert rows[0][2:] == (f"{shares[best] * 100:.0f}", best)
    table = made["factors"]()
    assert table["kl"].tolist() == kl.tolist()
    for name, share in shares.items():
        assert table[f"share_of_{name}"][first] == pytest.approx(share, abs=1e-6)


def test_traversals_keep_their_order_where_none_is_asked_for(stocked: Store, runs: dict[str, str]) -> None:
    """Of the Sample page: those along which codes vary most come first."""
    plain = latent_traversals.traversals(runs["both"], 1, 0, 3, 2.0, 5)["vae"]
    turned = latent_traversals.traversals(runs["both"], 1, 0, 3, 2.0, 5, order=tuple(plain.dimensions[::-1].tolist()))[
        "vae"
    ]
    np.testing.assert_array_equal(turned.dimensions, plain.dimensions[::-1])
    np.testing.assert_allclose(turned.images, plain.images[::-1], atol=1e-6)


def test_a_sibling_whose_first_epoch_is_not_read_yet_breaks_nothing(
    stocked: Store, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list of runs and the history of one are read at different moments."""
    read = resources.progress

    def behind(run_id: str) -> tuple[Run, pd.DataFrame]:
        run, history = read(run_id)
        return (dataclasses.replace(run, epoch=-1), history[:0]) if run_id == runs["β = 4"] else (run, history)

    behind.clear = read.clear
    monkeypatch.setattr(resources, "progress", behind)
    for app in every_tab(open_page("two_losses.py", run=runs["both"])):
        assert not app.exception and not app.error
    assert "still to train" in texts(open_tab(app, "Other β"))


def test_other_data_sets_get_one_sentence(stocked: Store, runs: dict[str, str]) -> None:
    app = factors_of(runs["digits"])
    titles = "**Strokes 28×28** or **Shapes 32×32** or **Shapes in colour 32×32**"
    assert f"choose the data set {titles} on the Train page." in texts(app)
    assert scored(app) is None
    assert not app.get("progress")


def test_a_run_without_a_vae_says_so(stocked: Store, runs: dict[str, str]) -> None:
    app = factors_of(runs["ae only"])
    assert "This run holds no variational autoencoder: choose one that does." in texts(app)
    assert scored(app) is None and not app.error


def test_a_measurement_that_broke_off_can_be_asked_for_again(
    stocked: Store, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as context:
        context.setitem(MEASUREMENTS, "disentanglement", lambda *_: 1 / 0)
        app = until(factors_of(runs["another seed"]), lambda app: app.error)
        assert [error.value for error in app.error] == [
            "β = 0.5: Measuring broke off: ZeroDivisionError: division by zero."
        ]
    press(app, "Try again")
    until(app, lambda app: scored(app) is not None)
    assert not app.error
    assert "Only one seed: not enough to conclude. Train with every β, under Other β" in "\n".join(notices(app))
    expected = disentanglement_of(stocked, runs["another seed"], 1, resources.settings())
    assert scored(app).iloc[0, 1] == f"{expected['value'].iloc[0]:.3f}"


# The figure and the sentences


def table(**values: list[float]) -> pd.DataFrame:
    """Scores at β = 20, 0 and 1, in this order; chance 0.1."""
    rows = [
        {"beta": beta, "score": key[0], "codes": key[1], "value": value, "chance": 0.1}
        for key, name in zip(SCORE_TITLES, ("mean", "sample", "factor_vae"), strict=True)
        for beta, value in zip((20.0, 0.0, 1.0), values[name], strict=True)
    ]
    return pd.DataFrame(rows)


def test_the_figure_draws_every_score_by_beta_beside_its_chance() -> None:
    given = table(mean=[0.3, 0.1, 0.2], sample=[0.2, 0.0, 0.1], factor_vae=[0.6, 0.4, 0.9])
    before = given.copy()
    drawing = scores_by_beta(given)
    pd.testing.assert_frame_equal(given, before)
    assert list(drawing.layout.xaxis.categoryarray) == ["0", "1", "20"]
    lines = [trace for trace in drawing.data if trace.name]
    assert [trace.name for trace in lines] == list(SCORE_TITLES.values())
    assert list(lines[0].x) == ["0", "1", "20"] and list(lines[0].y) == [0.1, 0.2, 0.3]
    assert list(lines[2].y) == [0.4, 0.9, 0.6]
    assert [list(trace.y) for trace in drawing.data if not trace.name] == [[0.1] * 3] * 3
    assert {trace.name: trace.yaxis for trace in lines} == dict(
        zip(SCORE_TITLES.values(), ["y", "y", "y2"], strict=True)
    )
    assert drawing.layout.yaxis.range[1] > 0.3 and drawing.layout.yaxis2.range[1] >= 1, "all of it is in view"
    assert len(scores_by_beta(given[:0]).data[0].x) == 0


def test_what_to_notice_follows_the_numbers() -> None:
    agreed = known_factors.notice(table(mean=[0.3, 0.1, 0.2], sample=[0.2, 0.0, 0.1], factor_vae=[0.6, 0.4, 0.5]))
    assert "MIG, means μ: 0.300 at β = 20, down to 0.100 at β = 0" in agreed
    assert "The scores are highest at the same β." in agreed
    split = known_factors.notice(table(mean=[0.3, 0.1, 0.2], sample=[0.2, 0.0, 0.1], factor_vae=[0.6, 0.4, 0.9]))
    assert "The scores are highest at different β." in split
    flat = known_factors.notice(table(mean=[0.3] * 3, sample=[0.2] * 3, factor_vae=[0.6] * 3))
    assert "MIG, means μ: 0.300;" in flat and "No score tells one β from another." in flat
    some = known_factors.notice(table(mean=[0.3] * 3, sample=[0.2] * 3, factor_vae=[0.6, 0.4, 0.9]))
    assert "highest at the same" not in some and "at different" not in some, (
        "one score that tells them apart agrees with nobody"
    )


def test_what_to_notice_of_dimensions_names_the_best_and_the_least_known() -> None:
    share = np.array([[0.1, 0.7], [0.2, 0.3], [0.0, 0.6]])
    assert dimension_traversals.notice(2, share, ("size", "x")) == (
        "2 of 3 dimensions are active. Dimension 1 knows most of a single factor: 70% of x. No dimension knows more "
        "than 20% of size."
    )
    assert "full turn" in dimension_traversals.notice(2, share, ("rotation", "x"))
