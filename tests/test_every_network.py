"""Every architecture of `NETWORKS`, with and without what may lie between layers: a later one is tested, too."""

import numpy as np
import postgres
import pytest
import torch

from vae import datasets
from vae.choices.likelihoods import LIKELIHOODS
from vae.choices.networks import NETWORKS, numbers
from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.exports.capsule import capsule, dumps, read
from vae.exports.rerun import REPRODUCED, reproduce
from vae.exports.run_folder import files, loading, run_folder
from vae.learning.layers.modules import learning
from vae.learning.networks import build, initialised, network_of
from vae.learning.randomness import stream
from vae.learning.training import Training
from vae.measuring import models_of
from vae.runs import cost, time_estimates
from vae.runs.execution import execute
from vae.store.runs import Store

BETWEEN = {
    "plain": {},
    "batch": {"normalisation": "batch", "dropout": 0.1},
    "layer": {"normalisation": "layer", "dropout": 0.3},
}
SMALL = {"hidden": (12,), "channels": (4, 6), "train_limit": 201, "validation_size": 50, "epochs": 3, "batch_size": 50}
SHAPES = [(1, 8, 8), (3, 9, 9), (1, 28, 28), (3, 31, 31), (3, 64, 64), (1, 12, 21)]
each_network = pytest.mark.parametrize("network", NETWORKS)
each_kind = pytest.mark.parametrize("between", BETWEEN)


def config_of(network, between="plain", **changes):
    return RunConfig(**SMALL | BETWEEN[between] | {"network": network, "device": "cpu", "seed": 5} | changes)


def made(config, shape=(1, 8, 8), variant="vae"):
    return initialised(config, shape, variant, stream(config.seed, "weights"))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return datasets.load("digits", tmp_path_factory.mktemp("none"))


def begin(config, images):
    return Training(config, images, datasets.split(images, config.validation_size, config.train_limit))


@each_network
@each_kind
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_image_goes_there_and_back(network, between, shape):
    config = config_of(network, between)
    assert network_of(config).misfit(config, shape) is None
    for variant in ("ae", "vae"):
        model = made(config, shape, variant)
        x = torch.rand(3, int(np.prod(shape)))
        mu, logvar = model.encoder(x)
        assert mu.shape == (3, 2) and (logvar is None) == (variant == "ae")
        assert model.decoder(mu).shape == model.picture(mu).shape == x.shape
        assert torch.isfinite(model.picture(mu)).all()


@each_network
@each_kind
@pytest.mark.parametrize("reconstruction", LIKELIHOODS)
def test_counts_are_the_real_ones(network, between, reconstruction):
    config = config_of(network, between).model_copy(update={"reconstruction": reconstruction})
    for variant in ("ae", "vae"):
        model = build(config, (3, 9, 9), variant)
        counts = network_of(config).counts(config, (3, 9, 9), VARIANTS[variant])
        assert counts.parameters == sum(p.numel() for p in model.parameters())
        assert model.decoder(torch.zeros(2, 2)).shape == (2, 243 * LIKELIHOODS[reconstruction].outputs_per_pixel)


@each_network
def test_the_drawing_shows_the_layers_from_image_to_code(network):
    config = config_of(network)
    widths = network_of(config).widths(config, (3, 9, 9))
    assert (numbers(widths[0]), widths[-1]) == (243, config.latent_dim)


@each_network
@each_kind
def test_twins_start_from_the_same_weights_all_drawn_from_the_seed(network, between):
    config = config_of(network, between)
    torch.manual_seed(1)
    ae, vae = (made(config, variant=name).state_dict() for name in ("ae", "vae"))
    torch.manual_seed(2)
    again = made(config).state_dict()
    assert set(vae) - set(ae) == {"encoder.to_logvar.weight", "encoder.to_logvar.bias"}
    assert all(torch.equal(vae[name], ae[name]) for name in ae)
    assert all(torch.equal(vae[name], again[name]) for name in vae)
    other = made(config.model_copy(update={"seed": 6})).state_dict()
    assert not torch.equal(other["encoder.to_mu.weight"], vae["encoder.to_mu.weight"])


@each_network
@each_kind
def test_the_aes_path_is_the_vaes_with_noise_and_kl_off(network, between, images):
    """To the last digit: one variant has a log-variance that nothing teaches, and all else is the same."""
    config = config_of(network, between, variants=("ae", "kl_only"), beta=0.0)
    training = begin(config, images)
    ae, other = training.learners
    epochs = [{name: metrics.reconstruction for name, metrics in epoch.metrics.items()} for epoch in training.run()]
    assert len(epochs) == 4
    assert all(epoch["ae"] == epoch["kl_only"] for epoch in epochs)
    assert epochs[0] != epochs[-1]
    theirs = other.model.state_dict()
    assert all(torch.equal(theirs[name], tensor) for name, tensor in ae.model.state_dict().items())


@each_network
@each_kind
@pytest.mark.parametrize("parallel", [False, True])
def test_training_repeats_and_resumes_bit_for_bit(network, between, parallel, images):
    config = config_of(network, between)
    torch.manual_seed(1)
    first = Training(config, images, datasets.split(images, 50, 201))
    kept = {}
    for epoch in first.run():
        if epoch.epoch == 1:
            kept = {name: tensor.clone() for name, tensor in epoch.checkpoint.items()}
    torch.manual_seed(2)  # torch's global state is nowhere used
    second = Training(config, images, datasets.split(images, 50, 201), parallel=parallel)
    second.resume(1, kept)
    assert [epoch.epoch for epoch in second.run()] == [2, 3]
    for one, other in zip(first.learners, second.learners, strict=True):
        state = other.state()
        assert all(torch.equal(state[name], tensor) for name, tensor in one.state().items())
        assert not one.model.training
    assert first.test() == second.test()


@each_network
@pytest.mark.parametrize("between", [name for name, values in BETWEEN.items() if values])
def test_what_a_network_measures_with_is_not_what_it_learns_with(network, between, images):
    """Dropout and the statistics of a batch are there in learning and gone in measuring."""
    model, x = made(config_of(network, between)), torch.rand(20, 64)
    measured = model.encoder(x)[0]
    assert torch.equal(model.encoder(x)[0], measured)
    with learning(model, stream(0, "dropout")), torch.no_grad():
        assert not torch.equal(model.encoder(x)[0], measured)
    assert not model.training


@pytest.fixture(scope="module", params=[(network, between) for network in NETWORKS for between in BETWEEN], ids=str)
def trained(request, tmp_path_factory):
    """(settings, store, run) of a run that is done."""
    with postgres.settings_for(tmp_path_factory.mktemp("network")) as settings:
        store = Store(settings.database_url)
        run_id = store.create(config_of(*request.param), "test")
        assert execute(store, run_id, settings) == "done", store.run(run_id).error
        yield settings, store, store.run(run_id)


def test_it_is_priced_before_it_starts(trained):
    settings, _, run = trained
    dataset = datasets.DATASETS["digits"]
    cost.refuse(run.config, dataset, settings)
    assert cost.checkpoint(run.config, dataset) > 0
    assert 0 < time_estimates.counted(run.config, dataset) < 60


def test_models_come_back_as_they_were_measured(trained, images):
    """Running statistics included: the loss of the stored weights is the loss that the run wrote down."""
    _, store, run = trained
    rows = datasets.split(images, 50, 201).validation
    x = torch.from_numpy(images.train_x[rows]).float() / images.white
    for variant, model in models_of(store, run, run.config.epochs).items():
        assert not model.training
        with torch.no_grad():
            outputs = model.decoder(model.encoder(x)[0])
        mse = float((torch.sigmoid(outputs) - x).square().mean())
        history = store.history(run.id).query(f"variant == '{variant}' and epoch == 3 and split == 'validation'")
        assert history["mse_from_mean"].item() == pytest.approx(mse, rel=1e-5)


def test_its_capsule_is_reproduced_bit_for_bit(trained):
    settings, store, run = trained
    (outcome,) = reproduce(store, read(dumps(capsule(store, [run.id]))), settings)
    assert outcome.verdict == REPRODUCED, outcome


def test_onnx_computes_what_torch_computes(trained):
    pytest.importorskip("onnx")
    from onnx import load_from_string
    from onnx.reference import ReferenceEvaluator

    _, store, run = trained
    if network_of(run.config).chains is None:
        pytest.skip("no chains")
    found, generator = files(store, run.id, onnx=True), np.random.default_rng(0)
    for variant, model in models_of(store, run, run.config.epochs).items():
        x = generator.random((4, 64), dtype=np.float32)
        codes = ReferenceEvaluator(load_from_string(found[f"{variant}_encoder.onnx"])).run(None, {"image": x})
        expected = [code for code in model.encoder(torch.from_numpy(x)) if code is not None]
        for code, wanted in zip(codes, expected, strict=True):
            np.testing.assert_allclose(code, wanted.numpy(), atol=1e-5)
        z = generator.normal(size=(4, run.config.latent_dim)).astype(np.float32)
        (image,) = ReferenceEvaluator(load_from_string(found[f"{variant}_decoder.onnx"])).run(None, {"z": z})
        np.testing.assert_allclose(image, model.picture(torch.from_numpy(z)).numpy(), atol=1e-5)


def test_ten_lines_of_plain_pytorch_load_the_weights(trained, tmp_path, monkeypatch):
    _, store, run = trained
    if network_of(run.config).chains is None:
        pytest.skip("no chains")
    run_folder(store, run.id, tmp_path / "run")
    lines = loading(run)
    assert len([line for line in lines.splitlines() if line]) <= 10
    assert "vae." not in lines.replace('"vae.decoder.', "")  # nothing of this program
    monkeypatch.chdir(tmp_path / "run")
    here = {}
    exec(lines, here)
    expected = models_of(store, run, run.config.epochs)["vae"].picture(torch.zeros(1, run.config.latent_dim))[0]
    torch.testing.assert_close(here["image"].flatten(), expected, atol=1e-6, rtol=0)
