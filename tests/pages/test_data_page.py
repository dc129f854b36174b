"""The page Data, as Streamlit's own test runner sees it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from files import COUNT, csv, grey, images_of, npz, pictures, zipped
from lessons import done, labels, press
from paging import open_page, open_tab, texts
from streamlit.testing.v1 import AppTest

from pages.sections.data import uploads
from pages.sections.data.dataset_summary import floors
from pages.text.escape_markdown import escape_markdown
from vae import datasets
from vae.argument.claims import ARTICLE
from vae.config import RunConfig
from vae.datasets.imported import Choices, Limits, read, validation_size
from vae.datasets.summary import summarise
from vae.figures.classes import class_bars
from vae.settings import Settings
from vae.store import uploaded_images
from vae.store.runs import Store

GREY = grey(60)
KINDS = ["cat", "dog"] * 30
OWN = "Your own images"
MARKUP = "**a** <b>x</b> [l](http://e) `c` $x$"


def control(app: AppTest, title: str):
    """That of how to read the file."""
    return next(box for box in app.selectbox if box.label == title)


def answered(app: AppTest, title: str):
    """The question that is asked when the file leaves it open."""
    return next(radio for radio in app.radio if radio.label == title)


def offer(app: AppTest, name: str, content: bytes) -> AppTest:
    app.file_uploader[0].set_value((name, content, "application/octet-stream")).run()
    assert not app.exception, app.exception
    return app


def kept(store: Store, title: str = "mine", seed: int = 0) -> str:
    return uploaded_images.keep(
        store, title, images_of("a.csv", csv(grey(60, seed=seed), KINDS), None, Limits(10**6, 100))
    ).name


def table(app: AppTest) -> dict[str, str]:
    frame = app.dataframe[0].value
    return dict(zip(frame.iloc[:, 0], frame.iloc[:, 1], strict=True))


def test_the_digits_are_shown_first_in_pictures_and_numbers(shared: Store) -> None:
    app = open_page("data.py")
    assert not app.error and not app.warning
    images = datasets.load("digits", Settings.from_environment().data_dir)
    shown = table(app)
    assert (shown["Training images"], shown["Test images"], shown["Classes"]) == ("1,500", "297", "10")
    assert shown["Size"] == "8 × 8 = 64 pixels"
    assert shown["Mean grey level (0 black, 1 white)"] == f"{(images.train_x / 16).mean():.3f}"
    assert images.hash.startswith(shown["Hash of all pixels and labels"])
    pictures_ = [element.proto.body for element in app.get("html")]
    assert any("36 training images" in body for body in pictures_)
    of_classes = [element.proto.body for element in open_tab(open_page("data.py"), "Classes").get("html")]
    assert any("Mean of each class: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in body for body in of_classes)


def test_what_is_to_beat_is_what_the_mean_image_costs(shared: Store) -> None:
    images = datasets.load("digits", Settings.from_environment().data_dir)
    mean, test = (images.train_x / 16).mean(axis=0), images.test_x / 16
    found = floors(images.hash, images)
    assert found["mse"] == pytest.approx(np.square(mean - test).mean(), rel=1e-5)
    with np.errstate(divide="ignore"):
        logs = np.maximum(np.log(mean), -100), np.maximum(np.log(1 - mean), -100)
    bce = -(test * logs[0] + (1 - test) * logs[1]).sum(axis=1).mean()
    assert found["bce"] == pytest.approx(bce, rel=1e-5)
    assert f"costs {bce:.2f} nats per image" in texts(open_page("data.py"))


def test_other_images_and_one_class(shared: Store) -> None:
    def grid(app: AppTest) -> str:
        return next(element.proto.body for element in app.get("html") if "training images" in element.proto.body)

    app = open_page("data.py")
    first = grid(app)
    assert grid(press(app, "Other images")) != first
    app.selectbox[1].set_value(3).run()
    assert not app.exception, app.exception
    assert grid(app) != first


def test_a_data_set_that_is_not_here_is_offered(shared: Store) -> None:
    app = open_page("data.py")
    app.selectbox(key="data.dataset").set_value("kmnist").run()
    assert "Kuzushiji-MNIST isn't on this computer yet" in texts(app)
    assert any(label.startswith("Download Kuzushiji-MNIST") for label in labels(app))
    assert not app.dataframe


def test_known_factors_are_named(shared: Store) -> None:
    (numbers,) = (table.value for table in open_page("data.py", dataset="shapes").dataframe)
    assert "shape 3, scale 4, rotation 8, x 8, y 8" in list(numbers["Value"])


def test_a_link_to_a_data_set_that_is_not_there_says_so(shared: Store) -> None:
    app = open_page("data.py", dataset="nonsense")
    assert "no data set called" in app.warning[0].value and "nonsense" in app.warning[0].value
    assert "dataset" not in app.query_params


def test_a_link_may_name_a_data_set(shared: Store) -> None:
    name = kept(shared)
    app = open_page("start.py").switch_page("data.py")
    app.query_params["dataset"] = name
    app.run()
    assert app.selectbox(key="data.dataset").value == name


@pytest.mark.parametrize(
    ("file", "content", "summary"),
    [
        ("cats.csv", csv(GREY, KINDS), "**60 images** of 8×8 pixels, 10 of them for testing, in 2 classes."),
        pytest.param(
            "cats.npz",
            npz(images=GREY),
            "**60 images** of 8×8 pixels, 10 of them for testing, without classes.",
            marks=pytest.mark.slow,
        ),
        ("cats.zip", zipped(pictures(GREY // 4)), "The images are dark: the brightest pixel is 63 of 255."),
    ],
)
def test_a_file_is_looked_at_then_kept_then_trained_on(shared: Store, file: str, content: bytes, summary: str) -> None:
    app = offer(open_tab(open_page("data.py"), OWN), file, content)
    assert summary in texts(app)
    assert uploaded_images.listed(shared) == [], "a preview stores nothing"
    assert app.text_input[0].value == "cats"
    app.text_input[0].set_value("Cats of mine")
    press(app, "Keep these images")
    (upload,) = uploaded_images.listed(shared)
    assert upload.title == "Cats of mine"
    assert "Cats of mine is kept" in app.success[0].value
    assert "Cats of mine" in app.selectbox(key="data.dataset").options
    press(app, "Train on them")
    assert not app.exception, app.exception
    assert app.title[0].value == "What do both learn, and how do they differ?"
    assert app.session_state["config.dataset"] == upload.name
    assert app.session_state["config.validation_size"] == validation_size(50) == 8
    press(app.switch_page("train.py").run(), "Train")  # the test runner, unlike a browser, had gone back
    assert not app.exception and not app.error, app.error
    assert shared.runs()[0].config.dataset == upload.name


def test_train_on_them_replaces_what_the_form_held(shared: Store) -> None:
    name = kept(shared)
    app = open_page("train.py")
    app.number_input(key="config.seed").set_value(77).run()
    open_tab(app.switch_page("data.py").run(), OWN)
    app.button(key=f"own.train.row.{name}").click().run()
    assert not app.exception, app.exception
    assert app.selectbox(key="config.dataset").value == name
    assert app.number_input(key="config.seed").value == 0


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("a.npz", npz(images=np.array([GREY[0], None], dtype=object)), "holds pickled Python objects"),
        ("a.zip", zipped({"../a.png": b"x"}), "leads out of its folder"),
        ("a.npz", b"half", "It is not a zip archive"),
        ("a.csv", csv(GREY[:1]), "only 1 image"),
        ("a.zip", zipped({"<b>*x*.svg": b"<svg/>"}), "<b>*x*.svg"),
    ],
)
def test_what_is_refused_is_told_and_nothing_stored(shared: Store, file: str, content: bytes, sentence: str) -> None:
    app = offer(open_tab(open_page("data.py"), OWN), file, content)
    (error,) = app.error
    assert error.value.startswith("Nothing was stored. ")
    assert escape_markdown(sentence) in error.value
    assert "Keep these images" not in labels(app)
    assert uploaded_images.listed(shared) == []
    app.run()
    assert len(app.error) == 1, "it stays until another file is chosen"
    offer(app, "b.npz", npz(images=GREY))
    assert not app.error and "Keep these images" in labels(app)


def test_images_that_must_be_resized_say_so_and_then_are(shared: Store) -> None:
    app = offer(open_tab(open_page("data.py"), OWN), "a.npz", npz(images=grey(COUNT, 70, 90)))
    assert "choose a size" in app.warning[0].value and not app.error
    answered(app, "Size").set_value("28x28").run()
    assert "of 28×28 pixels" in texts(app) and not app.warning
    control(app, "Size").set_value("16x16").run()
    assert "of 16×16 pixels" in texts(app)


def test_a_label_that_could_be_at_either_edge_is_asked_for(shared: Store) -> None:
    content = csv(GREY % 3, [str(place % 3) for place in range(60)])
    app = offer(open_tab(open_page("data.py"), OWN), "a.csv", content)
    assert "may be the first one or the last one" in app.warning[0].value and not app.error
    assert "Keep these images" not in labels(app)
    question = answered(app, "Label")
    assert [option.split(" ")[0] for option in question.options] == ["first", "last"]
    question.set_value("last").run()
    assert "in 3 classes" in texts(app) and not [warning for warning in app.warning if "may be" in warning.value]
    assert control(app, "Label").value == "last"
    press(app, "Keep these images")
    (upload,) = uploaded_images.listed(shared)
    images = uploaded_images.load(shared, upload.name, None)
    expected = read("a.csv", content, Choices(label="last"), Limits(10**6, 100)).images
    assert images.hash == expected.hash


def test_how_it_was_read_is_said(shared: Store) -> None:
    app = offer(
        open_tab(open_page("data.py"), OWN), "a.npz", npz(images=255 - GREY // 20, labels=np.arange(60) % 2, more=GREY)
    )
    assert "Left out: “more”." in texts(app) and "is held out for testing" in texts(app)
    assert "dark on light" in app.warning[0].value
    next(toggle for toggle in app.toggle if toggle.label == "Invert").set_value(True).run()
    assert not app.warning or "dark on light" not in app.warning[0].value


def test_each_picture_of_the_preview_stands_above_its_label(shared: Store) -> None:
    app = offer(open_tab(open_page("data.py"), OWN), "a.csv", csv(GREY, ["cat", "a dog"] * 30))
    (shown,) = [element.proto.body for element in app.get("html") if "36 training images" in element.proto.body][-1:]
    images = images_of("a.csv", csv(GREY, ["cat", "a dog"] * 30), None, Limits(10**6, 100))
    rows = np.random.default_rng(0).permutation(np.arange(len(images.train_x)))[:36]
    told = re.findall(r"<figcaption[^>]*>([^<]*)</figcaption>", shown)
    assert told == [images.classes[label] for label in images.train_y[rows]]


def test_corrected_names_of_classes_are_shown_at_once(shared: Store) -> None:
    for names in (["cta", "dgo"], ["cat", "dog"]):
        app = offer(open_tab(open_page("data.py"), OWN), "a.csv", csv(GREY, names * 30))
        press(app, "Keep these images")
        assert not app.exception and not app.error
        kept_name = app.session_state["own.kept"]
        open_tab(app, "Images").selectbox(key="data.dataset").set_value(kept_name).run()
        (shown,) = [element.proto.body for element in app.get("html") if "36 training images" in element.proto.body]
        assert set(re.findall(r"<figcaption[^>]*>([^<]*)</figcaption>", shown)) == set(names)
    assert len(uploaded_images.listed(shared)) == 2
    titles = app.selectbox(key="data.dataset").options
    assert len(set(titles)) == len(titles), "of one title, and yet told apart"


def test_a_file_is_read_once_while_the_page_is_used(shared: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    times = []
    monkeypatch.setattr(uploads, "read", lambda *rest: times.append(1) or read(*rest))
    app = offer(open_tab(open_page("data.py"), OWN), "a.npz", npz(images=GREY))
    app.run()
    next(button for button in app.button if button.key == "own.other").click().run()
    assert len(times) == 1


def test_an_empty_name_is_refused(shared: Store) -> None:
    app = offer(open_tab(open_page("data.py"), OWN), "a.npz", npz(images=GREY))
    app.text_input[0].set_value("  ")
    press(app, "Keep these images")
    assert "takes 1 to 80 characters" in app.error[0].value
    assert uploaded_images.listed(shared) == []


def test_they_are_listed_and_deleted_unless_a_run_learnt_from_them(shared: Store) -> None:
    used, unused = kept(shared, "used"), kept(shared, "unused", seed=1)
    done(shared, RunConfig(dataset=used, validation_size=5, hidden=(8,), epochs=1))
    app = open_tab(open_page("data.py"), OWN)
    app.button(key=f"own.delete.{unused}").click().run()
    assert [upload.name for upload in uploaded_images.listed(shared)] == [used]
    app.button(key=f"own.delete.{used}").click().run()
    assert "1 run learnt from used" in app.error[0].value
    assert [upload.name for upload in uploaded_images.listed(shared)] == [used]


def test_a_data_set_that_is_deleted_while_it_is_looked_at_gives_way(shared: Store) -> None:
    name = kept(shared)
    app = open_tab(open_page("data.py"), OWN)
    app.selectbox(key="data.dataset").set_value(name).run()
    assert app.query_params["dataset"] == name
    app.button(key=f"own.delete.{name}").click().run()
    assert not app.exception and not app.error
    assert app.selectbox(key="data.dataset").value == "digits"


def test_titles_are_shown_as_text(shared: Store) -> None:
    kept(shared, MARKUP)
    app = open_tab(open_page("data.py"), OWN)
    said = [element.value for element in app.markdown if "http" in element.value and ARTICLE.cited not in element.value]
    assert said and all(escape_markdown(MARKUP) in text for text in said)
    assert escape_markdown("a*b\n\n# c") == "a\\*b \\# c"


def test_class_names_in_a_figure_are_text() -> None:
    drawn = class_bars({"training": np.array([3, 1])}, ["<b>a</b>", "b"])
    assert list(drawn.layout.xaxis.ticktext) == ["&lt;b&gt;a&lt;/b&gt;", "b"]
    assert list(drawn.data[0].y) == [3, 1]


@pytest.mark.parametrize("name", ["reconstructions.py", "latent_space.py", "sampling.py", "two_losses.py"])
def test_pages_show_a_run_on_own_images_without_classes(shared: Store, name: str) -> None:
    own = uploaded_images.keep(shared, "plain", images_of("a.npz", npz(images=GREY), None, Limits(10**6, 100))).name
    run_id = done(shared, RunConfig(dataset=own, validation_size=8, hidden=(8,), epochs=1))
    app = open_page(name, run=run_id)
    assert all("collapsed" in error.value for error in app.error), [error.value for error in app.error]  # noise is


def test_a_class_without_training_images_has_a_black_mean() -> None:
    images = images_of("a.csv", csv(grey(13), ["a"] * 12 + ["b"]), None, Limits(10**6, 100))
    found = summarise(images)
    assert found.train_counts.sum() == 11 and found.class_means.shape == (2, 64)
    assert not np.isnan(found.class_means).any()


def test_colours_are_kept_unless_one_says_otherwise_and_the_preview_shows_it(shared: Store) -> None:
    coloured = np.random.default_rng(0).integers(0, 256, (60, 8, 6, 3), np.uint8)
    app = offer(open_tab(open_page("data.py"), OWN), "a.npz", npz(images=coloured))
    assert "of 8×6 pixels in colour, 10 of them for testing" in texts(app) and "Colours are kept" in texts(app)
    question = answered(app, "Colours")
    assert (question.value, list(question.options)) == ("kept", ["kept", "grey"])
    question.set_value("grey").run()
    assert "of 8×6 pixels, 10 of them for testing" in texts(app) and "Colours became grey" in texts(app)
    assert (answered(app, "Colours").value, control(app, "Colours").value) == ("grey", "grey")
    control(app, "Colours").set_value("kept").run()
    assert answered(app, "Colours").value == "kept"
    press(app, "Keep these images")
    (upload,) = uploaded_images.listed(shared)
    assert upload.info["shape"] == [3, 8, 6]
    assert "60 images, 8×6 in colour" in texts(app)
    app.selectbox(key="data.dataset").set_value(upload.name).run()
    open_tab(app, "Images")
    assert not app.exception
    shown, images = table(app), uploaded_images.load(shared, upload.name, None)
    assert shown["Size"] == "3 × 8 × 6 = 144 levels"
    means = images.train_x.reshape(-1, 3, 48).mean(axis=(0, 2)) / 255
    assert shown["Mean red, green, blue (0 to 1)"] == ", ".join(f"{mean:.3f}" for mean in means)
    assert shown["Standard deviation of all levels"] == f"{(images.train_x / 255).std():.3f}"
    assert not [said for said in shown if "grey" in said]
    assert f"an MSE of {floors(images.hash, images)['mse']:.4f} per level." in texts(app)


def test_grey_images_are_not_asked_about_their_colours(shared: Store) -> None:
    app = offer(open_tab(open_page("data.py"), OWN), "a.npz", npz(images=np.repeat(GREY[..., None], 3, axis=-1)))
    assert not [radio for radio in app.radio if radio.label == "Colours"]
    assert "of 8×8 pixels, 10 of them" in texts(app)
