"""CONTRIBUTING.md, "an estimator": its words in choices/estimators.py, its function in learning/estimators.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from vae.choices.choice import Choice
from vae.choices.estimators import ESTIMATORS
from vae.learning import estimators
from vae.store.runs import Run, Store


def halved(model: Any, variant: Any, x: Any, *rest: Any) -> None:
    """The trick with half its gradient: a toy."""
    estimators.pathwise(model, variant, x, *rest)
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad.mul_(0.5)


@pytest.fixture(autouse=True)
def _added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ESTIMATORS, "halved", Choice("halved", "Half of the gradient."))
    monkeypatch.setitem(estimators.ESTIMATORS, "halved", halved)


def test_people_find_it(form: Callable[[str], list[str]], explained: Callable[[str], str]) -> None:
    assert "Halved" in form("estimator")
    assert "halved" in explained("train")


def test_it_trains(train: Callable[..., Run], shared: Store) -> None:
    run = train(estimator="halved")
    history = shared.history(run.id)
    assert history[history.split == "test"].loss.notna().all()
