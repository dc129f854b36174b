"""A room on the projector: opening and ending it, and the class's answers as they come in.

The room is remembered in the session and in the address, so that a page that is loaded again is in it still.
"""

from __future__ import annotations

from html import escape

import streamlit as st

from pages.state import resources
from pages.visitors import actions
from vae.argument.claims import CLAIMS
from vae.argument.findings import Finding
from vae.errors import InputError
from vae.store import rooms
from vae.store.rooms import Room

from .invitation import invitation, spaced

ROOM = "room"  # in the address
CODE, INVITE, ASKED = "rooms.code", "rooms.invite", "rooms.asked"  # in the session
POLL = 0.5  # seconds between looks while a question is open
LETTERS = "ABCDEFGHIJ"  # of the choices, here and on phones: so that people can speak of them


def current() -> Room | None:
    """The room that this page is in; None when it is in none, or when that has ended."""
    code = st.query_params.get(ROOM) or st.session_state.get(CODE)
    try:
        return rooms.find(resources.store(), code) if code else None
    except InputError:
        return None


def room_bar() -> None:
    """A button that opens a room; in one, a button that shows how to come in, where it can be ended, too."""
    room = current()
    if room is None:
        if [known for known in (st.session_state.pop(CODE, None), st.query_params.pop(ROOM, None)) if known]:
            st.toast("The room has ended.", icon=":material/door_front:")
        if st.button(
            "Open a room",
            icon=":material/groups:",
            key="rooms.open",
            help="A class answers on its phones, without signing in; this page shows the answers as they come in.",
        ):
            _open()
        return
    st.session_state[CODE] = st.query_params[ROOM] = room.code
    shown = st.button(f"Room {spaced(room.code)}", icon=":material/qr_code_2:", key="rooms.invitation")
    if st.session_state.pop(INVITE, False) or shown:
        _invite(room)


def tally(number: int, finding: Finding) -> bool:
    """Ask the room claim `number`, and show its answers as they come in. Returns whether it was shown the finding.

    Only in a room (`current`). Whoever opened it asks by looking at a claim, and reveals by a button.
    """
    room = current()
    if room is None:
        return False
    if st.session_state.get(ASKED) != (room.code, number) and not actions.refusal(room.visitor, "room", "ask"):
        st.session_state[ASKED] = room.code, number  # once: two windows of one teacher do not take turns in asking
        _ask(room, number)
        room = current() or room
    revealed = number in room.revealed
    st.fragment(_answers, run_every=None if revealed else POLL)(room.code, number, finding, revealed)
    return revealed


def reveal(number: int, finding: Finding) -> None:
    """Show the room what was measured, as its button does; nothing where the visitor may not, or all is shown."""
    room = current()
    may = room is not None and not actions.refusal(room.visitor, "room", "show what was measured")
    if room is not None and may and room.claim == number and number not in room.revealed and finding.numbers:
        _reveal(room, number, finding)


def _answers(code: str, number: int, finding: Finding, revealed: bool) -> None:
    claim = CLAIMS[number]
    try:
        room = rooms.find(resources.store(), code)
        counts = rooms.tally(resources.store(), code, number, len(claim.choices))
    except InputError:
        st.rerun()  # it has ended
    if (number in room.revealed) != revealed:
        st.rerun()  # with what was measured
    measured = room.revealed[number].answer if revealed else None
    st.html(bars(claim.question, claim.choices, counts, revealed, measured))
    if revealed:
        return
    if room.claim == number:
        _reveal_button(room, number, finding)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        refused = actions.refusal(room.visitor, "room", "ask something in it")
        if st.button("Ask this", icon=":material/campaign:", key="rooms.ask", disabled=bool(refused), help=refused):
            _ask(room, number)
            st.rerun()
        st.caption("The room is asked about another claim.", width="content")


def _reveal_button(room: Room, number: int, finding: Finding) -> None:
    refused = actions.refusal(room.visitor, "room", "show what was measured")
    if not finding.numbers:
        refused = refused or "Nothing is measured yet."
    if st.button(
        "Reveal",
        icon=":material/visibility:",
        type="primary",
        key="rooms.reveal",
        disabled=bool(refused),
        help=refused or "Shows what was measured, here and on the phones; answers then stay as they are.",
    ):
        _reveal(room, number, finding)


def _reveal(room: Room, number: int, finding: Finding) -> None:
    try:
        actions.reveal(room, number, finding.said, finding.answer)
    except InputError as problem:
        st.error(str(problem))
    else:
        st.rerun()


def bars(
    question: str, choices: tuple[str, ...], counts: list[int], revealed: bool = False, measured: int | None = None
) -> str:
    """Markup of the question and of how many chose what; `measured`: the choice that the numbers give, marked.

    Where it is `revealed` it takes less room, which what was measured needs.
    """
    total = sum(counts)
    rows = ""
    for place, (choice, count) in enumerate(zip(choices, counts, strict=True)):
        right = place == measured
        mark = '<span class="mark">✓ measured</span>' if right else ""
        rows += (
            f'<div class="choice{" measured" if right else ""}">'
            f'<div class="words"><span><b>{LETTERS[place]}</b> {escape(choice)}</span>{mark}'
            f'<span class="count">{count}</span></div>'
            f'<div class="track"><div class="bar" style="width: {100 * count / max(total, 1):.1f}%"></div></div></div>'
        )
    said = "Nobody has answered yet" if not total else f"{total:,} answer{'s' * (total > 1)}"
    return (
        f'<div class="tally"><div class="question">{escape(question)}</div>{rows}<div class="total">{said}</div></div>'
    )


@st.dialog("Answer on your phone", width="large")
def _invite(room: Room) -> None:
    invitation(room.code)
    refused = actions.refusal(room.visitor, "room", "end it")
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("End the room", icon=":material/logout:", key="rooms.end", disabled=bool(refused), help=refused):
            try:
                actions.end_room(room)
            except InputError as problem:
                st.error(str(problem))
            else:
                st.rerun()


def _open() -> None:
    try:
        code = actions.open_room()
    except InputError as problem:
        st.error(str(problem))
        return
    st.session_state[CODE] = st.query_params[ROOM] = code
    st.session_state[INVITE] = True
    st.rerun()


def _ask(room: Room, number: int) -> None:
    try:
        actions.ask(room, number, len(CLAIMS[number].choices))
    except InputError as problem:
        st.error(str(problem))
