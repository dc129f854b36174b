"""What a visitor reads when a page breaks off, and what the log says of it."""

from __future__ import annotations

import logging
import secrets

import streamlit as st

from vae.errors import InputError

log = logging.getLogger(__name__)
# Streamlit writes every one of these itself, over many lines and without a number: ours takes its place.
logging.getLogger("streamlit.error_util").addFilter(lambda record: record.msg != "Uncaught app execution")


def on_script_error(error: Exception) -> bool:
    """Say in a sentence, where the page broke off, what happened; True: Streamlit needs to say nothing."""
    if isinstance(error, InputError):
        log.info("refused: %s", error)
        st.error(str(error))
        return True
    from vae.store.outages import sentence

    if said := sentence(error):  # a fragment that polls looks again by itself, a click may be repeated
        log.warning("the database: %s", said)
        st.error(said, icon=":material/database_off:")
        return True
    number = secrets.token_hex(3)
    page = st.context.url if st.runtime.exists() else None
    log.error("a page broke off, failure %s", number, exc_info=error, extra={"page": page})
    st.error(
        f"This part of the page broke off. Reloading may help; if it doesn't, tell whoever runs the server that it was "
        f"failure {number}.",
        icon=":material/error:",
    )
    return True
