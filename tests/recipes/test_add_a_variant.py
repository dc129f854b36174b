"""CONTRIBUTING.md, "a variant": one entry of choices/variants.py, its looks, and a penalty where it has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from paging import open_page, texts

from vae.choices.variants import VARIANTS, Variant
from vae.exports.capsule import capsule, dumps, read
from vae.figures import style
from vae.learning import smoothing
from vae.measuring import sensitivity_of
from vae.settings import Settings
from vae.store.runs import Run, Store

SPARSE = Variant(
    "sparse AE",
    "Pays for the sum of its code's sizes.",
    "z = μ, and pays for |z|",
    noise=False,
    kl=False,
    strength="rae_weight",
    penalty="sizes",
)
LOOKS: dict[str, Any] = {
    "VARIANT_COLOURS": "#886611",
    "VARIANT_TITLES": "Sparse autoencoder",
    "VARIANT_SHORT": "Sparse",
    "VARIANT_SYMBOLS": "hexagon",
    "VARIANT_MARKS": "⬢",
    "VARIANT_PATTERNS": "",
}


def sizes(model: Any, x: Any, mu: Any, learnt: bool) -> Any:
    return mu.abs().sum(dim=-1)


@pytest.fixture(autouse=True)
def _added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VARIANTS, "sparse", SPARSE)
    monkeypatch.setitem(smoothing.PENALTIES, "sizes", sizes)
    for looks, value in LOOKS.items():
        monkeypatch.setitem(getattr(style, looks), "sparse", value)


def test_people_find_it(explained: Callable[[str], str], shared: Store) -> None:
    assert "sparse" in explained("train")
    offered = open_page("train.py").multiselect(key="config.variants").options
    assert "Sparse AE" in offered


def test_it_trains_pays_and_is_kept(train: Callable[..., Run], shared: Store) -> None:
    run = train(variants=("ae", "sparse"), rae_weight=2.0)
    history: pd.DataFrame = shared.history(run.id).set_index("variant")
    sparse, plain = history.loc["sparse"], history.loc["ae"]
    assert (sparse["loss"] - sparse["reconstruction"] - sparse["penalty"]).abs().max() < 1e-9
    assert (sparse["penalty"] > 0).all() and plain["penalty"].isna().all() and sparse["kl"].isna().all()
    (told,) = read(dumps(capsule(shared, [run.id]))).runs
    assert told.metrics["sparse"].test.penalty == pytest.approx(sparse[sparse["split"] == "test"]["penalty"].item())


def test_pages_and_measurements_have_it(train: Callable[..., Run], shared: Store) -> None:
    run = train(variants=("ae", "sparse"))
    table = sensitivity_of(shared, run.id, 2, Settings.from_environment(), lambda share, what: None)
    assert set(table["variant"]) == {"ae", "sparse"}
    for page in ("perturbation.py", "latent_space.py", "reconstructions.py", "sampling.py", "train.py", "the_trick.py"):
        app = open_page(page, run=run.id)
        assert not app.exception, page
    assert "AE ÷ Sparse" in open_page("perturbation.py", run=run.id).dataframe[0].value.columns
    assert "Sparse autoencoder" in texts(open_page("the_trick.py", run=run.id))
