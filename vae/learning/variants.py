"""The four ways to treat a code. A variant is data: one training loop serves them all."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """Which of the VAE's two ingredients are in."""

    noise: bool  # the decoder sees a sample z = μ + σ·ε instead of μ
    kl: bool  # the objective contains β · KL

    @property
    def has_logvar(self) -> bool:
        return self.noise or self.kl


VARIANTS = {
    "ae": Variant(noise=False, kl=False),
    "noise_only": Variant(noise=True, kl=False),
    "kl_only": Variant(noise=False, kl=True),
    "vae": Variant(noise=True, kl=True),
}
