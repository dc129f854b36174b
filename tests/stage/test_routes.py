"""What browsers may ask of the stage's routes, and what they are told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from lessons import under_way
from paging import open_page
from starlette.applications import Starlette
from starlette.testclient import TestClient
from unpacking import unpacked

from pages.shared import epochs
from pages.stage import seat, watching
from pages.stage.film import film
from pages.stage.routes import ROUTES
from vae.analysis.geometry import decode
from vae.config import RunConfig
from vae.measuring import models_of
from vae.store.runs import Store

SEAT = "5eat"


@pytest.fixture
def client() -> Iterator[TestClient]:
    watching._seen.clear()
    yield TestClient(Starlette(routes=ROUTES))


def path(run_id: str, part: str, seat_name: str = SEAT) -> str:
    return f"/latent-twins/{seat_name}/{seat._word(seat_name, run_id)}/{run_id}/{part}"


def test_the_film_of_a_run_that_has_ended_comes_at_once(
    stocked: Store, runs: dict[str, str], client: TestClient
) -> None:
    answer = client.get(path(runs["2-D"], "film?after=-1&status=done"))
    assert answer.status_code == 200 and answer.content == film(runs["2-D"], -1)
    assert unpacked(client.get(path(runs["64-D"], "film?dimensions=2,5")).content)[0]["space"].startswith(
        "dimensions 3"
    )


def test_who_was_given_no_word_reads_nothing(stocked: Store, runs: dict[str, str], client: TestClient) -> None:
    for wrong in (
        path(runs["2-D"], "film").replace(seat._word(SEAT, runs["2-D"]), "0" * 32),
        path(runs["2-D"], "film").replace(SEAT, "another"),
        path(runs["3-D"], "film").replace(runs["3-D"], runs["2-D"]),
    ):
        assert client.get(wrong).status_code == 403


@pytest.mark.parametrize(
    "asked",
    ["film?after=x", "film?after=-2", "film?after=99999999", "film?dimensions=1", "film?dimensions=a,b",
     "film?dimensions=1,2,3", "looks?epoch=1.5", "plane?epoch=--1", "plane?epoch=%00"],
)  # fmt: skip
def test_what_is_no_number_is_refused_in_a_sentence(
    stocked: Store, runs: dict[str, str], client: TestClient, asked: str
) -> None:
    answer = client.get(path(runs["2-D"], asked))
    assert answer.status_code == 400 and answer.text.endswith(".")


def test_a_run_or_an_epoch_that_is_not_there_is_told(stocked: Store, runs: dict[str, str], client: TestClient) -> None:
    assert client.get(path("nonsense", "film")).status_code == 400
    assert client.get(path(runs["2-D"], "decoders?epoch=77")).status_code == 400
    assert client.get(path(runs["2-D"], "film?dimensions=0,7")).status_code == 400


def test_the_server_draws_for_a_browser_that_cannot(stocked: Store, runs: dict[str, str], client: TestClient) -> None:
    run = stocked.run(runs["3-D"])
    epoch, models = run.epoch, models_of(stocked, run, run.epoch)
    z = np.random.default_rng(0).normal(size=(2, 3)).astype("<f4")
    address = path(run.id, f"pictures?epoch={epoch}&variants=vae,ae")
    answer = client.post(address, content=z.tobytes())
    drawn = unpacked(answer.content)[1]["pictures"]
    for variant, code, picture in zip(("vae", "ae"), z, drawn, strict=True):
        assert np.abs(picture / 255 - decode(models[variant], code[None])[0]).max() <= 0.51 / 255
    assert not np.array_equal(*drawn)
    for wrong in (z[:1], np.full_like(z, np.nan), np.zeros(2**15, "<f4")):
        refused = client.post(address, content=wrong.tobytes())
        assert refused.status_code == 400 and refused.text.endswith(".")
    assert client.post(address.replace("vae,ae", "vae,cat"), content=z.tobytes()).status_code == 400
    assert client.get(address).status_code == 404 == client.get(path(run.id, "nonsense")).status_code


def test_whoever_waits_gets_the_next_epoch_when_it_is_there(shared: Store, client: TestClient) -> None:
    """And what was known is not sent again; a status that changed is told at once."""
    run_id, found = under_way(shared, 1), []
    answer = unpacked(client.get(path(run_id, "film?after=0&status=running")).content)[0]
    assert (answer["epochs"], answer["status"]) == ([1], "running")
    waiting = threading.Thread(target=lambda: found.append(client.get(path(run_id, "film?after=1&status=running"))))
    waiting.start()
    time.sleep(0.3)
    assert not found, "nothing new, so nothing is said"
    shared.interrupt(run_id, shared.pulses()[run_id], "The worker is gone.")
    waiting.join(10)
    answer = unpacked(found[0].content)[0]
    assert (answer["epochs"], answer["status"]) == ([], "interrupted")


def test_a_queued_run_keeps_nobody_for_ever(shared: Store, client: TestClient) -> None:
    started = time.monotonic()
    answer = client.get(path(shared.create(RunConfig(), "test"), "film?after=-1&status=queued"))
    assert unpacked(answer.content)[0]["status"] == "queued"
    assert time.monotonic() - started < 10 * watching.PATIENCE


def test_where_the_browser_rests_the_next_page_shows(stocked: Store, runs: dict[str, str], client: TestClient) -> None:
    app = open_page("reconstructions.py", run=runs["2-D"])
    there = app.session_state[epochs.SEAT]
    assert client.get(path(runs["2-D"], "looks?epoch=1", there)).status_code == 204
    assert app.run().session_state[f"epoch.{runs['2-D']}"] == 1
    assert client.get(path(runs["2-D"], "looks?epoch=-1", there)).status_code == 204
    del app.query_params["epoch"]  # as the browser does
    assert app.run().session_state[f"epoch.{runs['2-D']}"] is None


def test_what_is_told_is_forgotten_in_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epochs, "MOST_TOLD", 3)
    monkeypatch.setattr(epochs, "_told", type(epochs._told)())
    for number in range(5):
        epochs.told(f"s{number}", "run", number)
    assert [seat_name for seat_name, _ in epochs._told] == ["s2", "s3", "s4"]
