"""One entry in the browser's history for each page that was visited.

Streamlit adds an entry whenever a script writes into the address: which run is shown, which epoch, what is compared.
The Back button would then lead through addresses of the page that is already there. So what changes an address without
leaving its page takes the place of the entry that is there.
"""

from __future__ import annotations

import streamlit as st

JS = """
export default () => {
  if (window.latentTwinsPush) return
  const push = (window.latentTwinsPush = window.history.pushState.bind(window.history))
  window.history.pushState = (state, title, url) => {
    const samePage = new URL(url, window.location.href).pathname === window.location.pathname
    if (samePage) window.history.replaceState(state, title, url)
    else push(state, title, url)
  }
}
"""


def one_entry_a_page() -> None:
    """To be called before a page is drawn. Draws nothing and takes no room."""
    st.components.v2.component("latent_twins_history", html="<span></span>", js=JS)(key="history")
