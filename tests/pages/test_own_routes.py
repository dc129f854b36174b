"""What is served beside Streamlit's pages lies where they do."""

from __future__ import annotations

import pytest
import streamlit as st

import dashboard


def paths() -> set[str]:
    return {route.path for route in dashboard._own_routes()}


@pytest.mark.parametrize("said", ["lab", "/lab/", "lab/"])
def test_below_the_path_that_the_server_is_given(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = paths()
    assert any(path.startswith("/latent-twins/") for path in plain)
    monkeypatch.setattr(st, "get_option", {"server.baseUrlPath": said}.__getitem__)
    assert paths() == {f"/lab{path}" for path in plain}
