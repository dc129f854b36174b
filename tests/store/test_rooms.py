"""A room counts each visitor once, ends by itself, and refuses what doesn't belong. On SQLite and on PostgreSQL."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import Table, func, select, update

from vae.errors import InputError
from vae.store import cleanup, rooms, schema
from vae.store.rooms import Revealed
from vae.store.runs import Store

HOUR = dt.timedelta(hours=1)


@pytest.fixture
def code(store: Store) -> str:
    """Of a room that is asked about claim 3, which has three choices."""
    opened = rooms.open_room(store, "teacher")
    rooms.ask(store, opened, 3, 3)
    return opened


def earlier(store: Store, code: str, ago: dt.timedelta) -> None:
    """Its last question was so long ago."""
    with store.write() as connection:
        at = cleanup.steady_now() - ago
        connection.execute(update(schema.rooms).where(schema.rooms.c.code == code).values(last_asked=at))


def rows(store: Store, table: Table) -> int:
    with store.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def test_a_lesson_from_the_first_question_to_the_last(store: Store) -> None:
    code = rooms.open_room(store, "teacher")
    room = rooms.find(store, code)
    assert (room.visitor, room.claim, dict(room.revealed)) == ("teacher", None, {})
    rooms.ask(store, code, 1, 4)
    for visitor, choice in (("a", 0), ("b", 3), ("c", 3)):
        rooms.answer(store, code, 1, visitor, choice)
    assert rooms.tally(store, code, 1, 4) == [1, 0, 0, 2]
    rooms.answer(store, code, 1, "a", 1)  # thinks again
    assert rooms.tally(store, code, 1, 4) == [0, 1, 0, 2]
    assert [rooms.answered(store, code, 1, visitor) for visitor in "abcd"] == [1, 3, 3, None]
    rooms.reveal(store, code, 1, "The error left is a ninth.", 3)
    rooms.ask(store, code, 2, 3)
    rooms.answer(store, code, 2, "a", 2)
    assert (rooms.tally(store, code, 1, 4), rooms.tally(store, code, 2, 3)) == ([0, 1, 0, 2], [0, 0, 1])
    room = rooms.find(store, code)
    assert (room.claim, room.choices, dict(room.revealed)) == (2, 3, {1: Revealed("The error left is a ninth.", 3)})
    rooms.close(store, code)
    with pytest.raises(InputError, match="has ended"):
        rooms.find(store, code)


def test_rooms_know_nothing_of_each_other(store: Store, code: str) -> None:
    other = rooms.open_room(store, "another teacher")
    rooms.ask(store, other, 3, 3)
    rooms.answer(store, code, 3, "a", 0)
    rooms.answer(store, other, 3, "a", 2)
    rooms.reveal(store, other, 3, "It depends.", 2)
    rooms.answer(store, code, 3, "b", 0)
    assert (rooms.tally(store, code, 3, 3), rooms.tally(store, other, 3, 3)) == ([2, 0, 0], [0, 0, 1])


def test_a_code_is_read_however_it_is_typed(store: Store, code: str) -> None:
    for typed in (code.lower(), f" {code[:3]} {code[3:]} ", f"{code[:3]}-{code[3:]}"):
        assert rooms.find(store, typed).code == code


def test_no_two_letters_of_a_code_look_alike(code: str) -> None:
    assert len(code) == 6 and set(code) <= set(rooms.ALPHABET)
    for pair in ("0O", "0Q", "1I", "1L", "2Z", "5S", "6G", "8B", "UV", "VY"):
        assert not set(pair) <= set(rooms.ALPHABET)


def test_a_code_that_is_taken_is_not_given_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    letters = iter("CCCCCC" + "CCCCCC" + "DDDDDD")
    monkeypatch.setattr(rooms.secrets, "choice", lambda _: next(letters))
    assert [rooms.open_room(store, visitor) for visitor in ("one", "two")] == ["CCCCCC", "DDDDDD"]


REFUSED: dict[str, tuple[Callable[[Store, str], object], str]] = {
    "a code nobody gave": (lambda store, _: rooms.find(store, "CCCCCC"), "There is no room 'CCCCCC'; look at the code"),
    "a code that can't be one": (lambda store, _: rooms.answer(store, "\0'; --", 3, "a", 0), "There is no room"),
    "a long one": (lambda store, _: rooms.find(store, "C" * 10_000), "There is no room"),
    "half a character": (lambda store, _: rooms.find(store, "\ud800CCCCC"), "There is no room"),
    "a choice too high": (lambda store, code: rooms.answer(store, code, 3, "a", 3), "no answer number 4"),
    "a choice too low": (lambda store, code: rooms.answer(store, code, 3, "a", -1), "no answer number 0"),
    "a choice beyond any": (lambda store, code: rooms.answer(store, code, 3, "a", 10**30), "no answer number"),
    "another claim": (lambda store, code: rooms.answer(store, code, 4, "a", 0), "moved on to another one"),
    "revealing another claim": (lambda store, code: rooms.reveal(store, code, 4, "So.", 0), "Only the question"),
    "a question without choices": (lambda store, code: rooms.ask(store, code, 4, 1), "2 to 10 answers, not 1"),
    "a question with too many": (lambda store, code: rooms.ask(store, code, 4, 11), "2 to 10 answers, not 11"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_belong_is_refused_in_a_sentence(store: Store, code: str, what: str) -> None:
    attempt, said = REFUSED[what]
    rooms.answer(store, code, 3, "b", 1)
    with pytest.raises(InputError, match=said) as refused:
        attempt(store, code)
    assert str(refused.value).endswith(".") and len(str(refused.value)) < 200
    assert rooms.tally(store, code, 3, 3) == [0, 1, 0]
    assert rooms.find(store, code).claim == 3


def test_before_the_first_question_and_after_the_reveal_nothing_is_answered(store: Store) -> None:
    code = rooms.open_room(store, "teacher")
    with pytest.raises(InputError, match="Nothing is asked in this room yet"):
        rooms.answer(store, code, 1, "a", 0)
    rooms.ask(store, code, 1, 4)
    rooms.answer(store, code, 1, "a", 0)
    rooms.reveal(store, code, 1, "So it is.", None)
    for visitor in "ab":
        with pytest.raises(InputError, match="its answer has been shown"):
            rooms.answer(store, code, 1, visitor, 2)
    rooms.ask(store, code, 2, 3)
    rooms.ask(store, code, 1, 4)  # the teacher goes back: what was revealed stays revealed
    with pytest.raises(InputError, match="its answer has been shown"):
        rooms.answer(store, code, 1, "b", 2)
    assert rooms.tally(store, code, 1, 4) == [1, 0, 0, 0]


def test_a_room_that_has_ended_takes_nothing(store: Store, code: str) -> None:
    rooms.close(store, code)
    for attempt in (
        lambda: rooms.ask(store, code, 1, 4),
        lambda: rooms.answer(store, code, 3, "a", 0),
        lambda: rooms.tally(store, code, 3, 3),
        lambda: rooms.reveal(store, code, 3, "So.", 0),
        lambda: rooms.close(store, code),
    ):
        with pytest.raises(InputError, match=r"^This room has ended\.$"):
            attempt()


def test_a_room_ends_hours_after_its_last_question(store: Store, code: str) -> None:
    earlier(store, code, rooms.LASTS - HOUR)
    rooms.answer(store, code, 3, "a", 0)
    rooms.ask(store, code, 3, 3)  # once more: it lasts from here on
    assert cleanup.steady_now() - rooms.find(store, code).last_asked < HOUR
    earlier(store, code, rooms.LASTS + HOUR)
    with pytest.raises(InputError, match="has ended"):
        rooms.answer(store, code, 3, "a", 0)


def test_a_clock_that_leaps_forward_ends_no_room(store: Store, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started, _ = cleanup._began
    monkeypatch.setattr(cleanup, "now", lambda: started + dt.timedelta(days=400))
    rooms.purge(store)
    rooms.answer(store, code, 3, "a", 0)
    assert rooms.tally(store, code, 3, 3) == [1, 0, 0]


def test_a_room_that_ended_long_ago_is_removed_with_its_answers(store: Store, code: str) -> None:
    rooms.answer(store, code, 3, "a", 0)
    rooms.close(store, code)
    rooms.purge(store)
    assert (rows(store, schema.rooms), rows(store, schema.room_answers)) == (1, 1), "a phone still reads that it ended"
    earlier(store, code, rooms.KEPT + HOUR)
    rooms.open_room(store, "another teacher")
    assert (rows(store, schema.rooms), rows(store, schema.room_answers)) == (1, 0)


def test_who_opens_another_room_ends_the_one_before(store: Store, code: str) -> None:
    other = rooms.open_room(store, "another teacher")
    second = rooms.open_room(store, "teacher")
    with pytest.raises(InputError, match="has ended"):
        rooms.find(store, code)
    assert {rooms.find(store, known).code for known in (other, second)} == {other, second}


def test_rooms_and_phones_are_finite(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rooms.MOST_PHONES >= 60
    monkeypatch.setattr(rooms, "MOST_ROOMS", 2)
    monkeypatch.setattr(rooms, "MOST_PHONES", 3)
    code = rooms.open_room(store, "one")
    rooms.open_room(store, "two")
    with pytest.raises(InputError, match="2 rooms are open"):
        rooms.open_room(store, "three")
    rooms.ask(store, code, 1, 4)
    for visitor in "abc":
        rooms.answer(store, code, 1, visitor, 0)
    with pytest.raises(InputError, match="3 people answer in this room already"):
        rooms.answer(store, code, 1, "d", 0)
    rooms.answer(store, code, 1, "a", 1)  # one of the three
    rooms.ask(store, code, 2, 3)
    with pytest.raises(InputError, match="3 people"):
        rooms.answer(store, code, 2, "d", 0)
    rooms.answer(store, code, 2, "c", 0)
    rooms.close(store, code)
    rooms.open_room(store, "three")


def test_what_is_revealed_may_say_anything(store: Store, code: str) -> None:
    rooms.reveal(store, code, 3, "σ ÷ √2\0", 2)
    assert rooms.find(store, code).revealed[3] == Revealed("σ ÷ √2�", 2)


def at_once(jobs: list[Callable[[], None]]) -> list[InputError]:
    """Do all of this in threads that start together; what was refused."""
    start, refused = threading.Barrier(len(jobs)), []

    def do(job: Callable[[], None]) -> None:
        start.wait()
        try:
            job()
        except InputError as problem:
            refused.append(problem)

    threads = [threading.Thread(target=do, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


def test_one_visitor_who_answers_from_many_threads_counts_once(store: Store, code: str) -> None:
    again = [lambda choice=number % 3: rooms.answer(store, code, 3, "a", choice) for number in range(12)]
    others = [lambda name=name: rooms.answer(store, code, 3, name, 1) for name in "bcde"]
    assert at_once([*again, *others]) == []
    counts = rooms.tally(store, code, 3, 3)
    assert sum(counts) == 5 and counts[1] >= 4
    assert counts[rooms.answered(store, code, 3, "a")] >= 1


def test_no_answer_slips_in_after_the_reveal(store: Store, code: str) -> None:
    """Whoever is not refused was counted; whoever comes later is told so."""

    def late(name: str) -> None:
        time.sleep(0.002 * ord(name[1]) % 0.02)
        rooms.answer(store, code, 3, name, 0)

    names = [f"v{letter}" for letter in "abcdefghij"]
    jobs = [lambda name=name: late(name) for name in names]
    refused = at_once([*jobs, lambda: rooms.reveal(store, code, 3, "So.", 0)])
    assert sum(rooms.tally(store, code, 3, 3)) == len(names) - len(refused)
    assert all("has been shown" in str(problem) for problem in refused)


def test_rooms_opened_at_once_have_codes_of_their_own(store: Store) -> None:
    opened: list[str] = []
    assert at_once([lambda name=f"t{n}": opened.append(rooms.open_room(store, name)) for n in range(8)]) == []
    assert len(set(opened)) == 8 == rows(store, schema.rooms)
