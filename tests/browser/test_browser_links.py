"""Addresses, the Back button, the picker and long names, as a visitor meets them."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from browsing import store_of, wait_for_workers
from playwright.sync_api import Browser, Page, expect
from serving import Dashboard, open_page, settled

from vae.config import RunConfig
from vae.runs.execution import execute
from vae.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TINY = RunConfig(epochs=5, train_limit=100, validation_size=50)
EVERY = {  # what the buttons of Perturbation, Two losses and The trick train, and another seed
    "both": {},
    "another seed": {"seed": 1},
    "four": {"variants": ("ae", "noise_only", "kl_only", "vae")},
    "β 4": {"variants": ("vae",), "beta": 4.0},
    "detached": {"variants": ("vae",), "estimator": "detached", "samples": 2},
}


@pytest.fixture(scope="module")
def runs(app: Dashboard) -> dict[str, str]:
    """Trained before anybody looks; ids by what is special about them."""
    store, ids = store_of(app), {}
    for what, special in EVERY.items():
        ids[what] = store.create(TINY.model_copy(update=special), "test")
        assert execute(store, ids[what], Settings.from_environment()) == "done"
    return ids


def entries(page: Page) -> int:
    return page.evaluate("history.length")


def parameter(page: Page, name: str) -> str | None:
    return page.evaluate("(name) => new URL(location).searchParams.get(name)", name)


def follow(page: Page, title: str, heading: str) -> None:
    page.get_by_role("link", name=title, exact=True).first.click()
    expect(page.locator("h1")).to_have_text(heading)
    settled(page)


def test_back_leads_through_the_pages_one_by_one(app: Dashboard, browser: Browser, runs: dict[str, str]) -> None:
    page = open_page(browser, app.url)
    way = [
        ("Latent space", "How are codes laid out?"),
        ("Perturbation", "Does a small step change the picture?"),
        ("Sample", "What do codes that come from no image look like?"),
    ]
    before = entries(page)
    for count, (title, heading) in enumerate(way, start=1):
        follow(page, title, heading)
        page.wait_for_timeout(300)  # an entry too many would come with the run in the address
        assert entries(page) == before + count
    slider = page.get_by_role("slider", name="Epoch")
    slider.focus()
    for epoch in (4, 3, 2):  # one after the other: while the page is drawn again, a press may go nowhere
        slider.press("ArrowLeft")
        expect(page).to_have_url(f"{app.url}/sampling?run={parameter(page, 'run')}&epoch={epoch}")
    assert entries(page) == before + len(way), "an epoch is no page"
    headings = ["Two models, one difference", *(heading for _, heading in way)]
    for heading in reversed(headings[:-1]):
        page.evaluate("history.back()")
        expect(page.locator("h1")).to_have_text(heading)
        settled(page)
    for heading in headings[1:]:
        page.evaluate("history.forward()")
        expect(page.locator("h1")).to_have_text(heading)
        settled(page)
    expect(page.get_by_role("slider", name="Epoch")).to_have_value("2")
    assert entries(page) == before + len(way)
    assert page.complaints == []


@pytest.mark.parametrize("path", ["train", "", "reconstructions", "two_losses"])
def test_the_epoch_of_an_address_is_shown_and_stays(
    app: Dashboard, browser: Browser, runs: dict[str, str], path: str
) -> None:
    page = open_page(browser, f"{app.url}/{path}?run={runs['both']}&epoch=2")
    expect(page.get_by_role("slider", name="Epoch")).to_have_value("2")
    slider = page.get_by_role("slider", name="Epoch")
    slider.focus()
    slider.press("ArrowRight")
    page.wait_for_function("new URL(location).searchParams.get('epoch') === '3'")
    page.reload()
    settled(page)
    expect(page.get_by_role("slider", name="Epoch")).to_have_value("3")
    slider.focus()
    slider.press("End")
    page.wait_for_function("!new URL(location).searchParams.has('epoch')")  # the newest needs no word
    assert parameter(page, "run") == runs["both"]


def test_an_address_without_a_run_of_ours_shows_the_picker_and_nothing_else(
    app: Dashboard, browser: Browser, runs: dict[str, str]
) -> None:
    page = open_page(browser, f"{app.url}/latent_space?run=nonsense")
    expect(page.get_by_text("There is no run 'nonsense' in this database.")).to_be_visible()
    expect(page.get_by_role("combobox", name="Run")).to_have_attribute(
        "placeholder", "Choose one, or type a part of its name"
    )
    expect(page.get_by_role("slider")).to_have_count(0)
    expect(page.locator("canvas")).to_have_count(0)
    expect(page.get_by_text("autoencoder", exact=True)).to_have_count(0)


def test_runs_are_found_by_what_is_special_about_them(app: Dashboard, browser: Browser, runs: dict[str, str]) -> None:
    page = open_page(browser, f"{app.url}/latent_space?run={runs['four']}", height=720)
    picker = page.get_by_role("combobox", name="Run")
    picker.click()
    shared = "digits · 2-D · 128 · β"
    rest = "5 epochs · 100 images · 50 for validation"
    expect(page.get_by_role("option")).to_have_text(
        [
            f"{shared} 1 · VAE · detached · 5 epochs · 2 samples · 100 images · 50 for validation · seed 0",
            f"{shared} 4 · VAE · {rest} · seed 0",
            f"{shared} 1 · 5 epochs · 100 images · noise × KL · 50 for validation · seed 0",
            f"{shared} 1 · {rest} · 2 seeds",
        ]
    )
    page.keyboard.type("detached")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Escape")
    picker.click()
    page.get_by_role("option").filter(has_text="2 seeds").click()
    page.wait_for_function(f"new URL(location).searchParams.get('run') === '{runs['both']}'")
    settled(page)
    seed = page.get_by_role("combobox", name="Seed")
    assert abs(seed.bounding_box()["y"] - picker.bounding_box()["y"]) < 2, "one row"
    seed.click()
    page.get_by_role("option", name="seed 1").click()
    page.wait_for_function(f"new URL(location).searchParams.get('run') === '{runs['another seed']}'")


@pytest.mark.parametrize("width", [1280, 1920, 390])
def test_long_names_stay_within_the_window(app: Dashboard, browser: Browser, runs: dict[str, str], width: int) -> None:
    store = store_of(app)
    for what, letter in (("β 4", "x"), ("detached", "w")):
        store.describe(runs[what], name=letter * 200, tags=[letter * 40], note=letter * 300)
    named = {
        f"compare?runs={runs['β 4']},{runs['detached']}": f".stHtml:has-text('{'x' * 200}')",
        f"train?run={runs['β 4']}": f".st-key-run_header:has-text('{'x' * 200}')",
        f"sampling?run={runs['β 4']}": f"input[value*='{'x' * 200}']",
    }
    for path, place in named.items():
        page = open_page(browser, f"{app.url}/{path}", width=width)
        expect(page.locator(place).first).to_be_visible()
        main = page.get_by_test_id("stMain")
        assert main.evaluate("main => main.scrollWidth - main.clientWidth") == 0, f"{path} at {width}"
        page.context.close()


def test_the_table_of_runs_is_as_high_as_its_rows(app: Dashboard, browser: Browser, runs: dict[str, str]) -> None:
    page = open_page(browser, f"{app.url}/compare")
    table = page.get_by_test_id("stDataFrame").first
    assert table.bounding_box()["height"] == pytest.approx(35 * (len(store_of(app).runs()) + 1), abs=5)


def test_a_pair_that_is_compared_while_it_ends_is_shown_to_the_end(app: Dashboard, browser: Browser) -> None:
    """Table, badges, curves and what can be downloaded: all of them end where the runs end."""
    store = store_of(app)
    page = open_page(browser, app.url)
    wait_for_workers(page, app)
    links = [TINY.model_copy(update={"epochs": 40, "beta": beta}).query() for beta in (0.5, 2.0)]
    ids = []
    for link in links:
        page.goto(f"{app.url}/train?{urlencode(link)}")
        page.get_by_role("button", name="Train this run").click()
        page.wait_for_function("new URL(location).searchParams.has('run')")
        ids.append(parameter(page, "run"))
    page.goto(f"{app.url}/compare?runs={','.join(ids)}")
    expect(page.get_by_text("2 chosen (2 settings)")).to_be_visible()
    expect(page.locator(".stMarkdownBadge")).to_have_count(0, timeout=120_000)  # which are on what is not done
    expect(page.get_by_text("at the last epoch")).to_be_visible()
    settled(page)
    # An end that differs would be named. Table and chart look once a second, each by itself.
    expect(page.get_by_test_id("stMain")).not_to_contain_text("(epoch ")
    page.get_by_role("tab", name="Files").click()
    expect(page.get_by_role("heading", name="Download")).to_be_visible()
    assert {store.run(run_id).epoch for run_id in ids} == {40}


def test_which_ingredient_does_it_is_answered_where_the_variants_were_trained(
    app: Dashboard, browser: Browser, runs: dict[str, str]
) -> None:
    page = open_page(browser, f"{app.url}/perturbation?run={runs['both']}")
    page.get_by_role("tab", name="Which ingredient does it?").click()
    page.get_by_role("button", name="Show the run of all four variants").click()
    expect(page.locator("h1")).to_have_text("What do both learn, and how do they differ?")
    answer = page.locator(".st-key-ingredients")
    expect(answer.get_by_test_id("stDataFrame")).to_be_visible(timeout=60_000)
    expect(answer).to_contain_text("Which ingredient does it?")
    answer.get_by_role("link", name="All units and sizes, on Perturbation").click()
    expect(page.locator("h1")).to_have_text("Does a small step change the picture?")
    settled(page)
    assert parameter(page, "run") == runs["four"]
