"""Sends the decoders of a run to the browser, once; see decoders.js for what happens there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import streamlit as st

from .packing import packed

HERE = Path(__file__).parent
LIBRARY = "\n".join((HERE / name).read_text(encoding="utf-8") for name in ("packing.js", "decoders.js", "access.js"))
JS = LIBRARY + "\nexport default ({ data }) => shelve(data)\n"
WHOLE = 32_767  # the largest 16-bit whole number
LARGEST = 8_000_000  # bytes that a page may weigh; beyond it the server decodes


def payload(key: str, activation: str, weights: Mapping[str, Mapping[str, np.ndarray]]) -> bytes:
    """Decoders by variant, out of state dicts as arrays: `decoder.body.0.weight` … `decoder.to_logits.bias`.

    Weights travel as 16-bit whole numbers with a scale for each row: as many bytes as float16, and about four times
    closer. Measured on 2-D MNIST autoencoders, whose codes reach ±25: grey levels within 0.6/255 against 1.9/255.
    """
    arrays, counts = {}, {}
    for variant, state in weights.items():
        body = {int(name.split(".")[2]) for name in state if name.startswith("decoder.body.")}
        names = [*(f"decoder.body.{place}" for place in sorted(body)), "decoder.to_logits"]
        counts[variant] = len(names)
        for i, name in enumerate(names):
            weight = state[f"{name}.weight"]  # (out, in)
            scale = np.maximum(np.abs(weight).max(axis=1), np.finfo(np.float32).tiny) / WHOLE  # (out,)
            arrays[f"{variant}.{i}.weight"] = np.round(weight / scale[:, None]).astype(np.int16)
            arrays[f"{variant}.{i}.scale"] = scale.astype(np.float32)
            arrays[f"{variant}.{i}.bias"] = state[f"{name}.bias"].astype(np.float32)
    return packed({"key": key, "activation": activation, "variants": counts}, arrays)


def decoders(data: bytes) -> None:
    """Put a `payload` on the page's shelf. Draws nothing and takes no room."""
    st.components.v2.component("latent_twins_decoders", html="<span></span>", js=JS)(key="decoders", data=data)
