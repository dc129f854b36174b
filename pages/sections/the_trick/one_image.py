"""One image and one training step, slowly: the page's own figure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.components.one_step import Shown, chosen, one_step_figure, payload
from pages.sections.the_trick.encoder_gradients import as_measured
from pages.shared.image_strips import numbered
from pages.state import loaded_models, resources
from pages.state.memory_cache import memory_cached
from vae.choices.estimators import ESTIMATOR_SETUPS
from vae.choices.likelihoods import LIKELIHOODS
from vae.choices.variants import VARIANTS
from vae.figures.style import VARIANT_TITLES
from vae.figures.tiles import to_grey
from vae.store.runs import Run

if TYPE_CHECKING:
    from vae.analysis.one_step import OneStep  # torch comes with it

IMAGES = 8  # to choose from


@memory_cached
def steps(run_id: str, epoch: int, estimator: str, image: int, draw: int) -> dict[str, OneStep]:
    """`OneStep` of a watched image, by variant; shared by all visitors: never changed.

    Of those that are made of noise and KL alone: what others add is no part of the figure.
    """
    from vae.analysis.one_step import one_step

    config = resources.run(run_id).config
    return {
        name: one_step(
            model,
            VARIANTS[name],
            loaded_models.watched(run_id).x[image],
            config.reconstruction,
            config.beta,
            config.learning_rate,
            setup=ESTIMATOR_SETUPS[estimator],
            seed=config.seed,
            draw=draw,
        )
        for name, model in loaded_models.models(run_id, epoch).items()
        if not VARIANTS[name].strength
    }


def the_figure(run: Run, epoch: int, estimator: str) -> None:
    """The figure of the image that was chosen in it, with the weights of an epoch."""
    key, images = f"one_step.{run.id}", loaded_models.watched(run.id)
    shown, names = images.x[:IMAGES], numbered(images.labels[:IMAGES], run.data["classes"])
    image, draw = chosen(key, len(names))
    note = (
        f"{names[image]}, of the {run.watched_images} images; weights of epoch {epoch}. Arrows back: norms of "
        f"gradients, by autograd{as_measured(run.config)}; thicker is larger."
    )
    others = [VARIANT_TITLES[name] for name in run.config.variants if VARIANTS[name].strength]
    if others:
        st.caption(f"Not shown, as this is a figure of noise and KL: {', '.join(others)}.")
    if len(others) == len(run.config.variants):
        return
    config, chosen_from = run.config, Shown(to_grey(shown), names, image, draw)
    unit = LIKELIHOODS[config.reconstruction].unit
    of_image = steps(run.id, epoch, estimator, image, draw)
    data = payload(of_image, chosen_from, run.shape, unit, config.beta, config.learning_rate, note)
    one_step_figure(data, key=key)
