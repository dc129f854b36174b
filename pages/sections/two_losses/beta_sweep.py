"""The same VAE under several β: reconstructions and codes side by side."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import streamlit as st

from pages.components.figure import figure
from pages.components.scale_switch import scale_switch
from pages.shared import similar_runs
from pages.shared.image_strips import heading, strip
from pages.shared.predict import questions
from pages.shared.which_images import watched
from pages.state import resources
from vae.analysis.comparing import Difference
from vae.analysis.expectations import sentence
from vae.analysis.sentences import Quantity, common_seeds, differences, listed, together
from vae.choices.likelihoods import LIKELIHOODS
from vae.figures.curves import KL_UNIT
from vae.figures.latent import latent_scatter, prior_of, side_by_side
from vae.figures.style import VARIANT_COLOURS
from vae.figures.windows import Window
from vae.store.runs import Run

IMAGES = 6
POLL = 0.5
Terms = dict[str, tuple[Quantity, dict[str, dict[int, float]]]]  # by measure: what it is, its values by β and seed


def sweep(run: Run) -> None:
    """A button, and a column for each β that was trained."""
    wanted = similar_runs.with_every_beta(run)
    found = similar_runs.found(wanted)
    if len(found) < len(wanted):
        listed = ", ".join(f"{beta:g}" for beta in similar_runs.BETAS)
        missing = len(wanted) - len(found)
        st.markdown(f"This run's VAE with β = {listed}, all else the same, {missing} still to train.")
        similar_runs.offer("Train with every β", wanted)
    if found:
        active = similar_runs.under_way(wanted.values())
        st.fragment(_thumbnails, run_every=POLL if active else None)(run, active)


def _thumbnails(run: Run, was_active: bool) -> None:
    found = similar_runs.found(similar_runs.with_every_beta(run))
    if was_active and not similar_runs.under_way(similar_runs.with_every_beta(run).values()):
        st.rerun()
    read = {beta: resources.progress(known.id)[0] for beta, known in found.items()}  # may be an epoch behind `found`
    started = {beta: current for beta, current in read.items() if current.epoch >= 0}
    if not started:
        st.progress(0.0, text="Waiting for a worker")
        return
    pictures = {beta: resources.snapshot(current.id, current.epoch)["vae"] for beta, current in started.items()}
    windows = side_by_side({beta: (pictures[beta], run.config.latent_dim) for beta in started})
    if len(started) > 1:
        scale_switch("scale.beta")
    for column, (beta, current) in zip(st.columns(len(started)), started.items(), strict=True):
        with column:
            _one(beta, current, pictures[beta], windows[beta])
    _what_beta_does(run, was_active)
    similar_runs.offer_seeds(list(similar_runs.with_every_beta(run).values()), key="beta.seeds")


def _what_beta_does(run: Run, active: bool) -> None:
    """What to notice, after a prediction where there is something to predict."""
    terms = _terms(run)
    show = partial(_notice, terms)
    if active or not all(len(values) > 1 and common_seeds(values) for _, values in terms.values()):
        show()
        return
    first, *_, last = terms["kl"][1]
    questions.before("betas", show, partial(_from_end_to_end, terms), run.config, {"first": first, "last": last})


def _terms(run: Run) -> Terms:
    """Of the runs that are done, by β and by seed."""
    units = {
        "kl": f"KL in {KL_UNIT}",
        "reconstruction": f"Reconstruction in {LIKELIHOODS[run.config.reconstruction].per_image}",
    }
    found = {}
    for measure, title in units.items():
        quantity = Quantity(title, f"{watched(run)}, from a sample" if measure == "reconstruction" else watched(run))
        of_betas = {
            beta: similar_runs.last_by_seed(config, measure)
            for beta, config in similar_runs.with_every_beta(run).items()
        }
        found[measure] = quantity, {f"β = {beta:g}": by_seed for beta, by_seed in of_betas.items() if by_seed}
    return found


def _from_end_to_end(terms: Terms) -> dict[str, Difference]:
    """From the least β to the greatest, by seed."""
    found = {}
    for measure, (quantity, values) in terms.items():
        first, *_, last = values
        found[measure] = differences(quantity, {end: values[end] for end in (first, last)})[last]
    return found


def _notice(terms: Terms) -> None:
    """Both terms under each β, and from the least β to the greatest what the article leads us to expect."""
    said = []
    for measure, (quantity, values) in terms.items():
        seeds = common_seeds(values) if values else []
        if not seeds:
            said = ["No seed has finished training with every β that was started."]
            break
        means = {title: sum(by_seed[seed] for seed in seeds) / len(seeds) for title, by_seed in values.items()}
        said.append(listed(quantity, means, len(seeds)))
        if len(values) > 1:
            first, *_, last = values
            lower, higher = (last, first) if measure == "kl" else (first, last)
            apart = differences(quantity, {lower: values[lower], higher: values[higher]})
            said.append(sentence(f"beta_{measure}", {f"from {first} to {last}": apart.get(higher)}))
    st.markdown(f"**What to notice.** {together(*said)}")


def _one(beta: float, run: Run, pictures: Mapping[str, np.ndarray], windows: Mapping[str, Window]) -> None:
    images, latent_dim = resources.originals(run.id), run.config.latent_dim
    heading(f"β = {beta:g}", VARIANT_COLOURS["vae"])
    shape = run.shape
    strip("Originals", images["images"][:IMAGES], shape, IMAGES)
    strip("Rebuilt from μ", pictures["from_mean"][:IMAGES], shape, IMAGES, VARIANT_COLOURS["vae"])
    prior = prior_of(pictures, latent_dim)
    drawing = latent_scatter(pictures["codes"], images["labels"], run.data["classes"], latent_dim, windows, prior)
    drawing.update_layout(height=240)
    figure(drawing, key=f"beta.{beta:g}", alt=f"Codes with β = {beta:g}")
