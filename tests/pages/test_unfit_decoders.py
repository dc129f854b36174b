"""Which decoders a page draws itself, and what it says of those that it leaves to the server."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pages.components import chain, decoders
from vae.config import RunConfig
from vae.learning.layers.steps import Step
from vae.learning.networks import ARCHITECTURES, Chains, initialised
from vae.learning.randomness import stream

SHAPES = [(1, 8, 8), (1, 28, 28), (3, 32, 32)]


def weights(config: RunConfig, shape: tuple[int, int, int]) -> dict[str, dict[str, np.ndarray]]:
    models = {name: initialised(config, shape, name, stream(0, "weights")) for name in config.variants}
    return {name: {key: value.numpy() for key, value in model.state_dict().items()} for name, model in models.items()}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("network", ARCHITECTURES)
def test_a_page_draws_every_architecture_of_a_usual_size(network: str, shape: tuple[int, int, int]) -> None:
    """Or has no chains, and then says so."""
    config = RunConfig(network=network)
    if ARCHITECTURES[network].chains is None:
        assert "kind" in decoders.unfit(config, shape)
        return
    assert decoders.unfit(config, shape) == ""
    sent = decoders.payload("k", config, shape, weights(config, shape))
    assert sent and len(sent) < decoders.LARGEST


def test_a_step_that_the_page_does_not_know_is_left_to_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    entry, config = ARCHITECTURES["mlp"], RunConfig()
    assert entry.chains

    def with_another(*arguments: object) -> Chains:
        made = entry.chains(*arguments)
        return replace(made, decoder=(*made.decoder, Step("attention", "decoder.x", 64, 64)))

    monkeypatch.setitem(ARCHITECTURES, "mlp", replace(entry, chains=with_another))
    assert decoders.unfit(config, SHAPES[0]) == "are of a kind it can't run"
    assert decoders.payload("k", config, SHAPES[0], {}) is None
    assert decoders.encoders_payload("k", config, SHAPES[0], weights(config, SHAPES[0])), "its encoders are known"


def test_one_too_slow_to_follow_a_hand_is_left_to_the_server() -> None:
    shape = (3, 64, 64)
    config = RunConfig(network="conv", channels=(64, 128), hidden=(128,))
    # Two fully connected layers, then 128 × 16 × 16 → 64 × 32 × 32 → 3 × 64 × 64, each number through 16 weights
    flat = 128 * 16 * 16
    work = 2 * 128 + 128 * flat + 16 * (flat * 64 + 64 * 32 * 32 * 3)
    biases = 128 + flat + 64 * 32 * 32 + 3 * 64 * 64
    steps = ARCHITECTURES["conv"].chains(config, shape, decoders.VARIANTS["ae"]).decoder
    assert chain.multiply_adds(steps) == work + biases > decoders.MOST_WORK
    said = decoders.unfit(config, shape)
    assert said == "take 41 million multiplications a picture, too many to follow a hand (at most 8 million)"
    assert decoders.payload("k", config, shape, {}) is None


def test_scales_of_channels_go_into_the_weights_before_them() -> None:
    config = RunConfig(network="conv", normalisation="batch")
    steps = ARCHITECTURES["conv"].chains(config, (1, 8, 8), decoders.VARIANTS["ae"]).decoder
    told = [one.step.kind for one in chain.told(steps, weights(config, (1, 8, 8))["ae"])]
    assert "channel_scale" in {step.kind for step in steps} and "channel_scale" not in told
    assert told == [step.kind for step in steps if step.kind != "channel_scale"]
