"""What the article's claims are judged by, measured on a run's test images: one table, one registry.

All randomness comes from the run's seed, so a run is always measured the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import SupportsFloat

import numpy as np
import pandas as pd
import torch

from ..choices.estimators import ESTIMATOR_SETUPS
from ..choices.nudge_units import NUDGE_UNITS
from ..choices.variants import VARIANTS
from ..config import RunConfig
from ..datasets import Images
from ..datasets.principal_axes import PrincipalAxes
from ..learning.models import Autoencoder
from ..learning.randomness import normal_like, stream
from . import gradients
from .codes import Codes, encode, kl_to_prior, mmd_to_prior, sample
from .reconstructions import resample, spread
from .reference import RealImages
from .sampling import prior

COLUMNS = ["variant", "measure", "value", "n"]  # variant "": of the images or of N(0, I) themselves, not of a model
SAMPLES = 16  # pictures of one image
SPREAD_IMAGES = 500  # images of which so many pictures are made
MMD_CODES = 2000  # all pairs of them are compared
DRAWN = 1000  # pictures of codes drawn from N(0, I), and real images they are compared with
SMALL = 0.1  # "very low": a tenth of a standard deviation
CHUNK = 2000  # images at a time


@dataclass(frozen=True)
class Measure:
    """One number of a table."""

    title: str
    unit: str
    sentence: str


_NORM = "gradient of the reconstruction, per unit"
MEASURES: dict[str, Measure] = {
    "mse": Measure("Squared error", "MSE per pixel", "Of the pictures rebuilt from the mean μ of each test image."),
    "mean_image_mse": Measure(
        "Squared error of the mean image", "MSE per pixel", "What always answering the mean training image costs."
    ),
    "pca_mse": Measure(
        "Squared error of PCA",
        "MSE per pixel",
        "Of test images rebuilt from as many principal components as the code has numbers, fitted to the training "
        "images.",
    ),
    "kl_to_prior": Measure(
        "KL of a Gaussian fitted to the codes, to N(0, I)",
        "nats",
        "Of the codes that the decoder sees; infinite where they fill less than the whole space. Without a variant: of "
        "as many draws of N(0, I).",
    ),
    "mmd_to_prior": Measure(
        "MMD² between the codes and N(0, I)",
        "",
        "Of the codes that the decoder sees, with a Gaussian kernel. Without a variant: of as many draws of N(0, I).",
    ),
    "posterior_std": Measure(
        "Posterior σ", "in the code's own numbers", "Root mean square over dimensions, median over images."
    ),
    "code_std": Measure(
        "Spread of the codes",
        "in the code's own numbers",
        "Standard deviation of the means μ over images, root mean square over dimensions.",
    ),
    "neighbour_distance": Measure(
        "Neighbour distance",
        "in the code's own numbers",
        "Median distance from a mean μ to the nearest other, root mean square over dimensions.",
    ),
    "spread": Measure(
        f"Spread of {SAMPLES} pictures of one image",
        "level in [0, 1]",
        f"Standard deviation of each pixel over pictures of {SAMPLES} samples z, root mean square over pixels, mean "
        "over images. 0 without noise.",
    ),
    "rebuilt_rmse": Measure(
        "Error of rebuilding",
        "level in [0, 1]",
        "Root mean square over pixels, from the mean μ, mean over the same images as the spread.",
    ),
    "negative_share": Measure(
        "Outputs log σ² below 0", "share", "Of all outputs for log σ², over images and dimensions."
    ),
    "eps_std": Measure("Standard deviation of ε", "", "Of the noise of the first epoch of training, drawn once more."),
    "eps_median": Measure("Median of |ε|", "", "Of the same noise."),
    "eps_small_share": Measure(f"|ε| below {SMALL:g}", "share", "Of the same noise."),
    "noise_rms": Measure("σ·ε", "in the code's own numbers", "Root mean square of what is added to μ."),
    "sample_distance": Measure(
        "From drawn pictures to real ones",
        "pixel RMSE",
        "Mean distance from pictures of codes drawn from N(0, I) to the nearest training image. Blurred pictures are "
        "near, too: read it beside the distance from real ones. Without a variant: from test images.",
    ),
    "coverage_distance": Measure(
        "From real pictures to drawn ones",
        "pixel RMSE",
        f"Mean distance from test images to the nearest of {DRAWN:,} pictures of codes drawn from N(0, I). Without a "
        "variant: to the nearest of as many training images.",
    ),
    **{
        f"gradient_{place}_{name}": Measure(
            f"Gradient at {symbol}, {setup.title}", f"{_NORM} of {symbol}", "Norm over a batch of test images."
        )
        for name, setup in ESTIMATOR_SETUPS.items()
        for place, symbol in (("mu", "μ"), ("logvar", "log σ²"))
    },
}


def measure(
    models: Mapping[str, Autoencoder],
    config: RunConfig,
    images: Images,
    rows: np.ndarray,
    progress: Callable[[float], None] = lambda share: None,
) -> pd.DataFrame:
    """All of MEASURES that a run's `models` (by variant) have, on its test images: a table with COLUMNS.

    `rows` are those of the training images that the run learnt from, for the baselines. `progress` is called with the
    share that is done. What a model doesn't have (σ without a log-variance, a neighbour of one image alone) has no row;
    the KL may be infinite.
    """
    x = images.test_x.astype(np.float32) / images.white  # (N, P)
    real, found = RealImages.of(images, rows), []
    parts = {"": _baselines(config, images, rows, x, real)}
    parts |= {name: _of_model(model, name, config, x, real) for name, model in models.items()}  # not yet measured
    for place, (variant, part) in enumerate(parts.items()):
        progress(place / len(parts))
        found += [(variant, name, float(value), count) for name, value, count in part]
    progress(1.0)
    return pd.DataFrame(found, columns=COLUMNS)


Measured = Iterator[tuple[str, SupportsFloat, int]]  # name of the measure, value, over how many


def _baselines(config: RunConfig, images: Images, rows: np.ndarray, x: np.ndarray, real: RealImages) -> Measured:
    """What no model is needed for."""
    seed, count = config.seed, len(x)
    principal = PrincipalAxes.of(images, rows)
    yield "mean_image_mse", np.square(x - principal.mean).mean(dtype=np.float64), count
    yield "pca_mse", principal.error(x, config.latent_dim), count
    drawn = prior(count, config.latent_dim, stream(seed, "coverage of the prior"))
    yield from _beside_the_prior(drawn, seed)
    eps = _noise_of_training(config, len(rows))
    yield "eps_std", eps.std(), eps.numel()
    yield "eps_median", eps.abs().median(), eps.numel()
    yield "eps_small_share", (eps.abs() < SMALL).float().mean(), eps.numel()
    held_out = torch.from_numpy(x[:DRAWN])
    yield "sample_distance", real.nearest(held_out)[0].mean(), len(held_out)
    yield "coverage_distance", _nearest(held_out, real.x[:DRAWN]).mean(), len(held_out)


def _noise_of_training(config: RunConfig, images: int) -> torch.Tensor:
    """ε of the first epoch, batch by batch, as `Learner` draws it on the processor: (images, D)."""
    generator = stream(config.seed, "noise", 1)
    batches = torch.empty(images, config.latent_dim).split(config.batch_size)
    return torch.cat([normal_like(batch, generator) for batch in batches])


def _of_model(model: Autoencoder, name: str, config: RunConfig, x: np.ndarray, real: RealImages) -> Measured:
    variant, seed = VARIANTS[name], config.seed
    codes = encode(model, x)
    mu = torch.from_numpy(codes.mu)  # (N, D)
    yield "mse", _squared_error(model, mu, x), len(x)
    z = sample(codes, stream(seed, "coverage", config.epochs)) if variant.noise else codes.mu
    yield from _beside_the_prior(z, seed)
    yield "code_std", np.sqrt(codes.mu.var(axis=0).mean()), len(x)
    apart = NUDGE_UNITS["neighbour"].length(codes.mu, codes.std)
    if apart is not None:
        yield "neighbour_distance", apart[0], len(x)
    yield from _pictures_of_one(model, variant.noise, codes, x[:SPREAD_IMAGES], seed)
    if codes.std is not None:
        yield "posterior_std", np.median(np.sqrt(np.square(codes.std).mean(axis=1))), len(x)
        yield "negative_share", (codes.std < 1).mean(), codes.std.size  # where σ is below 1, log σ² is below 0
    yield from _drawn(model, config.latent_dim, x[:DRAWN], real, seed)
    if variant.noise:
        eps = normal_like(mu, stream(seed, "noise", 1)).numpy()
        yield "noise_rms", np.sqrt(np.square(codes.std * eps).mean()), eps.size
    if variant.estimated:
        batch = x[: gradients.BATCH]
        for estimator in ESTIMATOR_SETUPS:
            norms = gradients.gradient_norms(
                model,
                variant,
                batch,
                config.reconstruction,
                0.0,
                estimator=estimator,
                samples=config.samples,
                seed=seed,
            ).set_index("place")["reconstruction"]
            yield f"gradient_mu_{estimator}", norms["mu"], len(batch)
            yield f"gradient_logvar_{estimator}", norms["logvar"], len(batch)


def _beside_the_prior(z: np.ndarray, seed: int) -> Measured:
    """Of codes `z` (N, D), as `pages` measure how a space is covered; of two codes at the least."""
    if len(z) > 1:
        yield "kl_to_prior", kl_to_prior(z), len(z)
        yield "mmd_to_prior", mmd_to_prior(z[:MMD_CODES], stream(seed, "mmd")), min(len(z), MMD_CODES)


@torch.inference_mode()
def _squared_error(model: Autoencoder, mu: torch.Tensor, x: np.ndarray) -> float:
    total = 0.0
    for start in range(0, len(x), CHUNK):
        picture = model.picture(mu[start : start + CHUNK]).numpy()  # (B, P)
        total += float(np.square(picture - x[start : start + CHUNK]).sum(dtype=np.float64))
    return total / x.size


@torch.inference_mode()
def _pictures_of_one(model: Autoencoder, noise: bool, codes: Codes, x: np.ndarray, seed: int) -> Measured:
    """How far pictures of one image differ, and how far the picture of its mean is from it, over images `x` (n, P)."""
    off = model.picture(torch.from_numpy(codes.mu[: len(x)])).numpy() - x
    yield "rebuilt_rmse", np.sqrt(np.square(off).mean(axis=1)).mean(), len(x)
    spreads = np.zeros(1)
    if noise:
        generator = stream(seed, "spread")
        spreads = np.array([_rms(spread(resample(model, image, SAMPLES, generator))) for image in x])
    yield "spread", spreads.mean(), len(x)


@torch.inference_mode()
def _drawn(model: Autoencoder, latent_dim: int, x: np.ndarray, real: RealImages, seed: int) -> Measured:
    """Pictures of codes drawn from N(0, I): how near they are to real ones, and real ones, `x` (n, P), to them."""
    pictures = model.picture(torch.from_numpy(prior(DRAWN, latent_dim, stream(seed, "drawn"))))
    yield "sample_distance", real.nearest(pictures)[0].mean(), len(pictures)
    yield "coverage_distance", _nearest(torch.from_numpy(x), pictures).mean(), len(x)


def _nearest(x: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Pixel RMSE from each of `x` (n, P) to the nearest of `others` (m, P): (n,)."""
    return torch.cdist(x, others).amin(dim=1) / x.shape[1] ** 0.5


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.square(values, dtype=np.float64).mean()))
