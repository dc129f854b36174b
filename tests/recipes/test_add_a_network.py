"""CONTRIBUTING.md, "a network": its words in choices/networks.py, its making in learning/networks.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod

import pytest
from paging import open_page, texts
from torch import nn

from vae.choices.choice import Choice
from vae.choices.networks import NETWORKS
from vae.choices.variants import Variant
from vae.config import RunConfig
from vae.datasets import Shape
from vae.errors import InputError
from vae.exports.onnx_export import graphs
from vae.exports.run_folder import loading
from vae.learning.models import Autoencoder, mlp
from vae.learning.networks import ARCHITECTURES, steps_by_hand
from vae.store.runs import Run, Store


def squashed(config: RunConfig, shape: Shape, variant: Variant) -> Autoencoder:
    """An MLP with a module between that no step by hand knows."""
    model = mlp(config, prod(shape), variant.has_logvar)
    model.encoder.body.append(nn.Hardsigmoid())
    return model


@pytest.fixture(autouse=True)
def _added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "squashed", Choice("squashed", "A toy."))
    toy = replace(ARCHITECTURES["mlp"], build=squashed, by_hand=False, chains=None)
    monkeypatch.setitem(ARCHITECTURES, "squashed", toy)


def test_people_find_it(form: Callable[[str], list[str]], explained: Callable[[str], str]) -> None:
    assert form("network") == ["Fully connected", "Convolutional", "Squashed"]
    assert "Architecture: mlp, conv, squashed" in explained("train")


def test_a_single_architecture_is_no_choice(shared: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("squashed", "conv"):
        monkeypatch.delitem(NETWORKS, name)
    assert "Architecture" not in [box.label for box in open_page("train.py").selectbox]


def test_what_it_lacks_falls_back(train: Callable[..., Run], shared: Store) -> None:
    """Autograd trains it, the server decodes for the browser, and no file pretends to hold it."""
    run = train(network="squashed")
    assert not steps_by_hand(run.config)
    assert "of a kind it can't run" in texts(open_page("perturbation.py", run=run.id))
    assert loading(run).startswith("(a squashed network")
    pytest.importorskip("onnx")
    with pytest.raises(InputError, match="has no ONNX form"):
        graphs(shared, run)
