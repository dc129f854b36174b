"""How gradients get past a random node: by autograd, and on the encoder of a trained run."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from ..choices.estimators import ESTIMATOR_SETUPS, EstimatorSetup
from ..choices.likelihoods import LIKELIHOODS, Likelihood
from ..choices.variants import VARIANTS, Variant
from ..learning.estimators import ESTIMATORS
from ..learning.models import Autoencoder
from ..learning.randomness import stream


def by_autograd(mu: float, logvar: float, eps: float) -> dict[str, float]:
    """z = μ + exp(½ log σ²) · ε and its derivatives, from autograd: z, ∂z/∂μ, ∂z/∂σ, ∂z/∂log σ²."""
    at_mu, at_logvar = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (mu, logvar))
    std = torch.exp(0.5 * at_logvar)
    std.retain_grad()
    z = at_mu + std * eps
    z.backward()
    return {
        "z": float(z.detach()),
        "std": float(std.detach()),
        "dz_dmu": float(gradient_of(at_mu)),
        "dz_dstd": float(gradient_of(std)),
        "dz_dlogvar": float(gradient_of(at_logvar)),
    }


# The encoder of a trained run. What is differentiated is the reconstruction term; the KL's gradient has no noise.

NOISY = VARIANTS["noise_only"]
BATCH = 32  # images whose gradient is estimated
REPEATS = 64  # estimates of each kind
SAMPLES = (1, 2, 4, 8, 16, 32)
REFERENCE_SAMPLES = 4096  # pathwise, for the gradient that all are compared with
REFERENCE_PARTS = 64


def trainable(model: Autoencoder) -> Autoencoder:
    """A copy whose gradients may be written: shared models are never touched."""
    copied = copy.deepcopy(model).requires_grad_(True)
    copied.likelihood_parameters.requires_grad_(copied.likelihood.closed_form is None)
    return copied


def loss_by_name(model: Autoencoder, reconstruction: str) -> Likelihood:
    """The likelihood of this name: the model's own, with its settings, where that is the one."""
    entry = LIKELIHOODS[reconstruction]
    return model.likelihood if model.likelihood.title == entry.title else entry


def encoder_gradient(
    model: Autoencoder,
    x: Tensor,
    reconstruction: str,
    setup: EstimatorSetup,
    samples: int,
    generator: torch.Generator,
    variant: Variant = NOISY,
    beta: float = 0.0,
) -> Tensor:
    """One estimate of the reconstruction term's gradient with respect to all encoder weights, flattened, (W,).

    With another `variant` and `beta` it is their objective's. The same gradient as in training, by autograd. `model` is
    a `trainable` copy; weights that no gradient reaches count as 0.
    """
    model.zero_grad(set_to_none=True)
    loss = loss_by_name(model, reconstruction)
    ESTIMATORS[setup.estimator](model, variant, x, loss, beta, generator, samples, setup.baseline)
    parameters = list(model.encoder.parameters())
    return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters])


class _Moments:
    """Mean and total variance of vectors, in one pass (Welford)."""

    def __init__(self) -> None:
        self.count, self.squares = 0, 0.0
        self.mean = torch.zeros(())

    def add(self, vector: Tensor) -> None:
        self.count += 1
        before = vector - self.mean
        self.mean = self.mean + before / self.count
        self.squares = self.squares + float(before @ (vector - self.mean))

    @property
    def variance(self) -> float:
        """Summed over the vector's components."""
        return self.squares / (self.count - 1)


def estimator_quality(
    model: Autoencoder,
    x: np.ndarray,
    reconstruction: str,
    *,
    seed: int,
    estimators: Sequence[str] = tuple(ESTIMATOR_SETUPS),
    samples: Sequence[int] = SAMPLES,
    repeats: int = REPEATS,
    progress: Callable[[float], None] = lambda share: None,
) -> pd.DataFrame:
    """Repeated estimates on one batch `x` (B, P), compared with the mean of many pathwise samples.

    Columns: way, samples; bias: distance of the mean of all repeats from that reference; standard_error: what that
    distance would be by chance (root mean square) if there were no bias; variance: of one estimate, summed over all
    weights; snr: |reference| / √variance; cosine, cosine_std: to the reference, mean and standard deviation over
    repeats; gradient: |mean of the repeats|; reference: |reference|; repeats.
    """
    model, batch = trainable(model), torch.from_numpy(x)
    model.decoder.requires_grad_(False)  # its weights' gradients are not asked for, and cost a third of the time
    exact = _Moments()
    generator = stream(seed, "gradient reference")
    each = REFERENCE_SAMPLES // REFERENCE_PARTS
    kinds = [
        (estimator, count) for estimator in estimators for count in samples if ESTIMATOR_SETUPS[estimator].takes(count)
    ]
    work, done = REFERENCE_SAMPLES + repeats * sum(count for _, count in kinds), 0
    for _ in range(REFERENCE_PARTS):
        exact.add(encoder_gradient(model, batch, reconstruction, ESTIMATOR_SETUPS["pathwise"], each, generator))
        done += each
        progress(done / work)
    reference, length = exact.mean, float(exact.mean.norm())
    rows = []
    for estimator, count in kinds:
        generator, moments, cosines = stream(seed, f"gradient {estimator}", count), _Moments(), []
        for _ in range(repeats):
            estimate = encoder_gradient(model, batch, reconstruction, ESTIMATOR_SETUPS[estimator], count, generator)
            moments.add(estimate)
            norm = float(estimate.norm())
            cosines.append(float(estimate @ reference) / (norm * length) if norm * length > 0 else np.nan)
        done += repeats * count
        progress(done / work)
        rows.append(
            {
                "way": estimator,
                "samples": count,
                "bias": float((moments.mean - reference).norm()),
                "standard_error": (moments.variance / repeats + exact.variance / REFERENCE_PARTS) ** 0.5,
                "variance": moments.variance,
                "snr": length / moments.variance**0.5 if moments.variance > 0 else np.nan,
                "cosine": float(np.mean(cosines)),
                "cosine_std": float(np.std(cosines, ddof=1)),
                "gradient": float(moments.mean.norm()),
                "reference": length,
                "repeats": repeats,
            }
        )
    return pd.DataFrame(rows)


# The graph: how large a gradient is where it passes

NO_LOSS = replace(  # in the reconstruction's place, where the KL's gradient is asked for alone
    LIKELIHOODS["sse"],
    value=lambda outputs, x, **learnt: outputs.new_zeros(len(outputs)),
    gradient=lambda outputs, x: torch.zeros_like(outputs),
)


def gradient_norms(
    model: Autoencoder,
    variant: Variant,
    x: np.ndarray,
    reconstruction: str,
    beta: float,
    *,
    estimator: str = "pathwise",
    samples: int = 1,
    seed: int = 0,
) -> pd.DataFrame:
    """Norms of the objective's gradient where it passes, for images `x` (B, P): columns place, reconstruction, kl.

    Places: logits, z, mu, logvar (norms over the whole batch; the objective is a mean over images), and
    encoder_weights, decoder_weights (over all weights). 0 where no gradient arrives. The
    same gradient as in training, by autograd.
    """
    setup = ESTIMATOR_SETUPS[estimator]
    batch, samples = torch.from_numpy(x), max(samples, setup.least_samples)
    terms = {"reconstruction": (loss_by_name(model, reconstruction), 0.0), "kl": (NO_LOSS, beta)}
    columns = {}
    for name, (loss, weight) in terms.items():
        copied = trainable(model)
        seen = watched_tensors(copied)
        generator = stream(seed, "flow")
        ESTIMATORS[setup.estimator](copied, variant, batch, loss, weight, generator, samples, setup.baseline)
        columns[name] = {place: _norm([tensor.grad]) for place, tensor in seen.items()}
        columns[name]["encoder_weights"] = _norm([p.grad for p in copied.encoder.parameters()])
        columns[name]["decoder_weights"] = _norm([p.grad for p in copied.decoder.parameters()])
    places = ["logits", "z", "mu", "logvar", "encoder_weights", "decoder_weights"]
    return pd.DataFrame(
        {"place": places} | {name: [found.get(place, 0.0) for place in places] for name, found in columns.items()}
    )


def watched_tensors(model: Autoencoder) -> dict[str, Tensor]:
    """Will hold the tensors that pass on the next way through (logits, z, mu, logvar), with their gradients.

    One that no gradient reaches has none: a detached z.
    """
    seen: dict[str, Tensor] = {}

    def keep(**tensors: Tensor | None) -> None:
        for name, tensor in tensors.items():
            if tensor is not None:  # not every variant has a log-variance
                if tensor.requires_grad:
                    tensor.retain_grad()
                seen[name] = tensor

    def keep_code(module: nn.Module, inputs: tuple[Tensor]) -> Tensor:
        z = inputs[0].view_as(inputs[0])  # a node of its own: where z is μ itself, the KL's gradient stays with μ
        keep(z=z)
        return z

    model.encoder.register_forward_hook(lambda module, inputs, output: keep(mu=output[0], logvar=output[1]))
    model.decoder.register_forward_pre_hook(keep_code)
    model.decoder.register_forward_hook(lambda module, inputs, output: keep(logits=output))
    return seen


def gradient_of(leaf: Tensor) -> Tensor:
    """What `backward` left there."""
    assert leaf.grad is not None
    return leaf.grad


def _norm(gradients: Sequence[Tensor | None]) -> float:
    present = [gradient.flatten() for gradient in gradients if gradient is not None]
    return float(torch.cat(present).norm()) if present else 0.0
