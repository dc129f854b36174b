"""One image through every station of its models and one training step back, in slow motion; see index.js."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from vae.choices.variants import VARIANTS
from vae.figures.style import TERM_COLOURS, VALUE_COLOURS, VARIANT_COLOURS, VARIANT_MARKS, VARIANT_SHORT, VARIANT_TITLES
from vae.figures.tiles import by_pixel, to_grey

from ..decoders import LIBRARY
from ..packing import packed
from .stages import norm, path, sentences, written

if TYPE_CHECKING:
    from vae.analysis.one_step import Forward, OneStep  # torch comes with it

HERE = Path(__file__).parent
HTML, CSS, JS = ((HERE / name).read_text(encoding="utf-8") for name in ("index.html", "style.css", "index.js"))
FEW = 6  # dimensions that are written as numbers; more are bars


@dataclass(frozen=True)
class Shown:
    """The images to choose from, and what is chosen."""

    images: np.ndarray  # (n, P) uint8
    names: Sequence[str]
    image: int  # row of the chosen one
    draw: int  # number of the draw of ε


def payload(
    steps: Mapping[str, OneStep],
    shown: Shown,
    shape: tuple[int, int, int],
    unit: str,
    beta: float,
    learning_rate: float,
    note: str,
) -> bytes:
    """What is drawn: the steps of one image by variant, each as `analysis.one_step` returns it; `unit` of the loss.

    `note` says what all of it was measured on.
    """
    arrays, rows = {"images": shown.images}, []
    for name, step in steps.items():
        gradient = step.gradients["reconstruction"].outputs  # (K, k · P)
        if gradient.shape[1] == math.prod(shape):  # one output for each number of a picture: it is a picture, too
            signed = _signed(gradient[0], shape)
            arrays[f"{name}.outputs"] = (signed / (np.abs(signed).max() or 1)).astype(np.float32)
        for when, forward in (("before", step.before), ("after", step.after)):
            arrays[f"{name}.{when}"] = to_grey(np.nan_to_num(forward.x_hat[0]))
        rows.append(
            {
                "variant": name,
                "title": VARIANT_TITLES[name],
                "short": f"{VARIANT_MARKS[name]} {VARIANT_SHORT[name]}",
                "colour": VARIANT_COLOURS[name],
                "path": path(name, step),
                "samples": len(step.before.z),
                "pays_kl": VARIANTS[name].kl,
                "before": _values(step.before, beta),
                "after": _values(step.after, beta),
                "gradients": {term: _norms(step, term) for term in step.gradients},
            }
        )
    said = sentences(steps, shown.names[shown.image], shape, unit, beta, learning_rate)
    meta = {
        "shape": shape,
        "names": list(shown.names),
        "image": shown.image,
        "draw": shown.draw,
        "few": FEW,
        "note": note,
        "weight": "" if beta == 1 else f"{beta:g} · ",
        "terms": TERM_COLOURS,
        "signs": [colour for _, colour in VALUE_COLOURS],  # of a negative and of a positive gradient
        "stages": list(said.items()),
        "rows": rows,
    }
    return packed(meta, arrays)


def _signed(gradient: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """One number for each pixel, (height · width,): the channels' root mean square, with the sign of their sum."""
    sign = np.sign(gradient.reshape(shape[0], -1).sum(axis=0))
    return np.where(sign < 0, -1, 1) * by_pixel(gradient[None], shape)[0]


def _values(forward: Forward, beta: float) -> dict[str, Any]:
    """Of the first sample: numbers as they are, for bars, and as they are written."""
    codes = {
        "mu": forward.mu,
        "std": forward.std,
        "eps": None if forward.eps is None else forward.eps[0],
        "z": forward.z[0],
    }
    losses = {"reconstruction": float(forward.reconstruction.mean())}
    losses |= {} if forward.kl is None else {"kl": beta * forward.kl, "loss": forward.loss}
    return {
        "codes": {
            name: {"numbers": np.nan_to_num(values).tolist(), "written": [written(value) for value in values]}
            for name, values in codes.items()
            if values is not None
        },
        "losses": {name: written(value) for name, value in losses.items()},
    }


def _norms(step: OneStep, term: str) -> dict[str, Any]:
    """Norms of one term's gradient: the number for an arrow's width (None if it isn't finite), and as it is written."""
    gradients = step.gradients[term]
    norms = {name: norm(getattr(gradients, name)) for name in ("outputs", "z", "mu", "logvar")}
    norms |= {"encoder": gradients.encoder, "decoder": gradients.decoder}
    return {
        name: {"number": value if math.isfinite(value) else None, "written": written(value)}
        for name, value in norms.items()
    }


def one_step_figure(data: bytes, *, key: str) -> None:
    """Show a `payload`. What is chosen in it, `chosen(key)`, reruns the script."""
    steps = st.components.v2.component("latent_twins_one_step", html=HTML, css=CSS, js=f"{LIBRARY}\n{JS}")
    steps(key=key, data=data, on_image_change=lambda: None, on_draw_change=lambda: None)


def chosen(key: str, images: int) -> tuple[int, int]:
    """Row of the image, of so many, and number of the draw that a visitor has asked for last."""
    state = st.session_state.get(key) or {}
    image, draw = int(state.get("image") or 0), int(state.get("draw") or 0)
    return min(max(image, 0), images - 1), max(draw, 0)
