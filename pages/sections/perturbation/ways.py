"""Which ingredient of a VAE makes a code smooth, and whether other ways do: every variant beside the autoencoder."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from pages.shared import run_picker, similar_runs
from pages.shared.predict import questions
from pages.shared.which_images import tested
from pages.shared.which_ingredient import ingredients
from pages.visitors import actions
from vae.choices import variants
from vae.choices.nudge_units import NUDGE_UNITS
from vae.config import RunConfig
from vae.errors import InputError
from vae.figures.style import VARIANT_SHORT, VARIANT_TITLES
from vae.store.runs import Run

from . import pair
from .measurement import measured

QUEUED = "perturbation.queued"  # in the session: the runs of a pressed button, or what is wrong


def which_ingredient(run: Run, epoch: int, unit: str, size: float) -> None:
    """Noise on or off × KL on or off: the four variants, measured alike."""
    wanted = variants.ingredients()
    lacking = [name for name in wanted if name not in run.config.variants]
    if not lacking:
        measured(run, epoch, partial(_ingredients, run, unit, size))
        return
    st.markdown(
        "A VAE adds two things to an autoencoder: noise on the code, and the KL that holds the codes together. Train "
        f"all four combinations with these settings to see which one matters (here {len(lacking)} are missing)."
    )
    _button(
        "the run of all four variants", "Train all four variants", [run.config.model_copy(update={"variants": wanted})]
    )


def _ingredients(run: Run, unit: str, size: float, table: pd.DataFrame, _family_size: int) -> None:
    def show() -> None:
        st.markdown(f"**Which ingredient does it?** {ingredients(run, table, unit, size)}")
        if set(variants.other_ways()) & set(run.config.variants):
            _beside(run, size, table)

    questions.before("claim 6", show, lambda: table[table["size"] == size], run.config)


def other_ways(run: Run, epoch: int, size: float) -> None:
    """The other ways to make a code smooth, and the way to train all of them."""
    has = set(run.config.variants)
    if not set(variants.ingredients()) <= has and set(variants.other_ways()) & has and len(has) > 1:
        measured(run, epoch, lambda table, seeds: _beside(run, size, table))
    if set(variants.VARIANTS) <= has:
        return
    st.markdown(
        "Noise and KL are not the only way: noise on the images, noise of a fixed size on the codes, and penalties on "
        "the encoder’s derivatives or on codes and weights are said to do it, too."
    )
    every = run.config.model_copy(update={"variants": tuple(variants.VARIANTS)})
    _button("the run of every way to smooth", "Train every way to smooth", _in_three_seeds(every))


def _in_three_seeds(config: RunConfig) -> list[RunConfig]:
    """This one first, then as many more seeds as a verdict takes."""
    from vae.analysis.intervals import lacking_seeds

    there = similar_runs.seeds_of(config)
    more = [seed for seed in lacking_seeds([{config.seed, *there}], config.seed) if seed not in there]
    return [config, *(config.model_copy(update={"seed": seed}) for seed in more)]


def _beside(run: Run, size: float, table: pd.DataFrame) -> None:
    """Every variant of the run beside the first of the two that are looked at."""
    from vae.analysis.verdict import ways

    first = pair.of(run)[0]
    seeds = sorted(set(table["seed"]))
    st.markdown(f"**Every way to smooth.** {ways(table, size, first)}")
    st.dataframe(beside(table, size, first), width="stretch")
    interval = ", with the 95 % interval over seeds" if len(seeds) > 1 else ""
    st.caption(
        f"How many times as much a nudge of {size:g} in each unit changes the pictures of the "
        f"{VARIANT_TITLES[first].lower()} as those of each other model{interval}. More than 1: those of the "
        f"other one change less. Pixel RMSE over {tested(run, table['n'].iloc[0])}; "
        f"{f'{len(seeds)} seeds' if len(seeds) > 1 else f'seed {seeds[0]}'}."
    )


def beside(table: pd.DataFrame, size: float, first: str) -> pd.DataFrame:
    """A row for each variant but `first`, a column for each unit: the ratio first ÷ it and its interval, as text."""
    from vae.analysis.comparing import ratios

    at_size, rows = table[table["size"] == size], {}
    for name in [name for name in dict.fromkeys(table["variant"]) if name != first]:
        by_unit = {row["unit"]: row for _, row in ratios(at_size, first, name).iterrows()}
        rows[f"{VARIANT_SHORT[first]} ÷ {VARIANT_SHORT[name]}"] = {
            NUDGE_UNITS[unit].title: _cell(by_unit.get(unit)) for unit in NUDGE_UNITS
        }
    found = pd.DataFrame.from_dict(rows, orient="index").rename_axis("Models")
    return found.loc[:, (found != "–").any()]  # without units that no two have


def _cell(ratio: pd.Series | None) -> str:
    if ratio is None or pd.isna(ratio["ratio"]):
        return "–"
    known = f" ({ratio['low']:.2f} … {ratio['high']:.2f})" if ratio["seeds"] > 1 else ""
    return f"{ratio['ratio']:.2f}{known}"


def _button(what: str, train: str, configs: list[RunConfig]) -> None:
    """Train what is not there of `configs`, or show the first of them; queued before the page is drawn anew."""
    there = similar_runs.found(dict(enumerate(configs)))
    done = len(there) == len(configs)
    st.button(
        f"Show {what}" if done else train,
        icon=":material/grid_view:",
        on_click=_queue,
        args=(configs,),
        key=f"way.{train}",
    )
    said = st.session_state.pop(QUEUED, None)
    if isinstance(said, InputError):
        st.error(str(said))
    elif said:
        run_picker.select(said)
        st.switch_page("train.py", query_params={"run": said})


def _queue(configs: list[RunConfig]) -> None:
    there = similar_runs.found(dict(enumerate(configs)))
    try:
        ids = {place: there[place].id if place in there else actions.queue(c) for place, c in enumerate(configs)}
        st.session_state[QUEUED] = ids[0]
    except InputError as problem:
        st.session_state[QUEUED] = problem
    similar_runs.forget()
