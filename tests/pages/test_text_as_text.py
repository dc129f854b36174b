"""What visitors write is shown as text: on every page, in reports, in tables for spreadsheets, in folders."""

import csv
import dataclasses
import io
import json
import re
import zipfile
from html import escape
from html.parser import HTMLParser
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import pytest
from browsing import store_of
from google.protobuf.json_format import MessageToJson
from playwright.sync_api import Browser
from serving import Dashboard, open_page
from sqlalchemy import update
from streamlit.testing.v1 import AppTest
from test_links import PAGES, visit
from thorough import thorough

from vae import datasets
from vae.config import RunConfig
from vae.exports.csv_tables import as_csv, for_people
from vae.exports.report import comparison
from vae.exports.run_folder import as_zip
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store import schema, uploaded_images
from vae.sweeps import stored
from vae.sweeps.driver import advance
from vae.sweeps.spec import SweepSpec

TAG = "<b id=x>b</b>"
NASTY = (
    f"=cmd|' /C calc'!A0 {TAG}<script>hacked=1</script><img src=x onerror=hacked=1> **m** [l](http://e.x) $a$ :red[r]"
)
SHORT = f"={TAG}[l](http://e.x)"  # 40 characters fit into a tag
CLASSES = ("_a_", "www.e.x", "(b)", "-1", "+ c")  # all that uploads take for a class
# Widgets whose words the browser shows as they are, and tables, which are drawn on a canvas.
LITERAL = {"selectbox", "multiselect", "text_input", "text_area", "arrow_data_frame", "code", "text", "file_uploader"}


def stock(store, settings):
    """A run, its images and its sweep, all with nasty names; the run's id and the parameters of a link to them."""
    images = datasets.load("digits", settings.data_dir)
    train_y = (np.arange(len(images.train_y)) % len(CLASSES)).astype(np.uint8)
    own = dataclasses.replace(images, classes=CLASSES, train_y=train_y, test_y=np.zeros_like(images.test_y))
    upload = uploaded_images.keep(store, NASTY[:80], own)
    base = RunConfig(dataset=upload.name, epochs=1, latent_dim=3, train_limit=200)
    sweep_id = stored.create(store, SweepSpec.parse(base, {"beta": [1.0]}, seeds=1), NASTY, "test")
    sweep = stored.find(store, sweep_id)
    assert advance(store, sweep, settings, 1) == "running"
    run_id = stored.members(store, sweep_id)[0].run_id
    assert execute(store, run_id, settings) == "done"
    assert advance(store, sweep, settings, 1) == "done"
    with store.write() as connection:
        connection.execute(update(schema.sweeps).values(error=NASTY))
    store.describe(run_id, name=NASTY, tags=[SHORT], note=NASTY)
    return run_id, {"run": run_id, "runs": run_id, "sweep": sweep_id, "dataset": upload.name}


@pytest.fixture
def stocked(shared):
    return shared, *stock(shared, Settings.from_environment())


def everything(block):
    """All elements of a page."""
    for child in getattr(block, "children", {}).values():
        yield child
        yield from everything(child)


def assert_text(app: AppTest) -> None:
    for element in everything(app._tree):
        kind = getattr(element, "type", "")
        if kind in LITERAL or getattr(element, "proto", None) is None:
            continue
        told = json.dumps(json.loads(MessageToJson(element.proto)), ensure_ascii=False)
        told = re.sub(r"\\\\.", "", told)  # what Markdown is told to take as it is
        html, markdown = ("<b id", "<script>hacked", "<img src=x"), ("**m**", "](http://e", "$a$", ":red[r]")
        for mark in html if kind in ("html", "bidi_component") else html + markdown:
            assert mark not in told, f"{kind}: {told[:600]}"


@pytest.mark.parametrize("page", thorough(PAGES, PAGES[::3]))
def test_every_page_shows_names_as_text(stocked, page):
    query = stocked[2]
    app = visit(page, query)
    assert_text(app)
    if page in ("start.py", "train.py"):  # the name is there, mark by mark
        assert any("hacked" in element.value.replace("\\", "") for element in app.markdown)


def test_what_is_looked_for_is_found():
    """Were names shown as they are, the test above would see it."""
    for source in (f"st.markdown({NASTY!r})", f"st.html({NASTY!r})", f"st.radio('x', [{TAG!r}])"):
        app = AppTest.from_string(f"import streamlit as st\n{source}").run()
        with pytest.raises(AssertionError):
            assert_text(app)


class Tags(HTMLParser):
    """What a browser would make elements of."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_a_report_shows_names_as_text(stocked):
    store, run_id, _ = stocked
    page = comparison(store, [run_id], title=NASTY)
    found = Tags(page).found
    assert not [tag for tag in found if tag[0] == "b" or tag[1].get("src") == "x" or "onerror" in tag[1]]
    assert page.count("<script>hacked") == 0 and escape(NASTY) in page
    figures = page.split('id="figures">')[1].split("</script>")[0]
    assert "<b id" not in figures and "\\u003cb id" not in figures  # plotly reads some tags


def test_what_is_taken_home_holds_names_as_text(stocked):
    store, run_id, _ = stocked
    with zipfile.ZipFile(io.BytesIO(as_zip(store, [run_id]))) as archive:
        assert all(name.startswith(f"run-{run_id}/") and ".." not in name for name in archive.namelist())
        readme = archive.read(f"run-{run_id}/README.txt").decode()
        codes = archive.read(f"run-{run_id}/codes.csv").decode()
    assert readme.splitlines()[0] == NASTY
    names = {row["class"] for row in csv.DictReader(io.StringIO(codes))}
    assert "'+ c" in names and "-1" in names and "+ c" not in names


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-cmd", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_a_spreadsheet_would_compute_gets_an_apostrophe(text):
    table = pd.DataFrame({"name": [text, "plain"], "value": [-1.5, np.inf], "day": pd.Timestamp("2026-01-01")})
    rows = list(csv.DictReader(io.StringIO(as_csv(table), newline="")))
    assert [row["name"] for row in rows] == [f"'{text}".replace("\r", "\n"), "plain"]
    assert rows[0]["value"] == "-1.5" and rows[0]["day"] == "2026-01-01"


def test_other_cells_stay_as_they_are():
    table = pd.DataFrame({"label": ["-1", "+2", "-1e5"], "tags": [("=a",), [], None], "none": [None, np.nan, "x"]})
    assert as_csv(table) == table.to_csv(index=False)


@pytest.mark.spare
@pytest.mark.slow
@pytest.mark.browser
def test_in_a_browser_nothing_of_it_runs_or_becomes_an_element(app: Dashboard, browser: Browser):
    settings = Settings.from_environment({"VAE_DATABASE_URL": app.database_url, "VAE_DATA_DIR": str(app.folder)})
    _, query = stock(store_of(app), settings)
    for name in ("train", "compare", "sweeps", "data", "latent_space"):
        page = open_page(browser, f"{app.url}/{name}?{urlencode(query)}")
        page.wait_for_timeout(2000)  # for what comes after the page is at rest: figures
        assert page.evaluate("typeof hacked") == "undefined"
        assert page.locator("b#x, img[src=x], a[href='http://e.x'], em:text-is('m')").count() == 0
        page.context.close()


def test_a_file_for_people_opens_in_excel_and_one_for_programs_stays_plain() -> None:
    """Excel takes UTF-8 without its mark for another encoding: β would be Î². Tags are words, not a Python tuple."""
    table = pd.DataFrame({"β": [1.5, 2.0], "tags": [("a", "b"), ()], "note": ["=1+1", "x"]})
    told = for_people(table)
    assert told.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(told.decode("utf-8-sig"), newline="")))
    assert rows == [["β", "tags", "note"], ["1.5", "a, b", "'=1+1"], ["2.0", "", "x"]]
    assert not as_csv(table).startswith("\ufeff")
    assert table["tags"].iloc[0] == ("a", "b"), "the table is as it was"
