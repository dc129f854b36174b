"""What phones fetch: a page without a Streamlit session, what the room is asked, and a way to answer.

Nobody signs in. The visitor's cookie tells phones apart; what the store gets of it is another hash in every room, so
that nobody can tell which answers in two rooms are one person's.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from pages.state import resources
from pages.state.shared_reads import shared_for
from pages.visitors import cookie
from vae.argument.claims import CLAIMS
from vae.errors import InputError
from vae.store import rooms
from vae.store.outages import sentence

PAGE = Path(__file__).parent / "phone.html"
MOST_BYTES = 200  # of an answer; one takes 25
LARGEST = 1000  # number that is repeated in a sentence
LOOK = 0.25  # seconds between looks at a room, shared by all who wait
PATIENCE = 2.0  # seconds a request waits at the most: a server that is to end has to wait for it
NO_COOKIE = (
    "Your browser keeps no cookies, and without one an answer can't be counted once. Allow them, then load again."
)


class RefusedError(InputError):
    """With a status of HTTP that says more than 400."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


async def _page(_request: Request) -> Response:
    return FileResponse(PAGE, media_type="text/html", headers={"Cache-Control": "no-cache"})


async def _state(request: Request) -> Response:
    """What the room sees, as soon as it is something else than `seen`, or when patience ends."""
    code, seen = rooms.normal(request.path_params["code"]), request.query_params.get("seen", "")
    ends = time.monotonic() + PATIENCE
    while (shown := _shown(await run_in_threadpool(_room, code)))["version"] == seen and time.monotonic() < ends:
        await asyncio.sleep(LOOK)
    phone = _phone(request, code)
    chosen = None
    if phone and shown["claim"] is not None:
        chosen = await run_in_threadpool(rooms.answered, resources.store(), code, shown["claim"], phone)
    return JSONResponse(shown | {"chosen": chosen}, headers={"Cache-Control": "no-store"})


async def _answer(request: Request) -> Response:
    """Takes {"claim": 3, "choice": 0} from a page of this server."""
    code = rooms.normal(request.path_params["code"])
    # A form of another site can't send JSON; a script there would have to ask first, and gets no leave.
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise RefusedError(415, "An answer is sent as JSON.")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise RefusedError(403, "An answer is given on this server's own page.")
    claim, choice = _read(await _body(request))
    phone = _phone(request, code)
    if phone is None:
        raise RefusedError(403, NO_COOKIE)
    await run_in_threadpool(rooms.answer, resources.store(), code, claim, phone, choice)
    return JSONResponse({"chosen": choice})


@shared_for(LOOK, most=50)
def _room(code: str) -> rooms.Room:
    return rooms.find(resources.store(), code)


def _shown(room: rooms.Room) -> dict[str, Any]:
    """What every phone is shown: the claim in words, and what was measured once it is revealed."""
    if room.claim not in CLAIMS:
        shown: dict[str, Any] = {"room": room.code, "claim": None}
    else:
        claim, revealed = CLAIMS[room.claim], room.revealed.get(room.claim)
        shown = {
            "room": room.code,
            "claim": room.claim,
            "title": claim.title,
            "question": claim.question,
            "choices": claim.choices,
            "revealed": revealed and {"said": revealed.said, "answer": revealed.answer},
        }
    return shown | {"version": hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:16]}


def _phone(request: Request, code: str) -> str | None:
    """Who asks, as this room alone knows them; None without a cookie of ours."""
    proof = cookie.proof(request.cookies)
    return proof and hashlib.sha256(f"room {code} {proof}".encode()).hexdigest()[:32]


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise RefusedError(413, f"An answer takes no more than {MOST_BYTES} bytes.")
    return body


def _read(body: bytes) -> tuple[int, int]:
    """Claim and choice."""
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    match said:
        case {"claim": int(claim), "choice": int(choice)} if bool not in (type(claim), type(choice)):  # true is no 1
            if max(abs(claim), abs(choice)) <= LARGEST:
                return claim, choice
    raise InputError("An answer names a claim and a choice, as two whole numbers.")


def _guarded(answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def guarded(request: Request) -> Response:
        try:
            return await answer(request)
        except InputError as problem:
            return JSONResponse({"said": str(problem)}, status_code=getattr(problem, "status", 400))
        except Exception as problem:
            if said := sentence(problem):  # the database is away: the phone asks again
                return JSONResponse({"said": said}, status_code=503)
            raise

    return guarded


ROUTES = [
    Route("/room", _page),
    Route("/room/", _page),
    Route("/room/{code}", _page),
    Route("/room/{code}/state", _guarded(_state)),
    Route("/room/{code}/answer", _guarded(_answer), methods=["POST"]),
]
