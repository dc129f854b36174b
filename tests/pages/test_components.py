"""What is sent to the browser's components, read back by support/unpacking.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import oracle
import pytest
import torch
from unpacking import unpacked

from pages.components import decoders, nudge_strips
from pages.components.packing import packed
from vae import datasets
from vae.analysis.codes import Codes, encode
from vae.analysis.directions import random, step
from vae.analysis.sensitivity import scale
from vae.choices.nudge_units import NUDGE_UNITS
from vae.config import RunConfig
from vae.figures.style import VARIANT_COLOURS, VARIANT_TITLES
from vae.learning.models import Autoencoder, initialise
from vae.learning.networks import build
from vae.learning.randomness import stream
from vae.learning.training import Training
from vae.settings import Settings

PIXELS, COUNT = 16, 40
NAMES = [f"Image {place}" for place in range(1, COUNT + 1)]


# Packing


def test_arrays_come_back_as_they_were() -> None:
    sent = {
        "odd": np.array([1, 2, 255], dtype=np.uint8),
        "pairs": np.array([[-32768, 1, 32767]], dtype=np.int16),
        "none": np.zeros((0, 2), dtype=np.float32),
        "numbers": np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32),
        "turned": np.arange(6, dtype=np.int16).reshape(2, 3).T,
        "one": np.array(7, dtype=np.uint8),
    }
    meta, arrays = unpacked(packed({"name": "σ", "list": [1, None, True]}, sent))
    assert meta == {"name": "σ", "list": [1, None, True]}
    assert list(arrays) == list(sent)
    for name, array in sent.items():
        assert arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(arrays[name], array)


@pytest.mark.parametrize("size", range(9))
def test_odd_sizes_are_padded(size: int) -> None:
    data = packed({"x" * size: 1}, {"first": np.arange(size, dtype=np.uint8), "second": np.float32([1.5])})
    assert len(data) % 4 == 0
    meta, arrays = unpacked(data)
    assert meta == {"x" * size: 1}
    assert arrays["first"].tolist() == list(range(size)) and arrays["second"].tolist() == [1.5]


def test_a_foreign_byte_order_is_turned() -> None:
    _, arrays = unpacked(packed({}, {"big": np.array([1, 256], dtype=">i2")}))
    assert arrays["big"].tolist() == [1, 256]


@pytest.mark.parametrize("dtype", ["float64", "int64", "float16", "bool"])
def test_a_type_that_the_browser_does_not_read_is_refused(dtype: str) -> None:
    with pytest.raises(KeyError, match=dtype):
        packed({}, {"x": np.zeros(3, dtype=dtype)})


# Decoders


def state_of(model: Autoencoder) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def sent(
    config: RunConfig, models: Mapping[str, Autoencoder], shape: tuple[int, ...] = (1, 1, PIXELS)
) -> tuple[dict, dict[str, np.ndarray]]:
    return unpacked(decoders.payload("k", config, shape, {name: state_of(model) for name, model in models.items()}))


def tanh(hidden: tuple[int, ...], latent_dim: int = 3) -> RunConfig:
    return RunConfig(hidden=hidden, latent_dim=latent_dim, activation="tanh")


def network(hidden: tuple[int, ...], latent_dim: int = 3, variant: str = "vae") -> Autoencoder:
    return (
        initialise(build(tanh(hidden, latent_dim), (1, 1, PIXELS), variant), stream(5, "weights"))
        .eval()
        .requires_grad_(False)
    )


def dequantised(
    arrays: Mapping[str, np.ndarray], variant: str, places: Sequence[int]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(weight, bias) of each linear step in float64."""
    return [
        (
            arrays[f"{variant}.{i}.weight"].astype(np.float64) * arrays[f"{variant}.{i}.scale"][:, None],
            arrays[f"{variant}.{i}.bias"].astype(np.float64),
        )
        for i in places
    ]


@pytest.mark.parametrize("hidden", [(), (12,), (12, 7, 9)])
def test_weights_are_sent_within_half_a_step_in_the_order_of_the_layers(hidden: tuple[int, ...]) -> None:
    models = {"ae": network(hidden, variant="ae"), "vae": network(hidden)}
    meta, arrays = sent(tanh(hidden), models)
    kinds = ["linear", "activation"] * len(hidden) + ["linear"] if hidden else ["activation", "linear"]
    variants = meta.pop("variants")
    assert meta == {"key": "k", "activation": "tanh", "likelihood": "bce"}
    assert [[step["kind"] for step in variants[name]] for name in ("ae", "vae")] == [kinds, kinds]
    places = [place for place, kind in enumerate(kinds) if kind == "linear"]
    widths = [3, *reversed(hidden), PIXELS]
    for name, model in models.items():
        linear = [layer for layer in model.decoder.modules() if isinstance(layer, torch.nn.Linear)]
        found = dequantised(arrays, name, places)
        assert [weight.shape for weight, _ in found] == list(zip(widths[1:], widths[:-1], strict=True))
        for i, layer, (weight, bias) in zip(places, linear, found, strict=True):
            original = layer.weight.double().numpy()
            steps = np.abs(original).max(axis=1) / 32767
            assert (np.abs(weight - original) <= 0.51 * steps[:, None]).all()
            assert (np.abs(arrays[f"{name}.{i}.weight"]).max(axis=1) == 32767).all(), "every bit is used"
            np.testing.assert_array_equal(bias, layer.bias.numpy())
    assert len(arrays) == 2 * len(places) * 3, "and nothing of the encoder"


def test_a_row_of_noughts_stays_a_row_of_noughts() -> None:
    model = network((12,))
    model.decoder.to_logits.weight[3] = 0
    model.decoder.body[0].weight.zero_()
    _, arrays = sent(tanh((12,)), {"vae": model})
    (first, _), (last, _) = dequantised(arrays, "vae", [0, 2])
    assert (first == 0).all() and (last[3] == 0).all() and (last[4] != 0).any()
    assert all(np.isfinite(array).all() for array in arrays.values())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Training, np.ndarray]:
    """A run on the digits, trained, and the digits it was tested on."""
    folder = tmp_path_factory.mktemp("data")
    settings = Settings.from_environment({"VAE_DATA_DIR": str(folder), "VAE_WORKERS": "1", "VAE_THREADS": "1"})
    images = datasets.load("digits", settings.data_dir)
    config = RunConfig(epochs=15, device="cpu")
    training = Training(config, images, datasets.split(images, config.validation_size))
    for _ in training.run():
        pass
    return training, images.test_x.astype(np.float32) / images.white


def test_the_browser_draws_a_trained_network_as_the_server_does(trained: tuple[Training, np.ndarray]) -> None:
    training, x = trained
    models = {learner.name: learner.model for learner in training.learners}
    _, arrays = sent(training.config, models, (1, 8, 8))
    for name, model in models.items():
        spread = encode(model, x).mu.std(axis=0)
        z = np.random.default_rng(1).normal(size=(500, 2)) * 2 * spread
        weights = oracle.as_float64(model.state_dict())
        rounded = dict(weights)
        for layer, (weight, bias) in zip(("body.0", "to_logits"), dequantised(arrays, name, [0, 2]), strict=True):
            rounded[f"decoder.{layer}.weight"], rounded[f"decoder.{layer}.bias"] = weight, bias
        exact, drawn = (
            oracle.sigmoid(oracle.decode(network_weights, z, "relu")) for network_weights in (weights, rounded)
        )
        assert 0 < np.abs(drawn - exact).max() < 2 / 255
        assert exact.std() > 0.2, "there is a picture"


def test_encoders_are_sent_as_they_are_to_the_mean_of_the_code(trained: tuple[Training, np.ndarray]) -> None:
    training, x = trained
    weights = {
        learner.name: {name: value.numpy() for name, value in learner.model.state_dict().items()}
        for learner in training.learners
    }
    meta, arrays = unpacked(decoders.encoders_payload("k", training.config, (1, 8, 8), weights))
    assert meta["likelihood"] is None
    for learner in training.learners:
        h = x[:50].astype(np.float64)
        assert meta["variants"][learner.name][0]["inputs"] == 64
        for place, told in enumerate(meta["variants"][learner.name]):
            if told["kind"] == "activation":
                h = np.maximum(h, 0)
            else:
                h = h @ arrays[f"{learner.name}.{place}.weight"].T.astype(np.float64)
                h = h + arrays[f"{learner.name}.{place}.bias"]
        np.testing.assert_allclose(h, encode(learner.model, x[:50]).mu, atol=1e-4)


# The strips


def clouds(latent_dim: int) -> dict[str, Codes]:
    rng = np.random.default_rng(6)
    mu, std = rng.normal(size=(COUNT, latent_dim)), rng.uniform(0.1, 1, size=(COUNT, latent_dim))
    return {"ae": Codes(np.float32(3 * mu + 1), None), "vae": Codes(np.float32(mu), np.float32(std))}


def collapsed(latent_dim: int) -> dict[str, Codes]:
    """Both models give every image one and the same code."""
    mu = np.full((COUNT, latent_dim), 0.3, dtype=np.float32)
    return {"ae": Codes(mu, None), "vae": Codes(np.zeros_like(mu), np.ones_like(mu))}


def nudges_of(codes: Mapping[str, Codes]) -> dict[str, nudge_strips.Nudge]:
    u = random(COUNT, next(iter(codes.values())).latent_dim, stream(0, "direction"))
    found = {}
    for name, of_variant in codes.items():
        scales = {unit: scale(unit, of_variant) for unit in NUDGE_UNITS}
        steps = {unit: step(u, size) for unit, size in scales.items() if size is not None}
        found[name] = nudge_strips.Nudge(of_variant.mu, steps)
    return found


@pytest.mark.parametrize("latent_dim", [1, 2, 5])
@pytest.mark.parametrize("codes", [clouds, collapsed])
def test_the_strips_are_told_codes_steps_and_units(codes: Any, latent_dim: int) -> None:
    nudges, originals = nudges_of(codes(latent_dim)), np.arange(COUNT * PIXELS).reshape(COUNT, -1).astype(np.uint8)
    meta, arrays = unpacked(
        nudge_strips.payload("run.2", originals, NAMES, (1, 4, 4), nudges, NUDGE_UNITS, "latent_std", 0.5)
    )
    assert (meta["key"], meta["shape"], meta["unit"], meta["size"]) == ("run.2", [1, 4, 4], "latent_std", 0.5)
    assert meta["names"] == NAMES
    assert meta["variants"] == [
        {"variant": name, "title": VARIANT_TITLES[name], "colour": VARIANT_COLOURS[name]} for name in ("ae", "vae")
    ]
    assert list(meta["units"]) == list(NUDGE_UNITS)
    for unit in meta["units"].values():
        assert set(unit) == {"title", "sizes", "meaning"}
        low, high = unit["sizes"]
        assert 0 < low < high
    np.testing.assert_array_equal(arrays["originals"], originals)
    for name, nudge in nudges.items():
        np.testing.assert_array_equal(arrays[f"{name}.z"], nudge.z)
        for unit, one in nudge.steps.items():
            np.testing.assert_array_equal(arrays[f"{name}.{unit}"], one)
            assert np.isfinite(arrays[f"{name}.{unit}"]).all()
    assert "vae.posterior_std" in arrays
    assert "ae.posterior_std" not in arrays, "a unit that this variant lacks is not offered for it"
