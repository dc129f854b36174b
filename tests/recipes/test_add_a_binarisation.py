"""CONTRIBUTING.md, "other doors": a binarisation is one entry of choices/binarisations.py."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vae.choices.binarisations import BINARISATIONS, Binarisation
from vae.choices.likelihoods import LIKELIHOODS
from vae.config import RunConfig
from vae.errors import InputError
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Run, Store

SENTENCE = "Drawn anew for every batch, a toy."


@pytest.fixture(autouse=True)
def _added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BINARISATIONS, "toy", Binarisation("toy draws", SENTENCE, each_time=True))


def test_people_find_it(form: Callable[[str], list[str]], explained: Callable[[str], str]) -> None:
    assert "Toy draws" in form("binarisation")
    assert "dynamic, toy" in explained("train")


def test_it_is_trained_with_and_what_needs_one_takes_it(train: Callable[..., Run], shared: Store) -> None:
    run = train(binarisation="toy", reconstruction="bernoulli")
    history = shared.history(run.id)
    tested = history[history.split == "test"].set_index("variant")
    assert tested.reconstruction.notna().all()
    assert run.data["floor"]["test"]["bernoulli"] == pytest.approx(run.data["floor"]["test"]["bce"])


def test_a_refusal_names_it() -> None:
    with pytest.raises(InputError, match="static or dynamic or toy"):
        RunConfig.parse({"reconstruction": next(name for name, entry in LIKELIHOODS.items() if entry.binary)})


def test_a_run_from_an_earlier_link_is_none_of_these(shared: Store) -> None:
    """A config that says nothing of it is grey, as before."""
    config = RunConfig(hidden=(4,), epochs=1, train_limit=50, validation_size=20)
    run_id = shared.create(config, "test")
    assert execute(shared, run_id, Settings.from_environment()) == "done"
    assert config.fingerprint() == RunConfig.parse(config.query()).fingerprint()
    assert "binarisation" not in config.model_dump(exclude_defaults=True)
