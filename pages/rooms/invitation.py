"""How phones come into a room: its code, its address, and a QR code that the last row can read."""

from __future__ import annotations

import ipaddress
import socket
from html import escape
from urllib.parse import urlsplit

import segno
import streamlit as st

from pages.components.svg import svg
from pages.visitors.visitor import is_loopback

NOT_REACHABLE = (
    "Phones can't reach this server: it listens to this computer only. Start it with `--server.address 0.0.0.0`; the "
    "guide tells how in docs/server.md, **For a class**."
)
NO_NETWORK = "Phones can't reach this server: this computer is in no network."


def invitation(code: str) -> None:
    """The code, the QR code and the address, or why phones can't come in."""
    url = address(code)
    st.html(f'<div class="room-code" aria-label="The room\'s code">{spaced(code)}</div>')
    if url is None:
        st.warning(NOT_REACHABLE if _only_here() else NO_NETWORK, icon=":material/wifi_off:")
        return
    st.html(f'<div class="room-address">{escape(url)}</div>')
    svg(qr_code(url, f"QR code of {url}"), key=f"rooms.qr.{code}")


def spaced(code: str) -> str:
    """In two groups, as people read it aloud: C3K 7RW."""
    middle = len(code) // 2
    return f"{code[:middle]} {code[middle:]}"


def qr_code(url: str, title: str) -> str:
    """Markup that fills its place: black on white in any theme, with the white margin that cameras need."""
    drawn = segno.make(url, error="m", micro=False).svg_inline(border=4, light="white", omitsize=True, title=title)
    named = drawn.replace("<svg ", '<svg role="img" ', 1)
    return f'<div style="width: min(100%, 62vh)">{named}</div>'


def address(code: str) -> str | None:
    """What phones open: the host of the teacher's own address bar, or this computer's in its network; None: nothing."""
    here = urlsplit(st.context.url or f"http://localhost:{st.get_option('server.port')}/")
    host, port = here.hostname or "localhost", here.port
    if is_loopback(host) or host == "0.0.0.0":
        if _only_here() or (found := own_address()) is None:
            return None
        host = found
    named = f"[{host}]" if ":" in host else host
    prefix = st.get_option("server.baseUrlPath").strip("/")
    folder = f"/{prefix}" if prefix else ""
    return f"{here.scheme}://{named}{f':{port}' if port else ''}{folder}/room/{code}"


def own_address() -> str | None:
    """This computer's in its network: where a packet to the outside would leave from. None is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: nobody's
        except OSError:
            return None
        found = probe.getsockname()[0]
    return None if ipaddress.ip_address(found).is_loopback else found


def _only_here() -> bool:
    """Whether the server listens to this computer alone."""
    return is_loopback(st.get_option("server.address"))
