"""A thousand runs in a real browser: how long the page and its filter take, and what ticking rows does.

Times are measured, printed and written to reports/browser_compare.json; nothing here asserts one, machines differ.
"""

from __future__ import annotations

import time

import pytest
from browsing import store_of
from playwright.sync_api import Browser, Page, expect
from serving import PATIENCE, Dashboard, open_page, plots, settled
from stocking import stock

pytestmark = [pytest.mark.browser, pytest.mark.slow]

RUNS = 1000
ROW = 35  # pixels; the header is as high
IN_GRID = "Number(document.querySelector('[data-testid=stDataFrame] table[role=grid]')?.getAttribute('aria-rowcount'))"
# The grid tells its rows to assistive technology 200 ms after it has drawn them, so what is timed is its canvas.
CELLS = """(() => {
  const canvas = document.querySelector("[data-testid=stDataFrame] canvas[data-testid=data-grid-canvas]")
  if (!canvas?.width) return null
  const { data } = canvas.getContext("2d").getImageData(60, 45, 300, 250)
  let drawn = 0, sum = 0
  for (let i = 0; i < data.length; i += 4) {
    drawn += data[i] < 160
    sum = (sum * 31 + data[i]) | 0
  }
  return drawn > 500 ? sum : null // some text
})()"""
# Milliseconds from a key in the search field to the frame in which the grid shows other cells.
WATCH = """() => {
  const cells = () => CELLS
  const before = cells()
  window.tookMs = null
  document.querySelector('[data-testid=stTextInput] input').addEventListener('input', () => {
    const typed = performance.now()
    const look = () => [before, null].includes(cells()) ? requestAnimationFrame(look)
      : (window.tookMs = performance.now() - typed)
    look()
  }, { once: true })
}""".replace("CELLS", CELLS)


@pytest.fixture(scope="module")
def ids(app: Dashboard) -> list[str]:
    """Newest first, as the page shows them."""
    return stock(store_of(app), RUNS)[::-1]


@pytest.fixture
def page(app: Dashboard, browser: Browser, ids: list[str]) -> Page:
    opened = open_page(browser, f"{app.url}/compare", height=1000)
    rows_are(opened, RUNS)
    return opened


def rows_are(page: Page, count: int) -> None:
    page.wait_for_function(f"{IN_GRID} === {count + 1}", timeout=PATIENCE)  # and the header


def search(page: Page, words: str) -> None:
    page.get_by_role("searchbox").fill(words)


def tick(page: Page, row: int) -> None:
    """A click on the box at the left of a row, counted from 0 as shown."""
    page.get_by_test_id("stDataFrame").first.click(position={"x": 18, "y": ROW * (row + 1) + ROW // 2})


def expect_in_link(page: Page, *run_ids: str) -> None:
    page.wait_for_function(f"new URL(location).searchParams.get('runs') === {','.join(run_ids)!r}", timeout=PATIENCE)


def test_a_thousand_runs_open_and_are_filtered(
    app: Dashboard, browser: Browser, ids: list[str], times: dict[str, float]
) -> None:
    loads, again, filters = [], [], []
    for _ in range(4):  # the first one comes to a server that has just started
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        started = time.perf_counter()
        page.goto(f"{app.url}/compare")
        page.wait_for_function(f"{CELLS} !== null")
        loads.append(time.perf_counter() - started)
        rows_are(page, RUNS)
        settled(page)
        expect(plots(page).first).to_be_visible()
        for words, left in (("lecture", RUNS // 2), (ids[3], 1), ("", RUNS), ("a note", 143)):
            page.evaluate(WATCH)
            search(page, words)
            page.wait_for_function("window.tookMs !== null")
            filters.append(page.evaluate("window.tookMs") / 1000)
            rows_are(page, left)
        started = time.perf_counter()
        page.goto(f"{app.url}/compare")
        page.wait_for_function(f"{CELLS} !== null")
        again.append(time.perf_counter() - started)
        context.close()
    times["compare, 1,000 runs: request to table, who has been here before, best of 4"] = min(again)
    times["compare, 1,000 runs: request to table, first of all"] = loads[0]
    times["compare, 1,000 runs: request to table, an empty browser, best of 3"] = min(loads[1:])
    times["compare, 1,000 runs: key to filtered table, best"] = min(filters)
    times["compare, 1,000 runs: key to filtered table, median"] = sorted(filters)[len(filters) // 2]


def test_ticked_rows_are_compared_and_stay_ticked_under_a_filter(
    app: Dashboard, browser: Browser, page: Page, ids: list[str], times: dict[str, float]
) -> None:
    tick(page, 0)
    expect_in_link(page, ids[0])
    started = time.perf_counter()
    tick(page, 5)
    expect_in_link(page, ids[0], ids[5])
    expect(page.get_by_text("2 chosen (2 settings)")).to_be_visible()
    times["compare, 1,000 runs: tick to what is compared"] = time.perf_counter() - started

    search(page, ids[5])
    rows_are(page, 1)
    expect(page.get_by_text("2 chosen, 1 of them hidden by the filter")).to_be_visible()
    expect(page.locator("table[role=grid] tr[aria-selected=true]").first).to_be_attached()
    tick(page, 0)  # unticked: the hidden one stays
    expect_in_link(page, ids[0])
    expect(page.get_by_text("1 chosen, 1 of them hidden by the filter (1 setting)")).to_be_visible()

    link = open_page(browser, f"{app.url}/compare?runs={ids[7]},{ids[9]}")
    expect(link.get_by_text("2 chosen (1 setting)")).to_be_visible()  # two seeds of one
    assert page.complaints == link.complaints == []


def test_two_settings_are_subtracted_behind_a_tab(app: Dashboard, browser: Browser, ids: list[str]) -> None:
    page = open_page(browser, f"{app.url}/compare?runs={ids[0]},{ids[5]}")
    page.get_by_role("tab", name="Difference").click()
    expect(page.get_by_text("Over 1 pair of seeds")).to_contain_text("Only one seed: not enough to conclude.")
    assert page.complaints == []


def test_a_filtered_row_is_the_run_it_shows(page: Page, ids: list[str]) -> None:
    search(page, "a note")
    page.wait_for_function(f"{IN_GRID} < {RUNS / 2}")
    noted = [run_id for run_id in ids if int(run_id, 16) % 7 == 0]
    rows_are(page, len(noted))
    tick(page, 2)
    expect_in_link(page, noted[2])


def test_deleting_is_undone_and_a_name_is_text(app: Dashboard, browser: Browser, ids: list[str]) -> None:
    store = store_of(app)
    page = open_page(browser, f"{app.url}/compare?runs={ids[20]}", height=1400)
    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Rename, tag, note").click()
    page.get_by_role("textbox", name="Name").fill("<b>Mine</b> **too**")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("<b>Mine</b> **too**")).to_be_visible()
    assert store.run(ids[20]).name == "<b>Mine</b> **too**"

    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Delete").click()
    rows_are(page, RUNS - 1)
    assert store.run(ids[20]).deleted_at is not None
    page.get_by_role("button", name="Undo").click()
    rows_are(page, RUNS)
    expect_in_link(page, ids[20])
    assert store.run(ids[20]).deleted_at is None

    page.get_by_role("link", name="Open in Train").click()
    expect(page.get_by_role("heading", name="What do both learn, and how do they differ?")).to_be_visible()
    assert f"run={ids[20]}" in page.url
    assert page.complaints == []


def test_it_fits_a_phone(app: Dashboard, browser: Browser, ids: list[str]) -> None:
    page = open_page(browser, f"{app.url}/compare?runs={ids[0]},{ids[5]}", width=390, height=2500, dark=True)
    expect(page.get_by_role("tab", name="Curves")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.complaints == []
