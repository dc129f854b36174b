"""The Argument page as a room and a phone see it: asked, told, presented; and a first start's way to a claim."""

from __future__ import annotations

import time

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browsing import store_of
from playwright.sync_api import Browser, Page, expect
from presenting import beyond, letters
from serving import PATIENCE, Dashboard, open_page, settled

from vae.argument.claims import CLAIMS
from vae.config import RunConfig
from vae.runs.execution import execute
from vae.settings import Settings

pytestmark = pytest.mark.browser

QUICK = 3  # the claim that quick tests look at
each_claim = pytest.mark.parametrize(
    "number", [number if number == QUICK else pytest.param(number, marks=pytest.mark.slow) for number in CLAIMS]
)
each_size = pytest.mark.parametrize(
    ("width", "height", "dark", "least"),
    [
        pytest.param(1280, 720, False, 16, id="720-light", marks=(pytest.mark.slow, pytest.mark.spare)),
        pytest.param(1280, 720, True, 16, id="720-dark", marks=pytest.mark.slow),
        pytest.param(1920, 1080, False, 22, id="1080-light", marks=pytest.mark.slow),
        pytest.param(1920, 1080, True, 22, id="1080-dark", marks=(pytest.mark.slow, pytest.mark.spare)),
    ],
)


@pytest.fixture(scope="module")
def run_id(app: Dashboard) -> str:
    """A run of all four variants, with whose seed the others of the claims' families are trained."""
    config = RunConfig(epochs=2, train_limit=200, validation_size=50)
    for variants in (("ae", "vae"), ("ae", "noise_only", "kl_only", "vae")):
        made = store_of(app).create(config.model_copy(update={"variants": variants}), "test")
        assert execute(store_of(app), made, Settings.from_environment()) == "done"
    return made


def claim(browser: Browser, app: Dashboard, run_id: str, number: int, width: int, height: int, dark: bool) -> Page:
    query = f"run={run_id}" + (f"&claim={number}" if number else "")
    return open_page(browser, f"{app.url}/argument?{query}", width, height, dark, asking=True)


def violations(page: Page) -> list[str]:
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [f"{rule['id']}: {rule['nodes'][0]['html']}" for rule in found]


@pytest.mark.slow
def test_a_fresh_start_comes_to_a_revealed_claim_in_three_clicks(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, times: dict[str, float]
) -> None:
    fresh = Dashboard(tmp_path_factory.mktemp("fresh"))
    began = time.perf_counter()
    fresh.start()
    try:
        page = open_page(browser, f"{fresh.url}/argument", 1280, 720, asking=True)
        opened = time.perf_counter()
        page.get_by_role("button", name="Train both now").click()  # one
        page.get_by_role("radio", name="1", exact=True).click()  # two
        page.get_by_role("button", name="Show me").click(timeout=120_000)  # three; a busy machine trains slowly
        expect(page.locator(".stMain .measured .value").first).to_be_visible(timeout=60_000)
        times["fresh start: from the start of the server to the first revealed claim"] = time.perf_counter() - began
        times["fresh start: from the first page to the first revealed claim, three clicks"] = (
            time.perf_counter() - opened
        )
        expect(page.locator(".stMain .badge")).to_contain_text("no verdict yet")
        assert page.complaints == []
    finally:
        fresh.stop()


@each_claim
def test_question_and_badge_are_on_the_first_screen_and_axe_finds_nothing(
    app: Dashboard, browser: Browser, run_id: str, number: int
) -> None:
    page = claim(browser, app, run_id, number, 1280, 720, dark=bool(number % 2))
    expect(page.get_by_text(CLAIMS[number].question)).to_be_in_viewport(ratio=1)
    expect(page.locator(".badge")).to_have_count(0)
    assert violations(page) == []
    page.get_by_role("button", name="Show me").click()
    expect(page.locator(".stMain .badge")).to_be_in_viewport(ratio=1)
    settled(page)
    assert violations(page) == []
    assert page.complaints == []
    page.context.close()


@each_claim
def test_a_phone_asks_and_tells_without_scrolling_sideways(
    app: Dashboard, browser: Browser, run_id: str, number: int
) -> None:
    page = claim(browser, app, run_id, number, 390, 844, dark=False)
    across = [row for row in beyond(page) if row[1] > 0]
    asked = page.get_by_text(CLAIMS[number].question).bounding_box()
    assert asked["y"] + asked["height"] < 844, "what is asked comes first"
    page.get_by_role("button", name="Show me").click()
    expect(page.locator(".stMain .badge")).to_be_visible()
    settled(page)
    across += [row for row in beyond(page) if row[1] > 0]
    assert [row for row in across if "stMain" in row[2]] == []
    assert page.complaints == []
    page.context.close()


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_all_claims_are_read_on_a_phone(app: Dashboard, browser: Browser, run_id: str, dark: bool) -> None:
    page = claim(browser, app, run_id, 0, 390, 844, dark)
    picture = page.get_by_role("img", name="Reparameterization trick")
    expect(picture).to_have_count(1)  # of two drawings the one that fits
    box = picture.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    words = {words for _, words in letters(page)}
    assert {str(number) for number in CLAIMS} <= words
    assert min(size for size, words in letters(page)) >= 12
    assert [row for row in beyond(page) if row[1] > 0 and "stMain" in row[2]] == []
    assert violations(page) == []
    assert page.complaints == []
    page.context.close()


@each_size
@pytest.mark.parametrize("asking", [pytest.param(True, marks=pytest.mark.slow), False])
def test_presented_nothing_scrolls_and_the_last_row_reads_it(
    app: Dashboard,
    browser: Browser,
    run_id: str,
    times: dict[str, float],
    width: int,
    height: int,
    dark: bool,
    least: int,
    asking: bool,
) -> None:
    """All claims one after the other, as a lecturer's key goes through them, and all together at the end."""
    url = f"{app.url}/argument?run={run_id}&claim=1"
    page = open_page(browser, url, width, height, dark, asking=asking)
    page.goto(f"{url}&present=1")  # which has no title to wait for
    expect(page.locator("h1")).to_be_hidden()
    smallest, scrolls = [], {}
    for number in CLAIMS:
        expect(page.locator("h2.claim")).to_contain_text(CLAIMS[number].title.split("²")[0], timeout=PATIENCE)
        if not asking:
            expect(page.locator(".stMain .badge")).to_be_visible(timeout=PATIENCE)
        settled(page)
        scrolls[number] = beyond(page)
        smallest.append((*letters(page)[0], number))
        page.keyboard.press("ArrowRight")
    expect(page.get_by_role("img", name="Reparameterization trick")).to_be_visible(timeout=PATIENCE)
    settled(page)
    scrolls[0] = beyond(page)
    assert {number: found for number, found in scrolls.items() if found} == {}
    smallest.append((*letters(page)[0], 0))
    times[f"presented at {height}: smallest letters, pixels"] = min(smallest)[0]
    assert min(smallest)[0] >= least, sorted(smallest)[:3]
    assert page.complaints == []
    page.context.close()
