"""Functions whose mean over x ~ N(μ, σ²) is known: the toy of The trick. Free of torch.

An entry gives all that the closed forms need; what they are is worked out below, once for all functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

# Setting: Mohamed et al. 2020 (arXiv 1906.10652). Means of products with powers of ε by Stein's lemma:
# E[h(x) Heₙ(ε)] = σⁿ E[h⁽ⁿ⁾(x)] for x = μ + σε and Hermite's polynomials Heₙ.


@dataclass(frozen=True)
class ToyFunction:
    """One f, with means over x ~ N(μ, σ²) that are known: functions of μ, σ and k."""

    title: str
    latex: str  # of f(x)
    slope_latex: str  # of f'(x)
    known_latex: str  # its closed forms, as a table
    f: Callable[[Tensor, float], Tensor]  # x and k → f(x)
    mean: Callable[[float, float, float], float]  # E f
    by_mu: Callable[[float, float, float], float]  # ∂ E f / ∂μ = E f'
    by_sigma: Callable[[float, float, float], float]  # ∂ E f / ∂σ = σ E f''
    slope_squared: Callable[[float, float, float], tuple[float, float]]  # E g and E g'' of g = f'²
    squared: Callable[[float, float, float], tuple[float, float, float]]  # E h, E h'' and E h'''' of h = f²
    takes_k: bool = False

    def truth(self, mu: float, sigma: float, k: float) -> dict[str, float]:
        """Gradient of E f, by parameter."""
        return {"mu": self.by_mu(mu, sigma, k), "sigma": self.by_sigma(mu, sigma, k)}

    def variance(self, mu: float, sigma: float, k: float) -> dict[tuple[str, str], float]:
        """Variance of a one-sample estimate of that gradient, by (estimator, parameter)."""
        truth, s2 = self.truth(mu, sigma, k), sigma**2
        g, g2 = self.slope_squared(mu, sigma, k)
        h, h2, h4 = self.squared(mu, sigma, k)
        squares = {
            ("pathwise", "mu"): g,  # E[f'²]
            ("pathwise", "sigma"): g + s2 * g2,  # E[f'² ε²], ε² = He₂ + 1
            ("score_function", "mu"): h / s2 + h2,  # E[f² ε²] / σ²
            ("score_function", "sigma"): 2 * h / s2 + 4 * h2 + s2 * h4,  # E[f² (ε² − 1)²] / σ²: He₄ + 4 He₂ + 2
        }
        return {(estimator, by): square - truth[by] ** 2 for (estimator, by), square in squares.items()}


def _parabola_squared(mu: float, sigma: float, k: float) -> tuple[float, float, float]:
    d2, s2 = (mu - k) ** 2, sigma**2
    return d2**2 + 6 * d2 * s2 + 3 * s2**2, 12 * (d2 + s2), 24.0  # of (x − k)⁴


def _waves(mu: float, sigma: float) -> tuple[float, float]:
    """E[sin x] and E[cos x]."""
    fade = np.exp(-(sigma**2) / 2)
    return float(fade * np.sin(mu)), float(fade * np.cos(mu))


def _wavy_slope_squared(mu: float, sigma: float, k: float) -> tuple[float, float]:
    """Of (2x + cos x)² = 4x² + 4x cos x + cos² x."""
    s2, (sin, cos) = sigma**2, _waves(mu, sigma)
    x_cos, cos_2x = mu * cos - s2 * sin, _waves(2 * mu, 2 * sigma)[1]
    return 4 * (mu**2 + s2) + 4 * x_cos + (1 + cos_2x) / 2, 8 - 8 * sin - 4 * x_cos - 2 * cos_2x


def _wavy_squared(mu: float, sigma: float, k: float) -> tuple[float, float, float]:
    """Of (x² + sin x)² = x⁴ + 2x² sin x + sin² x."""
    s2, (sin, cos) = sigma**2, _waves(mu, sigma)
    x2, x4 = mu**2 + s2, mu**4 + 6 * mu**2 * s2 + 3 * s2**2
    x_cos, cos_2x = mu * cos - s2 * sin, _waves(2 * mu, 2 * sigma)[1]
    x2_sin = (x2 - s2**2) * sin + 2 * mu * s2 * cos
    return (
        x4 + 2 * x2_sin + (1 - cos_2x) / 2,
        12 * x2 + 4 * sin + 8 * x_cos - 2 * x2_sin + 2 * cos_2x,
        24 + 2 * x2_sin - 16 * x_cos - 24 * sin - 8 * cos_2x,
    )


TOY_FUNCTIONS: dict[str, ToyFunction] = {
    "parabola": ToyFunction(
        "(x − k)²",
        latex="(x-k)^2",
        slope_latex="2(x-k)",
        known_latex=r"\footnotesize\begin{array}{lll} & \partial/\partial\mu & \partial/\partial\sigma \\ \hline "
        r"\text{truth} & 2d & 2\sigma \\ "
        r"\text{var., pathwise} & 4\sigma^2 & 4d^2+8\sigma^2 \\ "
        r"\text{var., score} & \tfrac{d^4}{\sigma^2}+14d^2+15\sigma^2 & \tfrac{2d^4}{\sigma^2}+60d^2+74\sigma^2 "
        r"\end{array}",
        f=lambda x, k: (x - k).square(),
        mean=lambda mu, sigma, k: (mu - k) ** 2 + sigma**2,
        by_mu=lambda mu, sigma, k: 2 * (mu - k),
        by_sigma=lambda mu, sigma, k: 2 * sigma,
        slope_squared=lambda mu, sigma, k: (4 * ((mu - k) ** 2 + sigma**2), 8.0),
        squared=_parabola_squared,
        takes_k=True,
    ),
    "wavy": ToyFunction(
        "x² + sin x",
        latex=r"x^2+\sin x",
        slope_latex=r"(2x+\cos x)",
        known_latex=r"\footnotesize\begin{array}{ll} \mathbb{E} f & \mu^2+\sigma^2+e^{-\sigma^2/2}\sin\mu \\ "
        r"\text{truth, } \partial/\partial\mu & 2\mu+e^{-\sigma^2/2}\cos\mu \\ "
        r"\text{truth, } \partial/\partial\sigma & 2\sigma-\sigma e^{-\sigma^2/2}\sin\mu \end{array}",
        f=lambda x, k: x.square() + x.sin(),
        mean=lambda mu, sigma, k: mu**2 + sigma**2 + _waves(mu, sigma)[0],
        by_mu=lambda mu, sigma, k: 2 * mu + _waves(mu, sigma)[1],
        by_sigma=lambda mu, sigma, k: 2 * sigma - sigma * _waves(mu, sigma)[0],
        slope_squared=_wavy_slope_squared,
        squared=_wavy_squared,
    ),
}
