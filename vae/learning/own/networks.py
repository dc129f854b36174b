"""Networks of the operator's own: the files of `choices.own_networks` run, what they build drawn, counted and checked.

A network gives two plain modules. `encoder(shape, latent_dim)` takes images (B, C, H, W) to features, of which this
program's two linear layers make μ and log σ²; `decoder(shape, latent_dim)` takes codes (B, D) to numbers of the `shape`
it is given. So twins differ in nothing but the layer that only one of them has, as those of any other network.
"""

from __future__ import annotations

import math
import sys
import threading
from dataclasses import dataclass
from functools import lru_cache, partial
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import is_lazy

from ...choices import own_networks as named
from ...choices.likelihoods import LIKELIHOODS, likelihood_of
from ...choices.variants import Variant
from ...config import RunConfig
from ...datasets import Shape
from ...errors import InputError
from ..layers.modules import BatchNorm, Dropout, learning
from ..layers.parts import Counts
from ..models import Autoencoder
from ..networks.architecture import Network
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
    found = _looked_at(name, _sha(name), shape, config.latent_dim, _k(config))
    encoder, decoder = _bodies(name, shape, config.latent_dim, _k(config))
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
    found, code = _looked_at(name, _sha(name), shape, config.latent_dim, _k(config)), config.latent_dim
    heads = (2 if variant.has_logvar else 1) * (found.features * code + code)
    return Counts(
        parameters=found.parameters + heads + len(LIKELIHOODS[config.reconstruction].parameters),
        multiply_adds=found.encoder.multiply_adds + found.decoder.multiply_adds + heads,
        hidden=max(found.encoder.between, found.decoder.between),
        widest=max(found.encoder.widest, found.decoder.widest),
    )


def _widths(name: str, config: RunConfig, shape: Shape) -> list[int]:
    found = _looked_at(name, _sha(name), shape, config.latent_dim, _k(config))
    return [math.prod(shape), found.features, config.latent_dim]


def _misfit(name: str, config: RunConfig, shape: Shape) -> str | None:
    try:
        _looked_at(name, _sha(name), shape, config.latent_dim, _k(config))
    except InputError as problem:
        return str(problem)
    return None


def _k(config: RunConfig) -> int:
    return LIKELIHOODS[config.reconstruction].outputs_per_pixel


def _sha(name: str) -> str:
    return named.files()[name.partition(":")[0]].sha256


@dataclass(frozen=True)
class _Found:
    """What one look at a network told."""

    features: int  # F, numbers that the encoder's body gives
    parameters: int  # of both bodies
    encoder: Sizes
    decoder: Sizes


@lru_cache(maxsize=64)
def _looked_at(name: str, _sha256: str, shape: Shape, latent_dim: int, k: int) -> _Found:
    """Build a network, and send a few images through it. Raises InputError with what is wrong with it for such images.

    `k`: outputs for each pixel.
    """
    with _looking, torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        encoder, decoder = _bodies(name, shape, latent_dim, k)
        features = _refuse_misfits(name, encoder, decoder, shape, latent_dim, k)
        bodies = {"encoder": encoder, "decoder": decoder}
        for part, body in bodies.items():
            if odd := next((weight for weight, p in body.named_parameters() if p.dtype != torch.float32), None):
                raise InputError(f"{name}: {part}'s {odd} is not of float32, as all weights must be.")
        first = _sample(name, encoder, decoder, shape, latent_dim)
        torch.manual_seed(2)
        again = _bodies(name, shape, latent_dim, k)
        _refuse_misfits(name, *again, shape, latent_dim, k)  # also gives lazy layers their sizes
        _refuse_chance(name, first, _sample(name, *again, shape, latent_dim))
        with torch.no_grad():
            sizes = (
                sizes_of(encoder.eval(), torch.zeros(1, *shape)),
                sizes_of(decoder.eval(), torch.zeros(1, latent_dim)),
            )
    parameters = sum(p.numel() for body in bodies.values() for p in body.parameters())
    return _Found(features, parameters, *sizes)


def _bodies(name: str, shape: Shape, latent_dim: int, k: int) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder as the file builds them, in training mode, lazy layers with their sizes."""
    stem, _, own = name.partition(":")
    chosen = getattr(_module(stem, _sha(name)), own)
    outputs = (k * shape[0], *shape[1:])
    found = []
    for part, its_shape, probe in (
        ("encoder", shape, torch.zeros(1, *shape)),
        ("decoder", outputs, torch.zeros(1, latent_dim)),
    ):
        try:
            body = getattr(chosen, part)(its_shape, latent_dim)
        except Exception as error:
            raise InputError(f"{name}: {part}({its_shape}, {latent_dim}) breaks off: {_first_line(error)}.") from error
        if not isinstance(body, nn.Module):
            raise InputError(f"{name}: {part}(shape, latent_dim) gives a {type(body).__name__}, no nn.Module.")
        if any(is_lazy(p) for p in [*body.parameters(), *body.buffers()]):
            _through(name, part, body, probe)
        found.append(_with_our_layers(body).train())
    return found[0], found[1]


def _with_our_layers(body: nn.Module) -> nn.Module:
    """Dropout that draws from the run's generator, and a batch normalisation that takes a last batch of one image."""
    for name, module in body.named_children():
        if type(module) is nn.Dropout:
            setattr(body, name, Dropout(module.p))
        elif isinstance(module, _BatchNorm) and type(module) in (nn.BatchNorm1d, nn.BatchNorm2d):
            kept = ("num_features", "eps", "momentum", "affine", "track_running_stats")
            ours = BatchNorm(**{name: getattr(module, name) for name in kept})
            ours.load_state_dict(module.state_dict())
            setattr(body, name, ours)
        else:
            _with_our_layers(module)
    return body


def _refuse_misfits(name: str, encoder: nn.Module, decoder: nn.Module, shape: Shape, latent_dim: int, k: int) -> int:
    """The number of features. Raises InputError when shapes don't fit."""
    told = " × ".join(map(str, shape))
    features = _through(name, "encoder", encoder, torch.zeros(PROBED, *shape))
    if features.dim() < 2 or len(features) != PROBED:
        raise InputError(
            f"{name}: the encoder makes {_shape(features)} of {PROBED} images of {told}, where the first number must "
            f"be {PROBED}: features for each image."
        )
    outputs = _through(name, "decoder", decoder, torch.zeros(PROBED, latent_dim))
    wanted = (PROBED, k * shape[0], *shape[1:])
    if tuple(outputs.shape) not in (wanted, (PROBED, math.prod(wanted[1:]))):
        raise InputError(
            f"{name}: the decoder makes {_shape(outputs)} of {PROBED} codes, but images of {told} take "
            f"{' × '.join(map(str, wanted))}{'' if k == 1 else f', {k} numbers for each pixel'}."
        )
    return features[0].numel()


def _through(name: str, part: str, body: nn.Module, probe: Tensor) -> Tensor:
    """What a body makes of a probe, in evaluation mode."""
    was = body.training
    try:
        with torch.no_grad():
            found = body.eval()(probe)
    except Exception as error:
        kind = "images" if part == "encoder" else "codes"
        size = " × ".join(map(str, probe.shape[1:]))
        raise InputError(f"{name}: the {part} doesn't take {kind} of {size}: {_first_line(error)}.") from error
    finally:
        body.train(was)
    if not isinstance(found, Tensor) or not found.is_floating_point():
        raise InputError(f"{name}: the {part} gives a {type(found).__name__}, no tensor of real numbers.")
    return found


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
            raise InputError(f"{name}: the {part} breaks off while it learns: {_first_line(error)}.") from error
    return found


def _refuse_chance(name: str, first: dict[str, Tensor], again: dict[str, Tensor]) -> None:
    """Raises InputError where two looks differ: something came from torch's global generator."""
    for what, tensor in first.items():
        if what not in again or not torch.equal(tensor, again[what]):
            raise InputError(
                f"{name}: {what} is another one each time, drawn from torch's global generator, so no run could be "
                "repeated. Draw it in a method reset_parameters(generator); for dropout take nn.Dropout."
            )


@lru_cache(maxsize=64)
def _module(stem: str, _sha256: str) -> ModuleType:
    """A file, run once in this process. Raises InputError when it breaks off."""
    file = named.files()[stem]
    module = ModuleType(f"vae_networks_{stem}")
    module.__file__ = str(file.path)
    sys.modules[module.__name__] = module  # dataclasses and others look their module up
    try:
        exec(compile(file.source, str(file.path), "exec"), module.__dict__)
    except Exception as error:
        raise InputError(f"{file.path.name} can't be run: {_first_line(error)}.") from error
    return module


def _first_line(error: BaseException) -> str:
    line: Any = (str(error).splitlines() or [""])[0].rstrip(".")
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def _shape(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape)) or "one number"
