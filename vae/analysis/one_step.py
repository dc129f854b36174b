"""One image, one training step, slowly: each value on the way there, each gradient on the way back, and what follows.

Computed by the functions that train (`learning.estimators` and `learning.losses`), in double precision, so that no
digit that a page shows is lost to rounding. The one image is the whole batch: nothing is averaged with others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..choices.estimators import ESTIMATOR_SETUPS, EstimatorSetup
from ..choices.likelihoods import Likelihood
from ..choices.variants import Variant
from ..learning.adam import Moments
from ..learning.estimators import ESTIMATORS
from ..learning.losses import kl_divergence, reparameterize
from ..learning.models import Autoencoder
from ..learning.randomness import normal_like, stream
from .gradients import NO_LOSS, loss_by_name, trainable, watched_tensors


@dataclass(frozen=True)
class Forward:
    """What one image becomes on its way to the loss, with K samples of its code (one where there is no noise)."""

    mu: np.ndarray  # (D,)
    logvar: np.ndarray | None  # (D,); None for a variant without one
    std: np.ndarray | None  # (D,)
    eps: np.ndarray | None  # (K, D); None without noise
    z: np.ndarray  # (K, D)
    outputs: np.ndarray  # (K, k · P)
    x_hat: np.ndarray  # (K, P) in [0, 1]
    reconstruction: np.ndarray  # (K,) of each sample, in the likelihood's unit
    kl: float | None  # nats; None where the objective has no KL
    loss: float  # the objective: mean reconstruction + β · KL


@dataclass(frozen=True)
class Gradients:
    """Of the objective, or of one of its terms, with respect to what is named; 0 where no gradient arrives."""

    outputs: np.ndarray  # (K, k · P)
    z: np.ndarray  # (K, D)
    mu: np.ndarray  # (D,)
    logvar: np.ndarray | None  # (D,)
    encoder: float  # norm over all weights of the encoder
    decoder: float


@dataclass(frozen=True)
class OneStep:
    """A training step on one image."""

    before: Forward
    gradients: dict[str, Gradients]  # "reconstruction", "kl" (times β), and "loss", their sum
    after: Forward  # the same image with the same ε, after one step of Adam


def one_step(
    model: Autoencoder,
    variant: Variant,
    x: np.ndarray,
    reconstruction: str,
    beta: float,
    learning_rate: float,
    *,
    setup: EstimatorSetup = ESTIMATOR_SETUPS["pathwise"],
    seed: int = 0,
    draw: int = 0,
) -> OneStep:
    """A step on the image `x` (P,) in [0, 1], with the fewest samples that `setup` takes. Another `draw`: another ε.

    The step is the first one of Adam, the optimiser that trains, without weight decay or clipping. Its running means of
    earlier gradients are not kept with the weights, so they begin at 0, and each weight that has a gradient moves by
    about the learning rate.
    """
    likelihood, batch = loss_by_name(model, reconstruction), torch.from_numpy(x)[None].double()  # (1, P)
    samples, purpose = setup.least_samples if variant.noise else 1, f"one step {draw}"

    def backward(loss: Likelihood, weight: float) -> tuple[Autoencoder, Gradients]:
        """A copy of the model with the gradient of loss + weight · KL in its parameters."""
        learner = trainable(model).double()
        seen = watched_tensors(learner)
        noise = stream(seed, purpose)
        ESTIMATORS[setup.estimator](learner, variant, batch, loss, weight, noise, samples, setup.baseline)
        return learner, _gradients(learner, seen)

    learner, whole = backward(likelihood, beta)
    gradients = {"reconstruction": backward(likelihood, 0.0)[1], "kl": backward(NO_LOSS, beta)[1], "loss": whole}
    eps = normal_like(torch.empty(samples, len(whole.mu)), stream(seed, purpose))  # the estimator's own
    before = _forward(learner, variant, batch, likelihood, beta, eps)
    Moments(list(learner.parameters())).step(learning_rate)
    return OneStep(before, gradients, _forward(learner, variant, batch, likelihood, beta, eps))


@torch.no_grad()
def _forward(
    model: Autoencoder, variant: Variant, x: Tensor, likelihood: Likelihood, beta: float, eps: Tensor
) -> Forward:
    """The image `x` (1, P) with the noise `eps` (K, D)."""
    mu, logvar = model.encoder(x)  # each (1, D)
    z = reparameterize(mu, logvar, eps) if variant.noise else mu  # (K, D)
    outputs = model.decoder(z)
    losses = likelihood.value(outputs, x.expand(len(z), -1), **model.likelihood_parameters)  # (K,)
    kl = kl_divergence(mu, logvar).sum() if variant.kl else None
    return Forward(
        mu=mu[0].numpy(),
        logvar=None if logvar is None else logvar[0].numpy(),
        std=None if logvar is None else torch.exp(0.5 * logvar)[0].numpy(),
        eps=eps.numpy() if variant.noise else None,
        z=z.numpy(),
        outputs=outputs.numpy(),
        x_hat=likelihood.mean(outputs).numpy(),
        reconstruction=losses.numpy(),
        kl=None if kl is None else float(kl),
        loss=float(losses.mean() if kl is None else losses.mean() + beta * kl),
    )


def _gradients(model: Autoencoder, seen: dict[str, Tensor]) -> Gradients:
    """What backward left at the tensors that passed, and at the weights."""

    def at(name: str) -> np.ndarray:
        tensor = seen[name]
        return (torch.zeros_like(tensor) if tensor.grad is None else tensor.grad).detach().numpy()

    def norm(part: nn.Module) -> float:
        squares = [float(weight.grad.square().sum()) for weight in part.parameters() if weight.grad is not None]
        return sum(squares) ** 0.5

    return Gradients(
        outputs=at("logits"),
        z=at("z"),
        mu=at("mu")[0],
        logvar=at("logvar")[0] if "logvar" in seen else None,
        encoder=norm(model.encoder),
        decoder=norm(model.decoder),
    )
