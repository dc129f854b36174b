"""The same class against the others, of the same models after they have learnt it: is it strange, or just hard?"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.shared import similar_runs
from pages.state import resources
from pages.text.escape_markdown import escape_markdown
from pages.text.what_to_notice import what_to_notice
from pages.text.words import listed
from vae.choices.anomaly_scores import ANOMALY_SCORES
from vae.errors import InputError
from vae.figures.style import VARIANT_SHORT
from vae.store.runs import Run

Z = 1.96  # standard errors to the end of a 95 % interval over many images
Areas = dict[str, tuple[float, float]]  # by variant: the area and its standard error


def beside_those_who_learnt_it(run: Run, table: pd.DataFrame) -> None:
    """A sentence where a run with the same settings has learnt every class, else a button that trains one."""
    name = escape_markdown(run.config.held_out_class)
    every = run.config.model_copy(update={"held_out_class": ""})
    twin = similar_runs.found({"": every}).get("")
    if twin is None:
        similar_runs.offer(f"Train the same with class {name}: is it strange, or just hard?", {"": every})
    elif twin.active:
        st.caption(f"The same models are learning class {name}, too: {twin.status}. Come back when they have.")
    else:
        try:
            learnt = where_learnt(twin.id, run.config.held_out_class)
        except InputError as problem:
            st.caption(escape_markdown(str(problem)))
            return
        rows = table[(table["measure"] == ANOMALY_SCORES["squared_error"].area) & (table["variant"] != "")]
        mine = {str(row.variant): (float(row.value), float(row.error)) for row in rows.itertuples()}
        what_to_notice(strange_or_hard(mine, learnt, name, run.config.seed), "class learnt", "Strange, or just hard?")


@st.cache_data(max_entries=24, show_spinner=False)
def where_learnt(run_id: str, class_name: str) -> Areas:
    """`areas_where_learnt` of a run that is done."""
    from vae.measuring.anomalies import areas_where_learnt

    found = areas_where_learnt(resources.store(), resources.run(run_id), class_name, resources.settings())
    return {name: (area.value, area.standard_error) for name, area in found.items()}


def strange_or_hard(mine: Areas, learnt: Areas, name: str, seed: int) -> str:
    """What an area owes to the class's being new, whichever way it comes out; in one seed, over images."""
    said, new = [], []
    for variant, (value, error) in mine.items():
        other, other_error = learnt[variant]
        said.append(f"{VARIANT_SHORT[variant]} {other:.3f}, against {value:.3f}")
        # As if they were of other images each. They are of the same ones, and so the difference is rather surer.
        if value - other > Z * (error**2 + other_error**2) ** 0.5:
            new.append(VARIANT_SHORT[variant])
    told = f"Area by squared error where class {name} was learnt, against where it wasn't: {'; '.join(said)}."
    if not new:
        return f"{told} In this one seed ({seed}), no area is clearly higher for not knowing the class."
    return f"{told} In this one seed ({seed}), the area is higher where the class is new: {listed(new)}."
