"""The four ways to treat a code. A variant is data: one training loop serves them all. Free of torch, for pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Variant:
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


VARIANTS = {
    "ae": Variant(noise=False, kl=False),
    "noise_only": Variant(noise=True, kl=False),
    "kl_only": Variant(noise=False, kl=True),
    "vae": Variant(noise=True, kl=True),
}


def parameter_count(layers: Sequence[int], with_logvar: bool) -> int:
    """Weights and biases of one variant, without building it."""
    there = sum(inputs * outputs + outputs for inputs, outputs in pairwise(layers))
    back = sum(inputs * outputs + outputs for inputs, outputs in pairwise(list(reversed(layers))))
    return there + back + (layers[-2] * layers[-1] + layers[-1] if with_logvar else 0)
