"""Which ingredient of a VAE does it, noise or KL? What a run of all four variants answers, where it was trained."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.state import background_measurements, loaded_models
from vae.analysis.expectations import sentence
from vae.analysis.sentences import Quantity, differences, over_seeds, together
from vae.choices.nudge_units import NUDGE_UNITS
from vae.choices.variants import ingredients as noise_and_kl
from vae.figures.style import VARIANT_TITLES
from vae.store.runs import Run

from .which_images import tested

POLL = 0.5  # seconds between looks while something is measured or trained
UNIT, SIZE = "latent_std", 0.1  # what is shown at first
INGREDIENT_ROWS = {"Without noise": ("ae", "kl_only"), "With noise": ("noise_only", "vae")}
INGREDIENT_COLUMNS = ("Without KL", "With KL")


def answer(run: Run) -> None:
    """Once such a run is done: what a nudge does to each variant's pictures, and the way to all units and sizes."""
    if run.status != "done" or not set(noise_and_kl()) <= set(run.config.variants):
        return
    epoch = loaded_models.kept_epochs(run.id, run.epoch)[-1]
    state = background_measurements.of("sensitivity", run.id, epoch)
    waiting = state.table is None and not state.problem
    st.fragment(_answer, run_every=POLL if waiting else None)(run, epoch, waiting)


def _answer(run: Run, epoch: int, was_waiting: bool) -> None:
    state = background_measurements.of("sensitivity", run.id, epoch)
    if was_waiting and (state.table is not None or state.problem):
        st.rerun()  # once more as a whole, and then without polling
    with st.container(border=True, key="ingredients"):
        st.markdown(f"**Which ingredient does it?** Pixel RMSE of a nudge of {SIZE:g} {NUDGE_UNITS[UNIT].title}:")
        if state.problem:
            st.error(state.problem)
        elif state.table is None:
            st.progress(state.share, text=state.what)
        else:
            st.dataframe(two_by_two(state.table), width="content")
            st.markdown(ingredients(run, state.table, UNIT, SIZE))
        st.page_link(
            "perturbation.py",
            label="All units and sizes, on Perturbation",
            icon=":material/open_with:",
            query_params={"run": run.id},
        )


def two_by_two(table: pd.DataFrame) -> pd.DataFrame:
    """Noise off and on by KL off and on: the RMSE in `UNIT` at `SIZE`, and the name of the variant."""
    at = table[(table["unit"] == UNIT) & (table["size"] == SIZE)]
    moved = at.groupby("variant")["rmse"].mean()
    cells = {
        row: [f"{moved[name]:.4f} ({VARIANT_TITLES[name]})" for name in names] for row, names in INGREDIENT_ROWS.items()
    }
    return pd.DataFrame.from_dict(cells, orient="index", columns=list(INGREDIENT_COLUMNS)).rename_axis("Ingredient")


def ingredients(run: Run, table: pd.DataFrame, unit: str, size: float) -> str:
    """The other three variants beside the VAE, which has both ingredients, in one unit at one size."""
    at = table[(table["unit"] == unit) & (table["size"] == size)]
    found = {name: dict(zip(rows["seed"], rows["rmse"], strict=True)) for name, rows in at.groupby("variant")}
    *others, both = noise_and_kl()
    values = {VARIANT_TITLES[name]: found[name] for name in (both, *others) if name in found}
    moved = Quantity(
        f"Pixel RMSE of a nudge of {size:g} {NUDGE_UNITS[unit].title}", tested(run, table["n"].iloc[0]), ".4f"
    )
    return together(over_seeds(moved, values), sentence("ingredient", differences(moved, values)))
