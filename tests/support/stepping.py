"""One training step of a tiny model on a made image, for tests of the numbers and of the figure that shows them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from vae.analysis.one_step import OneStep, one_step
from vae.choices.estimators import ESTIMATOR_SETUPS
from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.learning.models import Autoencoder, initialise, mlp

PIXELS, LATENT = 6, 3
BETA, RATE, SEED, DRAW = 2.5, 0.01, 5, 4


def tiny(variant: str, loss: str = "bce") -> Autoencoder:
    """As pages hold them: shared, and not to be trained."""
    settings = {"hidden": (5,), "latent_dim": LATENT, "activation": "tanh", "binarisation": "static"}
    config = RunConfig(**settings, reconstruction=loss)
    made = mlp(config, PIXELS, VARIANTS[variant].has_logvar)
    return initialise(made, torch.Generator().manual_seed(3)).eval().requires_grad_(False)


def image() -> np.ndarray:
    return torch.rand(PIXELS, generator=torch.Generator().manual_seed(4)).numpy()


def measured(variant: str, loss: str = "bce", setup: str = "pathwise", **settings: Any) -> OneStep:
    settings = {"beta": BETA, "learning_rate": RATE, "seed": SEED, "draw": DRAW} | settings
    return one_step(
        tiny(variant, loss),
        VARIANTS[variant],
        image(),
        loss,
        settings.pop("beta"),
        settings.pop("learning_rate"),
        setup=ESTIMATOR_SETUPS[setup],
        **settings,
    )
