"""The teacher's side: opening a room, asking by looking at a claim, revealing, and what others may not."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from paging import errors
from streamlit.testing.v1 import AppTest

from pages.rooms import room_panel
from pages.state import resources
from pages.visitors.cookie import NAME
from vae.argument.claims import CLAIMS
from vae.store import rooms
from vae.store.runs import Store

TEACHER, STUDENT = "a" * 32, "b" * 32


def page() -> None:
    """A page with a room, on the claim that its address names."""
    import streamlit as st

    from pages.rooms import room_panel
    from vae.argument.findings import Finding, Number

    claim = int(st.query_params.get("claim", "3"))
    measured = (Number("AE ÷ VAE", 1.8, "times"),) if st.query_params.get("measured", "1") == "1" else ()
    room_panel.room_bar()
    if room_panel.current():
        shown = room_panel.tally(claim, Finding("depends", "It depends on the unit.", measured, answer=2))
        st.markdown("what was measured" if shown else "not yet")


@pytest.fixture
def browser(shared: Store, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A server for many; `browser.cookies` says who is looking."""
    monkeypatch.setenv("VAE_SHARED", "1")
    resources.settings.cache_clear()
    client = SimpleNamespace(headers=[], cookies={NAME: TEACHER}, remote_ip="10.0.0.7")
    monkeypatch.setattr("streamlit.runtime.context._get_client_context", lambda: client)
    return client


def opened(**address: str) -> AppTest:
    app = AppTest.from_function(page, default_timeout=30)
    for name, value in address.items():
        app.query_params[name] = value
    return app.run()


def in_a_room() -> tuple[AppTest, str]:
    app = opened()
    app.button(key="rooms.open").click().run()
    assert errors(app) == []
    return app, code_in(app)


def code_in(app: AppTest) -> str:
    """In its address: as the test has set it a text, as the page has a list."""
    (code,) = [said] if isinstance(said := app.query_params["room"], str) else said
    return code


def html(app: AppTest) -> str:
    return "".join(element.proto.body for element in app.get("html"))


def test_opening_a_room_asks_the_claim_that_is_looked_at(browser: SimpleNamespace, shared: Store) -> None:
    assert [button.key for button in opened().button] == ["rooms.open"]
    app, code = in_a_room()
    assert rooms.find(shared, code).claim == 3
    assert CLAIMS[3].question in html(app) and "Nobody has answered yet" in html(app)
    app.query_params["claim"] = "4"
    app.run()
    room = rooms.find(shared, code)
    assert (room.claim, room.choices) == (4, len(CLAIMS[4].choices))


def test_the_tally_shows_each_answer_and_marks_what_was_measured(browser: SimpleNamespace, shared: Store) -> None:
    app, code = in_a_room()
    for visitor, choice in (("a", 0), ("b", 2), ("c", 2)):
        rooms.answer(shared, code, 3, visitor, choice)
    said = html(app.run())
    assert "3 answers" in said and "✓ measured" not in said and "what was measured" not in app.markdown[-1].value
    assert said.index("width: 33.3%") < said.index("width: 0.0%") < said.index("width: 66.7%")
    app.button(key="rooms.reveal").click().run()
    said = html(app)
    assert said.count("✓ measured") == 1 and said.index("<b>C</b>") < said.index("✓ measured")
    assert app.markdown[-1].value == "what was measured"
    assert rooms.find(shared, code).revealed == {3: rooms.Revealed("It depends on the unit.", 2)}
    assert "rooms.reveal" not in [button.key for button in app.button]


def test_nothing_is_revealed_before_it_is_measured(browser: SimpleNamespace, shared: Store) -> None:
    _, code = in_a_room()
    app = opened(room=code, measured="0")
    assert (app.button(key="rooms.reveal").disabled, app.button(key="rooms.reveal").help) == (
        True,
        "Nothing is measured yet.",
    )


def test_a_page_that_is_loaded_again_is_in_the_room_still(browser: SimpleNamespace, shared: Store) -> None:
    _, code = in_a_room()
    again = opened(room=code)
    assert f"Room {code[:3]} {code[3:]}" in [button.label for button in again.button]
    del again.query_params["room"]  # as another page does
    assert code_in(again.run()) == code


def test_only_who_opened_it_asks_reveals_and_ends_it(browser: SimpleNamespace, shared: Store) -> None:
    _, code = in_a_room()
    browser.cookies = {NAME: STUDENT}
    app = opened(room=code, claim="5")
    assert rooms.find(shared, code).claim == 3, "a student who looks at another claim asks nobody"
    assert app.button(key="rooms.ask").disabled
    app = opened(room=code)
    assert (
        app.button(key="rooms.reveal").disabled and "Someone else opened this room" in app.button("rooms.reveal").help
    )
    app.button(key="rooms.invitation").click().run()
    assert app.button(key="rooms.end").disabled
    room = rooms.find(shared, code)
    for attempt in (
        lambda: room_panel.actions.ask(room, 5, 3),
        lambda: room_panel.actions.reveal(room, 3, "So.", 0),
        lambda: room_panel.actions.end_room(room),
    ):
        with pytest.raises(room_panel.actions.NotYoursError, match="Someone else opened this room"):
            attempt()
    browser.cookies = {NAME: TEACHER}
    room_panel.actions.ask(room, 5, 3)
    assert rooms.find(shared, code).claim == 5


def test_two_windows_of_one_teacher_do_not_take_turns_in_asking(browser: SimpleNamespace, shared: Store) -> None:
    first, code = in_a_room()
    second = opened(room=code, claim="7")
    assert rooms.find(shared, code).claim == 7
    first.run()
    assert rooms.find(shared, code).claim == 7, "that window has asked before"
    first.button(key="rooms.ask").click().run()
    assert rooms.find(shared, code).claim == 3
    assert "rooms.ask" in [button.key for button in second.run().button]


def test_a_room_that_has_ended_is_told_once_and_another_can_be_opened(browser: SimpleNamespace, shared: Store) -> None:
    app, code = in_a_room()
    rooms.close(shared, code)
    app.run()
    assert [toast.value for toast in app.toast] == ["The room has ended."]
    assert "room" not in app.query_params and [button.key for button in app.button] == ["rooms.open"]
    assert [toast.value for toast in app.run().toast] == []
    app.button(key="rooms.open").click().run()
    assert code_in(app) != code


@pytest.mark.parametrize("code", ["CCCCCC", "", "<b>", "\0", "C" * 5000])
def test_an_address_with_another_code_opens_no_room(browser: SimpleNamespace, shared: Store, code: str) -> None:
    app = opened(room=code)
    assert errors(app) == [] and [button.key for button in app.button] == ["rooms.open"]


def test_choices_are_drawn_as_text() -> None:
    drawn = room_panel.bars("<i>?", ("<b>", "x & y"), [1, 0])
    assert "&lt;i&gt;?" in drawn and "&lt;b&gt;" in drawn and "x &amp; y" in drawn
    assert "1 answer<" in drawn
