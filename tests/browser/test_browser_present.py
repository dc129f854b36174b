"""Present mode, on a page of this test's own: keys, each wish answered once, letters, what is hidden."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from presenting import beyond, letters
from serving import PATIENCE, ROOT, Dashboard, open_page, settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]


class FiveScreens(Dashboard):
    script = "tests/support/presented.py"


@pytest.fixture(scope="module")
def screens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    dashboard = FiveScreens(tmp_path_factory.mktemp("screens"), PYTHONPATH=str(ROOT))
    dashboard.start()
    yield dashboard
    dashboard.stop()


@pytest.fixture
def page(screens: Dashboard, browser: Browser) -> Iterator[Page]:
    page = open_page(browser, f"{screens.url}/?present=1", 1280, 720)
    yield page
    assert page.complaints == []
    page.context.close()


def at(page: Page, screen: int) -> None:
    expect(page.locator("h1")).to_have_text(f"Screen {screen}")


def asked(page: Page) -> str:
    settled(page)
    return page.get_by_text("asked:").inner_text().removeprefix("asked: ")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_keys_of_a_keyboard_and_of_a_remote_go_through_the_screens(page: Page, times: dict[str, float]) -> None:
    way = {"ArrowRight": 2, "PageDown": 3, "ArrowLeft": 2, "PageUp": 1, "End": 5, "Home": 1}
    began = time.perf_counter()
    for key, screen in way.items():
        press(page, key)
        at(page, screen)
    times["a key to the next screen drawn, mean of six"] = (time.perf_counter() - began) / len(way)
    assert asked(page) == "[2, 3, 2, 1, 5, 1]"
    press(page, "ArrowLeft")  # there is none before the first
    press(page, "ArrowRight")
    at(page, 2)
    assert asked(page) == "[2, 3, 2, 1, 5, 1, 2]"


def test_quick_presses_are_all_counted_and_nothing_is_answered_twice(page: Page) -> None:
    press(page, *["ArrowRight"] * 4, "ArrowLeft")
    at(page, 4)
    press(page, "Space", "Enter", "ArrowLeft")
    at(page, 3)
    told = asked(page)
    assert told.count("'reveal'") == 2 and told.endswith("'reveal', 'reveal', 3]")
    page.get_by_role("button", name="Press").click()  # a rerun by another cause
    expect(page.get_by_text("asked:")).to_contain_text("'pressed'")
    assert asked(page) == told.removesuffix("]") + ", 'pressed']"


def test_black_and_any_key_back(page: Page) -> None:
    press(page, "b")
    black = page.locator(".black")
    expect(black).to_be_visible()
    assert black.bounding_box() == {"x": 0, "y": 0, "width": 1280, "height": 720}
    expect(page.locator(".heard")).to_have_text("The screen is black. Any key shows it again.")
    press(page, "ArrowRight")
    expect(black).to_be_hidden()
    press(page, "B")
    page.mouse.click(600, 300)
    expect(black).to_be_hidden()
    assert asked(page) == "[]"


def test_full_screen(page: Page) -> None:
    press(page, "f")
    page.wait_for_function("document.fullscreenElement === document.documentElement")
    press(page, "f")
    page.wait_for_function("document.fullscreenElement === null")


def test_what_is_typed_or_moved_is_left_alone(page: Page) -> None:
    words = page.get_by_label("Words")
    words.click()
    page.keyboard.type("fab b")
    press(page, "ArrowLeft", "Home")
    expect(words).to_have_value("fab b")
    page.get_by_role("slider").focus()
    press(page, "ArrowRight", "ArrowRight")
    expect(page.get_by_role("slider")).to_have_value("2")
    page.get_by_role("button", name="Press").focus()
    press(page, "Space")
    expect(page.get_by_text("asked:")).to_contain_text("'pressed'")
    assert asked(page) == "['pressed']"
    press(page, "PageDown")  # of a remote: it goes on, whatever was clicked
    at(page, 2)


def test_escape_ends_it_where_it_was(page: Page) -> None:
    expect(page.get_by_text("never in front of a class")).to_be_hidden()
    press(page, "ArrowRight")
    at(page, 2)
    press(page, "Escape")
    page.wait_for_function("!new URL(location).searchParams.has('present')")
    expect(page.get_by_text("never in front of a class")).to_be_visible()
    at(page, 2)
    press(page, "ArrowRight", "b")
    assert asked(page) == "[2]"


def test_the_keys_are_told_for_two_seconds_and_heard(screens: Dashboard, browser: Browser) -> None:
    page = open_page(browser, f"{screens.url}/?present=1", 1280, 720)
    hint = page.locator(".hint")
    expect(hint).to_contain_text("B black")
    expect(hint).to_be_hidden()
    expect(page.locator(".heard")).to_contain_text("Presenting. ← → next and previous")
    press(page, "ArrowRight")
    expect(page.locator(".heard")).to_have_text("2 of 5")
    expect(hint).to_be_hidden()
    page.context.close()


def test_swipes_and_three_fingers(screens: Dashboard, browser: Browser) -> None:
    page = open_page(browser, f"{screens.url}/?present=1", 1280, 720, touch=True)
    touches = page.context.new_cdp_session(page)

    def fingers(kind: str, *points: tuple[int, int]) -> None:
        places = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        touches.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    def swipe(*points: tuple[int, int]) -> None:
        fingers("touchStart", points[0])
        fingers("touchMove", points[1])
        fingers("touchEnd")

    swipe((900, 600), (500, 610))
    at(page, 2)
    swipe((500, 600), (900, 590))
    at(page, 1)
    swipe((600, 600), (640, 300))  # downwards it is no wish
    assert asked(page) == "[2, 1]"
    fingers("touchStart", (300, 600), (400, 600), (500, 600))
    fingers("touchEnd")
    page.wait_for_function("!new URL(location).searchParams.has('present')")
    page.context.close()


@pytest.mark.parametrize(("width", "height", "least"), [(1280, 720, 16), (1920, 1080, 22)])
def test_the_last_row_reads_it(screens: Dashboard, browser: Browser, width: int, height: int, least: float) -> None:
    page = open_page(browser, f"{screens.url}/?present=1", width, height)
    smallest = letters(page)
    assert {"small", "Words", "Size", "Press"} <= {words for _, words in smallest}
    assert smallest[0][0] >= least, smallest[:5]
    assert beyond(page) == []
    page.context.close()


def test_a_server_that_was_started_again_answers_no_old_wish(screens: Dashboard, browser: Browser) -> None:
    page = open_page(browser, f"{screens.url}/?present=1", 1280, 720)
    press(page, "ArrowRight", "ArrowRight")
    at(page, 3)
    screens.kill()
    screens.start()
    page.wait_for_selector("[data-testid=stApp][data-test-connection-state=CONNECTED]", timeout=PATIENCE)
    press(page, "ArrowRight")
    at(page, 4)  # although its session starts at 1: what is asked for is a screen
    assert asked(page) == "[4]"
    page.context.close()
