"""The training loop: what the variants share, what repeats to the last digit, and numbers worked out a second way."""

import dataclasses
import threading

import numpy as np
import oracle
import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Normal, kl_divergence

from vae import datasets
from vae.choices.variants import VARIANTS, ingredients
from vae.config import PRESETS, RunConfig
from vae.errors import InputError
from vae.learning import devices
from vae.learning.estimators import ESTIMATORS
from vae.learning.learner import Learner
from vae.learning.randomness import stream
from vae.learning.training import Diverged, Training
from vae.metrics import METRICS, without_column
from vae.store.tensor_bytes import pack_tensors, unpack_tensors

SMALL = RunConfig(hidden=(32,), latent_dim=3, train_limit=320, validation_size=100, epochs=4, device="cpu")
ALL = SMALL.model_copy(update={"variants": ingredients()})
MNIST_REFERENCE = {"validation_size": 0, "seed": 1}  # as in REFERENCE.md: all 60,000 images, 10 epochs


@pytest.fixture
def digits(tmp_path):
    return datasets.load("digits", tmp_path)


def begin(config, images, **options):
    split = datasets.split(images, config.validation_size, config.train_limit)
    return Training(config, images, split, **options)


def weights_of(training):
    return {f"{learner.name}/{name}": p for learner in training.learners for name, p in learner.state().items()}


def finish(training):
    """Metrics of every epoch, of the test set, and the final weights and moments."""
    epochs = {epoch.epoch: epoch.metrics for epoch in training.run()}
    return epochs, training.test(), weights_of(training)


def assert_same(one, other):
    """Bit by bit."""
    assert one[0] == other[0]
    assert one[1] == other[1]
    assert one[2].keys() == other[2].keys()
    assert [name for name in one[2] if not torch.equal(one[2][name], other[2][name])] == []


def recorder(monkeypatch, record):
    """Calls `record(model, x, beta)` before each training step."""
    step = Learner.step

    def recording(learner, x, rows, beta, noise, learning_rate):
        record(learner.model, x[rows], beta)
        step(learner, x, rows, beta, noise, learning_rate)

    monkeypatch.setattr(Learner, "step", recording)


# Twins


@pytest.mark.parametrize("hidden", [(32,), ()], ids=str)
@pytest.mark.parametrize("reconstruction", ["bce", "sse"])
def test_a_vae_without_noise_and_kl_is_the_autoencoder_to_the_last_digit(digits, hidden, reconstruction):
    """So whatever differs between the two in a run comes from noise and KL, and from nothing else."""
    config = SMALL.model_copy(update={"hidden": hidden, "reconstruction": reconstruction})
    training = begin(config, digits)
    ae, vae = training.learners
    vae.variant = dataclasses.replace(VARIANTS["vae"], noise=False, kl=False)
    for epoch in training.run():
        assert epoch.metrics["vae"].reconstruction == epoch.metrics["ae"].reconstruction
    assert training.epoch == config.epochs
    ours, theirs = ae.model.state_dict(), vae.model.state_dict()
    assert set(theirs) - set(ours) == {"encoder.to_logvar.weight", "encoder.to_logvar.bias"}
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def test_with_noise_and_kl_the_two_part_ways(digits):
    """The test above would also pass if nothing were learnt."""
    training = begin(SMALL, digits)
    before = training.learners[0].model.decoder.to_logits.weight.clone()
    finish(training)
    ae, vae = (learner.model.decoder.to_logits.weight for learner in training.learners)
    assert not torch.equal(ae, before)
    assert not torch.equal(ae, vae)


def test_a_weight_of_zero_switches_the_kl_off(digits):
    training = begin(ALL.model_copy(update={"beta": 0.0}), digits)
    for epoch in training.run():
        got = epoch.metrics
        assert got["kl_only"].loss == got["kl_only"].reconstruction == got["ae"].reconstruction
        assert got["vae"].loss == got["vae"].reconstruction == got["noise_only"].reconstruction


@pytest.mark.parametrize("parallel", [False, True])
def test_every_variant_sees_the_same_batches_and_each_image_once_an_epoch(digits, monkeypatch, parallel):
    seen = {}
    recorder(monkeypatch, lambda model, x, beta: seen.setdefault(id(model), []).append(x.clone()))
    training = begin(ALL.model_copy(update={"batch_size": 48, "epochs": 2}), digits, parallel=parallel)
    finish(training)
    batches = list(seen.values())
    assert len(batches) == 4
    for others in batches[1:]:
        assert [x.tolist() for x in others] == [x.tolist() for x in batches[0]]
    assert [len(x) for x in batches[0]] == [48, 48, 48, 48, 48, 48, 32] * 2
    first, second = torch.cat(batches[0]).numpy().reshape(2, 320, -1)
    assert not np.array_equal(first, second)  # another order each epoch
    for epoch in (first, second):
        assert sorted(map(bytes, epoch)) == sorted(map(bytes, training.train_x.numpy()))


# Repeating


def test_the_same_config_gives_the_same_numbers(digits):
    """With torch's global generator in another state."""
    first = finish(begin(ALL, digits))
    torch.manual_seed(12345)
    assert_same(first, finish(begin(ALL, digits)))


def test_another_seed_gives_other_numbers(digits):
    first, second = (finish(begin(SMALL.model_copy(update={"seed": seed}), digits)) for seed in (1, 2))
    assert first[0][0] != second[0][0]
    assert first[1] != second[1]


def test_threads_change_nothing(digits):
    assert_same(finish(begin(ALL, digits, parallel=True)), finish(begin(ALL, digits, parallel=False)))


def test_a_variant_does_not_depend_on_its_company(digits):
    alone = finish(begin(ALL.model_copy(update={"variants": ("vae",)}), digits))
    together = finish(begin(ALL, digits))
    assert [metrics["vae"] for metrics in alone[0].values()] == [metrics["vae"] for metrics in together[0].values()]
    assert alone[1]["vae"] == together[1]["vae"]


@pytest.mark.parametrize("after", [0, 1, 3, 4])
def test_going_on_from_a_checkpoint_equals_never_having_stopped(digits, after):
    """Metrics, weights, Adam's moments and pictures; `after` 4 is a run that died before its test."""
    config = ALL.model_copy(update={"kl_warmup_epochs": 3})
    whole, checkpoint, pictures = begin(config, digits), None, {}
    epochs = {}
    for epoch in whole.run():
        epochs[epoch.epoch], pictures[epoch.epoch] = epoch.metrics, epoch.snapshots
        if epoch.epoch == after:
            checkpoint = pack_tensors(epoch.checkpoint)
    resumed = begin(config, digits)
    resumed.resume(after, unpack_tensors(checkpoint))
    for epoch in resumed.run():
        assert epoch.metrics == epochs.pop(epoch.epoch)
        for name, snapshot in epoch.snapshots.items():
            expected = pictures[epoch.epoch][name]
            np.testing.assert_array_equal(snapshot.from_mean, expected.from_mean)
    assert sorted(epochs) == list(range(after + 1))  # the rest came once each
    assert_same(({}, whole.test(), weights_of(whole)), ({}, resumed.test(), weights_of(resumed)))


def test_the_plane_does_not_flip_where_a_run_went_on(digits):
    """Beyond 2-D the shown axes lean on the previous epoch's, which a resumed run must know too."""
    whole, checkpoint, planes = begin(SMALL, digits), None, {}
    for epoch in whole.run():
        planes[epoch.epoch] = epoch.snapshots["vae"].codes.astype(np.float32)
        if epoch.epoch == 1:
            checkpoint = pack_tensors(epoch.checkpoint)
    resumed = begin(SMALL, digits)
    resumed.resume(1, unpack_tensors(checkpoint))
    for epoch in resumed.run():
        np.testing.assert_allclose(epoch.snapshots["vae"].codes, planes[epoch.epoch], atol=0.01)


def test_payloads_keep_shapes_types_and_bits():
    tensors = {"step": torch.tensor(3.0), "empty": torch.zeros(0, 4), "w": torch.randn(3, 2).T, "n": torch.arange(3)}
    back = unpack_tensors(pack_tensors(tensors))
    assert {name: (t.shape, t.dtype) for name, t in back.items()} == {n: (t.shape, t.dtype) for n, t in tensors.items()}
    assert all(torch.equal(back[name], tensors[name]) for name in tensors)


# Numbers worked out a second way


@pytest.mark.parametrize("variant", ingredients())
@pytest.mark.parametrize("reconstruction", ["bce", "sse"])
def test_a_steps_gradient_equals_autograd_on_the_objective_as_written(digits, variant, reconstruction):
    """Mean over images of reconstruction + β · KL, with the same ε, differentiated by autograd alone."""
    config = SMALL.model_copy(update={"variants": (variant,), "reconstruction": reconstruction})
    learner, twin = (begin(config, digits).learners[0] for _ in range(2))
    x = torch.from_numpy(digits.train_x[:50]).float() / 16
    ESTIMATORS["pathwise"](learner.model, learner.variant, x, learner.likelihood, 2.5, stream(9, "test"))

    mu, logvar = twin.model.encoder(x)
    std = torch.exp(logvar / 2) if variant != "ae" else None
    eps = torch.randn(50, 3, generator=stream(9, "test"))
    logits = twin.model.decoder(mu + std * eps if variant in ("noise_only", "vae") else mu)
    if reconstruction == "bce":
        loss = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / 50
    else:
        loss = F.mse_loss(torch.sigmoid(logits), x, reduction="sum") / 50
    if variant in ("kl_only", "vae"):
        loss = loss + 2.5 * kl_divergence(Normal(mu, std), Normal(0.0, 1.0)).sum() / 50
    loss.backward()

    for (name, p), expected in zip(learner.model.named_parameters(), twin.model.parameters(), strict=True):
        if expected.grad is None:  # the autoencoder has no such head, and noise or KL always reach it
            assert p.grad is None, name
        else:
            torch.testing.assert_close(p.grad, expected.grad, rtol=1e-4, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")


def test_the_update_is_torchs_adam(digits):
    learner = begin(SMALL.model_copy(update={"learning_rate": 0.01}), digits).learners[1]
    twins = [p.detach().clone().requires_grad_() for p in learner.moments.parameters]
    adam = torch.optim.Adam(twins, lr=0.01)
    generator = torch.Generator().manual_seed(0)
    for step in range(20):
        for p, twin in zip(learner.moments.parameters, twins, strict=True):
            twin.grad = torch.randn(p.shape, generator=generator) * 10.0 ** (step % 4 - 3)
            p.grad = twin.grad.clone()
        learner.moments.step(learner.config.learning_rate)
        adam.step()
        assert all(p.grad is None for p in learner.moments.parameters)  # nothing is left to be added to the next step's
        for p, twin in zip(learner.moments.parameters, twins, strict=True):
            torch.testing.assert_close(p, twin, rtol=1e-5, atol=1e-6)


def test_a_parameter_without_gradient_is_left_alone(digits):
    learner = begin(SMALL, digits).learners[1]
    head, other = learner.model.encoder.to_logvar.weight, learner.model.encoder.to_mu.weight
    before = head.clone(), other.clone()
    other.grad = torch.ones_like(other)
    learner.moments.step(learner.config.learning_rate)
    assert torch.equal(head, before[0])
    torch.testing.assert_close(other.detach(), before[1] - SMALL.learning_rate)  # Adam's first step is lr · sign


@pytest.mark.parametrize("validation_size", [100, 0])
def test_metrics_equal_an_independent_computation(digits, validation_size):
    """From the final weights, in numpy; only ε comes from the generator that the evaluation documents."""
    config = ALL.model_copy(update={"validation_size": validation_size, "hidden": (24, 12), "beta": 0.5})
    training = begin(config, digits)
    *_, last = training.run()
    split = datasets.split(digits, validation_size, config.train_limit)
    x = digits.train_x[split.validation if validation_size else split.train] / 16
    assert training.watched_split == ("validation" if validation_size else "train")
    for name, got in last.metrics.items():
        check_metrics(got, name, config, oracle.as_float64(last.weights[name]), x, "watched")


def test_test_metrics_are_those_of_the_test_images(digits):
    training = begin(ALL, digits)
    *_, last = training.run()
    for name, got in training.test().items():
        check_metrics(got, name, ALL, oracle.as_float64(last.weights[name]), digits.test_x / 16, "test")


def check_metrics(got, name, config, weights, x, purpose):
    mu, logvar = oracle.encode(weights, x, config.activation)
    from_mean = oracle.decode(weights, mu, config.activation)
    assert got.mse_from_mean == pytest.approx(((oracle.sigmoid(from_mean) - x) ** 2).mean(), rel=1e-4)
    assert got.active_units == (mu.var(axis=0) > 0.01).sum()
    if VARIANTS[name].noise:
        eps = torch.randn(mu.shape, generator=stream(config.seed, purpose)).numpy()
        logits = oracle.decode(weights, mu + np.exp(logvar / 2) * eps, config.activation)
        assert got.mse_from_sample == pytest.approx(((oracle.sigmoid(logits) - x) ** 2).mean(), rel=1e-4)
    else:
        logits = from_mean
        assert got.mse_from_sample is None
    assert got.reconstruction == pytest.approx(oracle.bce(logits, x).mean(), rel=1e-4)
    if name == "ae":
        assert got.kl is None
        assert got.kl_per_dim is None
        assert got.loss == got.reconstruction
        return
    per_dim = oracle.kl(mu, logvar).mean(axis=0)
    np.testing.assert_allclose(got.kl_per_dim, per_dim, rtol=1e-4)
    assert got.kl == pytest.approx(per_dim.sum(), rel=1e-4)
    paid = config.beta * got.kl if name in ("vae", "kl_only") else 0
    assert got.loss == pytest.approx(got.reconstruction + paid, rel=1e-9)


def test_snapshots_show_what_the_weights_draw(digits):
    training = begin(SMALL, digits)
    *_, last = training.run()
    x = digits.train_x[datasets.split(digits, 100).validation] / 16
    for name, snapshot in last.snapshots.items():
        weights = oracle.as_float64(last.weights[name])
        mu, _ = oracle.encode(weights, x, "relu")
        expected = 255 * oracle.sigmoid(oracle.decode(weights, mu[:32], "relu"))
        np.testing.assert_allclose(snapshot.from_mean, expected, atol=0.51)  # rounded
        assert snapshot.codes.shape == (100, 2)
    assert last.snapshots["ae"].from_sample is None
    assert last.snapshots["vae"].from_sample.shape == (32, 64)
    assert not np.array_equal(last.snapshots["vae"].from_sample, last.snapshots["vae"].from_mean)


def test_the_floor_is_the_mean_training_image(digits):
    floor = begin(SMALL, digits).floor()
    split = datasets.split(digits, 100, 320)
    mean = digits.train_x[split.train].mean(axis=0) / 16
    assert floor.keys() == {"validation", "test"}
    for name, x in (("validation", digits.train_x[split.validation]), ("test", digits.test_x)):
        assert floor[name]["mse"] == pytest.approx(((mean - x / 16) ** 2).mean(), rel=1e-4)
    assert begin(SMALL.model_copy(update={"validation_size": 0}), digits).floor().keys() == {"train", "test"}


def test_warm_up_raises_beta_epoch_by_epoch_and_the_loss_shows_the_full_one(digits, monkeypatch):
    betas = []
    recorder(monkeypatch, lambda model, x, beta: betas.append(beta))
    config = SMALL.model_copy(
        update={"kl_warmup_epochs": 4, "beta": 2.0, "epochs": 6, "variants": ("vae",), "batch_size": 320}
    )
    for epoch in begin(config, digits).run():
        vae = epoch.metrics["vae"]
        assert vae.loss == pytest.approx(vae.reconstruction + 2.0 * vae.kl, rel=1e-12)
    assert betas == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]  # one step an epoch


def test_learning_learns(digits):
    """Both beat the mean image, which a model that learnt nothing would not."""
    training = begin(SMALL.model_copy(update={"train_limit": 0, "hidden": (128,), "epochs": 30}), digits)
    floor = training.floor()["test"]
    _, test, _ = finish(training)
    assert test["vae"].loss < floor["bce"]
    assert test["ae"].mse_from_mean < test["vae"].mse_from_mean < test["vae"].mse_from_sample < 0.8 * floor["mse"]


@pytest.mark.parametrize("reconstruction", ["bce", "sse"])
def test_training_equals_a_plain_pytorch_loop(digits, monkeypatch, reconstruction):
    """Same initial weights, batches and noise; the rest written as in a tutorial: autograd and torch.optim.Adam."""
    batches = []
    recorder(monkeypatch, lambda model, x, beta: batches.append(x.clone()))
    config = SMALL.model_copy(update={"variants": ("vae",), "beta": 2.0, "reconstruction": reconstruction})
    training, plain = begin(config, digits), begin(config, digits).learners[0].model
    adam = torch.optim.Adam(plain.parameters(), lr=config.learning_rate)
    finish(training)
    assert len(batches) == 4 * 5
    for i, x in enumerate(batches):
        if i % 5 == 0:
            noise = stream(config.seed, "noise", 1 + i // 5)
        mu, logvar = plain.encoder(x)
        logits = plain.decoder(mu + torch.exp(logvar / 2) * torch.randn(mu.shape, generator=noise))
        if reconstruction == "bce":
            cost = F.binary_cross_entropy(torch.sigmoid(logits), x, reduction="sum")
        else:
            cost = F.mse_loss(torch.sigmoid(logits), x, reduction="sum")
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum()
        adam.zero_grad()
        ((cost + 2.0 * kl) / len(x)).backward()
        adam.step()
    for p, expected in zip(training.learners[0].model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(p, expected, rtol=0, atol=2e-4)  # they moved by up to 20 steps of 1e-3


# Going wrong, stopping


@pytest.mark.parametrize("latent_dim", [1, 2, 3, 20])
def test_a_poisoned_weight_is_a_divergence_with_its_epoch(digits, latent_dim):
    training = begin(SMALL.model_copy(update={"latent_dim": latent_dim}), digits)
    recorded = []
    with pytest.raises(Diverged, match=r"The vae diverged in epoch 2\b.*learning rate below 0\.001") as diverged:
        for epoch in training.run():
            recorded.append(epoch.epoch)
            if epoch.epoch == 1:
                next(training.learners[1].model.encoder.parameters()).data.fill_(float("nan"))
    assert diverged.value.epoch == 2
    assert recorded == [0, 1]


@pytest.mark.parametrize("latent_dim", [2, 3])
@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
def test_a_far_too_large_learning_rate_diverges(digits, latent_dim):
    """A step of 1 in every weight: σ = exp(logvar / 2) overflows within the first epoch."""
    config = SMALL.model_copy(update={"learning_rate": 1.0, "hidden": (256,) * 4, "latent_dim": latent_dim})
    with pytest.raises(Diverged, match="epoch 1"):
        finish(begin(config, digits))


def test_stop_ends_a_run_without_the_unfinished_epoch(digits, monkeypatch):
    stop, steps = threading.Event(), []

    def record(model, x, beta):
        steps.append(x)
        if len(steps) == 23:  # 2 variants × 10 batches an epoch: early in epoch 2
            stop.set()

    recorder(monkeypatch, record)
    training = begin(SMALL.model_copy(update={"batch_size": 32}), digits, parallel=False)
    assert [epoch.epoch for epoch in training.run(stop)] == [0, 1]
    assert training.epoch == 1
    assert len(steps) == 23  # not one batch more, of either variant


def test_a_stop_before_the_start_trains_nothing(digits, monkeypatch):
    steps, stop = [], threading.Event()
    recorder(monkeypatch, lambda *step: steps.append(step))
    stop.set()
    assert list(begin(SMALL, digits).run(stop)) == steps == []


# Arithmetic


def test_bfloat16_is_close_to_float32(digits):
    """Three digits instead of seven; where the processor has no bfloat16 both are the same."""
    config = SMALL.model_copy(update={"train_limit": 0, "hidden": (128,), "epochs": 5})
    exact = finish(begin(config, digits))[1]
    rough = finish(begin(config.model_copy(update={"precision": "bfloat16"}), digits))[1]
    for name in ("ae", "vae"):
        assert rough[name].loss == pytest.approx(exact[name].loss, rel=0.02)
        assert rough[name].mse_from_mean == pytest.approx(exact[name].mse_from_mean, rel=0.05)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("end", ["done", "left", "diverged"])
def test_torchs_settings_are_put_back(digits, precision, end):
    """However the run ends: other runs of the same process, and pages, must not inherit its arithmetic."""
    mkldnn, threads = torch.backends.mkldnn.matmul, torch.get_num_threads()
    torch.set_num_threads(2)
    before = mkldnn.fp32_precision, torch.get_num_threads()
    training = begin(SMALL.model_copy(update={"precision": precision, "latent_dim": 2}), digits, threads=1)
    try:
        epochs = training.run()
        next(epochs)
        assert torch.get_num_threads() == 1
        assert mkldnn.fp32_precision == {"float32": "ieee", "bfloat16": "bf16"}[precision]
        if end == "left":
            epochs.close()
        elif end == "diverged":
            next(training.learners[0].model.parameters()).data.fill_(float("nan"))
            with pytest.raises(Diverged):
                list(epochs)
        else:
            list(epochs)
            training.test()
        assert (mkldnn.fp32_precision, torch.get_num_threads()) == before
    finally:
        torch.set_num_threads(threads)


def test_a_device_that_is_not_there_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert devices.pick_device("auto") == torch.device("cpu")
    with pytest.raises(InputError, match=r"device is 'cuda'.*it has cpu"):
        devices.pick_device("cuda")


def test_streams_differ_by_seed_purpose_and_epoch():
    """A run's order and noise must not be the same random numbers."""
    keys = [(seed, purpose, epoch) for seed in (0, 1) for purpose in ("order", "noise") for epoch in (0, 1, 2)]
    draws = {key: tuple(torch.rand(4, generator=stream(*key)).tolist()) for key in keys}
    assert len(set(draws.values())) == len(keys)
    assert draws[0, "order", 1] == tuple(torch.rand(4, generator=stream(0, "order", 1)).tolist())


# The reference numbers


def reference(preset, mnist_dir, **changes):
    config = PRESETS[preset].config.model_copy(update={"device": "cpu", **changes})
    training = begin(config, datasets.load("mnist", mnist_dir))
    finish(training)
    return training.test()


@pytest.mark.slow
def test_pytorchs_example_gives_the_reference_numbers(mnist_dir):
    test = reference("pytorch_example", mnist_dir, **MNIST_REFERENCE)
    assert 104.5 < test["vae"].loss < 106.5
    assert 24 < test["vae"].kl < 26.5
    assert 67 < test["ae"].reconstruction < 69.5
    assert test["ae"].mse_from_mean == pytest.approx(0.0083, abs=0.0004)
    assert test["vae"].mse_from_mean == pytest.approx(0.0096, abs=0.0004)
    assert test["vae"].mse_from_sample == pytest.approx(0.0134, abs=0.0005)


@pytest.mark.slow
def test_the_collapse_preset_collapses(mnist_dir):
    vae = reference("collapse", mnist_dir)["vae"]
    assert vae.kl < 0.1
    assert vae.active_units == 0
    assert vae.mse_from_sample == pytest.approx(0.0676, abs=0.0006)  # the mean image


@pytest.mark.slow
def test_summing_both_terms_does_not_collapse(mnist_dir):
    """The same network and epochs with β = 1. Plain PyTorch loops, 6 seeds, end at KL 10.7–11.5 and MSE 0.027–0.028."""
    vae = reference("collapse", mnist_dir, beta=1.0, validation_size=0)["vae"]
    assert 10 < vae.kl < 12
    assert 0.026 < vae.mse_from_sample < 0.030
    assert vae.active_units >= 8


def test_metric_names_are_the_fields(digits):
    training = begin(SMALL.model_copy(update={"epochs": 1}), digits)
    *_, last = training.run()
    assert list(last.metrics["vae"].row()) == [name for name in METRICS if name not in without_column()] + ["extra"]
