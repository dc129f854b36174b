"""A cookie that tells visitors apart: 128 random bits, set with the first page, read by no script in the browser."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NAME = "latent_twins_visitor"
KEPT = 365 * 24 * 3600  # seconds: whoever comes back finds their runs
VALUE = re.compile("[0-9a-f]{32}")


def proof(cookies: Mapping[str, str]) -> str | None:
    """What a visitor's cookie holds; None when there is none, or not one of ours."""
    value = cookies.get(NAME, "")
    return value if VALUE.fullmatch(value) else None


class VisitorCookie:
    """ASGI middleware: whoever asks for a page and brings no cookie gets one with it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Only pages set it: other requests come at the same time, and each would set another."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        asked = Headers(scope=scope)
        if proof(cookie_parser(asked.get("cookie", ""))):
            await self.app(scope, receive, send)
            return

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                unchanged = message["status"] == 304 and "text/html" in asked.get("accept", "")
                if unchanged or headers.get("content-type", "").startswith("text/html"):
                    headers.append("set-cookie", _fresh(_by_https(scope, asked)))
                    headers["cache-control"] = "no-store"  # a cache on the way would give one visitor's to the next
            await send(message)

        await self.app(scope, receive, with_cookie)


def _fresh(secure: bool) -> str:
    end = "; Secure" if secure else ""
    return f"{NAME}={secrets.token_hex(16)}; Path=/; Max-Age={KEPT}; HttpOnly; SameSite=Lax{end}"


def _by_https(scope: Scope, asked: Headers) -> bool:
    """Also to a proxy in front of us. Whoever lies about that keeps themselves from getting a cookie."""
    return scope.get("scheme") == "https" or asked.get("x-forwarded-proto", "").startswith("https")
