"""Both losses of a trained run, as pages show them; shared by all visitors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from pages.state import loaded_models, resources
from vae.choices.likelihoods import likelihood_of
from vae.choices.variants import VARIANTS
from vae.figures.style import VARIANT_TITLES
from vae.store.runs import Run

REBUILT_FROM = {"from_mean": "from μ", "from_sample": "from a sample"}
TABS, FIRST_TAB = "losses.tab", "Both losses"  # of the page
COLLAPSED_KL = 0.1  # objectives.COLLAPSED_KL
NEAR_THE_CEILING = 0.9  # of log N, beyond which an estimate of I(x; z) says no more than "much"


def with_kl(run: Run) -> list[str]:
    """Variants that have a log-variance, so that their KL can be measured."""
    return [name for name in run.config.variants if VARIANTS[name].has_logvar]


def with_terms(run: Run) -> list[str]:
    """Variants whose loss has more than one term, or whose KL can be measured."""
    return [name for name in run.config.variants if VARIANTS[name].has_logvar or VARIANTS[name].penalty]


def beta_of(run: Run, name: str) -> float:
    """What the variant pays for a nat of KL."""
    return run.config.beta if VARIANTS[name].kl else 0.0


def watched_history(run: Run) -> pd.DataFrame:
    """Rows of the watched images, all epochs."""
    _, history = resources.progress(run.id)
    return history[(history["split"] != "test") & (history["epoch"] <= run.epoch)]


def alarm(run: Run, epoch: int) -> None:
    """A code that says nothing, whichever run it is, or one that costs a KL and says nothing all the same."""
    history = watched_history(run)
    for row in history[(history["epoch"] == epoch) & (history["epoch"] > 0)].to_dict("records"):
        if pd.isna(row["kl"]) or row["active_units"]:
            continue
        title = VARIANT_TITLES[row["variant"]]
        if row["kl"] < COLLAPSED_KL:
            st.error(
                f"{title}: collapsed. Its KL is {row['kl']:.4f} nats and none of "
                f"{run.config.latent_dim} dimensions is active: the code says nothing about the image.",
                icon=":material/notifications_active:",
            )
        elif (told := information(run.id, epoch).get(row["variant"])) is not None and told.nats < COLLAPSED_KL:
            st.warning(
                f"{title}: its code costs a KL of {row['kl']:.2f} nats, but a sample of it tells {told.nats:.4f} nats "
                f"of the image, and none of {run.config.latent_dim} dimensions is active.",
                icon=":material/notifications_active:",
            )


@dataclass(frozen=True)
class Information:
    """An estimate of I(x; z)."""

    nats: float
    images: int  # whose aggregate posterior it was measured under

    @property
    def ceiling(self) -> float:
        """The most that it can come to, nats."""
        return math.log(self.images)


@st.cache_data(max_entries=24, show_spinner=False)
def information(run_id: str, epoch: int) -> dict[str, Information]:
    """`metrics.mutual_information` of the variants that sample their codes, over the watched images."""
    import torch

    from vae.learning.losses import reparameterize
    from vae.learning.randomness import normal_like, stream
    from vae.metrics import mutual_information

    x, run, found = torch.from_numpy(loaded_models.watched(run_id).x), resources.run(run_id), {}
    for name, model in loaded_models.models(run_id, epoch).items():
        if VARIANTS[name].noise:
            with torch.inference_mode():
                mu, logvar = model.encoder(x)
                z = reparameterize(mu, logvar, normal_like(mu, stream(run.config.seed, "information", epoch)))
                each = mutual_information(mu, logvar, z)
            found[name] = Information(float(each.mean()), len(x))
    return found


def diagnosis(run: Run, epoch: int, name: str) -> str | None:
    """What KL, active units and mutual information of a variant show, each; None where it doesn't sample its code."""
    told = information(run.id, epoch).get(name)
    if told is None:
        return None
    used = dimensions(run.id, epoch)[name]
    kl, active = float(used.kl.sum()), int(used.active_unit_mask.sum())
    said = (
        f"**KL, {kl:.2f} nats**: what the code costs. **I(x; z), {told.nats:.2f} nats**: what a sample of it tells of "
        f"the image, under the aggregate posterior of {told.images:,} images, so {told.ceiling:.2f} at the most. "
        f"**{active} active**: dimensions whose mean moves with the image, however large the noise on it is."
    )
    if told.nats > NEAR_THE_CEILING * told.ceiling:
        return f"{said} The estimate is near its ceiling: it may be more."
    rest = max(0.0, kl - told.nats)
    return f"{said} About {rest:.2f} nats of the KL tell nothing: so far is the cloud of all codes from N(0, I)."


@st.cache_data(max_entries=24, show_spinner=False)
def dimensions(run_id: str, epoch: int) -> dict[str, Any]:
    """`objectives.Dimensions` of the variants with a log-variance, over the watched images."""
    from vae.analysis.objectives import dimensions as measure

    x, models = loaded_models.watched(run_id).x, loaded_models.models(run_id, epoch)
    return {name: measure(models[name], x) for name in with_kl(resources.run(run_id))}


def share_of_active(used: Any) -> float:
    """How much of the KL the active dimensions hold."""
    total = float(used.kl.sum())
    return float(used.kl[used.active_unit_mask].sum()) / total if total > 0 else 0.0


def dimension_table(run: Run, epoch: int, name: str) -> pd.DataFrame:
    """One row per dimension."""
    used = dimensions(run.id, epoch)[name]
    return pd.DataFrame(
        {
            "dimension": np.arange(1, len(used.kl) + 1),
            "kl": used.kl,
            "variance_of_mean": used.variance_of_mean,
            "active": used.active_unit_mask,
        }
    )


@st.cache_data(max_entries=24, show_spinner=False)
def by_both(run_id: str, epoch: int) -> pd.DataFrame:
    """Watched images rebuilt, by both losses: columns variant, way, bce, sse, mse."""
    from vae.analysis.objectives import rebuilt_by_both
    from vae.learning.randomness import stream

    x, seed, rows = loaded_models.watched(run_id).x, resources.run(run_id).config.seed, []
    for name, model in loaded_models.models(run_id, epoch).items():
        found = rebuilt_by_both(model, name, x, stream(seed, "rebuilt", epoch))
        rows += [{"variant": name, "way": rebuilt_from, **losses} for rebuilt_from, losses in found.items()]
    return pd.DataFrame(rows)


@st.cache_data(max_entries=24, show_spinner=False)
def floors(run_id: str) -> dict[str, float]:
    """What predicting the mean training image for every watched image costs, by loss."""
    import torch

    from vae.analysis.objectives import both_losses

    images, likelihood = loaded_models.watched(run_id), likelihood_of(resources.run(run_id).config)
    # A pixel that is never lit in training may be lit here: its log is bounded.
    mean = torch.logit(torch.from_numpy(images.mean_image).double(), eps=1e-7).expand(images.x.shape)
    return both_losses(mean, torch.from_numpy(images.x), likelihood)


@st.cache_data(max_entries=24, show_spinner=False)
def least_bce(run_id: str) -> float:
    """What the watched images cost against themselves, in nats per image."""
    from vae.analysis.objectives import bce_floor

    return bce_floor(loaded_models.watched(run_id).x)


def title_of(row: dict[str, Any]) -> str:
    """Of a row of `by_both`."""
    title = VARIANT_TITLES[row["variant"]]
    return f"{title}, {REBUILT_FROM[row['way']]}" if VARIANTS[row["variant"]].noise else title


@st.cache_data(max_entries=200, show_spinner=False)
def both_ways(mu: float, std: float, other_mu: float, other_std: float) -> tuple[float, float]:
    """KL(q ‖ p) and KL(p ‖ q) of two Gaussians, nats."""
    from vae.analysis.objectives import kl_gaussians

    return kl_gaussians(mu, std, other_mu, other_std), kl_gaussians(other_mu, other_std, mu, std)
