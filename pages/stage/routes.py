"""What browsers fetch for the stage. dashboard.py serves it beside Streamlit's own pages."""

from __future__ import annotations

import re
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pages.shared import epochs
from vae.errors import InputError
from vae.store.outages import sentence

from . import seat, watching
from .at_rest import AtRest
from .film import Dimensions, film

BYTES = "application/octet-stream"
MOST_EPOCH = 10**6
MOST_BODY = 2**16  # bytes of the codes to draw


async def _film(request: Request, run_id: str) -> Response:
    """Epochs after `after`, as soon as there are any; at once where the run's status isn't `status`."""
    after, dimensions = _number(request, "after", -1), _dimensions(request)
    if await watching.changed(run_id, after, request.query_params.get("status", "")) is None:
        raise InputError("This run is gone.")
    return Response(await run_in_threadpool(film, run_id, after, dimensions), media_type=BYTES)


async def _at_rest(request: Request, run_id: str) -> Response:
    """One part of `AtRest`; 204 where there is none for a browser."""
    epoch = _number(request, "epoch", 0)

    part = _PARTS.get(request.path_params["part"])
    if part is None:
        return Response(status_code=404)
    found = await run_in_threadpool(lambda: part(AtRest(run_id, epoch, _dimensions(request))))
    if found is None:
        return Response(status_code=204)
    return Response(found, media_type=BYTES, headers={"Cache-Control": "private, max-age=3600"})


async def _pictures(request: Request, run_id: str) -> Response:
    """What the server draws for a browser that can't: a code for each of `variants`, in the body."""
    epoch, variants = _number(request, "epoch", 0), request.query_params.get("variants", "").split(",")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BODY:
            raise InputError("These are too many numbers for a picture.")

    def drawn() -> bytes:
        return AtRest(run_id, epoch, None).pictures(variants, body)

    return Response(await run_in_threadpool(drawn), media_type=BYTES)


async def _looks(request: Request, run_id: str) -> Response:
    """Which epoch the browser rests on; -1 for the newest, whichever that is."""
    epoch = _number(request, "epoch", -1)
    epochs.told(request.path_params["seat"], run_id, None if epoch < 0 else epoch)
    return Response(status_code=204)


_PARTS: dict[str, Callable[[AtRest], bytes | None]] = {
    "decoders": AtRest.decoders,
    "encoders": AtRest.encoders,
    "plane": AtRest.plane,
    "maps": AtRest.maps,
}


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not re.fullmatch("-?[0-9]{1,7}", text) or not -1 <= int(text) <= MOST_EPOCH:
        raise InputError(f"{name} must be a whole number.")
    return int(text)


def _dimensions(request: Request) -> Dimensions:
    text = request.query_params.get("dimensions", "")
    if not text:
        return None
    if not re.fullmatch("[0-9]{1,4},[0-9]{1,4}", text):
        raise InputError("dimensions must be two whole numbers.")
    first, second = (int(number) for number in text.split(","))
    return first, second


def _route(path: str, answer: Callable, method: str = "GET") -> Route:
    async def guarded(request: Request) -> Response:
        run_id = request.path_params["run"]
        if not seat.known(request.path_params["seat"], request.path_params["word"], run_id):
            return PlainTextResponse("Open this run on a page first.", status_code=403)
        try:
            return await answer(request, run_id)
        except InputError as problem:
            return PlainTextResponse(str(problem), status_code=400)
        except Exception as problem:
            if said := sentence(problem):  # the database is away: the browser asks again
                return PlainTextResponse(said, status_code=503)
            raise

    return Route(f"/latent-twins/{{seat}}/{{word}}/{{run}}/{path}", guarded, methods=[method])


ROUTES = [
    _route("film", _film),
    _route("looks", _looks),
    _route("pictures", _pictures, "POST"),
    _route("{part:str}", _at_rest),
]
