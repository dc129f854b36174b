"""CONTRIBUTING.md, "an activation": one entry of choices/activations.py."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from pages.components import decoders
from vae.choices.activations import ACTIVATIONS, Activation
from vae.config import RunConfig
from vae.exports.run_folder import files, loading
from vae.learning.networks import steps_by_hand
from vae.measuring import models_of
from vae.naming import name
from vae.store.runs import Run, Store

SOFTPLUS = Activation(
    "softplus",
    "log(1 + exp(a)): a smooth ReLU.",
    "Softplus",
    javascript="Math.log1p(Math.exp(a))",
    onnx=("Softplus", {}),
)


@pytest.fixture(autouse=True)
def _added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ACTIVATIONS, "softplus", SOFTPLUS)


def test_people_find_it(form: Callable[[str], list[str]], explained: Callable[[str], str]) -> None:
    assert "softplus" in form("activation")
    assert "softplus" in explained("train")
    assert "softplus" in name(RunConfig(activation="softplus"))


def test_it_trains_without_steps_by_hand(train: Callable[..., Run], shared: Store) -> None:
    run = train(activation="softplus")
    assert not steps_by_hand(run.config)
    history = shared.history(run.id)
    first, last = (history[(history.epoch == epoch) & (history.split != "test")].loss.sum() for epoch in (0, 2))
    assert last < first


def test_files_and_the_browser_know_it(train: Callable[..., Run], shared: Store) -> None:
    pytest.importorskip("onnx")
    from onnx import load_from_string
    from onnx.reference import ReferenceEvaluator

    run = train(activation="softplus")
    assert "softplus: (a) => Math.log1p(Math.exp(a))," in decoders.library()
    assert "nn.Softplus()" in loading(run)
    model, z = models_of(shared, run, 2)["vae"], np.float32([[0.5, -1.0]])
    graph = load_from_string(files(shared, run.id, onnx=True)["vae_decoder.onnx"])
    (image,) = ReferenceEvaluator(graph).run(None, {"z": z})
    np.testing.assert_allclose(image, model.picture(torch.from_numpy(z)).numpy(), atol=1e-5)
