"""The convolutional network against plain PyTorch, what may lie between layers, and what doesn't fit."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from thorough import thorough
from torch import nn

from vae import datasets
from vae.choices.networks import NORMALISATIONS
from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.datasets import DATASETS
from vae.errors import InputError
from vae.learning import smoothing
from vae.learning.layers.modules import BatchNorm, Dropout, ToFewChannels, learning
from vae.learning.networks import initialised, network_of, steps_by_hand
from vae.learning.randomness import stream
from vae.learning.training import Training
from vae.runs import cost
from vae.settings import Settings

CONV = RunConfig(network="conv", channels=(4, 6), hidden=(10,), latent_dim=3, device="cpu")
SMALL = CONV.model_copy(update={"train_limit": 130, "validation_size": 50, "epochs": 2, "batch_size": 50})


def made(config, shape, variant="vae"):
    return initialised(config, shape, variant, stream(config.seed, "weights"))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 31), (3, 28, 28)], ids=str)
def test_forward_equals_plain_convolutions(shape):
    """Written out with torch's functions, from nothing but the names of the weights."""
    model, x = made(CONV, shape), torch.rand(5, int(np.prod(shape)))
    w = model.state_dict()
    h = x.view(-1, *shape)
    for place in (1, 3):
        h = F.relu(F.conv2d(h, w[f"encoder.body.{place}.weight"], w[f"encoder.body.{place}.bias"], 2, 1))
    smallest = h.shape[1:]
    h = F.relu(F.linear(h.flatten(1), w["encoder.body.6.weight"], w["encoder.body.6.bias"]))
    mu = F.linear(h, w["encoder.to_mu.weight"], w["encoder.to_mu.bias"])
    torch.testing.assert_close(model.encoder(x)[0], mu, atol=1e-6, rtol=1e-5)
    h = F.relu(F.linear(mu, w["decoder.body.0.weight"], w["decoder.body.0.bias"]))
    h = F.relu(F.linear(h, w["decoder.body.2.weight"], w["decoder.body.2.bias"])).view(-1, *smallest)
    middle = (shape[1] // 2, shape[2] // 2)
    for name, sides in (("decoder.body.5", middle), ("decoder.to_logits", shape[1:])):
        odd = tuple(side - 2 * before for side, before in zip(sides, h.shape[2:], strict=True))
        h = F.conv_transpose2d(h, w[f"{name}.weight"], w[f"{name}.bias"], 2, 1, odd)
        h = h if name == "decoder.to_logits" else F.relu(h)
    torch.testing.assert_close(model.decoder(mu), h.flatten(1), atol=1e-6, rtol=1e-5)


def test_weights_are_drawn_as_pytorch_draws_them():
    """Within ±1/√n and filling it, n as PyTorch's own reset_parameters counts it, whose bounds are asked for here."""
    config = CONV.model_copy(update={"channels": (16, 16)})
    for layer in made(config, (3, 16, 16)).modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            fan_in, _ = nn.init._calculate_fan_in_and_fan_out(layer.weight)
            assert layer.weight.abs().max() <= fan_in**-0.5
            assert layer.bias.abs().max() <= fan_in**-0.5
            assert layer.weight.abs().max() > 0.9 * fan_in**-0.5
            assert layer.weight.std().item() == pytest.approx(fan_in**-0.5 / 3**0.5, rel=0.15)


def test_the_parts_of_a_step_say_where_numbers_lie():
    chains = network_of(CONV).chains(CONV, (3, 9, 31), VARIANTS["vae"])
    kinds = [step.kind for step in (*chains.encoder, *chains.decoder)]
    assert kinds == [
        *["convolution", "activation"] * 2,
        *["linear", "activation"] * 3,
        *["transposed_convolution", "activation", "transposed_convolution"],
    ]
    first, last = chains.encoder[0], chains.decoder[-1]
    assert (first.image_in, first.image_out, first.kernel, first.stride, first.padding) == (
        (3, 9, 31),
        (4, 4, 15),
        4,
        2,
        1,
    )
    assert (last.name, last.image_in, last.image_out) == ("decoder.to_logits", (4, 4, 15), (3, 9, 31))
    assert last.output_paddings == (1, 1)
    for before, after in zip(chains.decoder, chains.decoder[1:], strict=False):
        assert before.outputs == after.inputs


def test_the_widths_show_feature_maps():
    assert network_of(CONV).widths(CONV, (1, 28, 28)) == [(1, 28, 28), (4, 14, 14), (6, 7, 7), 10, 3]


# What doesn't fit


@pytest.mark.parametrize(
    ("channels", "shape", "said"),
    [
        ((4, 4, 4), (1, 8, 8), "at most; leave out 1"),
        ((4, 4), (1, 8, 8), None),
        ((4, 4, 4), (1, 28, 28), None),
        ((4, 4, 4, 4), (1, 28, 28), "halved by 3 convolutions"),
        ((4, 4, 4, 4), (3, 64, 64), None),
        ((4,), (1, 1, 36), "too small"),
        ((4, 4, 4), (1, 64, 9), "halved by 2 convolutions"),
    ],
)
def test_more_convolutions_than_an_image_can_be_halved_by_are_refused(channels, shape, said):
    config = CONV.model_copy(update={"channels": channels})
    found = network_of(config).misfit(config, shape)
    assert (found is None) == (said is None)
    assert said is None or said in found
    if found is None:
        assert made(config, shape).decoder(torch.zeros(1, 3)).shape == (1, np.prod(shape))


def test_it_is_refused_before_anything_is_trained(tmp_path):
    settings = Settings.from_environment()
    with pytest.raises(InputError, match="can be halved by 2 convolutions at most; leave out 1"):
        cost.refuse(CONV.model_copy(update={"channels": (4, 4, 4)}), DATASETS["digits"], settings)
    cost.refuse(CONV, DATASETS["digits"], settings)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"normalisation": "batch", "batch_size": 1}, "batch_size must be at least 2"),
        ({"normalisation": "batch", "estimator": "score_function"}, "weighs each sample"),
        ({"normalisation": "batch", "estimator": "dreg", "samples": 4}, "weighs each sample"),
        ({"normalisation": "batch", "variants": "ae,contractive"}, "variant contractive"),
        ({"dropout": 0.95}, "must be a number from 0 to 0.9"),
        ({"channels": ""}, "must be 1 to 4 widths"),
        ({"normalisation": "group"}, "is not one of none, batch, layer"),
    ],
)
def test_what_batches_that_hang_together_can_not_do_is_refused(values, said):
    with pytest.raises(InputError, match=said):
        RunConfig.parse(values)
    for kind in ("layer", "none"):
        if values.get("normalisation") == "batch":
            RunConfig.parse(values | {"normalisation": kind})


# What lies between layers


def test_dropout_keeps_the_mean_and_takes_its_noise_from_the_generator_alone():
    dropout, x = Dropout(0.25), torch.ones(400, 500)
    with learning(dropout, stream(0, "dropout")):
        torch.manual_seed(0)
        first, state = dropout(x), torch.get_rng_state()
    assert first.unique().tolist() == pytest.approx([0, 4 / 3])
    assert (first == 0).float().mean().item() == pytest.approx(0.25, abs=0.005)
    assert first.mean().item() == pytest.approx(1, abs=0.01)
    assert torch.equal(torch.get_rng_state(), state)
    with learning(dropout, stream(0, "dropout")):
        torch.manual_seed(9)
        assert torch.equal(dropout(x), first)
    with learning(dropout, stream(1, "dropout")):
        assert not torch.equal(dropout(x), first)
    assert torch.equal(dropout(x), x)
    dropout.train()
    with pytest.raises(RuntimeError, match="no generator"):
        dropout(x)


def test_both_twins_drop_the_same_numbers(tmp_path):
    config = SMALL.model_copy(update={"dropout": 0.5, "variants": ("ae", "vae")})
    images = datasets.load("digits", tmp_path)
    x, dropped = torch.rand(20, 64), []
    for learner in Training(config, images, datasets.split(images, 50, 130)).learners:
        with learning(learner.model, stream(config.seed, "dropout", 1)), torch.no_grad():
            dropped.append(learner.model.encoder.body(x) == 0)
    assert torch.equal(*dropped)


def test_batch_normalisation_is_pytorchs():
    ours, theirs, x = BatchNorm(6), nn.BatchNorm2d(6), torch.rand(7, 6, 5, 4)
    flat = nn.BatchNorm1d(6)
    for _ in range(2):
        assert torch.equal(ours(x), theirs(x))
    ours, y = BatchNorm(6), torch.rand(7, 6)
    assert torch.equal(ours(y), flat(y))
    assert torch.equal(ours.running_var, flat.running_var)
    lone = ours(y[:1])  # where PyTorch raises
    assert torch.equal(lone, ours.eval()(y[:1]))


@pytest.mark.parametrize("more", [(0, 0), (1, 0)], ids=str)
def test_the_transposed_convolution_by_patches_is_pytorchs(more):
    """Forward against its own parent, gradients and theirs by finite differences: Jacobians need both."""
    ours = ToFewChannels(3, 1, 4, 2, 1, more).double()
    x = torch.rand(2, 3, 3, 4, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(ours(x), nn.ConvTranspose2d.forward(ours, x))
    assert torch.autograd.gradcheck(ours, (x,))

    def of_all(x, weight, bias):
        return torch.func.functional_call(ours, {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(of_all, (x, ours.weight, ours.bias))
    assert torch.autograd.gradgradcheck(of_all, (x, ours.weight, ours.bias))


def test_the_last_batch_may_be_a_single_image(tmp_path):
    images = datasets.load("digits", tmp_path)
    for network in ("mlp", "conv"):
        changes = {"network": network, "normalisation": "batch", "train_limit": 101, "epochs": 1}
        config = SMALL.model_copy(update=changes)
        (*_, last) = Training(config, images, datasets.split(images, 50, 101)).run()
        assert last.metrics["vae"].finite()


def test_running_statistics_are_part_of_what_a_run_goes_on_from(tmp_path):
    images = datasets.load("digits", tmp_path)
    config = SMALL.model_copy(update={"normalisation": "batch"})
    training = Training(config, images, datasets.split(images, 50, 130))
    (*_, last) = training.run()
    names = [name for name in last.checkpoint if name.startswith("vae/buffer/") and name.endswith("running_mean")]
    assert len(names) == len([name for name in last.weights["vae"] if name.endswith("running_mean")]) == 6
    assert all(last.checkpoint[name].abs().max() > 0 for name in names)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_with_something_between_layers_autograd_trains(normalisation):
    config = RunConfig(normalisation=normalisation)
    assert steps_by_hand(config) == (normalisation == "none")
    assert not steps_by_hand(RunConfig(dropout=0.1))
    assert not steps_by_hand(CONV)


# All other ways to learn


BETWEEN = {"normalisation": "layer", "dropout": 0.2}


@pytest.mark.parametrize("between", thorough([{}, BETWEEN], [BETWEEN]), ids=str)
@pytest.mark.parametrize(
    "values",
    [
        {"variants": tuple(VARIANTS)},
        {"estimator": "score_function", "samples": 2, "baseline": "leave_one_out"},
        {"estimator": "iwae", "samples": 3},
        {"estimator": "dreg", "samples": 3},
        {"reconstruction": "gaussian", "free_bits": 0.1},
        {"precision": "bfloat16"},
    ],
    ids=str,
)
def test_every_variant_and_estimator_learns(tmp_path, values, between):
    images = datasets.load("digits", tmp_path)
    config = RunConfig(
        **SMALL.model_dump() | {"epochs": 4, "learning_rate": 3e-3, "train_limit": 400} | values | between
    )
    epochs = list(Training(config, images, datasets.split(images, 50, 400)).run())
    for name in config.variants:
        assert epochs[-1].metrics[name].finite()
        assert epochs[-1].metrics[name].loss < epochs[0].metrics[name].loss


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_batches_that_hang_together_go_with_all_variants_but_one(tmp_path, network):
    """Codes of fixed noise are normalised as they are measured, with running statistics."""
    images = datasets.load("digits", tmp_path)
    variants = tuple(name for name in VARIANTS if name != "contractive")
    changes = {"network": network, "normalisation": "batch", "variants": variants, "epochs": 5, "train_limit": 400}
    config = RunConfig(**SMALL.model_dump() | changes)
    training = Training(config, images, datasets.split(images, 50, 400))
    epochs = list(training.run())
    for name in variants:
        assert epochs[-1].metrics[name].loss < epochs[0].metrics[name].loss
    (learner,) = [learner for learner in training.learners if learner.name == "code_noise"]
    with torch.no_grad():
        codes = learner.model.encoder(training.train_x)[0]
    torch.testing.assert_close(codes.std(0, correction=0), torch.ones(3), atol=1e-3, rtol=0)


def test_the_penalty_is_the_encoders_derivative():
    """By finite differences in double precision."""
    model, x = made(CONV, (1, 8, 8), "contractive").double(), torch.rand(3, 64, dtype=torch.float64)
    found = smoothing.jacobian(model, x, model.encoder(x)[0])
    h, sums = 1e-6, torch.zeros(3, dtype=torch.float64)
    with torch.no_grad():
        for axis in torch.eye(64, dtype=torch.float64):
            slope = (model.encoder(x + h * axis)[0] - model.encoder(x - h * axis)[0]) / (2 * h)
            sums += slope.square().sum(-1)
    torch.testing.assert_close(found, sums, rtol=1e-5, atol=1e-8)
