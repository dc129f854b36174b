"""A comparison as one HTML file: what it shows, what it escapes, and that it asks no server for anything."""

import html
import json
import re
from html.parser import HTMLParser

import pandas as pd
import postgres
import pytest
from serving import chromium
from sqlalchemy import update
from thorough import thorough

from vae.argument.claims import ARTICLE
from vae.config import RunConfig
from vae.errors import InputError
from vae.exports.capsule import read
from vae.exports.report import MAX_RUNS, comparison
from vae.figures.overlay import DASHES, overlaid_curves, rate_distortion
from vae.figures.style import VARIANT_COLOURS
from vae.runs.execution import execute
from vae.store import schema
from vae.store.measurements import KINDS, keep_measurement
from vae.store.runs import Store

CONFIG = RunConfig(hidden=(16,), train_limit=200, validation_size=50, epochs=2, device="cpu")
NASTY = '</script><img src="http://evil.example/a.png" onerror=alert(1)>$x ${y}'


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A store with three runs; the second bears a visitor's words."""
    with postgres.settings_for(tmp_path_factory.mktemp("report")) as settings:
        store = Store(settings.database_url)
        changes = ({}, {"beta": 4.0}, {"reconstruction": "sse", "latent_dim": 3, "variants": ("ae", "kl_only", "vae")})
        ids = [store.create(CONFIG.model_copy(update=change), "test") for change in changes]
        assert {execute(store, run_id, settings) for run_id in ids} == {"done"}
        data = store.run(ids[1]).data
        words = {
            "name": NASTY,
            "tags": [NASTY],
            "note": NASTY,
            "data": data | {"classes": [NASTY, *data["classes"][1:]]},
        }
        with store.write() as connection:
            connection.execute(update(schema.runs).where(schema.runs.c.id == ids[1]).values(**words))
        yield store, ids


@pytest.fixture(scope="module")
def page(place):
    return comparison(*place)


class Elements(HTMLParser):
    """Elements with their attributes, and the text of scripts by id."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.scripts, self.inside = [], {}, None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = dict(attrs).get("id", "") if tag == "script" else None

    def handle_endtag(self, tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside is not None:
            self.scripts[self.inside] = self.scripts.get(self.inside, "") + data


def test_nothing_is_loaded_from_anywhere(page):
    """No address but data: in anything that a browser would fetch, and a policy that forbids the rest."""
    found = Elements(page).elements
    tags = {tag for tag, _ in found}
    assert not tags & {"link", "iframe", "object", "embed", "base", "form"}
    fetched = [
        value for _, attrs in found for name, value in attrs.items() if name in ("src", "href", "srcset", "data")
    ]
    assert len(fetched) == 2 + 2 + 3, "a sheet of reconstructions for each model"
    assert all(value.startswith("data:image/png;base64,") for value in fetched)
    (policy,) = [attrs["content"] for tag, attrs in found if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style and "@import" not in style


def test_words_of_visitors_stay_words(page):
    parsed = Elements(page)
    assert [attrs for tag, attrs in parsed.elements if "onerror" in attrs] == []
    assert page.count(html.escape(NASTY)) == 4, "name twice, tag, note"
    body = page[: page.index('<script type="application/json"')]
    assert NASTY not in page
    assert body.count("<script") == 0
    classes = json.loads(parsed.scripts["figures"])
    assert "<img" not in json.dumps(classes), "plotly reads tags in names of classes"


def test_the_capsule_inside_is_sound(place, page):
    store, ids = place
    sealed = read(Elements(page).scripts["capsule"])
    assert not sealed.altered
    assert [run.config for run in sealed.runs] == [store.run(run_id).config for run_id in ids]


def test_tables_show_what_differs_and_what_was_measured(place, page):
    store, ids = place
    differs = page[page.index("What differs") : page.index("<details>")]
    heads = re.findall(r"<th[^>]*>([^<]*)</th>", differs)
    assert heads == ["", "Run", "Latent dimensions", "Reconstruction loss", "β, the weight of the KL", "Variants"]
    tests = page[page.index("On the test images") : page.index("Losses during training")]
    rows = [re.sub(r"<[^>]+>", "|", row) for row in re.findall(r"<tr>(.*?)</tr>", tests)]
    assert len(rows) == 1 + 2 + 2 + 3
    history = store.history(ids[0])
    loss = history[(history["split"] == "test") & (history["variant"] == "vae")]["loss"].iloc[0]
    assert f"{loss:.4g}" in rows[2]
    assert "nats / image" in rows[2] and "squared error / image" in rows[-1]


def test_one_run_alone_has_a_page_too(place):
    store, ids = place
    alone = comparison(store, [ids[0], ids[0]], title="Mine & <yours>")
    assert "<h1>Mine &amp; &lt;yours&gt;</h1>" in alone
    assert "Reconstruction (nats / image)" in alone, "one unit is named once"
    assert "What differs" not in alone


def test_claims_are_shown_where_something_was_measured(place, page):
    store, ids = place
    assert "The article’s claims" not in page, "nothing was"
    table = pd.DataFrame([("", "eps_median", 0.67, 400)], columns=["variant", "measure", "value", "n"])
    more = [("", "eps_std", 1.0, 400), ("", "eps_small_share", 0.08, 400)]
    measured = pd.concat([table, pd.DataFrame(more, columns=table.columns)])
    keep_measurement(store, ids[0], CONFIG.epochs, KINDS["claims"], measured)
    page = comparison(store, ids)
    claims = page[page.index("The article’s claims") : page.index("<h2>Pictures</h2>")]
    assert claims.count("<svg") == 1, "one configuration of the three"
    assert "ε is a random number with very low values." in claims and "Median of |ε|: 0.67" in claims
    assert "no verdict yet" in claims and "not measured yet" in claims
    assert f'href="{ARTICLE.address}"' in claims


def test_runs_that_are_not_done_or_too_many_are_refused(place):
    store, ids = place
    with pytest.raises(InputError, match="queued"):
        comparison(store, [ids[0], store.create(CONFIG, "test")])
    with pytest.raises(InputError, match="at most 50"):
        comparison(store, [f"run{i}" for i in range(MAX_RUNS + 1)])


# Figures

HISTORY = pd.DataFrame(
    [
        {"run": run, "variant": variant, "epoch": epoch, "reconstruction": 30.0 - epoch, "kl": kl}
        for run in ("#1", "#2")
        for variant, kl in (("ae", None), ("vae", 2.0))
        for epoch in (0, 1, 2)
    ]
)


def test_curves_of_several_runs_have_a_colour_for_the_model_and_a_dash_for_the_run():
    before = HISTORY.copy()
    lines = overlaid_curves(HISTORY, "nats / image").data
    assert [(line.name, line.yaxis) for line in lines[:3]] == [
        ("#1 Autoencoder", "y"),
        ("#1 Variational autoencoder", "y"),
        ("#1 Variational autoencoder", "y2"),
    ]
    assert [line.line.color for line in lines[:2]] == [VARIANT_COLOURS["ae"], VARIANT_COLOURS["vae"]]
    assert [line.line.dash for line in lines] == [DASHES[0]] * 3 + [DASHES[1]] * 3
    assert list(lines[0].x) == [1, 2], "the state before training is left out"
    assert list(lines[0].y) == [29, 28]
    pd.testing.assert_frame_equal(HISTORY, before)
    assert len(overlaid_curves(HISTORY[:0], "nats / image").data) == 0


def test_rates_far_apart_are_drawn_on_a_logarithmic_axis():
    points = pd.DataFrame({"run": ["#1", "#2"], "variant": ["vae", "kl_only"], "kl": [1.0, 10.0]})
    points["reconstruction"] = [20.0, 30.0]
    near = rate_distortion(points, "nats / image")
    assert near.layout.xaxis.type is None
    assert [(trace.x[0], trace.y[0], trace.text[0]) for trace in near.data] == [
        (1, 20, "#1 VAE"),
        (10, 30, "#2 KL only"),
    ]
    far = rate_distortion(points.assign(kl=[0.01, 10.0]), "nats / image")
    assert far.layout.xaxis.type == "log"
    assert far.layout.xaxis.range[0] < -2 < 1 < far.layout.xaxis.range[1], "in powers of ten"
    assert rate_distortion(points.assign(kl=[0.0, 10.0]), "nats / image").layout.xaxis.type is None
    alone = rate_distortion(points[:1], "nats / image").layout.xaxis.range
    assert alone[0] < 1 < alone[1]
    assert len(rate_distortion(points[:0], "nats / image").data) == 0


@pytest.mark.browser
@pytest.mark.parametrize("width", thorough([1280, 390], (1280,)))
def test_it_opens_offline_in_a_browser(page, tmp_path, width):
    """From a file, without a network: every figure is drawn, nothing is asked for, and the legend and capsule work."""
    (tmp_path / "report.html").write_text(page)
    with chromium() as browser:
        context = browser.new_context(offline=True, viewport={"width": width, "height": 900})
        tab = context.new_page()
        asked, complaints = [], []
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        tab.goto((tmp_path / "report.html").as_uri())
        figures = tab.locator(".figure")
        assert figures.count() == 2 + 2 + 7
        for i in range(figures.count()):
            figures.nth(i).scroll_into_view_if_needed()
            figures.nth(i).locator(".main-svg").first.wait_for(state="visible")
        assert [url[:60] for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
        assert complaints == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, "tables scroll, the page doesn't"
        shown = "document.querySelector('.figure').data.filter(it => it.visible !== false).length"
        before = tab.evaluate(shown)
        tab.get_by_role("button", name="#1 Variational autoencoder").click()
        assert tab.evaluate(shown) == before - 2, "reconstruction and KL"
        spaces = "[...document.querySelectorAll('.figure')].filter((it) => it.layout.meta?.scales)"
        ends = f"(scale) => {spaces}.map((it) => it.layout.meta.scales[scale].layout.xaxis.range)"
        seen = f"{spaces}.map((it) => [...it._fullLayout.xaxis.range])"
        assert len(tab.evaluate(seen)) == 7 and tab.evaluate(seen) == tab.evaluate(ends, "own")
        tab.get_by_role("button", name="same scale").click()
        tab.wait_for_function(f"{spaces}.every((it) => it.layout.uirevision.endsWith('same'))")
        assert tab.evaluate(seen) == tab.evaluate(ends, "same") == 7 * [tab.evaluate(seen)[0]]
        pixels = f"{spaces}.map((it) => it.querySelector('.shapelayer path').getBoundingClientRect().width)"
        assert tab.evaluate(pixels) == pytest.approx(7 * [tab.evaluate(pixels)[0]], abs=0.1), "the prior's circles"
        assert tab.get_by_role("button", name="same scale").get_attribute("aria-pressed") == "true"
        with tab.expect_download() as download:
            tab.get_by_role("button", name="Save the run file").click()
        assert not read(download.value.path().read_text()).altered
