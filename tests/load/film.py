"""A run's film as a browser follows it: components/stage/film.js, without the drawing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from unpacking import unpacked

from vae.store.runs import ACTIVE

PATIENCE = 60  # seconds for one answer
AGAIN = 1.0  # seconds after which a server that didn't answer is asked again
CONNECTIONS = 6  # that a browser opens to one server
AT_REST = ("plane", "decoders")  # what it fetches of an epoch on which the hand rests


class Browser:
    """What one visitor's browser fetches by itself, outside of Streamlit's websocket."""

    def __init__(self, times: dict[str, list[float]], troubles: list[str]) -> None:
        self.times, self.troubles = times, troubles
        self.cookies = ""
        self._client = AsyncHTTPClient(force_instance=True, max_clients=CONNECTIONS)

    async def fetch(self, address: str) -> HTTPResponse:
        request = HTTPRequest(address, headers={"Cookie": self.cookies}, request_timeout=PATIENCE)
        answer = await self._client.fetch(request, raise_error=False)
        if answer.code not in (200, 204):
            self.troubles.append(f"{address.rpartition('/')[2]}: {answer.code} {answer.body or answer.error}")
        return answer

    def close(self) -> None:
        self._client.close()


class Film:
    """`epochs` holds the number of each frame that has arrived."""

    def __init__(self, browser: Browser, run_id: str) -> None:
        self.browser, self.run_id = browser, run_id
        self.address = ""  # holds a word that each page gives
        self.status, self.newest = "", -1
        self.epochs: list[int] = []
        self.kept: list[int] = []
        self._rested: set[int] = set()
        self._following: asyncio.Task | None = None

    def watch(self, watched: Callable[[], bool]) -> None:
        """Follow the run, unless that is being done, as long as it learns and is `watched`."""
        if self._following is None or self._following.done():
            self._following = asyncio.create_task(self._follow(watched))

    async def end(self) -> None:
        """Wait until all epochs have arrived."""
        if self._following:
            await self._following

    def leave(self) -> None:
        """The browser is closed."""
        if self._following:
            self._following.cancel()

    async def rest(self, epoch: int) -> None:
        """The hand rests on an epoch: the server is told, and gives what draws there once the run has ended."""
        await self._get("looks", epoch=-1 if epoch >= self.newest else epoch)
        if self.status in ACTIVE or epoch not in self.kept or epoch in self._rested:
            return
        self._rested.add(epoch)
        started = time.perf_counter()
        await asyncio.gather(*(self._get(part, epoch=epoch) for part in AT_REST))
        self.browser.times["rest"].append(time.perf_counter() - started)

    async def _follow(self, watched: Callable[[], bool]) -> None:
        while watched():
            started = time.perf_counter()
            answer = await self._get("film", after=self.newest, status=self.status)
            if answer.code == 200:
                if self._add(answer.body):
                    first = len(self.browser.times["first film"]) == 0
                    self.browser.times["first film" if first else "film"].append(time.perf_counter() - started)
                if self.status not in ACTIVE:
                    return
            elif answer.code < 500:
                return
            else:
                await asyncio.sleep(AGAIN)

    def _add(self, packed: bytes) -> bool:
        """Whether there is a new epoch in it."""
        told, _ = unpacked(packed)
        self.status, self.newest, self.kept = told["status"], told["newest"], told.get("kept", [])
        self.epochs += told["epochs"]
        return bool(told["epochs"])

    async def _get(self, part: str, **query: int | str) -> HTTPResponse:
        return await self.browser.fetch(f"{self.address}/{part}?{urlencode(query)}")
