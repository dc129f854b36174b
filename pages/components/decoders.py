"""Sends the networks of a run to the browser, once; see decoders.js for what happens there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from vae.choices.activations import ACTIVATIONS
from vae.choices.likelihoods import LIKELIHOODS
from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.learning.networks import Chains, Step, network_of

from .chain import known, multiply_adds, told
from .packing import packed

HERE = Path(__file__).parent


def library() -> str:
    """What every component that decodes needs: JavaScript, with each registered non-linearity and picture in it."""
    activations = {name: entry.javascript for name, entry in ACTIVATIONS.items()}
    pictures = {name: entry.javascript for name, entry in LIKELIHOODS.items()}
    tables = [_functions("ACTIVATE", activations), _functions("PICTURE", pictures)]
    files = ("packing.js", "chain.js", "decoders.js", "access.js")
    return "\n".join([*tables, *((HERE / name).read_text(encoding="utf-8") for name in files)])


def _functions(table: str, expressions: Mapping[str, str | None]) -> str:
    """A table of functions of `a`, by name."""
    rows = [f"  {name}: (a) => {text}," for name, text in expressions.items() if text]
    return "\n".join([f"const {table} = {{", *rows, "}"])


LIBRARY = library()
JS = LIBRARY + "\nexport default ({ data }) => shelve(data)\n"
LARGEST = 8_000_000  # bytes that a page may weigh; beyond it the server decodes
# Multiply-adds of one picture, beyond which the server decodes. Two decoders of 3 million took 4 ms together, two of 10
# million 11 ms, on a shared 2-core machine; a frame of 60 a second has 17 ms for everything.
MOST_WORK = 8_000_000

Weights = Mapping[str, Mapping[str, np.ndarray]]  # state dicts by variant, as arrays


def payload(key: str, config: RunConfig, shape: tuple[int, int, int], weights: Weights) -> bytes | None:
    """Decoders by variant, out of state dicts as arrays: `decoder.body.0.weight` … `decoder.to_logits.bias`.

    None where the browser can't decode, see `unfit`. Weights travel as 16-bit whole numbers with a scale for each
    output: as many bytes as float16, and about four times closer. Measured on 2-D MNIST autoencoders, whose codes reach
    ±25: grey levels within 0.6/255 against 1.9/255.
    """
    if unfit(config, shape):
        return None
    steps = {variant: chain.decoder for variant, chain in _chains(config, shape, weights).items()}
    return _packed({"key": key, "likelihood": config.reconstruction}, config, steps, weights, whole=True)


def encoders_payload(key: str, config: RunConfig, shape: tuple[int, int, int], weights: Weights) -> bytes | None:
    """Encoders by variant, from the pixels to μ, as `payload`. In float32: codes are read to the third decimal.

    None where the browser can't encode: a network or activation that says nothing about it, or one too slow for it.
    """
    steps = {variant: (*chain.encoder, chain.heads["mu"]) for variant, chain in _chains(config, shape, weights).items()}
    if not _runs(config, steps) or _work(steps) > MOST_WORK:
        return None
    return _packed({"key": key, "likelihood": None}, config, steps, weights, whole=False)


def unfit(config: RunConfig, shape: tuple[int, int, int]) -> str:
    """Why the browser doesn't draw what such decoders make, as a clause about them; "" where it does."""
    steps = {variant: chain.decoder for variant, chain in _chains(config, shape, config.variants).items()}
    if not _runs(config, steps) or not LIKELIHOODS[config.reconstruction].javascript:
        return "are of a kind it can't run"
    if _work(steps) > MOST_WORK:
        return (
            f"take {_work(steps) / 1e6:.0f} million multiplications a picture, too many to follow a hand "
            f"(at most {MOST_WORK / 1e6:.0f} million)"
        )
    return ""


def _chains(config: RunConfig, shape: tuple[int, int, int], variants: Iterable[str]) -> dict[str, Chains]:
    """By variant; none where the network has none."""
    make = network_of(config).chains
    return {variant: make(config, shape, VARIANTS[variant]) for variant in variants} if make else {}


def _runs(config: RunConfig, steps: Mapping[str, Sequence[Step]]) -> bool:
    """Whether chain.js has all of these steps, by variant; without steps it has not."""
    return bool(steps) and bool(ACTIVATIONS[config.activation].javascript) and all(map(known, steps.values()))


def _work(steps: Mapping[str, Sequence[Step]]) -> int:
    return max(map(multiply_adds, steps.values()))


def _packed(
    meta: Mapping[str, Any], config: RunConfig, steps: Mapping[str, Sequence[Step]], weights: Weights, whole: bool
) -> bytes:
    arrays: dict[str, np.ndarray] = {}
    variants = {}
    for variant, state in weights.items():
        found = told(steps[variant], state)
        variants[variant] = [one.meta() for one in found]
        for place, one in enumerate(found):
            arrays |= {f"{variant}.{place}.{part}": array for part, array in one.arrays(whole).items()}
    return packed({**meta, "activation": config.activation, "variants": variants}, arrays)


def decoders(data: bytes) -> None:
    """Put a `payload` on the page's shelf. Draws nothing and takes no room."""
    st.components.v2.component("latent_twins_decoders", html="<span></span>", js=JS)(key="decoders", data=data)
