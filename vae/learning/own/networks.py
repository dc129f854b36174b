"""Networks of the operator's own: the files of `choices.own_networks` run, what they build drawn, counted and checked.

A network gives two plain modules. `encoder(shape, latent_dim)` takes images (B, C, H, W) to features, of which this
program's two linear layers make μ and log σ²; `decoder(shape, latent_dim)` takes codes (B, D) to numbers of the `shape`
it is given. So twins differ in nothing but the layer that only one of them has, as those of any other network.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch import Tensor, nn

from ...choices import own_networks as named
from ...choices.likelihoods import LIKELIHOODS, likelihood_of
from ...choices.variants import Variant
from ...config import RunConfig
from ...config.contradictions import refuse_coupled
from ...datasets import Shape
from ...errors import InputError
from ..layers.modules import learning
from ..layers.parts import Counts
from ..models import Autoencoder
from ..networks.architecture import Network
from .bodies import bodies, first_line, sha, spelled, through
from .drawing import draw, refuse_undrawn
from .sizes import Sizes, sizes_of

PROBED = 3  # images that a network is looked at with
_looking = threading.RLock()  # torch's global generator is set meanwhile, and put back


class OwnEncoder(nn.Module):
    """A body of somebody's own, and the heads that every encoder has."""

    def __init__(self, body: nn.Module, shape: Shape, features: int, latent_dim: int, with_logvar: bool) -> None:
        super().__init__()
        self.body, self.shape = body, shape
        self.to_mu = nn.Linear(features, latent_dim)
        self.to_logvar = nn.Linear(features, latent_dim) if with_logvar else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        h = self.body(x.reshape(len(x), *self.shape)).flatten(1)  # (B, F)
        return self.to_mu(h), self.to_logvar(h) if self.to_logvar else None  # each (B, D)


class OwnDecoder(nn.Module):
    """A body of somebody's own, from codes to the likelihood's outputs, channel by channel."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, z: Tensor) -> Tensor:
        return self.body(z).flatten(1)  # (B, k · P)


def network(name: str, sha256: str = "") -> Network:
    """The entry of a network such as my_networks:small; of a run's own file, where `sha256` names it.

    Raises InputError when its file isn't here, is another one, or breaks off.
    """
    stem, _, own = name.partition(":")
    file = named.files().get(stem)
    if file is None:
        raise InputError(f"{name} is a network of somebody's own, and {named.VARIABLE} names no file {stem}.py here.")
    if own not in file.sentences:
        raise InputError(f"{file.path.name} has no network called {own}; it has {', '.join(file.sentences)}.")
    if sha256 and sha256 != file.sha256:
        raise InputError(
            f"{file.path.name} here is not the file of this run: its SHA-256 begins with {file.sha256[:12]}, the run's "
            f"with {sha256[:12]}. With that file in its place, this can be opened and trained."
        )
    return Network(
        build=partial(_build, name),
        draw=partial(_draw, name),
        counts=partial(_counts, name),
        widths=partial(_widths, name),
        misfit=partial(_misfit, name),
    )


def _build(name: str, config: RunConfig, shape: Shape, variant: Variant) -> Autoencoder:
    found = _looked_at(name, sha(name), shape, config.latent_dim, _k(config))
    encoder, decoder = bodies(name, shape, config.latent_dim, _k(config))
    return Autoencoder(
        OwnEncoder(encoder, shape, found.features, config.latent_dim, variant.has_logvar),
        OwnDecoder(decoder),
        likelihood_of(config),
    )


def _draw(name: str, model: Autoencoder, generator: torch.Generator) -> None:
    """Every weight; `to_logvar` comes last, so that twins start from the same ones everywhere else."""
    encoder = model.encoder
    assert isinstance(encoder, OwnEncoder), "built by `_build`"
    for part in (encoder.body, encoder.to_mu, model.decoder, encoder.to_logvar):
        if part is not None:
            draw(part, generator)
    refuse_undrawn(name, {"encoder": encoder, "decoder": model.decoder})


def _counts(name: str, config: RunConfig, shape: Shape, variant: Variant) -> Counts:
    found, code = _looked_at(name, sha(name), shape, config.latent_dim, _k(config)), config.latent_dim
    heads = (2 if variant.has_logvar else 1) * (found.features * code + code)
    return Counts(
        parameters=found.parameters + heads + len(LIKELIHOODS[config.reconstruction].parameters),
        multiply_adds=found.encoder.multiply_adds + found.decoder.multiply_adds + heads,
        hidden=max(found.encoder.between, found.decoder.between),
        widest=max(found.encoder.widest, found.decoder.widest),
    )


def _widths(name: str, config: RunConfig, shape: Shape) -> list[int]:
    found = _looked_at(name, sha(name), shape, config.latent_dim, _k(config))
    return [math.prod(shape), found.features, config.latent_dim]


def _misfit(name: str, config: RunConfig, shape: Shape) -> str | None:
    """Why this doesn't go with such images or such a config, in a sentence; None where it does."""
    try:
        found = _looked_at(name, sha(name), shape, config.latent_dim, _k(config))
        if found.couples:
            refuse_coupled(config, name)
    except InputError as problem:
        return str(problem)
    except ValueError as problem:
        return f"{problem}."
    return None


def _k(config: RunConfig) -> int:
    return LIKELIHOODS[config.reconstruction].outputs_per_pixel


@dataclass(frozen=True)
class _Found:
    """What one look at a network told."""

    features: int  # F, numbers that the encoder's body gives
    parameters: int  # of both bodies
    encoder: Sizes
    decoder: Sizes
    couples: bool  # whether an image depends on the others of its batch while the network learns


@lru_cache(maxsize=64)
def _looked_at(name: str, _sha256: str, shape: Shape, latent_dim: int, k: int) -> _Found:
    """Build a network, and send a few images through it. Raises InputError with what is wrong with it for such images.

    `k`: outputs for each pixel.
    """
    with _looking, torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        encoder, decoder = bodies(name, shape, latent_dim, k)
        features = _refuse_misfits(name, encoder, decoder, shape, latent_dim, k)
        for part, body in (("encoder", encoder), ("decoder", decoder)):
            if odd := next((weight for weight, p in body.named_parameters() if p.dtype != torch.float32), None):
                raise InputError(f"{name}: {part}'s {odd} is not of float32, as all weights must be.")
        first = _sample(name, encoder, decoder, shape, latent_dim)
        torch.manual_seed(2)
        again = bodies(name, shape, latent_dim, k)
        _refuse_misfits(name, *again, shape, latent_dim, k)  # also gives lazy layers their sizes
        _refuse_chance(name, first, _sample(name, *again, shape, latent_dim))
        with torch.no_grad():
            sizes = (
                sizes_of(encoder.eval(), torch.zeros(1, *shape)),
                sizes_of(decoder.eval(), torch.zeros(1, latent_dim)),
            )
        couples = _couples(encoder, torch.rand(PROBED, *shape)) or _couples(decoder, torch.randn(PROBED, latent_dim))
    parameters = sum(p.numel() for body in (encoder, decoder) for p in body.parameters())
    return _Found(features, parameters, *sizes, couples)


def _refuse_misfits(name: str, encoder: nn.Module, decoder: nn.Module, shape: Shape, latent_dim: int, k: int) -> int:
    """The number of features. Raises InputError when shapes don't fit."""
    told = " × ".join(map(str, shape))
    features = through(name, "encoder", encoder, torch.zeros(PROBED, *shape))
    if features.dim() < 2 or len(features) != PROBED:
        raise InputError(
            f"{name}: the encoder makes {spelled(features)} of {PROBED} images of {told}, where the first number must "
            f"be {PROBED}: features for each image."
        )
    outputs = through(name, "decoder", decoder, torch.zeros(PROBED, latent_dim))
    wanted = (PROBED, k * shape[0], *shape[1:])
    if tuple(outputs.shape) not in (wanted, (PROBED, math.prod(wanted[1:]))):
        raise InputError(
            f"{name}: the decoder makes {spelled(outputs)} of {PROBED} codes, but images of {told} take "
            f"{' × '.join(map(str, wanted))}{'' if k == 1 else f', {k} numbers for each pixel'}."
        )
    return features[0].numel()


def _sample(name: str, encoder: nn.Module, decoder: nn.Module, shape: Shape, latent_dim: int) -> dict[str, Tensor]:
    """Weights, buffers and outputs in training mode, of weights drawn from a generator of their own."""
    generator = torch.Generator().manual_seed(3)
    for body in (encoder, decoder):
        draw(body, generator)
    refuse_undrawn(name, {"encoder": encoder, "decoder": decoder})
    inputs = torch.rand(PROBED, *shape, generator=generator), torch.randn(PROBED, latent_dim, generator=generator)
    found: dict[str, Tensor] = {}
    for part, body, x in zip(("encoder", "decoder"), (encoder, decoder), inputs, strict=True):
        found |= {f"{part}'s {key}": tensor.clone() for key, tensor in body.state_dict().items()}
        try:
            with torch.no_grad(), learning(body, generator):
                found[f"what the {part} gives while it learns"] = body(x)
        except Exception as error:
            raise InputError(f"{name}: the {part} breaks off while it learns: {first_line(error)}.") from error
    return found


def _refuse_chance(name: str, first: dict[str, Tensor], again: dict[str, Tensor]) -> None:
    """Raises InputError where two looks differ: something came from torch's global generator."""
    for what, tensor in first.items():
        if what not in again or not torch.equal(tensor, again[what]):
            raise InputError(
                f"{name}: {what} is another one each time, drawn from torch's global generator, so no run could be "
                "repeated. Draw it in a method reset_parameters(generator); for dropout take nn.Dropout."
            )


def _couples(body: nn.Module, x: Tensor) -> bool:
    """Whether what `body` makes of the first of `x` changes with the last, in training mode."""
    other = torch.cat([x[:-1], x[-1:] + 1])
    found = []
    for batch in (x, other):
        with torch.no_grad(), learning(body, torch.Generator().manual_seed(4)):
            found.append(body(batch)[0])
    first, again = found
    return not torch.allclose(first, again, rtol=1e-4, atol=1e-5)
