"""Present mode, for whoever stands in front of a class: `present=1` in the address of any page; see index.js.

There is then no bar, no sidebar, nothing below the page, and nothing that a page has put into
`st.container(key="hidden_when_presenting…")`; letters grow with the window, and none is smaller than the page's own.
A component that has smaller letters says `font-size: max(0.8rem, var(--least-type, 0px))`.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import streamlit as st

HERE = Path(__file__).parent
HTML, CSS, JS = ((HERE / name).read_text(encoding="utf-8") for name in ("index.html", "style.css", "index.js"))
STYLE = (HERE / "page.css").read_text(encoding="utf-8")

PARAMETER = "present"  # in the address
KEY = "present"
SEEN = "present.seen"  # in the session: a word for it, and the number of the last move that was answered
ON_PAGE = "present.on_page"  # in the session, while a page is drawn: it has taken the keys

# What a link may hide, and where that is on a page: widgets by what Streamlit calls them; verdicts stand in
# `st.container(key="verdict…")`. What stands in KEPT is never hidden.
WIDGETS = (
    "Button",
    "DownloadButton",
    "Popover",
    "Selectbox",
    "MultiSelect",
    "Slider",
    "ButtonGroup",
    "Checkbox",
    "Radio",
)
# Below every page, what trains the run of a link, and the question before a verdict.
KEPT = (".st-key-below", ".st-key-linked", '[class*="st-key-predict"]')
HIDDEN = {
    "controls": f":is({', '.join(f'.st{name}' for name in WIDGETS)}):not({', '.join(f'{place} *' for place in KEPT)})",
    "verdicts": '[class*="st-key-verdict"]',
    "captions": '[data-testid="stCaptionContainer"]',
}


def presenting() -> bool:
    """Whether the address asks for it."""
    return st.query_params.get(PARAMETER) == "1"


def dress(hidden: Collection[str] = ()) -> None:
    """To be called before a page is drawn: what is not shown, keys of HIDDEN, and the letters of present mode."""
    style = STYLE if presenting() else ""
    style += "".join(f".stMain {HIDDEN[name]} {{ display: none !important; }}\n" for name in hidden)
    style += ":root { --verdicts: none; }\n" if "verdicts" in hidden else ""  # of a component that tells one itself
    if style:
        st.html(f"<style>{style}</style>")


def present(position: int, count: int, *, key: str = KEY) -> int | Literal["reveal"] | None:
    """Take the keys of present mode on a page with `count` screens that shows the one at `position`, from 1.

    Returns what the visitor has asked for since, each wish once: the number of a screen (→ and ← come as numbers, and
    three quick presses as one), "reveal", or None, also while nobody presents. Esc is answered here.
    """
    if not presenting():
        return None
    st.session_state[ON_PAGE] = True
    move = _asked(key)
    session, number = st.session_state[SEEN]
    component = st.components.v2.component("latent_twins_present", html=HTML, css=CSS, js=JS)
    told = {"position": position, "count": count, "session": session, "answered": number}
    component(key=key, data=told, on_asked_change=lambda: None)
    if move == "leave":
        st.query_params.pop(PARAMETER, None)
        st.rerun()
    return move if move == "reveal" or (isinstance(move, int) and 1 <= move <= count) else None


def frame() -> None:
    """To be called after a page was drawn: F, B and Esc also where it has not taken the keys."""
    if not st.session_state.pop(ON_PAGE, False):
        present(1, 1)


def begin() -> None:
    """A button that begins it on the page that is shown."""
    if st.button(
        "Present", icon=":material/co_present:", type="tertiary", help="Large letters, no controls; Esc ends."
    ):
        st.query_params[PARAMETER] = "1"
        st.rerun()


def _asked(key: str) -> Any:
    """The move that has come and was not answered yet, which it is from now on."""
    session, last = st.session_state.setdefault(SEEN, (secrets.token_hex(4), 0))
    asked = (st.session_state.get(key) or {}).get("asked") or {}
    # A browser that has lost its server tells the next one again what it told the last: that is no wish of now.
    if asked.get("session") != session or asked.get("number", 0) <= last:
        return None
    st.session_state[SEEN] = (session, asked["number"])
    return asked.get("move")
