"""Both networks drawn from a config, with what they will cost."""

from __future__ import annotations

import streamlit as st

from pages.components.in_columns import in_columns
from pages.components.svg import svg
from pages.state import resources
from pages.text.words import duration
from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.errors import InputError
from vae.figures.network import network_svg
from vae.figures.style import VARIANT_COLOURS, VARIANT_TITLES
from vae.learning.networks import network_of

from .time_estimates import training_time


def networks(config: RunConfig) -> None:
    """The drawings, and an estimate of the training time."""
    try:
        drawings(config)
        st.caption(f"Estimated training time: {duration(training_time(config))}, when a worker is free.")
    except InputError:  # of a network whose file breaks off: said where the button is
        return


def drawings(config: RunConfig) -> None:
    """One drawing per variant, AE left and VAE right; none where the network doesn't fit the images."""
    shape, network = resources.dataset(config.dataset).shape, network_of(config)
    if network.misfit(config, shape):
        return
    layers = network.widths(config, shape)
    for column, name in zip(in_columns(len(config.variants)), config.variants, strict=True):
        variant = VARIANTS[name]
        with column.container(border=True):
            st.html(
                f'<div style="font-weight:600;border-left:4px solid {VARIANT_COLOURS[name]};padding-left:.5rem">'
                f"{VARIANT_TITLES[name]}</div>"
            )
            parameters = network.counts(config, shape, variant).parameters
            svg(network_svg(layers, name, parameters), key=f"network.{name}")
