"""A visitor's seat before the stage: what their browser may fetch, and which epoch it rests on.

The browser asks for a run's film by itself, outside Streamlit's session, so its requests carry a word that only a page
of this server can have given it: whoever isn't let in reads nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

import streamlit as st

from pages.shared import epochs

_key = secrets.token_bytes(32)  # of this process: a page that outlives it gets a new word as it connects again


def address(run_id: str) -> str:
    """Where the film of a run lies, for this visitor's browser."""
    prefix, seat = st.get_option("server.baseUrlPath").strip("/"), epochs.seat()
    return f"{'/' + prefix if prefix else ''}/latent-twins/{seat}/{_word(seat, run_id)}/{run_id}"


def known(seat: str, word: str, run_id: str) -> bool:
    """Whether a page of this server has given the `word` for a run to who sits at `seat`."""
    return hmac.compare_digest(word, _word(seat, run_id))


def _word(seat: str, run_id: str) -> str:
    return hmac.new(_key, f"{seat} {run_id}".encode(), hashlib.sha256).hexdigest()[:32]
