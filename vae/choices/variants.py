"""The ways to treat a code. A variant is data: one training loop serves them all.

The first four are a VAE's two ingredients, in and out. The others are other ways to make a code smooth, each with one
strength and neither with a KL nor with a σ that is learnt. What they compute stands in `learning.smoothing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .choice import Choice


@dataclass(frozen=True)
class Variant(Choice):
    """Which of the VAE's two ingredients are in, and what else is."""

    formula: str  # the same in a few signs, below the drawing of its network
    noise: bool  # the decoder sees a sample z = μ + σ·ε instead of μ
    kl: bool  # the objective contains β · KL
    strength: str | None = None  # the field of RunConfig that says how much there is of what follows
    input_noise: bool = False  # while it learns, the encoder sees x + strength · ε; the image to rebuild is x
    fixed_noise: bool = False  # σ is the strength, for every image and dimension, and codes are normalised
    penalty: str | None = None  # the objective contains strength · this one of `learning.smoothing.PENALTIES`
    work: float = 1.0  # time of a training step beside the VAE's, measured on one core of a processor
    work_per_dimension: float = 0.0  # and more of it for each latent dimension: passes back through the encoder

    @property
    def noun(self) -> str:
        """What a sentence calls such a model: "the VAE", "the model with noise only"."""
        return self.title if self.title.endswith("AE") else f"model with {self.title}"

    @property
    def has_logvar(self) -> bool:
        """Whether the encoder says a log-variance of its own for each image."""
        return (self.noise or self.kl) and not self.fixed_noise

    @property
    def estimated(self) -> bool:
        """Whether a gradient has to get past a random sample to a σ that is learnt: what The trick is about."""
        return self.noise and self.has_logvar

    @property
    def idle_fields(self) -> frozenset[str]:
        """Settings of RunConfig that are no part of how this variant is trained."""
        of_kl = () if self.kl else ("beta", "kl_warmup_epochs", "kl_cycles", "free_bits")
        of_noise = () if self.estimated else ("estimator", "samples", "baseline")
        of_others = {variant.strength for variant in VARIANTS.values() if variant.strength} - {self.strength}
        return frozenset((*of_kl, *of_noise, *of_others))


VARIANTS: dict[str, Variant] = {
    "ae": Variant(
        "AE", "Plain autoencoder: no noise, no KL.", "the code goes straight to the decoder", noise=False, kl=False
    ),
    "noise_only": Variant(
        "noise only",
        "Samples its code, but no KL holds the codes together.",
        "z = μ + σ·ε, no KL",
        noise=True,
        kl=False,
    ),
    "kl_only": Variant(
        "KL only", "Pays the KL, but decodes the mean without noise.", "z = μ, and KL to N(0, I)", noise=False, kl=True
    ),
    "vae": Variant(
        "VAE", "Variational autoencoder: noise and KL.", "z = μ + σ·ε, and KL to N(0, I)", noise=True, kl=True
    ),
    "denoising": Variant(
        "denoising AE",
        "Sees noisy images while it learns, and has to rebuild the clean ones.",
        "sees x + s·ε, rebuilds x",
        noise=False,
        kl=False,
        strength="denoising_std",
        input_noise=True,
        work=1.5,
    ),
    "contractive": Variant(
        "contractive AE",
        "Pays for every pixel's influence on the code: the squared derivatives of the encoder.",
        "z = μ, and pays for ‖∂μ/∂x‖²",
        noise=False,
        kl=False,
        strength="contractive_weight",
        penalty="jacobian",
        work=1.5,
        work_per_dimension=0.6,
    ),
    "rae": Variant(
        "regularised AE",
        "Pays for large codes and for large weights of the decoder.",
        "z = μ, and pays for ‖z‖² and the decoder’s weights",
        noise=False,
        kl=False,
        strength="rae_weight",
        penalty="code_and_weights",
        work=1.5,
    ),
    "code_noise": Variant(
        "code-noise AE",
        "Adds noise of one fixed size to codes that are normalised to mean 0 and standard deviation 1.",
        "z = μ + s·ε, μ normalised, no KL",
        noise=True,
        kl=False,
        strength="code_noise_std",
        fixed_noise=True,
        work=1.5,
    ),
}


def ingredients() -> tuple[str, ...]:
    """Variants that are made of noise and KL alone: both, either, or none."""
    return tuple(name for name, variant in VARIANTS.items() if not variant.strength)


def other_ways() -> tuple[str, ...]:
    """Variants that add something else to an autoencoder."""
    return tuple(name for name, variant in VARIANTS.items() if variant.strength)


def with_a_sample_to_pass(names: Sequence[str]) -> str | None:
    """Of these variants the one whose gradient has to get past a sample, with both ingredients where there is one."""
    estimated = [name for name in names if VARIANTS[name].estimated]
    return max(estimated, key=lambda name: VARIANTS[name].kl, default=None)


def twins(names: Sequence[str]) -> tuple[str, ...]:
    """Of these variants the two to look at first: those with neither ingredient and with both, else the ends."""
    plain, *_, both = ingredients()
    if {plain, both} <= set(names):
        return plain, both
    return (names[0], names[-1]) if len(names) > 1 else tuple(names)
