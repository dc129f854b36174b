"""The page before all pages, where people sign in; with a provider it is tested in a browser."""

from __future__ import annotations

import pytest
from lessons import labels, press
from paging import open_page
from streamlit.errors import StreamlitAuthError
from streamlit.runtime.secrets import AttrDict
from streamlit.testing.v1 import AppTest

from pages.visitors import sign_in
from vae.settings import ROOT
from vae.store.runs import Store

PERSON = {"is_logged_in": True, "iss": "https://id.example.org", "sub": "42", "name": "*Ada* <b>", "email": "a@b.org"}


def opened(user: dict, **query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "pages" / "_navigation.py"), default_timeout=60)
    app.user = user
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def test_nobody_gets_past_it(shared: Store) -> None:
    app = opened({"is_logged_in": False})
    assert labels(app) == ["Sign in"]
    assert [title.value for title in app.title] == ["Latent Twins"]


def test_without_accounts_there_is_no_such_page(shared: Store) -> None:
    assert not {"Sign in", "Sign out"} & set(labels(open_page("start.py")))


def test_whoever_is_in_can_go(shared: Store) -> None:
    app = opened(PERSON)
    assert {"Sign out", "Train both now"} <= set(labels(app))
    assert any("\\*Ada\\*" in caption.value for caption in app.caption), "a name is text, not markup"
    press(app, "Train both now")
    assert [run.visitor[:2] for run in shared.runs()] == ["a-"]
    press(app, "Sign out")
    assert not app.exception


def test_without_authlib_it_says_what_is_missing(shared: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "is_authlib_installed", lambda: False)
    app = opened({"is_logged_in": False})
    assert labels(app) == []
    assert "Authlib is missing: `pip install 'streamlit[auth]'`" in app.error[0].value


def test_every_provider_has_a_button(shared: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    section = {"redirect_uri": "x", "google": {"client_id": "1"}, "microsoft": {"client_id": "2"}}
    monkeypatch.setattr(sign_in, "get_secrets_auth_section", lambda: AttrDict(section))
    assert labels(opened({"is_logged_in": False})) == ["Sign in with Google", "Sign in with Microsoft"]


def test_half_a_set_up_is_told(shared: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def login(_: str | None) -> None:
        raise StreamlitAuthError('missing the "cookie_secret" key')

    monkeypatch.setattr("streamlit.login", login)
    app = press(opened({"is_logged_in": False}), "Sign in")
    assert "not set up rightly" in app.error[0].value and "cookie" in app.error[0].value
