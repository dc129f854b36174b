"""A network of one's own on the pages: offered, trained, and when its file is gone or another, a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from owning import EXAMPLE, RESIDUAL, SMALL, name_files
from paging import forget_everything, open_page, texts
from thorough import thorough

from pages._lessons import LESSONS
from vae.choices import own_networks
from vae.config import RunConfig
from vae.errors import InputError
from vae.exports.capsule import capsule, dumps, read
from vae.exports.onnx_export import graphs
from vae.exports.rerun import REPRODUCED, reproduce
from vae.exports.run_folder import files
from vae.measuring import models_of
from vae.runs.execution import check, execute
from vae.settings import Settings
from vae.store.runs import Run, Store

QUICK = {"train_limit": 200, "validation_size": 50, "epochs": 2, "batch_size": 50, "device": "cpu"}


@pytest.fixture(autouse=True)
def _example(monkeypatch: pytest.MonkeyPatch) -> None:
    name_files(monkeypatch, EXAMPLE)


@pytest.fixture
def run(shared: Store) -> Run:
    run_id = shared.create(RunConfig(network=RESIDUAL, **QUICK), "test")
    assert execute(shared, run_id, Settings.from_environment()) == "done", shared.run(run_id).error
    return shared.run(run_id)


@pytest.fixture(params=["gone", "another"])
def without(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable]:
    """Takes the file away, or changes it; returns what is then said."""

    def take() -> str:
        forget_everything()
        if request.param == "gone":
            name_files(monkeypatch)
            return "VAE_NETWORKS names no file my_networks.py here"
        changed = tmp_path / "my_networks.py"
        changed.write_text(EXAMPLE.read_text() + "\n# another\n")
        name_files(monkeypatch, changed)
        return "my_networks.py here is not the file of this run"

    yield take
    own_networks.read.cache_clear()


def test_the_form_offers_it_and_hides_what_its_file_says(shared: Store) -> None:
    app = open_page("train.py")
    assert list(app.selectbox(key="config.network").options)[-2:] == [SMALL, RESIDUAL]
    assert "config.activation" in [box.key for box in app.selectbox]
    app.selectbox(key="config.network").set_value(SMALL).run()
    assert not app.exception
    assert "config.activation" not in [box.key for box in app.selectbox]


def test_a_capsule_says_of_which_file_and_trains_it_anew(shared: Store, run: Run) -> None:
    sealed = read(dumps(capsule(shared, [run.id])))
    assert sealed.runs[0].config.network_file == own_networks.read(EXAMPLE).sha256
    (outcome,) = reproduce(shared, sealed, Settings.from_environment())
    assert outcome.verdict == REPRODUCED, outcome.sentence


def test_without_its_file_a_capsule_can_not_be_repeated(shared: Store, run: Run, without: Callable[[], str]) -> None:
    sealed = read(dumps(capsule(shared, [run.id])))
    said = without()
    (outcome,) = reproduce(shared, sealed, Settings.from_environment())
    assert said in outcome.sentence
    with pytest.raises(InputError, match=said):
        models_of(shared, run, 2)
    with pytest.raises(InputError, match=said):
        check(shared, run.config, Settings.from_environment())


def test_a_worker_with_another_file_does_not_train_it(shared: Store, without: Callable[[], str]) -> None:
    run_id = shared.create(RunConfig(network=SMALL, **QUICK), "test")
    said = without()
    assert execute(shared, run_id, Settings.from_environment()) == "failed"
    assert said in (shared.run(run_id).error or "")


@pytest.mark.parametrize("lesson", thorough(LESSONS, LESSONS[::4]), ids=lambda lesson: lesson.file)
def test_every_page_opens(shared: Store, run: Run, lesson) -> None:
    app = open_page(lesson.file, run=run.id)
    assert not app.exception, app.exception
    assert not app.error, texts(app)


@pytest.mark.parametrize("lesson", thorough(LESSONS, LESSONS[::4]), ids=lambda lesson: lesson.file)
def test_without_its_file_every_page_opens(shared: Store, run: Run, lesson, without: Callable[[], str]) -> None:
    said = without()
    app = open_page(lesson.file, run=run.id)
    assert not app.exception, app.exception
    if lesson.file in ("latent_space.py", "perturbation.py", "reconstructions.py", "sampling.py"):
        assert said in texts(app)


def test_a_link_to_a_network_that_is_not_here(shared: Store) -> None:
    asked = RunConfig(network="gone:small", **QUICK).query()
    app = open_page("train.py", **asked)
    assert not app.exception, app.exception
    assert "VAE_NETWORKS names no file gone.py here" in texts(app)


def test_a_folder_holds_its_weights_and_no_form_for_others(shared: Store, run: Run) -> None:
    found = files(shared, run.id)
    assert b"is decoded by this program only" in found["README.txt"]
    pytest.importorskip("onnx")
    with pytest.raises(InputError, match="has no ONNX form"):
        graphs(shared, run)
