"""The measurement of nudges over all test images and several seeds: verdict, curves, and every unit in one table."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.shared import run_picker, similar_runs
from pages.shared.csv_button import csv
from pages.shared.which_images import tested
from pages.shared.which_ingredient import POLL, SIZE, ingredients
from pages.state import background_measurements, loaded_models
from vae.analysis.sentences import NO_CLEAR_DIFFERENCE
from vae.choices.nudge_units import NUDGE_UNITS
from vae.choices.variants import VARIANTS as ALL_VARIANTS
from vae.figures.nudges import NUDGE_MEASURES, nudge_curves
from vae.figures.style import VARIANT_TITLES
from vae.store.runs import Run

JUDGED = {"open": NO_CLEAR_DIFFERENCE, "too few seeds": "needs 3 seeds", "no ratio": "–"}


def the_measurement(run: Run, epoch: int, unit: str) -> None:
    """Everything below the strips. Polls only while something is under way."""
    st.header("Measured on all test images", divider="gray")
    if run.active:
        st.info("This run is still training. It is measured once it has ended.", icon=":material/hourglass_top:")
        return
    asked = f"measure.{run.id}.{epoch}"
    if epoch != loaded_models.kept_epochs(run.id, run.epoch)[-1] and not background_measurements.is_kept(
        "sensitivity", run.id, epoch
    ):
        if not st.session_state.get(asked) and not st.button(f"Measure epoch {epoch}", icon=":material/straighten:"):
            return
        st.session_state[asked] = True
    family = _family(run)
    waiting = _waiting(family, _states(family, epoch))
    st.fragment(_panel, run_every=POLL if waiting else None)(run, epoch, unit, waiting)


def _family(run: Run) -> dict[int, Run]:
    """This run and other seeds of its configuration, by seed."""
    others = {seed: other for seed, other in similar_runs.seeds_of(run.config).items() if seed != run.config.seed}
    return dict(list({run.config.seed: run, **others}.items())[: similar_runs.MOST_SEEDS])


def _states(family: dict[int, Run], epoch: int) -> dict[int, background_measurements.Measurement]:
    """Measurements of the members that are done and have this epoch, by seed."""
    return {
        seed: background_measurements.of("sensitivity", run.id, epoch)
        for seed, run in family.items()
        if not run.active and epoch in loaded_models.kept_epochs(run.id, run.epoch)
    }


def _waiting(family: dict[int, Run], states: dict[int, background_measurements.Measurement]) -> bool:
    unfinished = any(state.table is None and not state.problem for state in states.values())
    return unfinished or any(run.active for run in family.values())


def _panel(run: Run, epoch: int, unit: str, was_waiting: bool) -> None:
    family = _family(run)
    states = _states(family, epoch)
    if was_waiting and not _waiting(family, states):
        st.rerun()  # once more as a whole, and then without polling
    _progress(family, states, epoch)
    tables = [state.table for state in states.values() if state.table is not None]
    if tables:
        _results(run, pd.concat(tables, ignore_index=True), unit, len(family))
    if run.status == "done":
        similar_runs.offer_seeds([run.config], key="measurement.seeds")


def _progress(family: dict[int, Run], states: dict[int, background_measurements.Measurement], epoch: int) -> None:
    for seed, member in family.items():
        if member.active:
            share, what = max(member.epoch, 0) / member.config.epochs, f"training, epoch {max(member.epoch, 0)}"
            st.progress(share, text=f"Seed {seed}: {'waiting for a worker' if member.status == 'queued' else what}")
    for seed, state in states.items():
        if state.problem:
            st.error(f"Seed {seed}: {state.problem}")
            if st.button("Try again", key=f"again.{seed}"):
                background_measurements.forget_failed("sensitivity", family[seed].id, epoch)
                st.rerun()
        elif state.table is None:
            st.progress(state.share, text=f"Seed {seed}: {state.what}")


def _results(run: Run, table: pd.DataFrame, unit: str, family_size: int) -> None:
    from vae.analysis.reference import REAL_IMAGES
    from vae.analysis.sensitivity import NEAREST_QUERIES, SIZES, ratios
    from vae.analysis.verdict import verdict

    seeds = sorted(set(table["seed"]))
    size = st.select_slider("Size of the nudge", SIZES, value=SIZE, key="measurement.size", persist_state="session")
    compared = ratios(table)
    if {"ae", "vae"} <= set(run.config.variants):
        missing = f" ({family_size - len(seeds)} more to come)" if family_size > len(seeds) else ""
        st.markdown(f"**Verdict{missing}.** {verdict(compared, size, tested(run, table['n'].iloc[0]))}")
    else:
        st.info("A ratio needs an autoencoder and a VAE; this run does not hold both.")
    if set(ALL_VARIANTS) <= set(run.config.variants):
        st.markdown(f"**Which ingredient does it?** {ingredients(run, table, unit, size)}")
    st.dataframe(every_unit(table, compared, size, run.config.variants), width="stretch")
    st.caption(
        f"Pixel RMSE of a nudge of {size:g} in each unit: root mean square over all pixels of "
        f"{table['n'].iloc[0]:,} test images, each nudged in a random direction of its own, the same for every model. "
        f"{f'Means over {len(seeds)} seeds' if len(seeds) > 1 else f'Seed {seeds[0]}'}. The interval (95 %, Student's "
        "t on the logarithms) is over seeds, so that it says how another pair of models would come out."
    )
    named = [name for name in NUDGE_MEASURES if table[name].notna().any()]
    measure = st.segmented_control(
        "What is measured",
        named,
        format_func=lambda name: NUDGE_MEASURES[name].title,
        default="rmse",
        required=True,
        key="measurement.measure",
    )
    figure(
        nudge_curves(table, unit, measure, size),
        key="nudges",
        alt=f"{NUDGE_MEASURES[measure].axis} against the size of the nudge, {NUDGE_UNITS[unit].title}",
    )
    trust = background_measurements.accuracy(run.data["hash"])
    explained = {
        "rmse": "",
        "class_change": f"Classes are named by a small reference classifier, right on {trust:.1%} of the real test "
        "images."
        if trust
        else "",
        "nearest_distance": f"Over the first {NEAREST_QUERIES} test images, among "
        f"{min(REAL_IMAGES, run.data['train_size']):,} training images.",
    }
    band = (
        f"The band is the range over {len(seeds)} seeds."
        if len(seeds) > 1
        else "The band holds the middle half of the images (quartiles); the root mean square may lie above it."
        if measure == "rmse"
        else ""
    )
    st.caption(f"{band} {explained[measure]}")
    csv(lambda: table, f"sensitivity-{run.id}")


def every_unit(table: pd.DataFrame, compared: pd.DataFrame, size: float, variants: tuple[str, ...]) -> pd.DataFrame:
    """One row per unit at one size: RMSE of each variant, the ratio AE ÷ VAE, its interval, and what follows."""
    from vae.analysis.verdict import judgement

    at_size = table[table["size"] == size]
    means = at_size.groupby(["unit", "variant"], sort=False)["rmse"].mean()
    ratio_by_unit = {row["unit"]: row for _, row in compared[compared["size"] == size].iterrows()}
    rows = {}
    for unit in NUDGE_UNITS:
        row = {VARIANT_TITLES[name]: _number(means.get((unit, name))) for name in variants}
        if {"ae", "vae"} <= set(variants):
            ratio = ratio_by_unit.get(unit)
            ratio = None if ratio is None or pd.isna(ratio["ratio"]) else ratio
            known = ratio if ratio is not None and ratio["seeds"] > 1 else None
            row["AE ÷ VAE"] = "–" if ratio is None else f"{ratio['ratio']:.2f}"
            row["95 % interval"] = "–" if known is None else f"{known['low']:.2f} … {known['high']:.2f}"
            said = "–" if ratio is None else judgement(ratio)
            row["Moves more"] = JUDGED.get(said, said.removesuffix(" moves more"))
        rows[NUDGE_UNITS[unit].title] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("Unit of the nudge")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def which_ingredient(run: Run) -> None:
    """Noise on or off × KL on or off: the four variants, in the same strips, table and curves."""
    lacking = [name for name in ALL_VARIANTS if name not in run.config.variants]
    st.header("Which ingredient does it?", divider="gray")
    if not lacking:
        st.markdown(
            "This run holds all four variants: with and without noise, with and without KL. What was measured, in the "
            "unit of the strips, is told below the verdict."
        )
        return
    st.markdown(
        "A VAE adds two things to an autoencoder: noise on the code, and the KL that holds the codes together. Train "
        f"all four combinations with these settings to see which of them matters (here {len(lacking)} are missing)."
    )
    wanted = run.config.model_copy(update={"variants": tuple(ALL_VARIANTS)})
    there = similar_runs.found({"all": wanted}).get("all")
    label = "Show the run of all four variants" if there else "Train all four variants"
    if st.button(label, icon=":material/grid_view:"):
        ids = [there.id] if there else similar_runs.queue([wanted])
        if ids:
            run_picker.select(ids[0])
            st.switch_page("train.py", query_params={"run": ids[0]})
