"""Sixty phones, a dashboard that is killed in the middle of a question, and a count that has everybody once."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import pytest
from phones import Phone, expected, phones
from serving import Dashboard
from sqlalchemy import func, select

from vae.argument.claims import CLAIMS
from vae.settings import Settings
from vae.store import rooms, schema
from vae.store.runs import Store

COUNT = 60
ASKED = {number: len(CLAIMS[number].choices) for number in (1, 2, 3)}
PATIENCE = 90  # seconds
LOOK = 0.5  # seconds between looks at the tally: what the projector does


async def until(true, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came"
        await asyncio.sleep(0.02)


async def lesson(app: Dashboard, store: Store, code: str, class_: list[Phone], times: dict[str, float]) -> None:
    """Three questions: an ordinary one; one in whose middle the dashboard dies; one after that."""
    await asyncio.gather(*(phone.join() for phone in class_))
    over = asyncio.Event()
    following = [asyncio.create_task(phone.follow(over)) for phone in class_]
    for claim, among in ASKED.items():
        rooms.ask(store, code, claim, among)
        asked = time.monotonic()
        looks: list[tuple[float, int]] = []  # when the tally was looked at, and how many answers it had
        projecting = asyncio.create_task(project(store, code, claim, among, looks))
        if claim == 2:
            await until(lambda: 5 <= sum(rooms.tally(store, code, 2, ASKED[2])) < COUNT)
            app.kill()
            times["answers counted when the dashboard was killed"] = sum(rooms.tally(store, code, 2, ASKED[2]))
            await asyncio.sleep(1.0)
            await asyncio.get_running_loop().run_in_executor(None, app.start)
        await until(lambda claim=claim: all(claim in phone.done for phone in class_))
        await asyncio.sleep(2 * LOOK)
        projecting.cancel()
        with suppress(asyncio.CancelledError):
            await projecting
        assert rooms.tally(store, code, claim, among) == expected(class_, claim, among)
        counted = sorted(phone.counted[claim] for phone in class_)
        drawn = [next(at for at, sums in looks if sums >= place) for place in range(1, COUNT + 1)]
        behind = max(seen - said for seen, said in zip(drawn, counted, strict=True))
        times[f"question {claim}: until the last of {COUNT} phones had it"] = (
            max(phone.seen[claim] for phone in class_) - asked
        )
        times[f"question {claim}: the tally behind the answers, at the most"] = behind
        rooms.reveal(store, code, claim, f"What was measured for claim {claim}.", 0)
        revealed = time.monotonic()
        await until(lambda claim=claim: all(claim in phone.revealed for phone in class_))
        times[f"question {claim}: until the last phone had what was measured"] = time.monotonic() - revealed
    over.set()
    await asyncio.gather(*following)
    times["requests that no server answered"] = sum(phone.lost for phone in class_)
    await asyncio.gather(*(phone.client.aclose() for phone in class_))


async def project(store: Store, code: str, claim: int, among: int, looks: list[tuple[float, int]]) -> None:
    while True:
        count = sum(await asyncio.to_thread(rooms.tally, store, code, claim, among))
        looks.append((time.monotonic(), count))
        await asyncio.sleep(LOOK)


@pytest.mark.slow
def test_sixty_phones_are_each_counted_once_though_the_dashboard_is_killed(
    store: Store, settings: Settings, tmp_path: Path, times: dict[str, float]
) -> None:
    app = Dashboard(tmp_path, VAE_DATABASE_URL=settings.database_url)
    app.start()
    try:
        code = rooms.open_room(store, "teacher")
        class_ = phones(app.url, code, COUNT, ASKED)
        asyncio.run(lesson(app, store, code, class_, times))
    finally:
        app.stop()
    with store.engine.connect() as connection:
        query = select(schema.room_answers.c.claim, func.count()).group_by(schema.room_answers.c.claim)
        assert dict(connection.execute(query).all()) == dict.fromkeys(ASKED, COUNT)
        seen = connection.scalar(select(func.count(schema.room_answers.c.visitor.distinct())))
        assert seen == COUNT, "a phone is the same one before and after the dashboard was started anew"
    for phone in class_:
        for claim in ASKED:
            said = {"said": f"What was measured for claim {claim}.", "answer": 0, "chosen": phone.answers[claim][-1]}
            assert phone.revealed[claim] == said
    assert times["requests that no server answered"] > 0, "the dashboard was really away"
