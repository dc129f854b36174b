"""Chains of steps that the browser runs, beside PyTorch: convolutions, normalisations, every architecture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import chains_by_hand as by_hand
import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page
from torch import nn

from pages.components import decoders
from vae.choices.networks import NORMALISATIONS
from vae.config import RunConfig
from vae.datasets import Shape
from vae.learning.layers.modules import learning
from vae.learning.networks import ARCHITECTURES, Chains, initialised
from vae.learning.randomness import stream

pytestmark = pytest.mark.browser
LEVEL = 1 / 255
D, COUNT = 3, 6


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def state_of(network: nn.Module, part: str) -> dict[str, np.ndarray]:
    return {f"{part}.{name}": tensor.numpy() for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize(
    ("shape", "channels", "norm"),
    [
        ((1, 8, 8), (4, 6), "none"),
        ((3, 9, 9), (4, 6), "batch"),
        ((3, 8, 13), (4,), "group"),
        ((1, 31, 31), (5, 6, 7), "layer"),
        ((1, 28, 28), (32, 64), "batch"),
        ((3, 32, 32), (32, 64), "none"),
        ((3, 64, 64), (8, 16, 32), "group"),
    ],
    ids=str,
)
def test_convolutions_by_hand_give_what_pytorch_gives(
    page: Page, monkeypatch: pytest.MonkeyPatch, shape: Shape, channels: tuple[int, ...], norm: str
) -> None:
    pixels = int(np.prod(shape))
    models = {
        variant: (
            by_hand.shaken(by_hand.encoder(shape, D, channels, 16, norm), seed, pixels),
            by_hand.shaken(by_hand.decoder(shape, D, channels, 16, norm), seed + 1, D),
        )
        for seed, variant in ((0, "ae"), (2, "vae"))
    }
    encoder, decoder = models["ae"]
    there = by_hand.steps(encoder, "encoder", (pixels,))
    made = Chains(there[:-1], {"mu": there[-1]}, by_hand.steps(decoder, "decoder", (D,)))
    monkeypatch.setitem(ARCHITECTURES, "mlp", replace(ARCHITECTURES["mlp"], chains=lambda *_: made))
    weights = {name: state_of(one, "encoder") | state_of(two, "decoder") for name, (one, two) in models.items()}

    config, random = RunConfig(latent_dim=D, activation="relu"), np.random.default_rng(1)
    z = random.normal(size=(COUNT, D)).astype(np.float32)
    found = by_hand.in_browser(page, decoders.payload("k", config, shape, weights), z)
    x = random.uniform(size=(COUNT, pixels)).astype(np.float32)
    codes = by_hand.in_browser(page, decoders.encoders_payload("k", config, shape, weights), x)
    for name, (encoder, decoder) in models.items():
        expected = torch.sigmoid(decoder(torch.from_numpy(z))).numpy()
        assert expected.std() > 0.1, "there is a picture"
        assert np.abs(found[name] - expected).max() < 2 * LEVEL
        np.testing.assert_allclose(codes[name], encoder(torch.from_numpy(x)).numpy(), atol=2e-4)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 13), (3, 32, 32)], ids=str)
@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("network", ARCHITECTURES)
def test_every_architecture_draws_in_the_browser_what_it_draws_in_pytorch(
    page: Page, network: str, normalisation: str, shape: Shape
) -> None:
    config = RunConfig(network=network, normalisation=normalisation, dropout=0.1, latent_dim=D)
    random, generator = np.random.default_rng(1), torch.Generator().manual_seed(0)
    z = (5 * random.normal(size=(COUNT, D))).astype(np.float32)
    x = random.uniform(size=(COUNT, int(np.prod(shape)))).astype(np.float32)
    models = {
        name: initialised(config, shape, name, stream(seed, "weights")) for seed, name in enumerate(config.variants)
    }
    for model in models.values():
        model.requires_grad_(False)
        with learning(model, generator):
            for _ in range(40):  # running means and variances become those of these inputs
                model.decoder(torch.from_numpy(z))
                model.encoder(torch.from_numpy(x))
    weights = {
        name: {key: value.numpy() for key, value in model.state_dict().items()} for name, model in models.items()
    }
    data = decoders.payload("k", config, shape, weights)
    if ARCHITECTURES[network].chains is None:
        assert data is None and decoders.encoders_payload("k", config, shape, weights) is None
        return
    found = by_hand.in_browser(page, data, z)
    codes = by_hand.in_browser(page, decoders.encoders_payload("k", config, shape, weights), x)
    for name, model in models.items():
        expected = model.picture(torch.from_numpy(z)).numpy()
        assert expected.std() > 0.02, "there is a picture"
        assert np.abs(found[name] - expected).max() < 2 * LEVEL
        np.testing.assert_allclose(codes[name], model.encoder(torch.from_numpy(x))[0].numpy(), atol=2e-4)
