"""A data set that isn't there: offer to fetch it, with visible progress, only when asked."""

from __future__ import annotations

import streamlit as st

from pages.state import resources
from vae import datasets
from vae.errors import InputError


def offer_download(name: str) -> None:
    """Say where the missing data set `name` belongs, and fetch it at a click."""
    dataset, folder = resources.dataset(name), resources.settings().data_dir
    belongs = f" Its files belong in `{dataset.source.folder(folder)}`;" if dataset.source else ""
    st.info(
        f"{dataset.title} isn't on this computer yet.{belongs} the digits need no download.",
        icon=":material/cloud_download:",
    )
    if st.button(f"Download {dataset.title} (about {dataset.download_mb} MB)"):
        bar = st.progress(0.0, text="Connecting…")

        def show(done: int, total: int, file: str) -> None:
            bar.progress(done / total if total else 0.0, text=f"{file}: {done / 1e6:.1f} MB")

        try:
            datasets.download(name, folder, show)
        except InputError as error:
            bar.empty()
            st.error(str(error))
            return
        st.rerun()
