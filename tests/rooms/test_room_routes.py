"""What a phone may ask of a room, and what it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from pages.rooms import routes
from pages.visitors.cookie import NAME, VisitorCookie
from vae.argument.claims import CLAIMS
from vae.store import rooms, schema
from vae.store.runs import Store


@pytest.fixture
def code(shared: Store, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of a room that is asked about claim 3; nobody waits for news in these tests."""
    monkeypatch.setattr(routes, "PATIENCE", 0.0)
    opened = rooms.open_room(shared, "teacher")
    rooms.ask(shared, opened, 3, len(CLAIMS[3].choices))
    return opened


def phone() -> TestClient:
    """One that has opened the page, and holds its cookie."""
    client = TestClient(Starlette(routes=routes.ROUTES, middleware=[Middleware(VisitorCookie)]))
    client.get("/room")
    return client


def state(client: TestClient, code: str, seen: str = "") -> dict[str, Any]:
    routes._room.clear()
    answer = client.get(f"/room/{code}/state", params={"seen": seen})
    assert answer.status_code == 200, answer.text
    return answer.json()


def tap(client: TestClient, code: str, claim: int, choice: int) -> Response:
    return client.post(f"/room/{code}/answer", json={"claim": claim, "choice": choice})


def test_every_address_of_a_room_gives_a_page_and_a_cookie(shared: Store) -> None:
    for path in ("/room", "/room/", "/room/C3K7RW", "/room/nonsense"):
        client = TestClient(Starlette(routes=routes.ROUTES, middleware=[Middleware(VisitorCookie)]))
        answer = client.get(path)
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
        assert NAME in answer.cookies and "no-store" in answer.headers["cache-control"]
        assert client.get(path).headers["cache-control"] == "no-cache", "the next lesson may bring another page"


def test_a_phone_reads_answers_changes_its_mind_and_sees_what_was_measured(shared: Store, code: str) -> None:
    client = phone()
    shown = state(client, code)
    assert (shown["claim"], shown["question"], shown["choices"]) == (3, CLAIMS[3].question, list(CLAIMS[3].choices))
    assert (shown["title"], shown["chosen"], shown["revealed"]) == (CLAIMS[3].title, None, None)
    assert tap(client, code, 3, 0).json() == {"chosen": 0}
    assert tap(client, code.lower(), 3, 2).json() == {"chosen": 2}
    assert state(client, code)["chosen"] == 2
    assert rooms.tally(shared, code, 3, 3) == [0, 0, 1]
    rooms.reveal(shared, code, 3, "It depends on the unit: 0.56 and 1.83.", 2)
    shown = state(client, code)
    assert shown["revealed"] == {"said": "It depends on the unit: 0.56 and 1.83.", "answer": 2}
    answer = tap(client, code, 3, 1)
    assert answer.status_code == 400 and "has been shown" in answer.json()["said"]
    assert state(client, code)["chosen"] == 2


def test_before_the_first_question_there_is_nothing_to_choose(shared: Store, code: str) -> None:
    fresh = rooms.open_room(shared, "another teacher")
    shown = state(phone(), fresh)
    assert (shown["claim"], shown["chosen"]) == (None, None) and "choices" not in shown


def test_news_comes_at_once_and_what_is_known_only_after_patience(
    shared: Store, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    client, slept = phone(), routes.asyncio.sleep

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            rooms.ask(shared, code, 4, len(CLAIMS[4].choices))
            routes._room.clear()
        await slept(0)

    monkeypatch.setattr(routes, "PATIENCE", 60.0)
    monkeypatch.setattr(routes.asyncio, "sleep", sleep)
    first = state(client, code)
    assert waits == []
    second = client.get(f"/room/{code}/state", params={"seen": first["version"]}).json()
    assert (second["claim"], waits) == (4, [routes.LOOK, routes.LOOK])
    assert second["version"] != first["version"]


def test_two_phones_are_told_apart_and_so_are_two_rooms(shared: Store, code: str) -> None:
    other = rooms.open_room(shared, "another teacher")
    rooms.ask(shared, other, 3, 3)
    ada, bob = phone(), phone()
    for client, room, choice in ((ada, code, 0), (bob, code, 1), (ada, other, 2)):
        assert tap(client, room, 3, choice).status_code == 200
    assert [state(client, code)["chosen"] for client in (ada, bob)] == [0, 1]
    with shared.engine.connect() as connection:
        kept = list(connection.scalars(select(schema.room_answers.c.visitor)))
    assert len(set(kept)) == 3, "nobody can tell which answers in two rooms are one person's"
    assert not any(client.cookies[NAME] in name for client in (ada, bob) for name in kept)


@pytest.mark.parametrize("cookie", [None, "", "teacher", "0" * 31, "0" * 33, "G" * 32, "A" * 32, "' OR 1=1 --"])
def test_without_a_cookie_of_ours_nothing_is_counted(shared: Store, code: str, cookie: str | None) -> None:
    client = TestClient(Starlette(routes=routes.ROUTES))
    headers = {} if cookie is None else {"cookie": f"{NAME}={cookie}"}
    answer = client.post(f"/room/{code}/answer", json={"claim": 3, "choice": 0}, headers=headers)
    assert (answer.status_code, answer.json()["said"]) == (403, routes.NO_COOKIE)
    assert client.get(f"/room/{code}/state", headers=headers).json()["chosen"] is None
    assert rooms.tally(shared, code, 3, 3) == [0, 0, 0]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_of_another_site_could_send_is_refused(shared: Store, code: str, kind: str) -> None:
    body = json.dumps({"claim": 3, "choice": 0})
    answer = phone().post(f"/room/{code}/answer", content=body, headers={"content-type": kind})
    assert answer.status_code == 415 and answer.json()["said"].endswith(".")
    assert rooms.tally(shared, code, 3, 3) == [0, 0, 0]


def test_what_a_script_of_another_site_sends_is_refused(shared: Store, code: str) -> None:
    client = phone()
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200)):
        answer = client.post(f"/room/{code}/answer", json={"claim": 3, "choice": 0}, headers={"sec-fetch-site": site})
        assert answer.status_code == status
        assert "access-control-allow-origin" not in answer.headers
    assert client.options(f"/room/{code}/answer").status_code == 405, "no leave for those who ask first"
    assert client.get(f"/room/{code}/answer").status_code == 405


JUNK = [
    b"", b"{", b"null", b"3", b'"claim"', b"[3, 0]", b"{}", b'{"claim": 3}', b'{"claim": 3, "choice": null}',
    b'{"claim": 3, "choice": true}', b'{"claim": false, "choice": 0}', b'{"claim": 3, "choice": "0"}',
    b'{"claim": 3, "choice": 0.0}', b'{"claim": 3, "choice": NaN}', b'{"claim": 3, "choice": 1e400}', b"\xff\xfe",
    b'{"claim": 3, "choice": ' + b"9" * 150 + b"}", b"[" * 200, b'{"claim": {"$gt": 0}, "choice": 0}',
]  # fmt: skip


@pytest.mark.parametrize("body", JUNK, ids=lambda body: body.decode("latin-1")[:24])
def test_junk_is_refused_in_a_sentence(shared: Store, code: str, body: bytes) -> None:
    answer = phone().post(f"/room/{code}/answer", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400 and answer.json()["said"].endswith("two whole numbers.")
    assert rooms.tally(shared, code, 3, 3) == [0, 0, 0]


def test_a_long_body_is_not_read_to_its_end(shared: Store, code: str) -> None:
    sent = 0

    def parts() -> Any:
        nonlocal sent
        for _ in range(1000):
            sent += 100
            yield b" " * 100

    answer = phone().post(f"/room/{code}/answer", content=parts(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["said"]) == (413, "An answer takes no more than 200 bytes.")


REFUSED: dict[str, tuple[Callable[[TestClient, str], Response], str]] = {
    "no such room": (lambda client, code: tap(client, "CCCCCC", 3, 0), "There is no room 'CCCCCC'"),
    "no such room to look at": (lambda client, code: client.get("/room/CCCCCC/state"), "There is no room 'CCCCCC'"),
    "no code at all": (lambda client, code: client.get("/room/%00%F0%9F%98%80/state"), "There is no room"),
    "a choice that is none": (lambda client, code: tap(client, code, 3, 3), "no answer number 4"),
    "a negative one": (lambda client, code: tap(client, code, 3, -1), "no answer number 0"),
    "another claim": (lambda client, code: tap(client, code, 5, 0), "moved on"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals_are_sentences(shared: Store, code: str, what: str) -> None:
    attempt, said = REFUSED[what]
    answer = attempt(phone(), code)
    assert answer.status_code == 400 and said in answer.json()["said"] and answer.json()["said"].endswith(".")
    assert rooms.tally(shared, code, 3, 3) == [0, 0, 0]


def test_a_room_that_has_ended_says_so(shared: Store, code: str) -> None:
    client = phone()
    rooms.close(shared, code)
    for answer in (client.get(f"/room/{code}/state"), tap(client, code, 3, 0)):
        assert (answer.status_code, answer.json()) == (400, {"said": "This room has ended."})


def test_a_database_that_is_away_is_told_and_asked_again(
    shared: Store, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = phone()

    def away(*_: Any) -> Any:
        raise OperationalError("SELECT", {}, Exception("connection refused"))

    monkeypatch.setattr(rooms, "find", away)
    monkeypatch.setattr(rooms, "answer", away)
    for answer in (client.get(f"/room/{code}/state"), tap(client, code, 3, 0)):
        assert answer.status_code == 503 and "can't be reached" in answer.json()["said"]
    monkeypatch.undo()
    assert tap(client, code, 3, 0).status_code == 200


def test_a_claim_of_a_later_version_is_no_question(shared: Store, code: str) -> None:
    """Two dashboards of two versions may share a database."""
    rooms.ask(shared, code, max(CLAIMS) + 1, 3)
    assert state(phone(), code)["claim"] is None
