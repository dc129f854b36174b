"""A class on one server, in real browsers: what is whose, whose turn it is, and signing in."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from browsing import run_in_link, store_of, wait_for_workers
from playwright.sync_api import Browser, Page, expect
from provider import CLIENT, SECRETS, provider
from serving import PATIENCE, Dashboard, expect_status, open_page, settled

from pages.visitors.cookie import NAME

pytestmark = [pytest.mark.slow, pytest.mark.browser]


def train(page: Page, app: Dashboard, settings: str) -> str:
    """The id of a run asked for on the Train page."""
    page.goto(f"{app.url}/train?{settings}")
    settled(page)
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator(".st-key-run_header")).to_be_visible(timeout=PATIENCE)
    settled(page)
    return run_in_link(page)


@pytest.mark.spare
def test_two_visitors_on_one_server(browser: Browser, tmp_path: Path) -> None:
    app = Dashboard(tmp_path, VAE_SHARED="1", VAE_WORKERS="1", VAE_THREADS="1")
    app.start()
    try:
        ada, bob = open_page(browser, app.url), open_page(browser, app.url)
        found = [next(cookie for cookie in page.context.cookies() if cookie["name"] == NAME) for page in (ada, bob)]
        assert found[0]["value"] != found[1]["value"]
        assert all(cookie["httpOnly"] and cookie["sameSite"] == "Lax" and not cookie["secure"] for cookie in found)
        wait_for_workers(ada, app)

        first = train(ada, app, "epochs=1000&seed=1")
        expect_status(ada, "running")
        second = train(ada, app, "epochs=1000&seed=2")
        bobs = train(bob, app, "epochs=1000&seed=3")
        expect(bob.get_by_text("number 1 in the queue")).to_be_visible()
        ada.goto(f"{app.url}/train?run={second}")
        expect(ada.get_by_text("number 2 in the queue, about")).to_be_visible()

        bob.goto(f"{app.url}/train?run={first}")
        expect_status(bob, "running")
        expect(bob.get_by_role("button", name="Stop", exact=True)).to_be_disabled()
        bob.get_by_role("button", name="Stop", exact=True).hover()
        expect(bob.get_by_text("Someone else trained this run; only they can stop it.")).to_be_visible()

        ada.goto(f"{app.url}/train?run={first}")
        ada.get_by_role("button", name="Stop", exact=True).click()
        expect_status(ada, "stopped")
        bob.goto(f"{app.url}/train?run={bobs}")
        expect_status(bob, "running")
        store = store_of(app)
        assert store.run(second).status == "queued", "who has had a turn waits"
        assert store.run(first).visitor == store.run(second).visitor != store.run(bobs).visitor
        bob.get_by_role("button", name="Stop", exact=True).click()
        expect_status(bob, "stopped")
        assert ada.complaints == bob.complaints == []
    finally:
        app.stop()


@pytest.mark.spare
def test_signing_in_and_out(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    person = {"sub": "42", "name": "Ada *Lovelace*", "email": "ada@example.org", "email_verified": True}
    app = Dashboard(tmp_path, VAE_WORKERS="1", VAE_THREADS="1", STREAMLIT_SECRETS_FILES=str(tmp_path / "secrets.toml"))
    with provider(person) as address:
        names = {"app": app.url, "provider": address, "secret": secrets.token_hex(32)}
        (tmp_path / "secrets.toml").write_text(SECRETS.format(**names, **CLIENT))
        app.start()
        try:
            page = open_page(browser, f"{app.url}/compare")
            expect(page.get_by_text("for people who are signed in")).to_be_visible()
            expect(page.get_by_text("Which settings?")).to_have_count(0)
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_role("heading", name="Two models, one difference")).to_be_visible(timeout=PATIENCE)
            settled(page)
            expect(page.get_by_text("Ada *Lovelace*")).to_be_visible()
            run_id = train(page, app, "epochs=1&seed=1")
            assert store_of(app).run(run_id).visitor.startswith("a-")
            page.get_by_role("button", name="Sign out").click()
            expect(page.get_by_text("for people who are signed in")).to_be_visible(timeout=PATIENCE)

            other = open_page(browser, app.url)  # another browser, the same account
            other.get_by_role("button", name="Sign in").click()
            expect(other.get_by_role("button", name="Sign out")).to_be_visible(timeout=PATIENCE)
            settled(other)
            again = train(other, app, "epochs=1&seed=2")
            assert store_of(app).run(again).visitor == store_of(app).run(run_id).visitor
            assert page.complaints == other.complaints == []
        finally:
            app.stop()
