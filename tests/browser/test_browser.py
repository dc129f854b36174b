"""The app in a real browser: what a teacher does in front of a class, and what must not break while she does it.

Times are measured, printed and written to reports/browser.json; nothing here asserts one, machines differ.
What the lessons about a trained run do in a browser is in test_browser_lessons.py.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from browsing import REPORTS, run_in_link, store_of
from playwright.sync_api import Browser, expect
from serving import PATIENCE, Dashboard, expect_status, open_page, plots, settled
from staging import on_stage

from vae.config import PRESETS
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store

pytestmark = pytest.mark.browser


def test_the_big_button_trains_handwriting_while_the_room_watches(
    app: Dashboard, browser: Browser, quick_run: str, times: dict[str, float]
) -> None:
    page = open_page(browser, app.url, height=720)
    page.get_by_role("button", name="Train both now").click()
    started = time.perf_counter()
    on_stage(page)
    times["the big button: click to first pictures"] = time.perf_counter() - started
    expect_status(page, "done")
    times["the big button: click to done"] = time.perf_counter() - started
    assert store_of(app).run(run_in_link(page)).config == PRESETS["strokes"].config
    assert page.complaints == []


def test_both_models_stand_side_by_side(app: Dashboard, browser: Browser, quick_run: str) -> None:
    run, history = store_of(app).run(quick_run), store_of(app).history(quick_run)
    assert run.status == "done"
    for variant in ("ae", "vae"):
        epochs = history[(history.variant == variant) & (history.split == "validation")].epoch
        assert list(epochs) == list(range(run.config.epochs + 1))
    page = open_page(browser, f"{app.url}/?run={quick_run}", height=1800)
    on_stage(page)
    left = page.get_by_text("Autoencoder", exact=True).first.bounding_box()
    right = page.get_by_text("Variational autoencoder", exact=True).first.bounding_box()
    assert left["x"] < right["x"] and abs(left["y"] - right["y"]) < 2, "AE left, VAE right"
    expect(page.locator("canvas.space")).to_have_count(2)
    expect(page.get_by_text("On the test images")).to_be_visible()
    assert page.complaints == []


@pytest.mark.slow
def test_a_reload_and_a_second_visitor_see_the_same_run(app: Dashboard, browser: Browser, quick_run: str) -> None:
    page = open_page(browser, f"{app.url}/train?run={quick_run}")
    expect(page.get_by_text(quick_run)).to_be_visible()
    page.reload()
    settled(page)
    expect(page.get_by_text(quick_run)).to_be_visible()
    other = open_page(browser, page.url)
    expect(other.get_by_text(quick_run)).to_be_visible()
    expect_status(other, "done")


def test_the_run_stays_chosen_from_page_to_page(app: Dashboard, browser: Browser, quick_run: str) -> None:
    page = open_page(browser, f"{app.url}/?run={quick_run}")
    page.get_by_test_id("stTopNav").get_by_role("link", name="Train").click()
    expect(page.get_by_role("heading", name="What do both learn, and how do they differ?")).to_be_visible()
    settled(page)
    expect(page.get_by_text(quick_run)).to_be_visible()
    assert run_in_link(page) == quick_run


def test_reconstructions_are_sorted_and_drawn_again(
    app: Dashboard, browser: Browser, quick_run: str, times: dict[str, float]
) -> None:
    page = open_page(browser, f"{app.url}/reconstructions?run={quick_run}", height=2000)
    expect(page.get_by_text("What to notice.")).to_be_visible()
    original = page.locator("img[alt^='Original']").first
    unsorted = original.get_attribute("src")
    page.get_by_role("combobox", name="Order").click()
    page.get_by_role("option", name="worst first: Autoencoder").click()
    expect(original).not_to_have_attribute("src", unsorted)
    page.get_by_text("Error maps").click()
    expect(page.locator("img[alt^='its absolute error']")).to_have_count(3)

    page.get_by_role("tab", name="One image, many samples").click()
    samples = page.locator("img[alt='Variational autoencoder: 16 samples']")
    before = samples.get_attribute("src")
    started = time.perf_counter()
    page.get_by_role("button", name="Draw again").click()
    expect(samples).not_to_have_attribute("src", before)
    times["reconstructions: draw again to new samples"] = time.perf_counter() - started
    assert page.complaints == []


@pytest.mark.slow
def test_a_long_run_is_stopped_and_goes_on(app: Dashboard, browser: Browser, times: dict[str, float]) -> None:
    page = open_page(browser, f"{app.url}/train?epochs=1000&seed=3")
    page.get_by_role("button", name="Train", exact=True).click()
    expect_status(page, "running")
    expect(page.get_by_text("left", exact=False).filter(has_text="Epoch")).to_be_visible()
    page.get_by_role("button", name="Settings").click()
    expect(page.get_by_label("Latent dimensions", exact=True)).to_be_visible()
    answers = []
    for latent_dim in (5, 6, 7, 8, 9):
        page.get_by_label("Latent dimensions", exact=True).fill(str(latent_dim))
        started = time.perf_counter()
        page.get_by_label("Latent dimensions", exact=True).press("Enter")
        drawn = page.locator(f"svg[role=img][aria-label*='128 → {latent_dim} and back']")
        drawn.first.wait_for()
        answers.append(time.perf_counter() - started)
    expect(page.get_by_text("other settings than the form shows: Latent dimensions")).to_be_visible()
    times["while training: a setting changed to the new drawing, median of 5"] = sorted(answers)[2]

    run_id = run_in_link(page)
    page.get_by_role("button", name="Stop").click()
    started = time.perf_counter()
    expect_status(page, "stopped", within=20)
    times["stop clicked to stopped, as seen"] = time.perf_counter() - started
    stopped_at = store_of(app).run(run_id).epoch
    assert 0 <= stopped_at < 1000

    page.get_by_role("button", name="Resume").click()
    expect_status(page, "running")
    page.wait_for_function(f"document.body.innerText.match(/Epoch (\\d+) of/)?.[1] > {stopped_at}")
    page.get_by_role("button", name="Stop").click()
    expect_status(page, "stopped", within=20)
    epochs = store_of(app).history(run_id).query("variant == 'vae'").epoch
    assert list(epochs) == list(range(len(epochs))), "each epoch once"


def test_the_drawing_follows_the_form(app: Dashboard, browser: Browser) -> None:
    page = open_page(browser, f"{app.url}/train")
    drawings = page.locator("svg[role=img]")
    expect(drawings).to_have_count(2)
    assert "17,218 parameters" in drawings.nth(0).get_attribute("aria-label")  # 64-128-2-128-64 by hand
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Hidden layers", exact=True).fill("32, 16")
    page.get_by_label("Hidden layers", exact=True).press("Enter")
    description = "Variational autoencoder: layers 64 → 32 → 16 → 2 and back, 5,380 parameters"
    expect(drawings.nth(1)).to_have_attribute("aria-label", description)


@pytest.mark.parametrize(
    ("label", "value", "sentence"),
    [
        ("Hidden layers", "abc", "hidden is 'abc', but it must be up to 4 layer widths"),
        ("Latent dimensions", "0", "latent_dim is 0, but it must be a whole number from 1 to 512."),
        ("Epochs", "-1", "epochs is -1, but it must be a whole number from 1 to 1,000."),
        ("Learning rate", "1000000000", "learning_rate is 1e+09, but it must be a number from 1e-06 to 1."),
    ],
)
def test_a_bad_setting_is_told_and_nothing_is_lost(
    app: Dashboard, browser: Browser, label: str, value: str, sentence: str
) -> None:
    page = open_page(browser, f"{app.url}/train?seed=77")
    page.get_by_role("button", name="Settings").click()
    page.get_by_label(label, exact=True).fill(value)
    page.get_by_label(label, exact=True).press("Enter")
    expect(page.get_by_test_id("stAlert")).to_contain_text(sentence)
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_disabled()
    expect(page.get_by_label("Seed", exact=True)).to_have_value("77")
    expect(page.get_by_label(label, exact=True)).to_have_value(value)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("dataset=unknown", "There is no dataset called 'unknown'; there are digits"),
        ("latent_dim=0", "latent_dim is '0', but it must be a whole number from 1 to 512."),
        ("run=<script>", "There is no run '<script>' in this database."),
    ],
)
def test_a_bad_link_is_told(app: Dashboard, browser: Browser, query: str, sentence: str) -> None:
    page = open_page(browser, f"{app.url}/train?{query}")
    expect(page.get_by_test_id("stAlert")).to_contain_text(sentence)
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_enabled()


def test_a_missing_data_set_is_offered_and_a_failed_download_leaves_nothing(app: Dashboard, browser: Browser) -> None:
    page = open_page(browser, f"{app.url}/train?dataset=kmnist")
    expect(page.get_by_test_id("stAlert")).to_contain_text("isn't on this computer yet")
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_disabled()
    assert sorted(app.folder.rglob("KMNIST*")) == [], "nothing is fetched before it is asked for"
    page.get_by_role("button", name="Download Kuzushiji-MNIST (about 21 MB)").click()
    error = page.get_by_test_id("stAlert").filter(has_text="could not be downloaded")
    expect(error).to_contain_text(str(app.folder / "KMNIST" / "raw"), timeout=PATIENCE)  # the request fails first
    expect(error).to_contain_text("the dataset digits needs no network")
    assert sorted(app.folder.rglob("KMNIST*")) == sorted(app.folder.rglob(".download*")) == []
    assert page.complaints == []


@pytest.fixture(scope="module")
def other_setting(app: Dashboard, quick_run: str) -> str:
    """A second setting on the same images, without which Compare has no plane of rate and distortion to draw."""
    store = store_of(app)
    config = store.run(quick_run).config.model_copy(update={"beta": 4.0, "epochs": 1})
    made = store.create(config, "test")
    settings = Settings.from_environment({"VAE_DATA_DIR": str(app.folder), "VAE_DATABASE_URL": app.database_url})
    assert execute(store, made, settings) == "done"
    return made


@pytest.mark.usefixtures("other_setting")
@pytest.mark.parametrize(
    ("width", "height", "dark"),
    [
        pytest.param(1280, 1900, False, id="wide-light"),
        pytest.param(390, 3400, True, id="narrow-dark", marks=(pytest.mark.slow, pytest.mark.spare)),
        pytest.param(1280, 1900, True, id="wide-dark", marks=(pytest.mark.slow, pytest.mark.spare)),
        pytest.param(390, 3400, False, id="narrow-light", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(
    ("path", "figures"),
    [
        pytest.param("", 0, marks=pytest.mark.slow),
        ("train", 0),
        pytest.param("reconstructions", 1, marks=pytest.mark.slow),
        ("latent_space", 0),
        pytest.param("perturbation", 0, marks=pytest.mark.slow),
        pytest.param("sampling", 0, marks=pytest.mark.slow),
        pytest.param("the_trick", 0, marks=pytest.mark.slow),
        pytest.param("two_losses", 3, marks=pytest.mark.slow),
        pytest.param("sweeps", 0, marks=pytest.mark.slow),
        pytest.param("compare", 2, marks=pytest.mark.slow),
        pytest.param("data", 0, marks=pytest.mark.slow),
    ],
)
def test_pages_fit_the_window(
    app: Dashboard, browser: Browser, quick_run: str, path: str, figures: int, width: int, height: int, dark: bool
) -> None:
    page = open_page(browser, f"{app.url}/{path}?run={quick_run}", width, height, dark)
    expect(plots(page)).to_have_count(figures)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
    page.wait_for_timeout(500)  # figures fade in
    REPORTS.mkdir(exist_ok=True)
    page.screenshot(path=REPORTS / f"{path or 'start'}-{width}-{'dark' if dark else 'light'}.png")
    assert page.complaints == []


@pytest.mark.slow
def test_nothing_recorded_is_lost_when_the_dashboard_is_killed(browser: Browser, tmp_path: Path) -> None:
    """kill -9 of the dashboard, a new start, one click on Resume."""
    app = Dashboard(tmp_path)
    app.start()
    try:
        page = open_page(browser, f"{app.url}/train?epochs=150")
        page.get_by_role("button", name="Train", exact=True).click()
        page.wait_for_function("document.body.innerText.match(/Epoch (\\d+) of/)?.[1] > 5", timeout=120_000)
        run_id = run_in_link(page)
        app.kill()
        recorded = store_of(app).history(run_id)
        assert len(recorded) >= 2 * 6

        app.start()
        page = open_page(browser, f"{app.url}/train?run={run_id}")
        expect_status(page, "interrupted", within=30)
        kept = store_of(app).history(run_id)
        assert len(kept) >= len(recorded)
        page.get_by_role("button", name="Resume").click()
        expect_status(page, "done", within=120)
        epochs = store_of(app).history(run_id).query("variant == 'vae' and split == 'validation'").epoch
        assert list(epochs) == list(range(151)), "each epoch once"
    finally:
        app.stop()


def test_a_database_from_a_newer_version_is_told(browser: Browser, tmp_path: Path) -> None:
    app = Dashboard(tmp_path)
    with Store(app.database_url).write() as connection:
        connection.exec_driver_sql("UPDATE latent_twins_schema SET version_num = '0999'")
    app.start()
    try:
        page = browser.new_page()
        page.goto(app.url)
        expect(page.get_by_test_id("stAlert")).to_contain_text("written by a newer version", timeout=PATIENCE)
        expect(page.get_by_text("Traceback")).to_have_count(0)
        page.close()
    finally:
        app.stop()


@pytest.mark.spare
@pytest.mark.slow
def test_a_damaged_data_set_is_told_when_it_is_to_be_used(browser: Browser, tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (raw / f"{part}-{kind}-ubyte").write_bytes(b"half a file")
    app = Dashboard(tmp_path)
    app.start()
    try:
        page = open_page(browser, f"{app.url}/train?dataset=mnist&validation_size=1000")
        page.get_by_role("button", name="Train", exact=True).click()
        expect(page.get_by_test_id("stAlert")).to_contain_text("is damaged (half a file, or altered)", timeout=PATIENCE)
        assert store_of(app).runs() == [], "nothing half-written"
    finally:
        app.stop()


def test_a_folder_that_cannot_be_written_is_told(browser: Browser, tmp_path: Path) -> None:
    """No process can make folders below /proc, not even root's."""
    app = Dashboard(tmp_path, VAE_DATA_DIR="/proc/latent-twins", VAE_DATABASE_URL="")
    app.start()
    try:
        page = browser.new_page()
        page.goto(app.url)
        expect(page.get_by_test_id("stAlert")).to_contain_text("can't be opened for writing", timeout=PATIENCE)
        page.close()
    finally:
        app.stop()
