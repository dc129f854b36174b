"""Two losses: what do we gain from the KL term?"""

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.components.lazy_tabs import lazy_tabs
from pages.sections.two_losses import loss_terms
from pages.sections.two_losses.beta_and_sigma import beta_and_sigma
from pages.sections.two_losses.beta_sweep import sweep
from pages.sections.two_losses.known_factors import known_factors
from pages.sections.two_losses.linear_twins import linear_twins
from pages.sections.two_losses.reductions import sum_or_mean
from pages.shared import run_picker
from pages.shared.csv_button import csv
from pages.shared.lesson_frame import lesson_on_a_run
from pages.shared.which_images import watched
from pages.state import loaded_models
from pages.text.terms import explain
from vae.choices.estimators import of_bound
from vae.choices.likelihoods import LIKELIHOODS
from vae.choices.variants import VARIANTS
from vae.figures.objectives import dimension_bars, kl_area, terms_per_epoch
from vae.figures.style import VARIANT_TITLES
from vae.store.runs import Run

ACTIVE = 0.01  # losses.ACTIVE_UNIT_VARIANCE, whose module would bring torch along


def lesson(run: Run) -> None:
    """What needs a trained run, and what needs none."""
    in_a_run: dict[str, Callable[[], None]] = {
        loss_terms.FIRST_TAB: partial(both_losses, run),
        "Other β": partial(other_betas, run),
        "Known factors": partial(factors, run),
        "BCE or squared error": partial(both_reconstruction_losses, run),
        "β and σ": partial(beta_and_sigma, run),
        "Linear twins": partial(linear_twins, run),
    }
    lazy_tabs(in_a_run | WITHOUT_A_RUN, loss_terms.TABS)


def both_losses(run: Run) -> None:
    """The two terms of the objective, epoch by epoch, and the KL of each dimension."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        paying = loss_terms.with_terms(run)
        name = which(paying) if paying else None
        epoch = run_picker.epoch_picker(run)
        explain("nats", "active units", "mutual information", "free nats", "β")
    if name is None:
        st.info("This run holds no variant with a log-variance, so it has no KL to look at.")
        return
    loss_terms.alarm(run, epoch)
    if said := loss_terms.diagnosis(run, epoch, name):
        st.caption(said)
    left, right = st.columns(2, gap="medium")
    with left:
        per_epoch(run, name, epoch)
    with right:
        if name in loss_terms.with_kl(run):
            per_dimension(run, name, epoch)
        else:
            st.info("This model has no log-variance, so it has no KL to look at, dimension by dimension.")


def other_betas(run: Run) -> None:
    """The same VAE with other weights of the KL."""
    if loss_terms.with_kl(run):
        sweep(run)
    else:
        st.info("This run holds no variant with a log-variance, so it has no KL to look at.")


def factors(run: Run) -> None:
    """Codes against the factors that images were made from."""
    known_factors(run, run_picker.epoch_picker(run))


def which(names: list[str]) -> str:
    """Of the variants with a second term, the one to look at; the VAE at first."""
    if len(names) == 1:
        return names[0]
    first = "vae" if "vae" in names else names[0]
    return st.segmented_control(
        "Model", names, format_func=VARIANT_TITLES.__getitem__, default=first, required=True, key="losses.variant"
    )


def per_epoch(run: Run, name: str, epoch: int) -> None:
    """Both terms apart, and their sum."""
    history = loss_terms.watched_history(run)
    rows = history[history["variant"] == name]
    # A variant that does not pay its KL shows what it would cost, not a sum that nobody minimises.
    beta, likelihood = loss_terms.beta_of(run, name), LIKELIHOODS[run.config.reconstruction]
    figure(
        terms_per_epoch(rows, beta, likelihood.per_image, epoch),
        key="terms",
        alt="Reconstruction, KL and their sum per epoch",
    )
    now = rows[rows["epoch"] == epoch].iloc[0]
    unit = "" if likelihood.unit == "nats" else f" (a {likelihood.unit}, not nats)"
    terms, shares = [f"reconstruction {now['reconstruction']:.2f}{unit}"], []
    # Trained on the K-sample bound, a model pays this sum only in the evaluation.
    bound = of_bound(run.config.estimator) and VARIANTS[name].estimated
    whole = "reconstruction + β · KL; this model minimises the K-sample bound" if bound else "what this model minimises"
    penalty = now["penalty"] if pd.notna(now["penalty"]) else 0.0
    if pd.notna(now["kl"]):
        terms.append(f"KL {now['kl']:.2f} nats")
        what = f"β · KL with β = {beta:g}"
        if beta and run.config.free_bits:
            what += f" and {run.config.free_bits:g} nats of each dimension paid in any case"
        paid = now["loss"] - now["reconstruction"] - penalty  # with free bits more than β · KL
        shares.append(_share(what, paid, now, whole))
    if penalty:
        terms.append(f"penalty {penalty:.2f}")
        shares.append(_share("The penalty", penalty, now, whole))
    st.markdown(
        f"**What to notice.** Epoch {epoch}: {', '.join(terms)} (means over {watched(run)}). {' '.join(shares)}"
    )
    csv(lambda: rows, f"terms-{run.id}-{name}")


def _share(what: str, paid: float, now: pd.Series, whole: str) -> str:
    """How much of the objective is paid for this. A density may be above 1: then there is no share."""
    if min(now["reconstruction"], now["loss"]) > 0:
        return f"{what} is {paid / now['loss']:.1%} of {whole}."
    return f"{what} adds {paid:.2f} to {whole}."


def per_dimension(run: Run, name: str, epoch: int) -> None:
    """Which dimensions carry something."""
    used = loss_terms.dimensions(run.id, epoch)[name]
    figure(
        dimension_bars(used.kl, used.variance_of_mean, ACTIVE, name),
        key="dimensions",
        alt="KL of each latent dimension",
    )
    count = int(used.active_unit_mask.sum())
    st.markdown(
        f"**What to notice.** {count} of {len(used.kl)} dimensions are active and hold "
        f"{loss_terms.share_of_active(used):.1%} of the KL. Hatched: not active."
    )
    csv(lambda: loss_terms.dimension_table(run, epoch, name), f"dimensions-{run.id}-{name}-epoch-{epoch}")


def both_reconstruction_losses(run: Run) -> None:
    """The same pictures by both losses, beside what cannot be beaten."""
    epoch = run_picker.epoch_picker(run)
    table = loss_terms.by_both(run.id, epoch)
    if not set(LIKELIHOODS) & set(table.columns):
        st.info(
            f"This run was trained with {LIKELIHOODS[run.config.reconstruction].name}. Its decoder's outputs are not "
            "those that BCE and squared error take, so they can't be compared on its pictures."
        )
        return
    floor = loss_terms.floors(run.id)
    shown = table.assign(model=[loss_terms.title_of(row) for row in table.to_dict("records")])
    compared = {name: likelihood for name, likelihood in LIKELIHOODS.items() if name in floor}
    mean_image = " or ".join(f"{floor[name]:.2f} {likelihood.unit}" for name, likelihood in compared.items())
    losses = {name: likelihood.heading for name, likelihood in compared.items()}
    names = {"model": "Pictures"} | losses | {"mse": "MSE / pixel"}
    st.dataframe(shown[list(names)].rename(columns=names).round(4), hide_index=True, width="stretch")
    st.markdown(
        f"**What to notice.** This run was trained with {LIKELIHOODS[run.config.reconstruction].name}. Unless all "
        f"pixels are 0 or 1, BCE can't reach 0: even a perfect copy costs {loss_terms.least_bce(run.id):.2f} nats. Its "
        f"squared error is 0. The mean training image costs {mean_image}."
    )
    st.caption(f"Over {watched(run, len(loaded_models.watched(run.id).x))}.")
    csv(lambda: table, f"reconstruction-losses-{run.id}-epoch-{epoch}")


def two_gaussians() -> None:
    """The KL as an area, with sliders."""
    left, right = st.columns([1, 2], gap="large")
    with left:
        mu = st.slider("μ of q", -3.0, 3.0, 1.0, 0.1, key="area.mu")
        std = st.slider("σ of q", 0.1, 3.0, 0.6, 0.05, key="area.std")
        other_mu = st.slider("mean of p", -3.0, 3.0, 0.0, 0.1, key="area.other_mu")
        other_std = st.slider("standard deviation of p", 0.1, 3.0, 1.0, 0.05, key="area.other_std")
    forward, backward = loss_terms.both_ways(mu, std, other_mu, other_std)
    with right:
        figure(kl_area(mu, std, other_mu, other_std), key="area", alt="The KL between two Gaussians as an area")
    st.markdown(
        f"KL(q ‖ p) = **{forward:.3f}** nats: the area above the axis minus the area below it. The other way round, "
        f"KL(p ‖ q) = **{backward:.3f}**."
    )


def the_formulas() -> None:
    """The objective, and the KL of two Gaussians as an area."""
    st.latex(
        r"\mathcal{L} = \underbrace{\mathbb{E}_{q}\bigl[-\log p(x|z)\bigr]}_{\text{reconstruction}}"
        r" + \beta \, \underbrace{\mathrm{KL}\bigl(q \,\|\, \mathcal{N}(0, I)\bigr)}_{\text{regulariser}}"
        r", \qquad \mathrm{KL} = \tfrac12 \textstyle\sum_j \bigl(\mu_j^2 + \sigma_j^2 - 1 - \log\sigma_j^2\bigr)"
    )
    st.caption(
        "x: an image; z: its code; q = q(z|x) = N(μ, σ²): the encoder's distribution; p(x|z): the decoder's. Summed "
        "over pixels and over dimensions j, averaged over images; β = 1 gives −ELBO. Kingma and Welling 2014 (arXiv "
        "1312.6114), appendix B; Higgins et al. 2017 for β."
    )
    st.fragment(two_gaussians)()
    explain("ELBO", "β")


WITHOUT_A_RUN: dict[str, Callable[[], None]] = {"Sum or mean?": st.fragment(sum_or_mean), "The formulas": the_formulas}

lesson_on_a_run(
    "two_losses.py",
    lesson,
    "A VAE minimises two losses: the reconstruction, and the KL, which grows when codes move away from N(0, I).",
    otherwise=lambda: lazy_tabs(WITHOUT_A_RUN, loss_terms.TABS),
)
