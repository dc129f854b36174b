"""How the weights of any module are drawn from a generator: as PyTorch draws them, but never from its global one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from ...errors import InputError

Rule = Callable[[nn.Module, torch.Generator], None]


def _by_inputs(module: nn.Module, generator: torch.Generator) -> None:
    """U(−1/√n, 1/√n), n inputs per unit as PyTorch counts them: what `reset_parameters` of these layers draws."""
    weight: Tensor = module.weight  # type: ignore[assignment]
    bound = (weight[0].numel()) ** -0.5
    weight.uniform_(-bound, bound, generator=generator)
    if isinstance(module.bias, Tensor):
        module.bias.uniform_(-bound, bound, generator=generator)


def _normalisation(module: nn.Module, _generator: torch.Generator) -> None:
    """1 and 0: it begins as a normalisation and no more. Running means begin as they are built."""
    if isinstance(weight := getattr(module, "weight", None), Tensor):
        weight.fill_(1.0)
    if isinstance(bias := getattr(module, "bias", None), Tensor):
        bias.zero_()


def _embedding(module: nn.Module, generator: torch.Generator) -> None:
    assert isinstance(module, nn.Embedding | nn.EmbeddingBag), "the rule of these two"
    module.weight.normal_(generator=generator)
    if module.padding_idx is not None:
        module.weight[module.padding_idx].zero_()


def _prelu(module: nn.Module, _generator: torch.Generator) -> None:
    assert isinstance(module, nn.PReLU), "the rule of this one"
    module.weight.fill_(module.init)


def _recurrent(module: nn.Module, generator: torch.Generator) -> None:
    assert isinstance(module, nn.RNNBase | nn.RNNCellBase), "the rule of these two"
    bound = module.hidden_size**-0.5
    for weight in module.parameters(recurse=False):
        weight.uniform_(-bound, bound, generator=generator)


def _attention(module: nn.Module, generator: torch.Generator) -> None:
    """Glorot and Bengio's for the projections, as PyTorch does; `out_proj` is a linear layer, its bias begins at 0."""
    assert isinstance(module, nn.MultiheadAttention), "the rule of this one"
    for name, weight in module.named_parameters(recurse=False):
        if name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            nn.init.xavier_uniform_(weight, generator=generator)
        elif name in ("bias_k", "bias_v"):
            nn.init.xavier_normal_(weight, generator=generator)
        else:
            weight.zero_()
    if module.out_proj.bias is not None:
        module.out_proj.bias.zero_()


RULES: dict[tuple[type[nn.Module], ...], Rule] = {
    (nn.Linear, _ConvNd): _by_inputs,
    (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm): _normalisation,
    (nn.Embedding, nn.EmbeddingBag): _embedding,
    (nn.PReLU,): _prelu,
    (nn.RNNBase, nn.RNNCellBase): _recurrent,
    (nn.MultiheadAttention,): _attention,
}


@torch.no_grad()
def draw(model: nn.Module, generator: torch.Generator) -> None:
    """Give every parameter its first value, those within a module before its own; NaN to those that nobody draws.

    A module with a method `reset_parameters(generator)` draws all that is in it.
    """
    for parameter in model.parameters():
        parameter.fill_(torch.nan)
    for module in reversed(list(model.modules())):
        if _draws_itself(module):
            module.reset_parameters(generator=generator)  # type: ignore[operator]
            continue
        for kinds, rule in RULES.items():
            if isinstance(module, kinds):
                rule(module, generator)


def refuse_undrawn(name: str, parts: Mapping[str, nn.Module]) -> None:
    """Raises InputError, naming the first one, when `draw` left parameters out."""
    for part, model in parts.items():
        for owner, module in model.named_modules():
            for own, parameter in module.named_parameters(recurse=False):
                if parameter.isnan().any():
                    which = ".".join(filter(None, [owner, own]))
                    raise InputError(
                        f"{name}: nothing says how {which} of the {part} is drawn, a parameter of "
                        f"{type(module).__name__}. Give that class a method reset_parameters(generator) that draws it."
                    )


def _draws_itself(module: nn.Module) -> bool:
    method = getattr(module, "reset_parameters", None)
    return callable(method) and "generator" in inspect.signature(method).parameters
