"""Predict, then reveal: a question stands where a verdict will be, until the visitor answers or asks to be shown.

What was answered is remembered by question and settings, whatever the seed: in the session, and in a cookie for a page
that is loaded again. **Don't ask me** turns the questions off in this browser; a line below every page turns them on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence

import streamlit as st

from pages.components.remember import remember
from vae.config import RunConfig

# In the session; the first two are the names of cookies, too.
ANSWERS, OFF, ALWAYS, CHANGED = "latent_twins_answers", "latent_twins_questions", "predict.always", "predict.changed"
ANEW = "predict.anew"  # something was answered: the whole page is to be drawn, not only the question's fragment
A_YEAR = 365 * 24 * 3600  # seconds
MOST = 100  # answers that a cookie holds, the newest; it has 4 kB
SHOWN = "s"  # in place of an answer: the visitor asked to be shown
ANSWER = re.compile("([0-9a-f]{8})-([0-9s])")
OFF_VALUE = "off"


def predicted(
    key: str,
    question: str,
    choices: Sequence[str],
    show: Callable[[], object],
    *,
    measured: Callable[[], int | None] = lambda: None,
    config: RunConfig | None = None,
) -> bool:
    """Ask `question` in the place of what `show` draws; draw that, once it was answered. Returns whether it was drawn.

    `question` and `choices` are Markdown of the program's own, never somebody's words. `key` names the question, on all
    pages that ask it; with `config` it is asked for each configuration apart, whatever its seed. `measured` is asked
    after the reveal which of `choices` the numbers give, counted from 0: None where they give none. Call this only
    where there is something to reveal.
    """
    if st.session_state.pop(ANEW, False):
        st.rerun()  # what is kept in the browser, and the line below, are outside of a fragment
    name = _name(key, config)
    if not is_shown(key, config):
        _ask(name, question, choices)
        return False
    with st.container(key=f"verdict-{name}"):  # which a teacher's link can hide
        show()
        answer = _answers().get(name, SHOWN)
        if answer != SHOWN:
            st.caption(_compared(choices, int(answer), measured()))
    return True


def is_shown(key: str, config: RunConfig | None = None) -> bool:
    """Whether the verdict after question `key` is shown: it was answered, or nothing is asked here."""
    return _name(key, config) in _answers() or _off() or st.session_state.get(ALWAYS, False)


def always_shown(always: bool = True) -> None:
    """Whether verdicts are shown at once in this session, as by a link that already shows them."""
    st.session_state[ALWAYS] = always


def reveal(key: str, config: RunConfig | None = None) -> None:
    """Show the verdict from now on, as if the visitor had asked for it; an answer stays."""
    if (name := _name(key, config)) not in _answers():
        _remember(name, SHOWN)


def ask_again() -> None:
    """Below a page: where the visitor has turned the questions off, a button that turns them on."""
    if _off() and st.button("Ask me before each verdict", icon=":material/psychology_alt:", type="tertiary"):
        _turn(off=False)
        st.rerun()


def keep() -> None:
    """Once on every page, after all else: what this session has changed goes into the browser."""
    remember(st.session_state.get(CHANGED, {}))


def _ask(name: str, question: str, choices: Sequence[str]) -> None:
    """All is answered before anything is drawn: a page that looks again by itself would lose a click in between."""
    with st.container(key=f"predict-{name}", gap="small"):
        answer = f"predict.{name}"
        st.pills(
            f"**Predict:** {question}",
            range(len(choices)),
            format_func=lambda place: choices[place],
            key=answer,
            on_change=lambda: _remember(name, str(st.session_state[answer])),
        )
        with st.container(horizontal=True, gap="small", key=f"hidden_when_presenting-{name}"):
            st.button(
                "Show me",
                icon=":material/visibility:",
                key=f"predict.show.{name}",
                on_click=_remember,
                args=(name, SHOWN),
            )
            st.button(
                "Don't ask me",
                icon=":material/notifications_off:",
                type="tertiary",
                key=f"predict.off.{name}",
                help="This browser then shows verdicts at once. A line below each page brings the questions back.",
                on_click=_turn,
                args=(True,),
            )


def _compared(choices: Sequence[str], answer: int, measured: int | None) -> str:
    """What they had predicted, and whether it is what was measured."""
    mine = f"You predicted: {choices[answer]}."
    if measured is None:
        return f"{mine} These numbers do not decide it."
    if measured == answer:
        return f"{mine} That is what was measured."
    return f"{mine} Measured: {choices[measured]}."


def _name(key: str, config: RunConfig | None) -> str:
    """Of a question about a configuration: eight hexadecimal digits, as a cookie is short."""
    about = "" if config is None else config.model_copy(update={"seed": 0}).model_dump_json()
    return hashlib.sha256(f"{key} {about}".encode()).hexdigest()[:8]


def _answers() -> dict[str, str]:
    """Choices, counted from 0, or `SHOWN`, by the question's name: of this session, at first those of the cookie."""
    if ANSWERS not in st.session_state:
        st.session_state[ANSWERS] = dict(ANSWER.findall(st.context.cookies.get(ANSWERS, "")))
    return st.session_state[ANSWERS]


def _off() -> bool:
    if OFF not in st.session_state:
        st.session_state[OFF] = st.context.cookies.get(OFF) == OFF_VALUE
    return st.session_state[OFF]


def _turn(off: bool) -> None:
    st.session_state[OFF] = off
    _change(OFF, OFF_VALUE if off else "on", A_YEAR)


def _remember(name: str, answer: str) -> None:
    _answers()[name] = answer
    newest = list(_answers().items())[-MOST:]
    _change(ANSWERS, ".".join(f"{name}-{answer}" for name, answer in newest), None)


def _change(cookie: str, value: str, seconds: int | None) -> None:
    """Only what this session has changed is written: another window may have changed the rest."""
    st.session_state[ANEW] = True
    st.session_state.setdefault(CHANGED, {})[cookie] = (value, seconds)
