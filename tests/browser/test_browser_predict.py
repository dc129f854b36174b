"""Predict, then reveal, as a visitor does: by keyboard, on a phone, and again after the page was loaded anew."""

from __future__ import annotations

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browsing import store_of
from playwright.sync_api import Browser, Locator, Page, expect
from serving import Dashboard, open_page, settled

from vae.config import PRESETS
from vae.runs.execution import execute
from vae.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

QUESTION = "Whose picture changes more after the same small step?"
CHOICES = ["the autoencoder's, in every unit", "the VAE's, in every unit", "it depends on the unit of the step"]


@pytest.fixture(scope="module")
def run_id(app: Dashboard) -> str:
    """A run of the quick preset, trained here: nobody waits for workers."""
    store = store_of(app)
    made = store.create(PRESETS["quick"].config, "test")
    settings = Settings.from_environment({"VAE_DATA_DIR": str(app.folder), "VAE_DATABASE_URL": app.database_url})
    assert execute(store, made, settings) == "done"
    return made


def asked(browser: Browser, app: Dashboard, run_id: str, **options: int | bool) -> tuple[Page, Locator]:
    """A visitor before the question of Perturbation, and what holds the question."""
    page = open_page(browser, f"{app.url}/perturbation?run={run_id}", asking=True, height=720, **options)
    question = page.locator(".stVerticalBlock[class*=st-key-predict-]")
    expect(question).to_be_visible(timeout=60_000)  # once there is something to reveal
    settled(page)
    return page, question


def verdict(page: Page) -> Locator:
    return page.get_by_text("Verdict. Only one seed")


def test_the_question_stands_where_the_verdict_will_be_and_moves_nothing(
    app: Dashboard, browser: Browser, run_id: str
) -> None:
    page, question = asked(browser, app, run_id)
    expect(verdict(page)).to_have_count(0)
    expect(page.get_by_test_id("stDataFrame")).to_have_count(0)
    strips, slider = page.locator(".strip").first, page.get_by_role("slider", name="Size of the nudge", exact=True)
    before = strips.bounding_box(), slider.bounding_box()
    bottom = question.bounding_box()["y"] + question.bounding_box()["height"]
    assert bottom <= 720, "it is on the first screen"
    page.get_by_role("button", name="Show me").click()
    expect(verdict(page)).to_be_visible()
    settled(page)
    assert (strips.bounding_box(), slider.bounding_box()) == before
    assert page.get_by_text("You predicted").count() == 0
    assert page.complaints == []


def test_an_answer_by_keyboard_is_remembered_when_the_page_is_loaded_again(
    app: Dashboard, browser: Browser, run_id: str
) -> None:
    page, question = asked(browser, app, run_id)
    group = page.get_by_label(QUESTION)
    expect(group).to_be_visible()
    assert [" ".join(text.split()) for text in question.get_by_role("radio").all_inner_texts()] == CHOICES
    question.get_by_role("radio").first.focus()
    for key in ("ArrowRight", "Enter"):
        page.keyboard.press(key)
    said = page.get_by_text("You predicted: the VAE's, in every unit. These numbers do not decide it.")
    expect(said).to_be_visible()
    expect(verdict(page)).to_be_visible()
    settled(page)
    page.reload()
    expect(said).to_be_visible(timeout=60_000)
    expect(question).to_have_count(0)
    assert page.complaints == []


def test_the_questions_are_turned_off_and_on_in_this_browser(app: Dashboard, browser: Browser, run_id: str) -> None:
    page, question = asked(browser, app, run_id)
    page.get_by_role("button", name="Don't ask me").click()
    expect(verdict(page)).to_be_visible()
    settled(page)
    again = page.context.new_page()  # another window
    again.goto(page.url)
    expect(verdict(again)).to_be_visible(timeout=60_000)
    again.get_by_role("button", name="Ask me before each verdict").click()
    expect(again.locator(".stVerticalBlock[class*=st-key-predict-]")).to_be_visible()
    settled(again)
    page.reload()
    expect(question).to_be_visible(timeout=60_000)
    assert page.complaints == []


@pytest.mark.parametrize("dark", [False, True])
def test_the_question_is_in_order_for_axe_and_fits_a_phone(
    app: Dashboard, browser: Browser, run_id: str, dark: bool
) -> None:
    page, question = asked(browser, app, run_id, width=390, dark=dark)
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate("axe.run('.stVerticalBlock[class*=st-key-predict-]', {resultTypes: ['violations']})")
    assert [f"{rule['id']}: {node['html']}" for rule in found["violations"] for node in rule["nodes"]] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for button in [*question.get_by_role("radio").all(), *question.get_by_role("button").all()]:
        box = button.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
        assert box["height"] >= 32, "a thumb hits it"
