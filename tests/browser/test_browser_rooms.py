"""A room: a projector and a phone, both drawn by a browser, among sixty phones that are not.

`tests/rooms/test_sixty_phones.py` says the same of the protocol alone.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browsing import store_of
from phones import Phone, expected, phones
from playwright.sync_api import Browser, Locator, Page, expect
from presenting import beyond
from serving import PATIENCE, Dashboard, open_page, settled

from vae.argument.claims import CLAIMS
from vae.config import RunConfig
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store import rooms
from vae.store.runs import Store

pytestmark = [pytest.mark.browser, pytest.mark.databases]

COUNT = 60
THUMB = 44  # pixels: the least height of what a thumb hits (WCAG 2.5.5)
CLAIM, NEXT = 10, 8  # measured from the VAE alone, at once
NUMBERS = ".tally .count"


@pytest.fixture(scope="module")
def run_id(app: Dashboard) -> str:
    made = store_of(app).create(RunConfig(epochs=2, train_limit=100, validation_size=50), "test")
    assert execute(store_of(app), made, Settings.from_environment()) == "done"
    return made


def projector(browser: Browser, app: Dashboard, run_id: str, dark: bool = False) -> tuple[Page, str]:
    """A teacher's page about CLAIM, in a room that its button has opened, and the room's code."""
    page = open_page(browser, f"{app.url}/argument?run={run_id}&claim={CLAIM}", 1280, 720, dark, asking=True)
    page.get_by_role("button", name="Open a room").click()
    expect(page.get_by_role("dialog")).to_contain_text("Answer on your phone")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".tally")).to_contain_text("Nobody has answered yet")
    return page, page.evaluate("new URL(location).searchParams.get('room')")


def phone_page(browser: Browser, app: Dashboard, code: str, dark: bool = False) -> Page:
    theme = "dark" if dark else "light"
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, color_scheme=theme)
    page = context.new_page()
    page.goto(f"{app.url}/room/{code}")
    expect(page.get_by_role("heading", level=1)).to_have_text(CLAIMS[CLAIM].question)
    return page


def counts(page: Page) -> list[int]:
    return [int(text) for text in page.locator(NUMBERS).all_inner_texts()]


def choices(page: Page) -> Locator:
    return page.get_by_role("group").get_by_role("button")


def violations(page: Page) -> list[str]:
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [f"{rule['id']}: {rule['nodes'][0]['html']}" for rule in found]


@pytest.mark.parametrize("dark", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_phone_answers_the_projector_counts_and_both_are_told(
    app: Dashboard, browser: Browser, run_id: str, times: dict[str, float], dark: bool
) -> None:
    page, code = projector(browser, app, run_id, dark)
    phone = phone_page(browser, app, code, dark)
    expect(choices(phone)).to_have_count(len(CLAIMS[CLAIM].choices))
    boxes = [choice.bounding_box() for choice in choices(phone).all()]
    assert all(box["height"] >= THUMB for box in boxes)
    assert boxes[-1]["y"] + boxes[-1]["height"] > 844 / 2, "within reach of a thumb"
    assert beyond(phone) == [] and violations(phone) == []

    choices(phone).nth(0).tap()
    expect(phone.get_by_role("status")).to_contain_text("Your answer is counted.")
    tapped = time.perf_counter()
    expect(page.locator(NUMBERS).nth(0)).to_have_text("1", timeout=5000)
    times["an answer counted to its bar drawn"] = time.perf_counter() - tapped
    choices(phone).nth(1).tap()
    expect(page.locator(NUMBERS).nth(1)).to_have_text("1", timeout=5000)
    assert counts(page) == [0, 1, 0], "a second thought takes the place of the first"

    page.get_by_role("button", name="Reveal").click()
    pressed = time.perf_counter()
    expect(phone.locator("#measured")).to_contain_text("Half of all ε are larger than", timeout=10_000)
    times["reveal pressed to told on the phone"] = time.perf_counter() - pressed
    expect(page.locator(".stMain .badge")).to_be_visible()
    expect(phone.get_by_role("status")).to_have_text("Your answer was B.")
    expect(choices(phone).nth(0)).to_be_disabled()
    assert beyond(phone) == [] and violations(phone) == []
    settled(page)
    assert violations(page) == []
    assert page.complaints == []
    phone.context.close()
    page.context.close()


def test_a_room_that_is_not_there_is_told_and_another_code_asked_for(app: Dashboard, browser: Browser) -> None:
    page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    page.goto(f"{app.url}/room/NOSUCH")
    expect(page.get_by_label("The code on the screen in front of you")).to_be_visible()
    assert "NOSUCH" not in page.get_by_role("heading", level=1).inner_text() or page.locator("form").is_visible()
    assert violations(page) == []
    page.context.close()


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A dashboard that may be killed."""
    dashboard = Dashboard(tmp_path_factory.mktemp("killed"))
    dashboard.start()
    yield dashboard
    dashboard.stop()


class Class:
    """Sixty phones in a thread of their own, while the browsers are looked at."""

    def __init__(self, app: Dashboard, code: str) -> None:
        self.members: list[Phone] = []
        self._over, self._thread = threading.Event(), threading.Thread(target=self._run, args=(app.url, code))
        self._thread.start()

    def _run(self, url: str, code: str) -> None:
        self.members = phones(url, code, COUNT, {claim: len(CLAIMS[claim].choices) for claim in (CLAIM, NEXT)})
        asyncio.run(self._follow())

    async def _follow(self) -> None:
        await asyncio.gather(*(phone.join() for phone in self.members))
        over = asyncio.Event()
        following = [asyncio.create_task(phone.follow(over)) for phone in self.members]
        await asyncio.to_thread(self._over.wait)
        over.set()
        await asyncio.gather(*following)
        await asyncio.gather(*(phone.client.aclose() for phone in self.members))

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def have_answered(self, claim: int) -> bool:
        return len(self.members) == COUNT and all(claim in phone.counted for phone in self.members)


def drawn(page: Page, total: int) -> list[tuple[float, int]]:
    """When the projector was looked at, and how many answers it showed, until it shows `total`."""
    seen, deadline = [(time.monotonic(), 0)], time.monotonic() + 90
    while seen[-1][1] < total:
        assert time.monotonic() < deadline, f"the projector shows {seen[-1][1]} of {total} answers"
        seen.append((time.monotonic(), sum(counts(page))))
        page.wait_for_timeout(20)
    return seen


def tally(store: Store, code: str, claim: int) -> list[int]:
    return rooms.tally(store, code, claim, len(CLAIMS[claim].choices))


def all_counted(page: Page, store: Store, code: str, class_: Class, claim: int, own_choice: int) -> list[int]:
    """The answers that were given, once page and store show them, or at the end of everybody's patience."""
    deadline = time.monotonic() + PATIENCE / 1000
    while True:
        wanted = expected(class_.members, claim, len(CLAIMS[claim].choices))
        wanted[own_choice] += 1  # the browser's
        if counts(page) == wanted == tally(store, code, claim) or time.monotonic() > deadline:
            return wanted
        page.wait_for_timeout(100)


@pytest.mark.spare
@pytest.mark.slow
def test_sixty_phones_and_two_browsers_lose_nothing_when_the_dashboard_is_killed(
    own: Dashboard, browser: Browser, times: dict[str, float]
) -> None:
    store = store_of(own)
    made = store.create(RunConfig(epochs=2, train_limit=100, validation_size=50), "test")
    assert execute(store, made, Settings.from_environment()) == "done"
    page, code = projector(browser, own, made)
    phone = phone_page(browser, own, code)
    class_ = Class(own, code)
    try:
        choices(phone).nth(0).tap()
        seen = drawn(page, COUNT + 1)
        assert class_.have_answered(CLAIM)
        counted = sorted(member.counted[CLAIM] for member in class_.members)
        shown = [next(at for at, answers in seen if answers >= place) for place in range(2, COUNT + 2)]
        late = [at - said for at, said in zip(shown, counted, strict=True)]
        times["60 phones: an answer counted to its bar drawn, median"] = sorted(late)[COUNT // 2]
        times["60 phones: an answer counted to its bar drawn, at the most"] = max(late)
        page.wait_for_timeout(2000)  # for second thoughts
        wanted = all_counted(page, store, code, class_, CLAIM, 0)
        assert counts(page) == wanted == tally(store, code, CLAIM)

        page.get_by_role("radio", name=str(NEXT), exact=True).click()
        expect(phone.get_by_role("heading", level=1)).to_have_text(CLAIMS[NEXT].question)
        deadline = time.monotonic() + 60
        while (answers := sum(tally(store, code, NEXT))) < 5:
            assert time.monotonic() < deadline, "no phone answers"
            page.wait_for_timeout(10)
        own.kill()
        assert answers < COUNT, "all had answered before"
        times["answers counted when the dashboard was killed"] = sum(tally(store, code, NEXT))
        choices(phone).nth(2).tap()  # nobody is there to count it
        expect(phone.get_by_role("status")).to_contain_text("Your answer waits.", timeout=30_000)
        own.start()
        drawn(page, COUNT + 1)
        page.wait_for_timeout(2000)
        wanted = all_counted(page, store, code, class_, NEXT, 2)
        assert counts(page) == wanted == tally(store, code, NEXT)

        page.get_by_role("button", name="Reveal").click()
        expect(phone.locator("#measured")).to_contain_text("outputs for log σ²", timeout=30_000)
        expect(page.locator(".stMain .badge")).to_be_visible(timeout=30_000)
        assert counts(page) == wanted
    finally:
        class_.end()
    assert all(NEXT in member.revealed for member in class_.members)
    assert page.complaints == []
