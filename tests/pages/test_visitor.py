"""The cookie that tells visitors apart, who counts as being at this computer, and what the database gets to know."""

from __future__ import annotations

import ast
import re
from types import SimpleNamespace

import pytest
import streamlit as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from pages.state import resources
from pages.visitors import visitor
from pages.visitors.cookie import NAME, VisitorCookie, proof
from vae.settings import ROOT
from vae.store.runs import Store

PROOF = "0123456789abcdef" * 2


# The cookie


async def page(_: Request) -> Response:
    return HTMLResponse("<html></html>", headers={"Cache-Control": "no-cache"})


async def script(_: Request) -> Response:
    return PlainTextResponse("1", media_type="text/javascript")


async def unchanged(_: Request) -> Response:
    return Response(status_code=304)


@pytest.fixture
def browser() -> TestClient:
    routes = [Route("/", page, methods=["GET", "POST"]), Route("/script.js", script), Route("/kept", unchanged)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(VisitorCookie)]))


def test_the_first_page_sets_a_cookie_that_no_script_reads(browser: TestClient) -> None:
    answer = browser.get("/")
    name, _, rest = answer.headers["set-cookie"].partition("=")
    value, *attributes = rest.split("; ")
    assert name == NAME and re.fullmatch("[0-9a-f]{32}", value)
    assert set(attributes) == {"Path=/", "HttpOnly", "SameSite=Lax", "Max-Age=31536000"}
    assert answer.headers["cache-control"] == "no-store", "or a cache would give one visitor's cookie to the next"


def test_whoever_brings_one_keeps_it(browser: TestClient) -> None:
    first = browser.get("/").cookies[NAME]
    again = browser.get("/")
    assert "set-cookie" not in again.headers
    assert again.headers["cache-control"] == "no-cache", "the page's own"
    assert browser.cookies[NAME] == first


def test_visitors_get_different_ones(browser: TestClient) -> None:
    found = set()
    for _ in range(50):
        browser.cookies.clear()
        found.add(browser.get("/").cookies[NAME])
    assert len(found) == 50


@pytest.mark.parametrize("value", ["", "admin", PROOF[:-1], PROOF + "0", PROOF.upper(), "../" * 10])
def test_a_value_that_is_not_ours_is_replaced(browser: TestClient, value: str) -> None:
    assert proof({NAME: value}) is None
    assert browser.get("/", headers={"Cookie": f"{NAME}={value}"}).cookies[NAME] != value


def test_odd_cookies_of_others_do_not_hide_ours(browser: TestClient) -> None:
    """Python's own parser gives up at the first of them; Streamlit's reads on, and so must we."""
    header = f"a b=c; {{}}=[]; =; {NAME}={PROOF}; odd"
    assert "set-cookie" not in browser.get("/", headers={"Cookie": header}).headers


@pytest.mark.parametrize(("method", "path"), [("GET", "/script.js"), ("POST", "/"), ("GET", "/kept")])
def test_nothing_but_a_page_sets_it(browser: TestClient, method: str, path: str) -> None:
    assert "set-cookie" not in browser.request(method, path).headers


def test_a_page_from_the_browser_s_own_store_sets_it_too(browser: TestClient) -> None:
    assert NAME in browser.get("/kept", headers={"Accept": "text/html,*/*"}).cookies


def test_by_https_it_never_travels_open(browser: TestClient) -> None:
    assert "Secure" not in browser.get("/").headers["set-cookie"]
    browser.cookies.clear()
    assert browser.get("/", headers={"X-Forwarded-Proto": "https"}).headers["set-cookie"].endswith("; Secure")
    browser.cookies.clear()
    assert browser.get("https://testserver/").headers["set-cookie"].endswith("; Secure")


# Who is who


@pytest.fixture
def client(shared: Store, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The connection that Streamlit speaks of: somebody at this computer, unless a test says otherwise."""
    here = SimpleNamespace(headers=[], cookies={}, remote_ip="127.0.0.1")
    monkeypatch.setattr("streamlit.runtime.context._get_client_context", lambda: here)
    options = {"server.address": "localhost"}
    monkeypatch.setattr(st, "get_option", options.__getitem__)
    here.options = options
    return here


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> dict:
    """What a provider says of somebody who has signed in."""
    user = {"is_logged_in": True, "iss": "https://id.example.org", "sub": "42", "email": "Ada@example.org"}
    user |= {"email_verified": True}
    monkeypatch.setattr(st, "user", user)
    return user


def again(monkeypatch: pytest.MonkeyPatch, **environment: str) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    resources.settings.cache_clear()


def test_the_database_gets_no_word_of_what_a_cookie_proves(client: SimpleNamespace) -> None:
    client.cookies = {NAME: PROOF}
    found = visitor.visitor()
    assert re.fullmatch("v-[0-9a-f]{32}", found) and len(found) <= 64
    assert PROOF not in found and found == visitor.visitor()
    client.cookies = {NAME: PROOF[::-1]}
    assert visitor.visitor() != found


def test_without_a_cookie_an_id_lasts_as_long_as_the_session(client: SimpleNamespace) -> None:
    state: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(st, "session_state", state)
        first = visitor.visitor()
        assert first == visitor.visitor() and first.startswith("s-")
        state.clear()
        assert visitor.visitor() != first


def test_an_account_is_the_same_in_every_browser(client: SimpleNamespace, account: dict) -> None:
    first = visitor.visitor()
    client.cookies = {NAME: PROOF}
    assert visitor.visitor() == first and re.fullmatch("a-[0-9a-f]{32}", first)
    account["sub"] = "43"
    second = visitor.visitor()
    account |= {"sub": "42", "iss": "https://elsewhere.example.org"}
    assert len({first, second, visitor.visitor()}) == 3


def test_somebody_at_this_computer_may_change_everything(client: SimpleNamespace) -> None:
    assert visitor.local() and visitor.may_administer()
    assert visitor.may_change(None) and visitor.may_change("v-somebody")


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_loopback_has_many_names(client: SimpleNamespace, address: str) -> None:
    client.options["server.address"] = address
    assert visitor.local()


@pytest.mark.parametrize("address", [None, "", "0.0.0.0", "::", "192.168.1.4", "lab.example.org", "unix:///run/it"])
def test_a_server_that_listens_elsewhere_is_nobody_s_own(client: SimpleNamespace, address: str | None) -> None:
    client.options["server.address"] = address
    assert not visitor.local() and not visitor.may_change(None)


@pytest.mark.parametrize("address", ["10.0.0.7", "8.8.8.8", "fe80::1"])
def test_a_connection_from_elsewhere_is_not_local(client: SimpleNamespace, address: str) -> None:
    client.remote_ip = address
    assert not visitor.local()


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "x-forwarded-for", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Proto"]
)
def test_a_proxy_s_visitors_are_not_local(client: SimpleNamespace, header: str) -> None:
    client.headers = [(header, "for=10.0.0.7")]
    assert not visitor.local()


def test_a_proxy_without_a_sign_is_named_by_a_variable(
    client: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    again(monkeypatch, VAE_SHARED="1")
    assert not visitor.local() and not visitor.may_administer()


def test_on_a_shared_server_one_s_own_is_one_s_own(client: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    again(monkeypatch, VAE_SHARED="1")
    client.cookies = {NAME: PROOF}
    assert visitor.may_change(visitor.visitor())
    assert not visitor.may_change("v-somebody")
    assert not visitor.may_change(None), "the command line's runs are nobody's"


def test_an_account_is_never_local(client: SimpleNamespace, account: dict) -> None:
    assert not visitor.local() and not visitor.may_change(None)


@pytest.mark.parametrize(
    ("said", "may"),
    [
        ({}, True),
        ({"email_verified": "true"}, True),
        ({"email": "ada@EXAMPLE.ORG"}, True),
        ({"email_verified": False}, False),
        ({"email_verified": "false"}, False),
        ({"email_verified": None}, False),
        ({"email": "eve@example.org"}, False),
        ({"email": ""}, False),
        ({"is_logged_in": False}, False),
    ],
    ids=str,
)
def test_an_administrator_is_a_verified_address(
    client: SimpleNamespace, account: dict, monkeypatch: pytest.MonkeyPatch, said: dict, may: bool
) -> None:
    again(monkeypatch, VAE_ADMINS="ada@example.org")
    account |= said
    assert visitor.may_administer() == visitor.may_change(None) == may


def test_without_administrators_nobody_is_one(client: SimpleNamespace, account: dict) -> None:
    account["email"] = ""
    assert not visitor.may_administer()


def test_the_dashboard_has_the_cookie_s_middleware() -> None:
    """A browser sees it at work, but only among the slow tests."""
    tree = ast.parse((ROOT / "dashboard.py").read_text(encoding="utf-8"))
    (app,) = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "st.App"]
    assert {keyword.arg: ast.unparse(keyword.value) for keyword in app.keywords}[
        "middleware"
    ] == "[Middleware(VisitorCookie)]"
