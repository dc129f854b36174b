"""Pictures of each dimension of a code moved by itself; shared by all visitors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st

from pages.state import loaded_models


@dataclass(frozen=True)
class Traversal:
    """Every dimension of a code moved by itself."""

    dimensions: np.ndarray  # (r,) counted from 0, in the order of the rows
    images: np.ndarray  # (r, columns, P)


@st.cache_data(max_entries=24, show_spinner=False)
def traversals(
    run_id: str, epoch: int, image: int, rows: int, reach: float, columns: int, order: tuple[int, ...] | None = None
) -> dict[str, Traversal]:
    """By variant: from −`reach` to +`reach` standard deviations of the codes about the code of a watched image.

    `order`: dimensions, counted from 0, by which rows are sorted; None: those along which codes vary most come first.
    """
    from vae.analysis.geometry import decode

    found = {}
    for name, codes in loaded_models.codes(run_id, epoch).items():
        std = codes.mu.std(axis=0)
        shown = (np.argsort(-std, kind="stable") if order is None else np.array(order))[:rows]
        z = np.tile(codes.mu[image], (len(shown), columns, 1))
        for row, dimension in enumerate(shown):
            z[row, :, dimension] += np.linspace(-reach, reach, columns) * std[dimension]
        x = decode(loaded_models.models(run_id, epoch)[name], z.reshape(-1, codes.latent_dim))
        found[name] = Traversal(shown, x.reshape(len(shown), columns, -1))
    return found
