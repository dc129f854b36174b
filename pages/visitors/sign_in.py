"""Signing in, where Streamlit's secrets name an OpenID Connect provider: a page before all pages, and the way out."""

from __future__ import annotations

import streamlit as st
from streamlit.auth_util import get_secrets_auth_section, is_authlib_installed
from streamlit.errors import StreamlitAuthError

from pages.text.escape_markdown import escape_markdown

from . import visitor


def needed() -> bool:
    """Whether the visitor has to sign in first."""
    return visitor.accounts() and not visitor.signed_in()


def page() -> None:
    """Instead of any other page."""
    st.title("Latent Twins")
    if not is_authlib_installed():
        st.error(
            "This server asks people to sign in (`[auth]` in its secrets.toml), but Authlib is missing: "
            "`pip install 'streamlit[auth]'`, then start it again.",
            icon=":material/key_off:",
        )
        return
    st.markdown("This server is for people who are signed in. What you train here is then yours, in any browser.")
    for name in _providers():
        label = "Sign in" if name is None else f"Sign in with {name.capitalize()}"
        if st.button(
            escape_markdown(label), type="primary", icon=":material/login:", key=f"sign_in.{name or 'default'}"
        ):
            try:
                st.login(name)
            except StreamlitAuthError as problem:
                st.error(f"Signing in is not set up rightly on this server. {escape_markdown(str(problem))}")


def _providers() -> list[str | None]:
    """Names of the providers; None is the one without a name."""
    section = get_secrets_auth_section().to_dict()
    named: list[str | None] = [
        name for name, value in section.items() if isinstance(value, dict) and "client_id" in value
    ]
    return named or [None]


def sign_out() -> None:
    """Who is signed in, and a button."""
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", key="account"):
        st.caption(escape_markdown(str(st.user.get("name") or st.user.get("email") or "Signed in")), width="content")
        if st.button("Sign out", icon=":material/logout:", type="tertiary", key="sign_out"):
            st.logout()
