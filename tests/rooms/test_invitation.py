"""How phones come in: an address that they can reach, or a sentence, and a QR code that says that address."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
import segno
import streamlit as st

from pages.rooms import invitation

LAN = "192.168.7.20"


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch):
    """The teacher's address bar, and what the server listens to."""

    def at(url: str, address: str | None, prefix: str = "") -> None:
        options = {"server.address": address, "server.baseUrlPath": prefix, "server.port": 8501}
        monkeypatch.setattr(invitation.st, "context", SimpleNamespace(url=url))
        monkeypatch.setattr(st, "get_option", options.__getitem__)
        monkeypatch.setattr(invitation, "own_address", lambda: LAN)

    return at


@pytest.mark.parametrize(
    ("url", "listens", "prefix", "phones"),
    [
        ("http://lab.example.org/argument?claim=3", "0.0.0.0", "", "http://lab.example.org/room/C3K7RW"),
        ("https://lab.example.org:8443/", "127.0.0.1", "", "https://lab.example.org:8443/room/C3K7RW"),  # by a proxy
        ("http://10.0.0.4:8501/argument", "10.0.0.4", "", "http://10.0.0.4:8501/room/C3K7RW"),
        ("http://[fd00::1]:8501/argument", None, "", "http://[fd00::1]:8501/room/C3K7RW"),
        ("http://localhost:8501/argument", "0.0.0.0", "", f"http://{LAN}:8501/room/C3K7RW"),
        ("http://127.0.0.1:8501/lab/argument", None, "/lab/", f"http://{LAN}:8501/lab/room/C3K7RW"),
        ("http://0.0.0.0:8501/", "0.0.0.0", "", f"http://{LAN}:8501/room/C3K7RW"),
        ("", "", "", f"http://{LAN}:8501/room/C3K7RW"),
        ("http://localhost:8501/", "localhost", "", None),
        ("http://[::1]:8501/", "127.0.0.1", "", None),
    ],
)
def test_phones_get_an_address_that_they_can_reach(at, url: str, listens: str, prefix: str, phones: str | None) -> None:
    at(url, listens, prefix)
    assert invitation.address("C3K7RW") == phones


def test_without_a_network_there_is_none(at, monkeypatch: pytest.MonkeyPatch) -> None:
    at("http://localhost:8501/", "0.0.0.0")
    monkeypatch.setattr(invitation, "own_address", lambda: None)
    assert invitation.address("C3K7RW") is None


def test_this_computers_own_address_is_none_that_only_itself_can_reach() -> None:
    found = invitation.own_address()
    assert found is None or (re.fullmatch(r"[0-9.]{7,15}", found) and not found.startswith("127."))


def test_the_qr_code_says_the_address() -> None:
    """Read back by its dark cells, not by a camera: the same matrix, with a margin of four cells."""
    url = f"http://{LAN}:8501/room/C3K7RW"
    markup = invitation.qr_code(url, f"QR code of {url}")
    (size,) = re.findall(r'viewBox="0 0 (\d+) \1"', markup)
    cells, x, y = set(), 0.0, 0.0
    (path,) = re.findall(r'class="qrline"[^>]* d="([^"]+)"', markup)
    for command, numbers in re.findall(r"([Mmh])([-0-9. ]+)", path):
        values = [float(number) for number in re.findall(r"-?[0-9.]+", numbers)]
        if command == "h":
            cells |= {(int(x + step), int(y)) for step in range(int(values[0]))}
            x += values[0]
        else:
            x, y = values if command == "M" else (x + values[0], y + values[1])
    matrix = segno.make(url, error="m").matrix
    assert int(size) == len(matrix) + 8
    assert cells == {(4 + j, 4 + i) for i, row in enumerate(matrix) for j, dark in enumerate(row) if dark}
    assert 'role="img"' in markup and f"<title>QR code of {url}</title>" in markup


def test_a_code_is_read_in_two_groups() -> None:
    assert invitation.spaced("C3K7RW") == "C3K 7RW"
