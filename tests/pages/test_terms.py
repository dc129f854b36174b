"""The registry of terms: each is explained on some page, and every page explains only what is in it."""

from __future__ import annotations

import ast

import pytest
from paging import open_page, texts

from pages.text.terms import TERMS, explain
from vae.settings import ROOT
from vae.store.runs import Store


def explained() -> set[str]:
    """What the pages give to `explain`."""
    found: set[str] = set()
    for path in (ROOT / "pages").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "explain":
                found |= {ast.literal_eval(argument) for argument in node.args}
    return found


def test_each_term_is_explained_by_a_page() -> None:
    assert explained() == set(TERMS)


@pytest.mark.parametrize("name", TERMS)
def test_a_term_is_explained_in_one_or_two_short_sentences(name: str) -> None:
    told = TERMS[name]
    assert told[0].isupper() or told[0] == "−"
    assert told.endswith(".") and len(told.split()) <= 40


def test_a_page_shows_what_its_terms_mean(shared: Store, finished: str) -> None:
    said = texts(open_page("two_losses.py", run=finished))
    for name in ("nats", "active units", "β"):
        assert f"**{name}**: {TERMS[name]}" in said
    assert TERMS["slerp"] not in said


def test_an_unknown_term_is_refused() -> None:
    with pytest.raises(KeyError, match="entropy"):
        explain("entropy")
