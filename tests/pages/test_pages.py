"""Pages as Streamlit's own test runner sees them: what is on them, without a browser."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from lessons import notices
from paging import open_page, open_tab, texts, unescaped
from sqlalchemy import update
from streamlit.testing.v1 import AppTest
from unpacking import unpacked

from pages.stage.film import film
from pages.state import resources
from pages.text.escape_markdown import escape_markdown
from vae.choices.variants import VARIANTS
from vae.config import PRESETS, RunConfig
from vae.errors import InputError
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store import schema
from vae.store.runs import Store, now
from vae.store.tensor_bytes import unpack


@pytest.mark.parametrize("name", ["start.py", "train.py", "reconstructions.py"])
def test_every_page_opens_without_any_run(shared: Store, name: str) -> None:
    app = open_page(name)
    assert len(app.title) == 1
    assert not app.error


@pytest.mark.parametrize("name", ["start.py", "train.py"])
def test_every_page_shows_a_finished_run(shared: Store, finished: str, name: str) -> None:
    app = open_page(name, run=finished)
    shown = texts(app)
    assert finished in shown
    assert "PCA plane of the 3-D code" in unpacked(film(finished, -1))[0]["space"], "a slice says that it is a slice"
    test = shared.history(finished).query("split == 'test' and variant == 'vae'").iloc[0]
    table = app.dataframe[0].value
    assert float(table.loc["Variational autoencoder"].iloc[0]) == pytest.approx(test.reconstruction, rel=1e-3)
    assert float(table.loc["Variational autoencoder"].iloc[1]) == pytest.approx(test.kl, rel=1e-3)
    assert table.loc["Autoencoder"].iloc[1] == "–", "no KL is not a KL of nought"


def test_the_big_button_queues_handwriting(shared: Store) -> None:
    app = open_page("start.py")
    next(button for button in app.button if button.label == "Train both now").click().run()
    (run,) = shared.runs()
    assert (run.config, run.status) == (PRESETS["strokes"].config, "queued")
    assert "Waiting for a free worker: number 1 in the queue." in app.get("progress")[0].proto.text


def test_train_submits_what_the_form_says(shared: Store) -> None:
    app = open_page("train.py")
    app.number_input(key="config.latent_dim").set_value(7).run()
    app.text_input(key="config.hidden").set_value("64, 32").run()
    next(button for button in app.button if button.label == "Train").click().run()
    (run,) = shared.runs()
    assert run.config == RunConfig(latent_dim=7, hidden=(64, 32))


def test_a_strength_is_asked_for_where_its_variant_is_chosen(shared: Store) -> None:
    def strengths(app: AppTest) -> list[str]:
        return [box.key.removeprefix("config.") for box in app.number_input if box.key in keys]

    keys = {f"config.{entry.strength}" for entry in VARIANTS.values() if entry.strength}
    app = open_page("train.py")
    assert strengths(app) == []
    app.multiselect(key="config.variants").set_value(["ae", "denoising", "rae"]).run()
    assert strengths(app) == ["denoising_std", "rae_weight"]
    app.number_input(key="config.rae_weight").set_value(0.7).run()
    app.multiselect(key="config.variants").set_value(["ae", "rae"]).run()
    next(button for button in app.button if button.label == "Train").click().run()
    (run,) = shared.runs()
    assert run.config == RunConfig(variants=("ae", "rae"), rae_weight=0.7)


def test_a_preset_fills_the_form(shared: Store) -> None:
    app = open_page("train.py")
    app.get("button_group")[0].set_value("collapse").run()
    assert app.number_input(key="config.beta").value == pytest.approx(24.5)
    assert app.selectbox(key="config.dataset").value == "mnist"
    assert "isn't on this computer yet" in texts(app), "and says what is missing"


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("config.latent_dim", 0, "latent_dim is 0, but it must be a whole number from 1 to 512."),
        ("config.epochs", -1, "epochs is -1, but it must be a whole number from 1 to 1,000."),
        ("config.learning_rate", 1e9, "learning_rate is 1e+09, but it must be a number from 1e-06 to 1."),
    ],
)
def test_bad_numbers_are_told(shared: Store, key: str, value: float, sentence: str) -> None:
    app = open_page("train.py")
    app.number_input(key=key).set_value(value).run()
    assert [unescaped(error.value) for error in app.error] == [sentence]
    assert next(button for button in app.button if button.label == "Train").disabled


def test_a_failed_run_says_why(shared: Store) -> None:
    run_id = shared.create(RunConfig(dataset="mnist", validation_size=10), "test")
    execute(shared, run_id, Settings.from_environment())
    app = open_page("train.py", run=run_id)
    assert any("MNIST isn't in" in error.value for error in app.error)


def test_an_interrupted_run_is_resumed_by_one_click(shared: Store) -> None:
    run_id = shared.create(RunConfig(epochs=5), "dead")
    shared.interrupt(run_id, shared.run(run_id).pulse, "The program that trained it ended before the run did.")
    app = open_page("train.py", run=run_id)
    assert "ended before the run did" in texts(app)
    next(button for button in app.button if button.label == "Resume").click().run()
    assert shared.run(run_id).status == "queued"


def captured_strips(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, np.ndarray]]:
    """(title, images) of every strip that the Reconstructions page draws from now on."""
    drawn: list[tuple[str, np.ndarray]] = []
    monkeypatch.setattr(
        "pages.shared.image_strips.strip", lambda title, images, *_, **__: drawn.append((title, images))
    )
    return drawn


def test_reconstructions_tell_measured_numbers_and_show_the_worst_first(
    shared: Store, finished: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = captured_strips(monkeypatch)
    app = open_page("reconstructions.py", run=finished)
    history = shared.history(finished).query("split == 'validation' and epoch == 2").set_index("variant")
    (said,) = notices(app)
    assert (
        "Squared error per pixel (mean over 200 validation images): Autoencoder "
        f"{history.loc['ae'].mse_from_mean:.4f}; Variational autoencoder, from the mean "
        f"{history.loc['vae'].mse_from_mean:.4f}; "
    ) in said
    assert "In this one run, image by image: " in said
    assert said.endswith("Only one seed: not enough to conclude.")
    titles = [title for title, _ in drawn]
    assert titles[:4] == [
        "Original",
        "Autoencoder",
        "Variational autoencoder, from the mean",
        "Variational autoencoder, from a sample",
    ]

    drawn.clear()
    app.selectbox(key="reconstructions.order").set_value("worst first: Autoencoder").run()
    original, rebuilt = (images.astype(float) / 255 for _, images in drawn[:2])
    errors = np.square(original - rebuilt).mean(axis=1)
    assert len(errors) == 12 and (np.diff(errors) < 1e-3).all(), "falling, but for the rounding to 256 greys"
    assert errors[0] > history.loc["ae"].mse_from_mean


def test_reconstructions_of_one_class_and_other_samples(
    shared: Store, finished: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = captured_strips(monkeypatch)
    app = open_page("reconstructions.py", run=finished)
    everything = drawn[0][1]
    drawn.clear()
    app.selectbox(key="reconstructions.class").set_value("3").run()
    assert "of 200 validation images of class 3, with 95 % intervals" in texts(app)
    assert not np.array_equal(drawn[0][1], everything)
    of_class = drawn[0][1]
    drawn.clear()
    open_tab(app, "One image, many samples")
    assert app.selectbox(key="reconstructions.class").value == "3", "the choice goes along from tab to tab"
    assert drawn[0][0] == "Original" and np.array_equal(drawn[0][1], of_class[:1])

    def samples() -> np.ndarray:
        return next(images for title, images in reversed(drawn) if title.endswith("16 samples"))

    before = samples()
    next(button for button in app.button if button.label == "Draw again").click().run()
    assert not np.array_equal(samples(), before)


def test_reconstructions_without_the_data_say_what_to_do(shared: Store, finished: str) -> None:
    with shared.write() as connection:
        config = RunConfig(dataset="kmnist", epochs=2, latent_dim=3).model_dump(mode="json")
        connection.execute(update(schema.runs).where(schema.runs.c.id == finished).values(config=config))
    app = open_page("reconstructions.py", run=finished)
    assert any("KMNIST isn't in" in unescaped(error.value) for error in app.error)


def test_the_notice_is_written_from_this_runs_numbers(shared: Store, finished: str) -> None:
    notice = unpacked(film(finished, -1))[0]["notices"][2]
    codes = unpack(shared.snapshots(finished, 2)["ae"])["codes"].astype(float)
    assert " × ".join(f"{value:.3g}" for value in codes.std(axis=0)) in notice
    rows = shared.history(finished).query("split == 'validation' and epoch == 2").set_index("variant")
    assert notice.endswith(
        "Reconstruction in nats / image (mean over 200 validation images): Autoencoder "
        f"{rows.loc['ae'].reconstruction:.2f}; Variational autoencoder, from a sample "
        f"{rows.loc['vae'].reconstruction:.2f}. Only one seed: not enough to conclude."
    )


@pytest.mark.parametrize("beta", [1.0, 1000.0])
def test_a_collapse_is_told_when_there_is_one(shared: Store, beta: float) -> None:
    config = RunConfig(epochs=8, beta=beta, reconstruction="sse", learning_rate=1e-2)
    run_id = shared.create(config, "test")
    execute(shared, run_id, Settings.from_environment())
    units = (
        shared.history(run_id).query("split == 'validation' and variant == 'vae' and epoch == 8").active_units.item()
    )
    notice = unpacked(film(run_id, -1))[0]["notices"][8]
    assert ("Variational autoencoder: no latent dimension is in use" in notice) == (units == 0)
    assert (units == 0) == (beta == 1000.0), "both cases are seen"


def test_captions_name_training_images_when_none_are_set_aside(shared: Store) -> None:
    run_id = shared.create(RunConfig(epochs=1, validation_size=0), "test")
    assert execute(shared, run_id, Settings.from_environment()) == "done"
    meta, _ = unpacked(film(run_id, -1))
    assert (meta["counted"], meta["watched"]) == ("1,000 of 1,500 training images", "1,500 training images")
    assert "Means over 1,500 training images, with" in texts(open_page("reconstructions.py", run=run_id))


# Text from visitors


EVIL = "![x](http://evil.example/a.png) **b** :red[c]"


def test_a_runs_name_is_shown_as_text(shared: Store, finished: str) -> None:
    shared.describe(finished, name=EVIL, tags=(), note="")
    resources.forget()
    train = open_page("train.py", run=finished)
    assert any(escape_markdown(EVIL) in element.value for element in train.markdown)
    assert not any(EVIL in element.value for element in train.markdown)
    start = [element.value for element in open_page("start.py", run=finished).markdown]
    assert any(escape_markdown(EVIL) in text for text in start) and not any(EVIL in text for text in start)


@pytest.mark.parametrize(("page", "query"), [("start.py", "run"), ("train.py", "hidden"), ("sweeps.py", "sweep")])
def test_what_a_link_says_is_shown_as_text(shared: Store, page: str, query: str) -> None:
    app = open_page(page, **{query: EVIL})
    assert any("evil" in element.value for element in app.warning)
    assert not any(EVIL in element.value for element in app.warning)


def test_runs_deleted_long_ago_are_gone_at_the_next_start(shared: Store) -> None:
    old, young = (shared.create(RunConfig(), "test") for _ in range(2))
    for run_id in (old, young):
        shared.request_stop(run_id)
    assert shared.delete([old, young]) == 2
    with shared.write() as connection:
        long_ago = now() - resources.DELETED_KEPT - dt.timedelta(minutes=1)
        connection.execute(update(schema.runs).where(schema.runs.c.id == old).values(deleted_at=long_ago))
    resources.start()
    assert shared.restore([old, young]) == 1
    assert shared.run(young).deleted_at is None
    with pytest.raises(InputError, match="no run"):
        shared.run(old)
