"""The modules that the file of a network of one's own builds, and what its author is told when it breaks off."""

from __future__ import annotations

import sys
from functools import lru_cache
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import is_lazy

from ...choices import own_networks as named
from ...datasets import Shape
from ...errors import InputError
from ..layers.modules import BatchNorm, Dropout


def sha(name: str) -> str:
    """SHA-256 of the file that a network such as my_networks:small is in, as this process read it."""
    return named.files()[name.partition(":")[0]].sha256


def bodies(name: str, shape: Shape, latent_dim: int, k: int) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder as the file builds them, in training mode, lazy layers with their sizes."""
    stem, _, own = name.partition(":")
    chosen = getattr(_module(stem, sha(name)), own)
    outputs = (k * shape[0], *shape[1:])
    found = []
    for part, its_shape, probe in (
        ("encoder", shape, torch.zeros(1, *shape)),
        ("decoder", outputs, torch.zeros(1, latent_dim)),
    ):
        try:
            body = getattr(chosen, part)(its_shape, latent_dim)
        except Exception as error:
            raise InputError(f"{name}: {part}({its_shape}, {latent_dim}) breaks off: {first_line(error)}.") from error
        if not isinstance(body, nn.Module):
            raise InputError(f"{name}: {part}(shape, latent_dim) gives a {type(body).__name__}, no nn.Module.")
        if any(is_lazy(p) for p in [*body.parameters(), *body.buffers()]):
            through(name, part, body, probe)
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


def through(name: str, part: str, body: nn.Module, probe: Tensor) -> Tensor:
    """What a body makes of a probe, in evaluation mode."""
    was = body.training
    try:
        with torch.no_grad():
            found = body.eval()(probe)
    except Exception as error:
        kind = "images" if part == "encoder" else "codes"
        size = " × ".join(map(str, probe.shape[1:]))
        raise InputError(f"{name}: the {part} doesn't take {kind} of {size}: {first_line(error)}.") from error
    finally:
        body.train(was)
    if not isinstance(found, Tensor) or not found.is_floating_point():
        raise InputError(f"{name}: the {part} gives a {type(found).__name__}, no tensor of real numbers.")
    return found


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
        raise InputError(f"{file.path.name} can't be run: {first_line(error)}.") from error
    return module


def first_line(error: BaseException) -> str:
    """What broke off, within a sentence."""
    line: Any = (str(error).splitlines() or [""])[0].rstrip(".")
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def spelled(tensor: Tensor) -> str:
    """A shape: 3 × 64."""
    return " × ".join(map(str, tensor.shape)) or "one number"
