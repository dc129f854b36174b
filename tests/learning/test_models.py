"""The networks against a from-scratch numpy forward pass, and what the variants share."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from oracle import as_float64, decode, encode
from torch import nn

from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.learning.models import initialise, mlp
from vae.learning.networks import ARCHITECTURES, build, initialised, parameter_count
from vae.learning.randomness import stream

PIXELS = 36
SHAPES = [
    RunConfig(hidden=(), latent_dim=5),
    RunConfig(hidden=(11,), latent_dim=1, activation="leaky_relu"),
    RunConfig(hidden=(20, 10), latent_dim=2, activation="tanh"),
    RunConfig(hidden=(16, 8, 12, 4), latent_dim=30, activation="elu", seed=7),
]
each_shape = pytest.mark.parametrize("config", SHAPES, ids=lambda config: str(config.hidden))


def network(config, variant):
    return initialise(build(config, (1, 1, PIXELS), variant), stream(config.seed, "weights"))


@each_shape
@pytest.mark.parametrize("variant", VARIANTS)
def test_parameter_count_is_the_real_count(config, variant):
    real = sum(p.numel() for p in build(config, (1, 1, PIXELS), variant).parameters())
    assert parameter_count(config.layers(PIXELS), VARIANTS[variant].has_logvar) == real


@each_shape
def test_variants_start_from_the_same_weights_wherever_shapes_match(config):
    ae = network(config, "ae").state_dict()
    for variant in ("noise_only", "kl_only", "vae"):
        other = network(config, variant).state_dict()
        assert set(other) - set(ae) == {"encoder.to_logvar.weight", "encoder.to_logvar.bias"}
        assert all(torch.equal(other[name], ae[name]) for name in ae)


@each_shape
def test_the_seed_decides_the_weights(config):
    weight = network(config, "vae").encoder.to_logvar.weight
    assert torch.equal(weight, network(config, "vae").encoder.to_logvar.weight)
    other_seed = network(config.model_copy(update={"seed": config.seed + 1}), "vae")
    assert not torch.equal(weight, other_seed.encoder.to_logvar.weight)


@each_shape
def test_weights_are_drawn_as_pytorch_draws_them(config):
    """Uniform on ±1/√n with n inputs, PyTorch's default for a linear layer: bounded by it, and filling it."""
    linear = [layer for layer in network(config, "vae").modules() if isinstance(layer, nn.Linear)]
    for layer in linear:
        bound = layer.in_features**-0.5
        assert layer.weight.abs().max() <= bound
        assert layer.bias.abs().max() <= bound
    scaled = torch.cat([layer.weight.flatten() * layer.in_features**0.5 for layer in linear])
    assert scaled.mean().item() == pytest.approx(0, abs=0.1)
    assert scaled.std().item() == pytest.approx(3**-0.5, abs=0.05)  # of a uniform distribution on ±1


@each_shape
@pytest.mark.parametrize("variant", ["ae", "vae"])
def test_forward_equals_numpy(config, variant):
    model, x = network(config, variant), np.random.default_rng(0).random((9, PIXELS))
    weights = as_float64(model.state_dict())
    with torch.no_grad():
        mu, logvar = model.encoder(torch.from_numpy(x).float())
        logits = model.decoder(3 * mu)  # codes far from 0, where the non-linearities differ
    expected_mu, expected_logvar = encode(weights, x, config.activation)
    np.testing.assert_allclose(mu, expected_mu, atol=1e-5)
    np.testing.assert_allclose(logits, decode(weights, 3 * mu.numpy(), config.activation), atol=1e-5)
    if variant == "vae":
        np.testing.assert_allclose(logvar, expected_logvar, atol=1e-5)
    else:
        assert logvar is None
        assert expected_logvar is None


def test_without_hidden_layers_it_is_the_articles_network():
    """784 → 32 → 784: one linear map each way, with LeakyReLU(0.5) on the code."""
    model = build(RunConfig(hidden=(), latent_dim=32, activation="leaky_relu"), (1, 1, 784), "ae")
    shapes = [tuple(p.shape) for p in model.parameters()]
    assert shapes == [(32, 784), (32,), (784, 32), (784,)]
    assert len(model.encoder.body) == 0
    assert [type(layer) for layer in model.decoder.body] == [nn.LeakyReLU]
    assert model.decoder.body[0].negative_slope == 0.5


def test_the_decoder_mirrors_the_encoder():
    model = build(RunConfig(hidden=(20, 10), latent_dim=3), (1, 1, PIXELS), "vae")
    widths = [(layer.in_features, layer.out_features) for layer in model.modules() if isinstance(layer, nn.Linear)]
    assert widths == [(36, 20), (20, 10), (10, 3), (10, 3), (3, 10), (10, 20), (20, 36)]


def test_a_layer_that_nobody_draws_is_an_error_not_a_weight_from_the_global_state(monkeypatch):
    def with_a_slope(config, shape, variant):
        model = mlp(config, PIXELS, variant.has_logvar)
        model.encoder.body.append(torch.nn.PReLU())
        return model

    monkeypatch.setitem(ARCHITECTURES, "mlp", replace(ARCHITECTURES["mlp"], build=with_a_slope))
    with pytest.raises(TypeError, match=r"nobody said how to draw encoder\.body\.2\.weight"):
        initialised(RunConfig(hidden=(21,)), (1, 1, PIXELS), "vae", stream(0, "weights"))
