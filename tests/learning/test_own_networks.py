"""Networks of the operator's own: offered by name, drawn from the run's generator, counted, or refused with why."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from math import prod

import numpy as np
import pytest
import torch
from owning import EXAMPLE, PLAIN, RESIDUAL, SMALL, name_files, write
from torch import nn

from vae import datasets
from vae.choices import own_networks
from vae.choices.networks import NETWORKS
from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.errors import InputError
from vae.learning.networks import initialised, network_of, parameter_count
from vae.learning.own.drawing import draw
from vae.learning.training import Training
from vae.runs import cost
from vae.settings import ROOT, Settings

DIGIT = (1, 8, 8)


@pytest.fixture(autouse=True)
def _example(monkeypatch):
    name_files(monkeypatch, EXAMPLE)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_files_networks_are_offered_after_the_programs_own():
    assert list(NETWORKS)[-2:] == [SMALL, RESIDUAL]
    assert len(NETWORKS) == len(list(NETWORKS))
    assert NETWORKS[SMALL].sentence == "Two convolutions with a stride, and their mirror image."


def test_another_files_network_is_known_but_not_offered():
    assert "gone:small" in NETWORKS
    assert "gone:small" not in list(NETWORKS)
    assert NETWORKS["gone:small"].title == "gone:small"
    assert "transformer" not in NETWORKS
    with pytest.raises(KeyError):
        NETWORKS["transformer"]


def test_names_are_read_without_torch():
    """A page that only offers them is there at once."""
    code = "import sys; from vae.choices.networks import NETWORKS; print(*NETWORKS); sys.exit('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert SMALL in found.stdout.split()


def test_a_config_is_of_the_file_as_it_is(monkeypatch, tmp_path):
    config = RunConfig(network=SMALL)
    assert config.network_file == own_networks.read(EXAMPLE).sha256
    assert RunConfig.parse(config.query()) == config
    assert RunConfig.parse(config.model_dump() | {"network": "mlp"}).network_file == ""
    assert RunConfig().network_file == ""
    name_files(monkeypatch)
    assert RunConfig.parse(config.model_dump(mode="json")) == config  # of a stored run, whose file is gone
    assert RunConfig(network=SMALL).network_file == ""


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("nowhere.py", "can't be read"),
        ("networks.txt", "must be files such as my_networks.py"),
        ("my-networks.py", "letters, digits and _"),
    ],
)
def test_what_the_variable_may_not_name(named, said):
    with pytest.raises(InputError, match=said):
        Settings.from_environment({own_networks.VARIABLE: named})


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("class a:\n    def encoder(shape, latent_dim): pass\n", "network a has no function decoder"),
        ("x = 1\n", "holds no network"),
        ("def (:\n", "is no Python: .* \\(line 1\\)"),
        ("class a(object):\n    def encoder(s, d): pass\n    def decoder(s, d): pass\n", "holds no network"),
    ],
    ids=["half", "none", "syntax", "a class with bases"],
)
def test_a_file_without_a_network(tmp_path, source, said):
    path = write(tmp_path, source)
    with pytest.raises(InputError, match=said):
        Settings.from_environment({own_networks.VARIABLE: str(path)})
    assert not own_networks.files({})


def test_two_files_of_one_name(tmp_path):
    (tmp_path / "b").mkdir()
    paths = write(tmp_path, PLAIN), write(tmp_path / "b", PLAIN)
    with pytest.raises(InputError, match=r"two files called mine\.py"):
        own_networks.files({own_networks.VARIABLE: ",".join(map(str, paths))})


def test_settings_pass_the_files_on(tmp_path):
    settings = Settings.from_environment({own_networks.VARIABLE: str(EXAMPLE), "VAE_DATA_DIR": str(tmp_path)})
    assert settings.networks == (EXAMPLE,)
    assert Settings.from_environment(settings.environment()) == settings


FLAT = "shape[0] * shape[1] * shape[2]"


def file_with(encoder=f"nn.Sequential(nn.Flatten(), nn.Linear({FLAT}, 4))", decoder=f"nn.Linear(latent_dim, {FLAT})"):
    return f"""
import torch
from torch import nn


class Noise(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


class Fixed(nn.Module):
    def __init__(self, drawn):
        super().__init__()
        self.register_buffer("directions", torch.randn(3))
        if drawn:
            self.reset_parameters = lambda generator: self.directions.normal_(generator=generator)

    def forward(self, x):
        return x * self.directions.sum()


class Unknown(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return x * self.scale


class net:
    def encoder(shape, latent_dim):
        return {encoder}

    def decoder(shape, latent_dim):
        return {decoder}
"""


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (file_with(encoder="nn.Linear(7, 4)"), "encoder doesn't take images of 1 × 8 × 8: RuntimeError"),
        (file_with(decoder="nn.Linear(5, 64)"), "decoder doesn't take codes of 2"),
        (file_with(decoder="nn.Linear(latent_dim, 65)"), "decoder makes 3 × 65 of 3 codes, but images of 1 × 8 × 8"),
        (file_with(decoder="nn.Sequential(nn.Linear(2, 64), nn.Unflatten(1, (1, 4, 16)))"), "makes 3 × 1 × 4 × 16"),
        (file_with(encoder="nn.Sequential(nn.Flatten(0), nn.Linear(192, 4))"), "encoder makes 4 of 3 images"),
        (file_with(encoder="[1]"), "gives a list, no nn.Module"),
        (file_with(encoder="nn.LSTM(8, 8)"), "encoder doesn't take images|gives a tuple"),
        (file_with(encoder="undefined(shape)"), r"encoder\(\(1, 8, 8\), 2\) breaks off: NameError"),
        (file_with(encoder="nn.Sequential(nn.Flatten(), nn.Linear(64, 4).double())"), "encoder doesn't take|float32"),
        (
            file_with(encoder="nn.Sequential(nn.Flatten(), Unknown())"),
            "nothing says how 1.scale of the encoder is drawn",
        ),
        (file_with(encoder="nn.Sequential(nn.Flatten(), Fixed(False))"), "encoder's 1.directions is another one each"),
        (
            file_with(encoder="nn.Sequential(nn.Flatten(), Noise())"),
            "what the encoder gives while it learns is another",
        ),
        (file_with(encoder="nn.Sequential(nn.Flatten(), nn.AlphaDropout(0.5))"), "gives while it learns is another"),
        (file_with() + "\nraise RuntimeError('not today')\n", r"mine\.py can't be run: RuntimeError: not today"),
    ],
)
def test_what_is_wrong_with_a_network_is_said(tmp_path, monkeypatch, source, said):
    name_files(monkeypatch, write(tmp_path, source))
    config = RunConfig(network="mine:net")
    for look in (network_of(config).counts, network_of(config).build):
        with pytest.raises(InputError, match=said) as problem:
            look(config, DIGIT, VARIANTS["vae"])
        assert "\n" not in str(problem.value)


def test_a_module_that_draws_its_buffers_is_taken(tmp_path, monkeypatch):
    name_files(monkeypatch, write(tmp_path, file_with(encoder="nn.Sequential(nn.Flatten(), Fixed(True))")))
    config = RunConfig(network="mine:net")
    one, other = (initialised(config, DIGIT, "vae", generator()).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_network_that_is_not_here(monkeypatch, tmp_path):
    with pytest.raises(InputError, match="no network called nope; it has small_conv, residual"):
        network_of(RunConfig(network="my_networks:nope"))
    with pytest.raises(InputError, match=r"VAE_NETWORKS names no file gone\.py here"):
        network_of(RunConfig(network="gone:nope"))
    ours = RunConfig(network=SMALL)
    name_files(monkeypatch, write(tmp_path, EXAMPLE.read_text() + "# changed\n", "my_networks"))
    assert RunConfig(network=SMALL) != ours
    with pytest.raises(InputError, match=r"my_networks\.py here is not the file of this run: its SHA-256 begins with"):
        network_of(ours)


def test_a_colour_image_and_a_loss_with_two_outputs(tmp_path, monkeypatch):
    """The decoder is told the shape of its numbers, so a loss with two a pixel needs nothing of its own."""
    from vae.choices.likelihoods import LIKELIHOODS

    two = next(name for name, entry in LIKELIHOODS.items() if entry.outputs_per_pixel == 2)
    model = initialised(RunConfig(network=SMALL, reconstruction=two), (3, 8, 12), "vae", generator())
    mu, _ = model.encoder(torch.rand(5, 3 * 8 * 12))
    assert model.decoder(mu).shape == (5, 2 * 3 * 8 * 12)


@pytest.mark.parametrize("network", [SMALL, RESIDUAL])
def test_twins_begin_with_the_same_weights(network):
    config = RunConfig(network=network)
    ae, vae = (initialised(config, DIGIT, name, generator(4)).state_dict() for name in ("ae", "vae"))
    assert set(vae) - set(ae) == {"encoder.to_logvar.weight", "encoder.to_logvar.bias"}
    assert all(torch.equal(ae[name], vae[name]) for name in ae)
    other = initialised(config, DIGIT, "ae", generator(5)).state_dict()
    assert not torch.equal(ae["encoder.to_mu.weight"], other["encoder.to_mu.weight"])


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.Linear(7, 5),
        lambda: nn.Linear(7, 5, bias=False),
        lambda: nn.Conv2d(4, 6, 3, groups=2),
        lambda: nn.Conv1d(4, 6, 3),
        lambda: nn.ConvTranspose2d(4, 6, 3),
        lambda: nn.BatchNorm2d(4),
        lambda: nn.GroupNorm(2, 4),
        lambda: nn.LayerNorm((4, 3)),
        lambda: nn.InstanceNorm2d(4, affine=True),
        lambda: nn.Embedding(5, 3, padding_idx=1),
        lambda: nn.PReLU(3),
        lambda: nn.GRU(4, 5),
        lambda: nn.LSTMCell(4, 5),
        lambda: nn.MultiheadAttention(8, 2, add_bias_kv=True),
        lambda: nn.MultiheadAttention(8, 2, kdim=4, vdim=6),
    ],
)
def test_layers_are_drawn_as_pytorch_draws_them(build):
    """The same numbers that torch's own `reset_parameters` takes from its global generator."""
    with torch.random.fork_rng():
        torch.manual_seed(9)
        expected = build()
        if isinstance(expected, nn.MultiheadAttention):
            torch.manual_seed(9)
            expected.out_proj.reset_parameters()  # what is within comes first
            expected._reset_parameters()
        found = build()
    draw(found, generator(9))
    for (name, one), other in zip(found.named_parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(one, other, msg=lambda text, name=name: f"{name}: {text}")


def test_counts_of_what_is_known_otherwise(tmp_path, monkeypatch):
    """An MLP written as a network of one's own counts as the program's."""
    name_files(monkeypatch, write(tmp_path, PLAIN))
    mine = RunConfig(network="mine:plain", latent_dim=3)
    for name in ("ae", "vae"):
        counts = network_of(mine).counts(mine, DIGIT, VARIANTS[name])
        heads = 2 if name == "vae" else 1
        assert counts.parameters == 64 * 16 + 16 + heads * (16 * 3 + 3) + 3 * 64 + 64
        assert counts.parameters == sum(p.numel() for p in initialised(mine, DIGIT, name, generator()).parameters())
        assert counts.multiply_adds == 64 * 16 + heads * (16 * 3 + 3) + 3 * 64
        assert (counts.hidden, counts.widest) == (32, 64)  # 16 before tanh and 16 behind it; the decoder's 64, halved
    assert network_of(mine).widths(mine, DIGIT) == [64, 16, 3]


def test_counts_of_convolutions():
    config = RunConfig(network=SMALL)
    counts = network_of(config).counts(config, DIGIT, VARIANTS["ae"])
    there = 4 * 4 * 8 * 9 + 2 * 2 * 16 * 8 * 9  # places × units × inputs of each
    back = 2 * 64 + 2 * 2 * 16 * 8 * 16 + 4 * 4 * 8 * 1 * 16
    assert counts.multiply_adds == there + back + 64 * 2 + 2
    model = initialised(config, DIGIT, "ae", generator())
    assert counts.parameters == sum(p.numel() for p in model.parameters())
    assert parameter_count([64, 2], False) < counts.parameters


CONV = """
from torch import nn


class like:
    def encoder(shape, latent_dim):
        c, h, w = shape
        return nn.Sequential(
            nn.Conv2d(c, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(64 * (h // 4) * (w // 4), 128), nn.ReLU(),
        )

    def decoder(shape, latent_dim):
        c, h, w = shape
        return nn.Sequential(
            nn.Linear(latent_dim, 128), nn.ReLU(), nn.Linear(128, 64 * (h // 4) * (w // 4)), nn.ReLU(),
            nn.Unflatten(1, (64, h // 4, w // 4)), nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(32, c, 4, 2, 1),
        )
"""


@pytest.mark.parametrize("dataset", ["digits", "mnist"])
@pytest.mark.parametrize("batch_size", [64, 512])
def test_a_copy_of_the_programs_own_network_costs_the_same(tmp_path, monkeypatch, dataset, batch_size):
    """Counted while an image goes through, and counted by what the layers are."""
    name_files(monkeypatch, write(tmp_path, CONV))
    ours, theirs = (RunConfig(network=name, dataset=dataset, batch_size=batch_size) for name in ("conv", "mine:like"))
    told = datasets.lookup(dataset)
    for variant in ("ae", "vae"):
        counted = network_of(ours).counts(ours, told.shape, VARIANTS[variant])
        found = network_of(theirs).counts(theirs, told.shape, VARIANTS[variant])
        assert found.parameters == counted.parameters
        assert found.multiply_adds == pytest.approx(counted.multiply_adds, rel=0.01)  # there a bias counts as a weight
        pixels = prod(told.shape)
        maps = 32 * pixels // 4, 64 * pixels // 16
        assert found.widest == maps[0]
        assert found.hidden == sum(maps) + 128 + pixels // 2  # of the decoder: half of all that is computed
    # The program computes its own convolutions another way, which takes less.
    assert 1 <= cost.memory(theirs, told) / cost.memory(ours, told) < 1.2
    assert cost.stored(theirs, told, 64) == cost.stored(ours, told, 64)


def test_images_that_depend_on_each_other_are_not_taken_where_each_must_be_alone():
    alone, coupled = RunConfig(network=SMALL), RunConfig(network=RESIDUAL)
    for changes, said in (
        ({"batch_size": 1}, "so batch_size must be at least 2"),
        ({"variants": ("contractive",)}, "variant contractive pays for how each image's code depends on this image"),
        ({"estimator": "iwae", "samples": 3}, "weighs each sample by its own loss"),
    ):
        one, other = (RunConfig.parse(config.model_dump() | changes) for config in (alone, coupled))
        assert network_of(one).misfit(one, DIGIT) is None
        assert said in network_of(other).misfit(other, DIGIT)


def _training(network, **settings):
    config = RunConfig(network=network, epochs=3, train_limit=300, device="cpu", **settings)
    images = datasets.load("digits", ROOT)
    return Training(config, images, datasets.split(images, config.validation_size, config.train_limit))


@pytest.mark.parametrize("network", [SMALL, RESIDUAL])
def test_it_learns_and_goes_on_from_a_checkpoint_bit_for_bit(network):
    whole = _training(network)
    epochs = []
    for epoch in whole.run():
        copied = {name: tensor.clone() for name, tensor in epoch.checkpoint.items()}
        epochs.append((epoch.metrics, copied))
    losses = [metrics["vae"].loss for metrics, _ in epochs]
    assert all(later < earlier for earlier, later in pairwise(losses))
    resumed = _training(network)
    resumed.resume(1, epochs[1][1])
    *_, last = resumed.run()
    assert last.metrics == epochs[3][0]
    assert all(torch.equal(tensor, epochs[3][1][name]) for name, tensor in last.checkpoint.items())
    assert resumed.test() == whole.test()


def test_what_a_batch_normalisation_measured_is_resumed_too():
    first, second = _training(RESIDUAL), _training(RESIDUAL)
    *_, last = first.run()
    running = "vae/buffer/encoder.body.2.running_mean"
    assert np.abs(last.checkpoint[running].numpy()).max() > 0
    second.resume(3, last.checkpoint)
    assert second.test() == first.test()


def test_every_variant_learns():
    for epoch in _training(SMALL, variants=tuple(VARIANTS)).run():
        assert all(metrics.finite() for metrics in epoch.metrics.values())


def test_the_guide_shows_the_example():
    guide = (ROOT / "docs" / "own_networks.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```python\n(.*?)```", guide, flags=re.DOTALL)
    assert shown in EXAMPLE.read_text(encoding="utf-8")
