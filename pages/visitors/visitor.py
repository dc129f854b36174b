"""Who is looking at the page, and what they may change.

On a computer of one's own everybody may change everything. On a server for many, whoever asked for something may change
it, and so may administrators. What the database holds of a visitor is a hash: it proves nothing to those who read it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets

import streamlit as st

from pages.state import resources

from . import cookie

SESSION = "visitor"  # in the session: an id for those whose browser takes no cookie
FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded", "Via")


def visitor() -> str:
    """An id that stays the same for a browser, or an account: what the database says of who asked for something."""
    if signed_in():
        return "a-" + _hashed(f"account {st.user.get('iss')} {st.user.get('sub')}")
    if proof := cookie.proof(st.context.cookies):
        return "v-" + _hashed(f"cookie {proof}")
    return st.session_state.setdefault(SESSION, "s-" + secrets.token_hex(16))


def accounts() -> bool:
    """Whether people sign in to this server: `[auth]` in Streamlit's secrets."""
    return "is_logged_in" in st.user


def signed_in() -> bool:
    """By an account."""
    return bool(st.user.get("is_logged_in"))


def local() -> bool:
    """Whether the visitor sits at this computer, and nobody else can come in.

    That is: no accounts, a server that listens on loopback only, a connection from there, and no sign of a proxy that
    passes on somebody else's. A proxy that leaves no sign is named by VAE_SHARED=1.
    """
    if resources.settings().shared or accounts() or not is_loopback(st.get_option("server.address")):
        return False
    headers = st.context.headers
    # Streamlit says None where the connection came from this computer.
    return st.context.ip_address is None and not any(name in headers for name in FORWARDED)


def may_administer() -> bool:
    """Whether they may change what is anybody's: at this computer, or by an account named in VAE_ADMINS."""
    if local():
        return True
    # An address counts only when the provider has seen that it is theirs; some write true as a word.
    verified = st.user.get("email_verified") in (True, "true")
    return signed_in() and verified and str(st.user.get("email", "")).lower() in resources.settings().admins


def may_change(asked_by: str | None) -> bool:
    """Whether they may stop, rename or delete what `asked_by` has asked for; None is the command line."""
    return may_administer() or (asked_by is not None and asked_by == visitor())


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def is_loopback(address: str | None) -> bool:
    """Whether an address, or the name of a host, can be reached from this computer alone; None is every address."""
    if not address:
        return False  # every address of this computer
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
