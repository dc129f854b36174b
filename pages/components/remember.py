"""What the browser keeps for the next visit: cookies that a page may set, and reads as a visitor comes back."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

JS = """
export default ({ data }) => {
  for (const { name, value, seconds } of data) {
    document.cookie = `${name}=${value}; Path=/; SameSite=Lax` + (seconds === null ? "" : `; Max-Age=${seconds}`)
  }
}
"""


def remember(cookies: Mapping[str, tuple[str, int | None]]) -> None:
    """Set cookies, by name: a value, and for how many seconds; None is until the browser is closed. Takes no room.

    Values go into the browser as they are: letters, digits, dots and dashes only. `st.context.cookies` has them from
    the next visit on.
    """
    if cookies:
        component = st.components.v2.component("latent_twins_remember", html="<span></span>", js=JS)
        data = [{"name": name, "value": value, "seconds": seconds} for name, (value, seconds) in cookies.items()]
        component(key="remember", data=data)
