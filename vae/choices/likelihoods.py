"""What a decoder's outputs say of an image's pixels, and what it costs when the image is another one.

A reconstruction loss is −log p(x | outputs), up to a constant, of some distribution of the pixels: the likelihood. Each
entry says how far that holds for it. Sums over pixels happen here, means over images in the caller.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from .choice import Choice

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Likelihood(Choice):
    """A reconstruction loss. B images of P pixels; a decoder gives k outputs for each pixel, (B, k · P)."""

    name: str  # in full, within a sentence
    unit: str  # of the loss, per image
    value: Callable[..., Tensor]  # outputs (B, k · P), x (B, P), and `parameters` by name → (B,)
    # outputs (B, k · P) → the picture, (B, P): the mean of the pixels' distribution. One that leaves [0, 1] is measured
    # as it is, and clipped where it is drawn.
    mean: Callable[[Tensor], Tensor]
    floor: Callable[..., float]  # pictures (B, P), x (B, P) → mean loss of images when these are predicted
    any_picture: bool = False  # whether pictures that leave [0, 1], as PCA's do, have a loss
    # ∂ value / ∂ outputs in closed form, (B, k · P): its value is not needed to learn. None: by autograd.
    gradient: Callable[..., Tensor] | None = None
    gradient_arrays: int = 6  # of (B, P), that the gradient takes at its peak
    outputs_per_pixel: int = 1  # k
    unbounded: bool = False  # its pictures may leave [0, 1]
    parameters: Mapping[str, float] = field(default_factory=dict)  # learnt with the network, each from this value on
    # Instead of learning them by descent: outputs and images → the best `parameters`, taken over after every epoch.
    closed_form: Callable[[Tensor, Tensor], dict[str, float]] | None = None
    settings: tuple[str, ...] = ()  # fields of RunConfig that value, gradient and floor take by name: `with_settings`
    binary: bool = False  # whether it is one of pixels that are 0 or 1 alone
    # The picture once more, for one output per pixel and for programs without this one. None: the server paints, and
    # there is no ONNX file.
    javascript: str | None = None  # of an output `a`
    onnx: str | None = None  # operator
    spelled: str | None = None  # in PyTorch, of an `outputs`

    def __post_init__(self) -> None:
        """Raises ValueError for a gradient that leaves out what is learnt besides: it would never be learnt."""
        if self.gradient and self.parameters:
            raise ValueError("a likelihood with parameters of its own takes its gradient by autograd")

    def with_settings(self, config: Any) -> Likelihood:
        """This likelihood as the run of a `RunConfig` has it: its own settings are no arguments any longer."""
        if not self.settings:
            return self
        given = {name: getattr(config, name) for name in self.settings}
        return replace(
            self,
            settings=(),
            value=partial(self.value, **given),
            floor=partial(self.floor, **given),
            gradient=partial(self.gradient, **given) if self.gradient else None,
        )

    @property
    def of_any_run(self) -> bool:
        """Whether a picture of any run has a value by it: nothing about it is that of one run."""
        own = self.settings or self.parameters or self.binary or self.unbounded
        return not own and self.outputs_per_pixel == 1

    @property
    def per_image(self) -> str:
        """The unit on axes and in tables."""
        return f"{self.unit} / image"

    @property
    def heading(self) -> str:
        """The loss with its unit, for axes and tables."""
        name = self.title[:1].upper() + self.title[1:]
        return f"{name} / image" if self.title == self.unit else f"{name} ({self.per_image})"


def _sigmoid(outputs: Tensor) -> Tensor:
    import torch

    return torch.sigmoid(outputs)


def _bce(logits: Tensor, x: Tensor) -> Tensor:
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)


def _bce_gradient(logits: Tensor, x: Tensor) -> Tensor:
    return _sigmoid(logits).sub_(x)  # ∂/∂a [−x log s(a) − (1−x) log(1−s(a))] = s(a) − x


def _bce_floor(pictures: Tensor, x: Tensor) -> float:
    from torch.nn.functional import binary_cross_entropy

    # It bounds log 0 at −100: a pixel never lit in training may be lit in a held-out image.
    return float(binary_cross_entropy(pictures, x, reduction="none").sum(-1).mean())


def _sse(logits: Tensor, x: Tensor) -> Tensor:
    return (_sigmoid(logits) - x).square().sum(-1)


def _sse_gradient(logits: Tensor, x: Tensor) -> Tensor:
    x_hat = _sigmoid(logits)
    return 2 * (x_hat - x) * x_hat * (1 - x_hat)


def _sse_floor(pictures: Tensor, x: Tensor) -> float:
    return float((pictures - x).square().mean() * x.shape[1])


def _itself(outputs: Tensor) -> Tensor:
    return outputs


def _sse_linear(outputs: Tensor, x: Tensor) -> Tensor:
    return (outputs - x).square().sum(-1)


def _sse_linear_gradient(outputs: Tensor, x: Tensor) -> Tensor:
    return (outputs - x).mul_(2)


def _gaussian(logits: Tensor, x: Tensor, sigma: float) -> Tensor:
    """−log N(x; picture, σ²), all constants included."""
    return _sse(logits, x) / (2 * sigma**2) + x.shape[-1] * (math.log(sigma) + HALF_LOG_TAU)


def _gaussian_gradient(logits: Tensor, x: Tensor, sigma: float) -> Tensor:
    return _sse_gradient(logits, x).mul_(1 / (2 * sigma**2))


def _gaussian_floor(pictures: Tensor, x: Tensor, sigma: float) -> float:
    return _sse_floor(pictures, x) / (2 * sigma**2) + x.shape[1] * (math.log(sigma) + HALF_LOG_TAU)


def _gaussian_learned(logits: Tensor, x: Tensor, log_sigma: Tensor) -> Tensor:
    import torch

    return 0.5 * _sse(logits, x) * torch.exp(-2 * log_sigma) + x.shape[-1] * (log_sigma + HALF_LOG_TAU)


def best_log_sigma(logits: Tensor, x: Tensor) -> dict[str, float]:
    """The σ that makes images `x` (N, P) likeliest given `logits` (N, P): σ² is the mean squared error per pixel.

    Rybkin et al. 2021 (arXiv 2006.13202), section 3.2. Not below `LEAST_SIGMA`: a perfect copy has no likelihood.
    """
    mse = float(_sse(logits, x).mean()) / x.shape[1]
    return {"log_sigma": 0.5 * math.log(max(mse, LEAST_SIGMA**2))}


def _gaussian_learned_floor(pictures: Tensor, x: Tensor) -> float:
    """With the σ that suits these very pictures best: no mean image is cheaper."""
    mse = max(float((pictures - x).square().mean()), LEAST_SIGMA**2)
    return _gaussian_floor(pictures, x, math.sqrt(mse))


def _first_half(outputs: Tensor) -> Tensor:
    return _sigmoid(outputs[..., : outputs.shape[-1] // 2])


def log_sigma_of_pixels(outputs: Tensor) -> Tensor:
    """log σ of each pixel, (B, P), from the second half of the outputs (B, 2 · P): between the two `SIGMA_BOUNDS`.

    Without a lower bound a pixel that is always black, which images have at their edges, would drive its σ to 0 and the
    loss to −∞.
    """
    low, high = (math.log(bound) for bound in SIGMA_BOUNDS)
    return low + (high - low) * _sigmoid(outputs[..., outputs.shape[-1] // 2 :])


def _gaussian_per_pixel(outputs: Tensor, x: Tensor) -> Tensor:
    import torch

    log_sigma = log_sigma_of_pixels(outputs)
    squared = (_first_half(outputs) - x).square()
    return (0.5 * squared * torch.exp(-2 * log_sigma) + log_sigma + HALF_LOG_TAU).sum(-1)


def _gaussian_per_pixel_floor(pictures: Tensor, x: Tensor) -> float:
    """With the σ of each pixel, within the bounds, that suits these very pictures best."""
    low, high = SIGMA_BOUNDS
    mse = (pictures - x).square().mean(dim=0)  # (P,)
    variance = mse.clamp(low**2, high**2)
    return float((0.5 * mse / variance + 0.5 * variance.log() + HALF_LOG_TAU).sum())


HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)
LEAST_SIGMA = 1e-3  # of a σ in closed form; grey levels of 8 bits are 0.004 apart
SIGMA_BOUNDS = (0.05, 1.0)  # of a pixel's own σ; pixels lie in [0, 1]

_IN_UNIT_INTERVAL: dict[str, Any] = {
    "javascript": "1 / (1 + Math.exp(-a))",
    "onnx": "Sigmoid",
    "spelled": "torch.sigmoid({})",
}

# Likelihoods that are computed alike.
_CROSS_ENTROPY: dict[str, Any] = _IN_UNIT_INTERVAL | {
    "unit": "nats",
    "value": _bce,
    "mean": _sigmoid,
    "floor": _bce_floor,
    "gradient": _bce_gradient,
    "gradient_arrays": 1,
}
_SIGMA_LEARNT: dict[str, Any] = _IN_UNIT_INTERVAL | {
    "unit": "nats",
    "value": _gaussian_learned,
    "mean": _sigmoid,
    "floor": _gaussian_learned_floor,
    "any_picture": True,
    "parameters": {"log_sigma": -1.0},
}

LIKELIHOODS: dict[str, Likelihood] = {
    "bce": Likelihood(
        "BCE",
        "Binary cross-entropy, summed over pixels (nats). On grey pixels it is a cost, not the likelihood of anything.",
        name="binary cross-entropy",
        **_CROSS_ENTROPY,
    ),
    "sse": Likelihood(
        "squared error",
        "Squared error, summed over pixels (the article's L2): up to a constant, a Gaussian likelihood with σ² = ½.",
        name="squared error",
        unit="squared error",
        value=_sse,
        mean=_sigmoid,
        floor=_sse_floor,
        any_picture=True,
        gradient=_sse_gradient,
        gradient_arrays=5,
        **_IN_UNIT_INTERVAL,
    ),
    "bernoulli": Likelihood(
        "Bernoulli",
        "−log p of pixels that are 0 or 1 (nats): a true likelihood. Needs binarised images.",
        name="the Bernoulli likelihood",
        binary=True,
        **_CROSS_ENTROPY,
    ),
    "gaussian": Likelihood(
        "Gaussian, σ given",
        "−log N(x; picture, σ²) with all constants (nats), and the σ of your choice. The smaller σ, the less the KL "
        "counts.",
        name="a Gaussian likelihood with a given σ",
        unit="nats",
        value=_gaussian,
        mean=_sigmoid,
        floor=_gaussian_floor,
        any_picture=True,
        gradient=_gaussian_gradient,
        settings=("sigma",),
        **_IN_UNIT_INTERVAL,
    ),
    "gaussian_learned": Likelihood(
        "Gaussian, σ learnt",
        "−log N(x; picture, σ²) (nats), one σ² for all pixels: the mean squared error of training images, taken after "
        "every epoch. That is its closed form (Rybkin et al. 2021).",
        name="a Gaussian likelihood whose σ is learnt in closed form",
        closed_form=best_log_sigma,
        **_SIGMA_LEARNT,
    ),
    "gaussian_descent": Likelihood(
        "Gaussian, σ by descent",
        "The same, but σ is learnt by gradient descent, as the weights are.",
        name="a Gaussian likelihood whose σ is learnt by gradient descent",
        **_SIGMA_LEARNT,
    ),
    "gaussian_per_pixel": Likelihood(
        "Gaussian, σ of each pixel",
        f"−log N(x; picture, σ²) (nats): the decoder gives each pixel a mean and a σ, from {SIGMA_BOUNDS[0]:g} to "
        f"{SIGMA_BOUNDS[1]:g}. Without that bound, pixels that are always black would drive the loss to −∞.",
        name="a Gaussian likelihood with a σ for each pixel",
        unit="nats",
        value=_gaussian_per_pixel,
        mean=_first_half,
        floor=_gaussian_per_pixel_floor,
        any_picture=True,
        outputs_per_pixel=2,
        gradient_arrays=14,
        spelled="torch.sigmoid({}.chunk(2, -1)[0])",
    ),
    # −log p of a Gaussian with σ² = β/2, times β, up to a constant (Lucas et al. 2019, arXiv 1911.02469).
    "sse_linear": Likelihood(
        "squared error, linear",
        "Squared error, summed over pixels, of the decoder's outputs as they are: no sigmoid; clipped to [0, 1] where "
        "they are drawn. Without hidden layers and with the activation identity, the best model is known.",
        name="squared error of outputs without a sigmoid",
        unit="squared error",
        value=_sse_linear,
        mean=_itself,
        unbounded=True,
        floor=_sse_floor,
        any_picture=True,
        gradient=_sse_linear_gradient,
        gradient_arrays=1,
        javascript="a",
        onnx="Identity",
        spelled="{}",
    ),
}


def likelihood_of(config: Any) -> Likelihood:
    """The likelihood of the run of a `RunConfig`, with its settings."""
    return LIKELIHOODS[config.reconstruction].with_settings(config)
