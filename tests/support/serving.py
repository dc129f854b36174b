"""A real dashboard on loopback and a real browser, for tests that look at pages as a person does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import postgres
from find_chromium import find
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
# As root in a container Chromium has no sandbox; the rest keeps it from looking for the internet.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
READY = "[data-testid=stApp][data-test-connection-state=CONNECTED][data-test-script-state=notRunning]"
PATIENCE = 30_000  # milliseconds
expect.set_options(timeout=PATIENCE)  # its own five seconds are over when a busy machine stands still
NO_QUESTIONS = {"name": "latent_twins_questions", "value": "off"}  # as Don't ask me sets it


class Dashboard:
    """`streamlit run dashboard.py` with a database and a data folder of its own."""

    script = "dashboard.py"

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder, self.environment = folder, environment
        # Where tests run on PostgreSQL, on a database of the server's, which goes with the server.
        self.database_url = postgres.new_database() if postgres.ON else f"sqlite:///{folder / 'runs.db'}"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("VAE_")}
        env |= {"VAE_DATA_DIR": str(self.folder), "VAE_DATABASE_URL": self.database_url, **self.environment}
        # Downloads go to a port where nobody listens: no test depends on the internet, or loads it.
        env |= {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1"}
        options = [f"--server.port={self.port}", "--server.headless=true", "--server.address=127.0.0.1"]
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "streamlit", "run", self.script, *options]
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2)
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"the dashboard did not answer:\n{self.log.read_text()}")

    def kill(self) -> None:
        """SIGKILL: it has no chance to tidy up."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """SIGTERM, as a service manager would."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=FLAGS)
        yield browser
        browser.close()


def open_page(
    browser: Browser,
    url: str,
    width: int = 1280,
    height: int = 800,
    dark: bool = False,
    touch: bool = False,
    asking: bool = False,
) -> Page:
    """A visitor of their own, their page at rest. With `asking` they have not turned the questions off.

    What the browser complains about is kept in `page.complaints`, and every message to the server in `page.messages`.
    """
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        device_scale_factor=1,
        has_touch=touch,
    )
    if not asking:
        context.add_cookies([NO_QUESTIONS | {"url": "{0.scheme}://{0.netloc}".format(urlsplit(url))}])
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.complaints, page.messages = [], []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))

    def sent(frame: bytes | str) -> None:  # playwright hangs its own marks on a listener, which a method can't hold
        page.messages.append(frame)

    page.on("websocket", lambda socket: socket.on("framesent", sent))
    page.goto(url)
    expect(page.locator("h1")).to_be_visible(timeout=PATIENCE)
    settled(page)
    return page


def settled(page: Page) -> None:
    """Wait until the script has run and nothing is a placeholder any more."""
    page.wait_for_selector(READY, timeout=PATIENCE)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=PATIENCE)


def expect_status(page: Page, name: str, within: float = 60) -> None:
    """Wait until the shown run's badge says `name`; `within` in seconds."""
    badge = page.locator(".st-key-run_header .stMarkdownBadge")
    expect(badge).to_contain_text(name, timeout=within * 1000)


def shown_epoch(page: Page) -> int:
    return int(page.get_by_role("slider", name="Epoch").input_value())


def plots(page: Page) -> Locator:
    """Drawn plotly figures: two scatters and two pairs of curves for two variants."""
    return page.locator(".js-plotly-plot .subplot")
