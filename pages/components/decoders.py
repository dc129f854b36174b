"""Sends the networks of a run to the browser, once; see decoders.js for what happens there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import streamlit as st

from vae.choices.activations import ACTIVATIONS
from vae.choices.likelihoods import LIKELIHOODS
from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.learning.networks import network_of

from .packing import packed

HERE = Path(__file__).parent


def library() -> str:
    """What every component that decodes needs: JavaScript, with each registered non-linearity and picture in it."""
    activations = {name: entry.javascript for name, entry in ACTIVATIONS.items()}
    pictures = {name: entry.javascript for name, entry in LIKELIHOODS.items()}
    tables = [_functions("ACTIVATE", activations), _functions("PICTURE", pictures)]
    files = ("packing.js", "decoders.js", "access.js")
    return "\n".join([*tables, *((HERE / name).read_text(encoding="utf-8") for name in files)])


def _functions(table: str, expressions: Mapping[str, str | None]) -> str:
    """A table of functions of `a`, by name."""
    rows = [f"  {name}: (a) => {text}," for name, text in expressions.items() if text]
    return "\n".join([f"const {table} = {{", *rows, "}"])


LIBRARY = library()
JS = LIBRARY + "\nexport default ({ data }) => shelve(data)\n"
WHOLE = 32_767  # the largest 16-bit whole number
LARGEST = 8_000_000  # bytes that a page may weigh; beyond it the server decodes


def payload(
    key: str, config: RunConfig, shape: tuple[int, int, int], weights: Mapping[str, Mapping[str, np.ndarray]]
) -> bytes | None:
    """Decoders by variant, out of state dicts as arrays: `decoder.body.0.weight` … `decoder.to_logits.bias`.

    None where the browser can't decode: a network, activation or loss that says nothing about it. Weights travel as
    16-bit whole numbers with a scale for each row: as many bytes as float16, and about four times closer. Measured on
    2-D MNIST autoencoders, whose codes reach ±25: grey levels within 0.6/255 against 1.9/255.
    """
    network, likelihood = network_of(config), LIKELIHOODS[config.reconstruction]
    if network.chains is None or not ACTIVATIONS[config.activation].javascript or not likelihood.javascript:
        return None
    arrays, kinds = {}, {}
    for variant, state in weights.items():
        steps = network.chains(config, shape, VARIANTS[variant]).decoder
        kinds[variant] = [step.kind for step in steps]
        for place, step in enumerate(steps):
            if step.kind == "linear":
                weight = state[f"{step.name}.weight"]  # (out, in)
                scale = np.maximum(np.abs(weight).max(axis=1), np.finfo(np.float32).tiny) / WHOLE  # (out,)
                arrays[f"{variant}.{place}.weight"] = np.round(weight / scale[:, None]).astype(np.int16)
                arrays[f"{variant}.{place}.scale"] = scale.astype(np.float32)
                arrays[f"{variant}.{place}.bias"] = state[f"{step.name}.bias"].astype(np.float32)
    told = {"key": key, "activation": config.activation, "likelihood": config.reconstruction, "variants": kinds}
    return packed(told | {"inputs": config.latent_dim}, arrays)


def encoders_payload(
    key: str, config: RunConfig, shape: tuple[int, int, int], weights: Mapping[str, Mapping[str, np.ndarray]]
) -> bytes | None:
    """Encoders by variant, from the pixels to μ, as `payload`. In float32: codes are read to the third decimal.

    None where the browser can't encode: a network or activation that says nothing about it.
    """
    network = network_of(config)
    if network.chains is None or not ACTIVATIONS[config.activation].javascript:
        return None
    arrays, kinds = {}, {}
    for variant, state in weights.items():
        chains = network.chains(config, shape, VARIANTS[variant])
        steps = [*chains.encoder, chains.heads["mu"]]
        kinds[variant] = [step.kind for step in steps]
        for place, step in enumerate(steps):
            if step.kind == "linear":
                arrays[f"{variant}.{place}.weight"] = state[f"{step.name}.weight"].astype(np.float32)  # (out, in)
                arrays[f"{variant}.{place}.bias"] = state[f"{step.name}.bias"].astype(np.float32)
    told = {"key": key, "activation": config.activation, "likelihood": None, "variants": kinds}
    return packed(told | {"inputs": math.prod(shape)}, arrays)


def decoders(data: bytes) -> None:
    """Put a `payload` on the page's shelf. Draws nothing and takes no room."""
    st.components.v2.component("latent_twins_decoders", html="<span></span>", js=JS)(key="decoders", data=data)
