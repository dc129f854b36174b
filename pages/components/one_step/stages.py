"""The stages of one step in slow motion, and what is said at each: plain sentences from the numbers that are shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from vae.choices.variants import VARIANTS
from vae.figures.style import VARIANT_SHORT

if TYPE_CHECKING:
    from vae.analysis.one_step import OneStep  # torch comes with it

# What appears at each stage: forward values, the losses, gradients on their way back, and the values after the step.
STAGES = ("x", "encoder", "eps", "z", "x_hat", "losses", "outputs", "decoder", "code", "weights", "step")


def path(variant: str, step: OneStep) -> str:
    """How the reconstruction's gradient gets to μ: "through" z, "around" it, or not at all: "stopped"."""
    gradients = step.gradients["reconstruction"]
    if not VARIANTS[variant].noise or gradients.z.any():
        return "through"
    return "around" if gradients.mu.any() else "stopped"


def norm(gradient: np.ndarray | None) -> float:
    """Length of a gradient of any shape; 0 of none."""
    return 0.0 if gradient is None else float(np.linalg.norm(gradient))


def written(value: float) -> str:
    """A number as the figure writes it: three digits that count; 0 is exactly 0."""
    if not np.isfinite(value):
        return "not finite"
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 99_999.5 or size < 0.0005:
        text = f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    else:
        text = f"{value:,.{0 if size >= 99.95 else 1 if size >= 9.995 else 2 if size >= 0.1 else 3}f}"
    return text.replace("-", "−")


def sentences(
    steps: Mapping[str, OneStep],
    image: str,
    shape: tuple[int, int, int],
    unit: str,
    beta: float,
    learning_rate: float,
) -> dict[str, str]:
    """What is said, by stage; without ε there is no stage for it."""
    many, noisy = len(steps) > 1, [name for name in steps if VARIANTS[name].noise]
    with_sigma = [VARIANT_SHORT[name] for name in steps if VARIANTS[name].has_logvar]
    latent_dim = len(next(iter(steps.values())).before.mu)
    pixels = f"{math.prod(shape[1:]):,} pixels"
    if colour := shape[0] > 1:
        pixels += f" of {shape[0]} channels"
    numbers = f"{latent_dim} numbers" if latent_dim > 1 else "one number"
    said = {
        "x": f"{image}: {pixels} go into {'each' if many else 'the'} encoder.",
        "encoder": f"{'Each' if many else 'The'} encoder gives {numbers}, μ."
        + (f" {_listed(with_sigma)}: also log σ², and σ = exp(½ log σ²)." if with_sigma else ""),
        "eps": "ε is an extra input, drawn from N(0, 1). No weight has an influence on it.",
        "z": " ".join(f"{VARIANT_SHORT[name]}: z = {'μ + σ · ε' if name in noisy else 'μ'}." for name in steps),
        "x_hat": f"{'Each' if many else 'The'} decoder turns z into a picture, x̂.",
        "losses": " ".join(_loss(name, step, unit, beta) for name, step in steps.items()),
        "outputs": "Now backwards. The gradient at the outputs: where it is gold, a pixel should get darker; purple, "
        "brighter." + (" Of three channels: their sum's sign, their root mean square's size." if colour else ""),
        "decoder": " ".join(_at_z(name, step) for name, step in steps.items()),
        "code": " ".join(_at_the_code(name, step) for name, step in steps.items()),
        "weights": " ".join(_at_the_encoder(name, step) for name, step in steps.items()),
        "step": f"After one step of Adam on this image (learning rate {learning_rate:g}), with the same ε. "
        + " ".join(
            f"{VARIANT_SHORT[name]}: loss {written(step.before.loss)} → {written(step.after.loss)}."
            for name, step in steps.items()
        ),
    }
    if not noisy:
        said["step"] = said["step"].replace(", with the same ε", "")
    return {stage: said[stage] for stage in STAGES if stage != "eps" or noisy}


def _listed(names: list[str]) -> str:
    return ", ".join(names)


def _loss(name: str, step: OneStep, unit: str, beta: float) -> str:
    there, short = step.before, VARIANT_SHORT[name]
    of_each = there.reconstruction
    reconstruction = written(of_each.mean())
    if len(of_each) > 1:
        reconstruction += f" (the mean of {' and '.join(written(value) for value in of_each)})"
    if there.kl is None:
        return f"{short}: reconstruction {reconstruction} {unit}."
    weight = "" if beta == 1 else f"{beta:g} · "
    return f"{short}: reconstruction {reconstruction} + {weight}KL {written(there.kl)} = {written(there.loss)}."


def _at_z(name: str, step: OneStep) -> str:
    gradients, short = step.gradients["reconstruction"], VARIANT_SHORT[name]
    if path(name, step) == "through":
        return f"{short}: through the decoder, {written(norm(gradients.z))} arrives at z."
    return f"{short}: the decoder gets its gradient, but z is treated as a fixed number: here it stops."


def _at_the_code(name: str, step: OneStep) -> str:
    gradients, short = step.gradients["reconstruction"], VARIANT_SHORT[name]
    mu, logvar = written(norm(gradients.mu)), written(norm(gradients.logvar))
    if not VARIANTS[name].noise:
        said = f"{short}: z is μ, so all of it arrives."
    elif path(name, step) == "through":
        said = (
            f"{short}: z = μ + σ · ε can be differentiated, so {mu} arrives at μ and {logvar} at log σ². ε needs none."
        )
    elif path(name, step) == "around":
        said = f"{short}: around z, by loss × gradient of log q(z|x): {mu} at μ and {logvar} at log σ²."
    else:
        said = f"{short}: nothing arrives at μ and log σ²."
    kl = step.gradients["kl"]
    return said + (f" The KL adds {written(norm(kl.mu))} and {written(norm(kl.logvar))}." if kl.mu.any() else "")


def _at_the_encoder(name: str, step: OneStep) -> str:
    there, kl, short = step.gradients["reconstruction"].encoder, step.gradients["kl"].encoder, VARIANT_SHORT[name]
    arrives = f"{written(there)} reaches the encoder's weights"
    if not VARIANTS[name].noise:
        said = f"{short}: there is no random step; {arrives}."
    elif path(name, step) == "through":
        said = f"{short}: ε is an extra input, so the gradient passes the random step; {arrives}."
    elif path(name, step) == "around":
        said = f"{short}: the gradient goes around the random step; {arrives}, as one noisy estimate."
    else:
        said = f"{short}: nothing passes the random step; exactly {arrives}."
    return said + (f" The KL brings {written(kl)}." if kl else "")
