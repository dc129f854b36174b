"""Two losses: what do we gain from the KL term?"""

import streamlit as st

from pages.components.figure import figure
from pages.sections.two_losses import loss_terms
from pages.sections.two_losses.beta_sweep import sweep
from pages.sections.two_losses.known_factors import known_factors
from pages.sections.two_losses.reductions import the_trap
from pages.shared import run_picker
from pages.shared.csv_button import csv
from pages.shared.lesson_frame import lesson_on_a_run
from pages.shared.which_images import watched
from pages.state import loaded_models
from vae.choices.likelihoods import LIKELIHOODS
from vae.figures.objectives import dimension_bars, kl_area, terms_per_epoch
from vae.figures.style import VARIANT_TITLES
from vae.store.runs import Run

ACTIVE = 0.01  # losses.ACTIVE_UNIT_VARIANCE, whose module would bring torch along


def lesson(run: Run) -> None:
    """What needs a trained run."""
    epoch = run_picker.epoch_picker(run)
    paying = loss_terms.with_kl(run)
    if not paying:
        st.info("This run holds no variant with a log-variance, so it has no KL to look at.")
    else:
        name = paying[0] if len(paying) == 1 else which(paying)
        loss_terms.alarm(run, epoch)
        per_epoch(run, name, epoch)
        per_dimension(run, name, epoch)
    both_reconstruction_losses(run, epoch)
    if paying:
        sweep(run)
    known_factors(run, epoch)


def which(names: list[str]) -> str:
    """Of the variants with a KL, the one to look at; the VAE at first."""
    first = "vae" if "vae" in names else names[0]
    return st.segmented_control(
        "Model", names, format_func=VARIANT_TITLES.__getitem__, default=first, required=True, key="losses.variant"
    )


def per_epoch(run: Run, name: str, epoch: int) -> None:
    """Both terms apart, and their sum."""
    st.header("Both terms, epoch by epoch", divider="gray")
    history = loss_terms.watched_history(run)
    rows = history[history["variant"] == name]
    # A variant that does not pay its KL shows what it would cost, not a sum that nobody minimises.
    beta, unit = loss_terms.beta_of(run, name), LIKELIHOODS[run.config.reconstruction].per_image
    figure(terms_per_epoch(rows, beta, unit, epoch), key="terms", alt="Reconstruction, KL and their sum per epoch")
    likelihood = LIKELIHOODS[run.config.reconstruction]
    if likelihood.unit != "nats":
        st.caption(
            f"The reconstruction is a {likelihood.unit}, not nats: the sum of the two is what is minimised "
            "all the same."
        )
    now = rows[rows["epoch"] == epoch].iloc[0]
    share = beta * now["kl"] / now["loss"] if now["loss"] else 0.0
    st.markdown(
        f"**What to notice.** At epoch {epoch} the reconstruction costs {now['reconstruction']:.2f} and the KL "
        f"{now['kl']:.2f} nats (means over {watched(run)}); times β = {beta:g} it is {share:.1%} of what this model "
        "minimises."
    )
    csv(lambda: rows, f"terms-{run.id}-{name}")


def per_dimension(run: Run, name: str, epoch: int) -> None:
    """Which dimensions carry something."""
    st.header("The KL of each dimension", divider="gray")
    used = loss_terms.dimensions(run.id, epoch)[name]
    figure(
        dimension_bars(used.kl, used.variance_of_mean, ACTIVE, name),
        key="dimensions",
        alt="KL of each latent dimension",
    )
    count = int(used.active_unit_mask.sum())
    st.markdown(
        f"**What to notice.** {count} of {len(used.kl)} dimensions are active: their mean μ moves with the image, with "
        f"a variance above {ACTIVE:g}. Together they hold {loss_terms.share_of_active(used):.1%} of the KL."
    )
    st.caption(
        "Hatched: not active (Burda, Grosse and Salakhutdinov 2016, arXiv 1509.00519, section 5). The threshold is on "
        f"the variance of μ over {run.watched_images} images, not on the KL."
    )
    csv(lambda: loss_terms.dimension_table(run, epoch, name), f"dimensions-{run.id}-{name}-epoch-{epoch}")


def both_reconstruction_losses(run: Run, epoch: int) -> None:
    """The same pictures by both losses, beside what cannot be beaten."""
    st.header("The other loss, on the same pictures", divider="gray")
    table, floor = loss_terms.by_both(run.id, epoch), loss_terms.floors(run.id)
    shown = table.assign(model=[loss_terms.title_of(row) for row in table.to_dict("records")])
    compared = {name: likelihood for name, likelihood in LIKELIHOODS.items() if name in floor}
    mean_image = " or ".join(f"{floor[name]:.2f} {likelihood.unit}" for name, likelihood in compared.items())
    losses = {name: likelihood.heading for name, likelihood in compared.items()}
    names = {"model": "Pictures"} | losses | {"mse": "MSE / pixel"}
    st.dataframe(shown[list(names)].rename(columns=names).round(4), hide_index=True, width="stretch")
    st.markdown(
        f"**What to notice.** This run was trained by {LIKELIHOODS[run.config.reconstruction].name}. With grey pixels, "
        f"BCE can't reach 0: the images themselves cost {loss_terms.least_bce(run.id):.2f} nats against themselves, "
        "which no model can get below; 0 squared error. "
        f"The mean training image costs {mean_image}."
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


lesson_on_a_run(
    "two_losses.py",
    lesson,
    "A VAE minimises two losses at once: the cost of rebuilding the image, and the KL, which grows when codes move "
    "away from N(0, I). Here they are apart, per dimension, and under other weights.",
)
st.header("The objective", divider="gray")
st.latex(
    r"\mathcal{L} = \underbrace{\mathbb{E}_{q}\bigl[-\log p(x|z)\bigr]}_{\text{reconstruction}}"
    r" + \beta \, \underbrace{\mathrm{KL}\bigl(q \,\|\, \mathcal{N}(0, I)\bigr)}_{\text{regulariser}}"
)
st.latex(r"\mathrm{KL} = \tfrac12 \textstyle\sum_j \bigl(\mu_j^2 + \sigma_j^2 - 1 - \log\sigma_j^2\bigr)")
st.caption(
    "x: an image; z: its code; q = q(z|x) = N(μ, σ²): the encoder's distribution; p(x|z): the decoder's. Summed over "
    "pixels and over dimensions j, averaged over images; β = 1 is the variational bound. "
    "Kingma and Welling 2014 (arXiv 1312.6114), appendix B; Higgins et al. 2017 for β."
)
st.header("The KL between two Gaussians", divider="gray")
st.fragment(two_gaussians)()
st.header("The reduction trap", divider="gray")
st.fragment(the_trap)()
