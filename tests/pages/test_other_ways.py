"""Pages with a run of all variants, and with one of other ways to smooth alone."""

from __future__ import annotations

import pytest
from lessons import done
from paging import errors, open_page, texts
from thorough import thorough
from unpacking import unpacked

from pages.stage.film import film
from pages.state import resources
from vae.choices.variants import VARIANTS, ingredients, other_ways, twins
from vae.config import RunConfig
from vae.exports.capsule import capsule, dumps, read
from vae.exports.run_folder import files
from vae.figures.style import VARIANT_TITLES
from vae.store.runs import Store

SMALL = {"epochs": 1, "train_limit": 100, "validation_size": 50, "hidden": (16,)}
PAGES = (
    "argument.py", "train.py", "latent_space.py", "reconstructions.py", "perturbation.py", "sampling.py",
    "the_trick.py", "two_losses.py", "compare.py", "sweeps.py",
)  # fmt: skip


@pytest.fixture
def every(shared: Store) -> str:
    return done(shared, RunConfig(**SMALL, variants=tuple(VARIANTS)))


@pytest.fixture
def others(shared: Store) -> str:
    return done(shared, RunConfig(**SMALL, variants=other_ways()))


@pytest.mark.parametrize("page", thorough(PAGES, PAGES[::4]))
def test_every_page_shows_all_variants(every: str, others: str, page: str) -> None:
    for run_id in (every, others):
        app = open_page(page, run=run_id)
        assert not app.exception
        assert page == "the_trick.py" or all("collapsed" in error for error in errors(app))


def test_what_estimates_no_gradient_is_told_in_a_sentence(every: str, others: str) -> None:
    assert "learns their σ, so no gradient has to be estimated." in errors(open_page("the_trick.py", run=others))[0]
    app = open_page("the_trick.py", run=every)
    assert not errors(app)
    listed = ", ".join(VARIANT_TITLES[name] for name in other_ways())
    assert f"Not shown, as this is a figure of noise and KL: {listed}." in texts(app)


def test_the_terms_that_are_shown_add_up(every: str) -> None:
    _, history = resources.progress(every)
    rows = history[(history["variant"] == "rae") & (history["split"] != "test") & (history["epoch"] == 1)]
    app = open_page("two_losses.py", run=every)
    choice = next(group for group in app.get("button_group") if group.label == "Model")
    assert choice.options == [VARIANT_TITLES[name] for name in ("noise_only", "kl_only", "vae", "contractive", "rae")]
    choice.set_value("rae").run()
    penalty, reconstruction, loss = (float(rows[name].iloc[0]) for name in ("penalty", "reconstruction", "loss"))
    assert f"reconstruction {reconstruction:.2f}, penalty {penalty:.2f} (" in texts(app)
    assert f"The penalty is {penalty / loss:.1%} of what this model minimises." in texts(app)
    assert penalty + reconstruction == pytest.approx(loss)
    assert "it has no KL to look at, dimension by dimension" in texts(app)


def test_the_stage_begins_with_the_twins_and_offers_all(every: str, others: str) -> None:
    meta, arrays = unpacked(film(every, -1))
    assert meta["twins"] == ["ae", "vae"]
    assert [spec["variant"] for spec in meta["variants"]] == list(VARIANTS)
    rows = {spec["variant"]: spec["rows"][1:] for spec in meta["variants"]}
    assert rows["code_noise"] == ["from μ", "from z"] and rows["denoising"] == ["rebuilt"]
    assert "code_noise.from_sample" in arrays and "denoising.from_sample" not in arrays
    assert unpacked(film(others, -1))[0]["twins"] == ["denoising", "code_noise"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (tuple(VARIANTS), ("ae", "vae")),
        (ingredients(), ("ae", "vae")),
        (("ae", "denoising", "rae"), ("ae", "rae")),
        (("vae", "rae"), ("vae", "rae")),
        (("rae",), ("rae",)),
    ],
)
def test_twins(names: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert twins(names) == expected


def test_files_and_capsules_hold_them(shared: Store, every: str) -> None:
    (told,) = read(dumps(capsule(shared, [every]))).runs
    assert set(told.metrics) == set(VARIANTS) and told.config.variants == tuple(VARIANTS)
    assert {name for name, metrics in told.metrics.items() if metrics.test.penalty is not None} == {
        "contractive",
        "rae",
    }
    head, *rows = files(shared, every)["history.csv"].decode().splitlines()
    assert "penalty" in head.split(",") and len(rows) == 8 * 3
