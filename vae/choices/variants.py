"""The four ways to treat a code. A variant is data: one training loop serves them all."""

from __future__ import annotations

from dataclasses import dataclass

from .choice import Choice


@dataclass(frozen=True)
class Variant(Choice):
    """Which of the VAE's two ingredients are in."""

    noise: bool  # the decoder sees a sample z = μ + σ·ε instead of μ
    kl: bool  # the objective contains β · KL

    @property
    def has_logvar(self) -> bool:
        return self.noise or self.kl

    @property
    def idle_fields(self) -> frozenset[str]:
        """Settings of RunConfig that are no part of how this variant is trained."""
        of_kl = () if self.kl else ("beta", "kl_warmup_epochs")
        of_noise = () if self.noise else ("estimator", "samples", "baseline")
        return frozenset((*of_kl, *of_noise))


VARIANTS: dict[str, Variant] = {
    "ae": Variant("AE", "Plain autoencoder: no noise, no KL.", noise=False, kl=False),
    "noise_only": Variant("noise only", "Samples its code, but no KL holds the codes together.", noise=True, kl=False),
    "kl_only": Variant("KL only", "Pays the KL, but decodes the mean without noise.", noise=False, kl=True),
    "vae": Variant("VAE", "Variational autoencoder: noise and KL.", noise=True, kl=True),
}
