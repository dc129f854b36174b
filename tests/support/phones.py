"""Phones in a room, at the protocol's level: each does what pages/rooms/phone.html does, without drawing it."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

AGAIN = 0.3  # seconds until a phone that lost the server asks again; the page's own are 0.7 to 1.3
PATIENCE = 15.0


@dataclass
class Phone:
    """A visitor with a cookie of their own."""

    client: httpx.AsyncClient
    room: str  # path of its room
    answers: dict[int, list[int]]  # by claim: what is tapped, one after the other; the last one counts
    reaction: float  # seconds from a question to the first tap
    seen: dict[int, float] = field(default_factory=dict)  # by claim: when its question was there
    counted: dict[int, float] = field(default_factory=dict)  # by claim: when the server said that the first tap counts
    done: set[int] = field(default_factory=set)  # claims of which all taps count
    revealed: dict[int, dict[str, Any]] = field(default_factory=dict)
    lost: int = 0  # requests that no server answered

    async def join(self) -> None:
        """Open the page, for its cookie."""
        await self._ask("GET", "")

    async def follow(self, until: asyncio.Event) -> None:
        """Look at the room and answer what it asks."""
        version, tapping = "", set()
        while not until.is_set():
            state = (await self._ask("GET", f"/state?seen={version}")).json()
            version, claim = state["version"], state["claim"]
            if claim is None:
                continue
            if state["revealed"]:
                self.revealed[claim] = state["revealed"] | {"chosen": state["chosen"]}
            elif claim not in self.seen:
                self.seen[claim] = time.monotonic()
                tapping.add(asyncio.create_task(self._tap(claim)))
        await asyncio.gather(*tapping)

    async def _tap(self, claim: int) -> None:
        for choice in self.answers[claim]:
            await asyncio.sleep(self.reaction)
            answer = await self._ask("POST", "/answer", json={"claim": claim, "choice": choice})
            assert answer.status_code == 200, answer.text
            assert answer.json() == {"chosen": choice}
            self.counted.setdefault(claim, time.monotonic())
        self.done.add(claim)

    async def _ask(self, method: str, path: str, **body: Any) -> httpx.Response:
        """Until a server answers, as the page does."""
        while True:
            try:
                answer = await self.client.request(method, f"{self.room}{path}", timeout=PATIENCE, **body)
                if answer.status_code < 500:
                    return answer
            except httpx.TransportError:
                pass
            self.lost += 1
            await asyncio.sleep(AGAIN)


def phones(url: str, code: str, count: int, choices: dict[int, int], seed: int = 0) -> list[Phone]:
    """`choices`: by claim how many there are. Some think again, and tap up to three times."""
    chance = random.Random(seed)
    limits = httpx.Limits(max_connections=2)

    def one() -> Phone:
        taps = {
            claim: [chance.randrange(among) for _ in range(chance.choice((1, 1, 1, 2, 3)))]
            for claim, among in choices.items()
        }
        client = httpx.AsyncClient(base_url=url, trust_env=False, limits=limits)
        return Phone(client, f"/room/{code}", taps, chance.uniform(0.1, 1.0))

    return [one() for _ in range(count)]


def expected(class_: list[Phone], claim: int, among: int) -> list[int]:
    """What a tally must say: each phone's last tap, once."""
    last = [phone.answers[claim][-1] for phone in class_]
    return [last.count(choice) for choice in range(among)]
