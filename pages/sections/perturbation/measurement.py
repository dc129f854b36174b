"""The measurement of nudges over all test images and several seeds: at one size, at every size, and by ingredient."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.shared import similar_runs
from pages.shared.csv_button import csv
from pages.shared.predict import questions
from pages.shared.which_images import tested
from pages.shared.which_ingredient import POLL
from pages.state import background_measurements, loaded_models
from vae.analysis.sentences import NO_CLEAR_DIFFERENCE
from vae.choices.nudge_units import NUDGE_UNITS
from vae.figures.nudges import NUDGE_MEASURES, nudge_curves
from vae.figures.style import VARIANT_SHORT, VARIANT_TITLES
from vae.store.runs import Run

from . import pair

JUDGED = {"open": NO_CLEAR_DIFFERENCE, "too few seeds": "needs 3 seeds", "no ratio": "–"}
Show = Callable[[pd.DataFrame, int], None]  # rows of `sensitivity.table` of all seeds so far; how many seeds there are


def measured(run: Run, epoch: int, show: Show) -> None:
    """`show` what was measured of this run and its other seeds. Polls only while something is under way."""
    if run.active:
        st.info("This run is still training. It is measured once it has ended.", icon=":material/hourglass_top:")
        return
    asked = f"measure.{run.id}.{epoch}"
    last = epoch == loaded_models.kept_epochs(run.id, run.epoch)[-1]
    if not last and not background_measurements.is_kept("sensitivity", run.id, epoch) and asked not in st.session_state:
        st.button(
            f"Measure epoch {epoch}",
            icon=":material/straighten:",
            on_click=st.session_state.update,  # before the page is drawn anew, without the button
            args=({asked: True},),
        )
        return
    family = _family(run)
    waiting = _waiting(family, _states(family, _epochs(run, family, epoch)))
    st.fragment(_panel, run_every=POLL if waiting else None)(run, epoch, show, waiting)


def _family(run: Run) -> dict[int, Run]:
    """This run and other seeds of its configuration, by seed."""
    others = {seed: other for seed, other in similar_runs.seeds_of(run.config).items() if seed != run.config.seed}
    return dict(list({run.config.seed: run, **others}.items())[: similar_runs.MOST_SEEDS])


def _epochs(run: Run, family: dict[int, Run], epoch: int) -> dict[int, int]:
    """Of each member the one that goes with `epoch` of this run, by seed."""
    return {seed: similar_runs.epoch_of(member, run, epoch) for seed, member in family.items()}


def _states(family: dict[int, Run], epochs: dict[int, int]) -> dict[int, background_measurements.Measurement]:
    """Measurements of the members that are done and have their epoch, by seed."""
    return {
        seed: background_measurements.of("sensitivity", run.id, epochs[seed])
        for seed, run in family.items()
        if not run.active and epochs[seed] in loaded_models.kept_epochs(run.id, run.epoch)
    }


def _waiting(family: dict[int, Run], states: dict[int, background_measurements.Measurement]) -> bool:
    unfinished = any(state.table is None and not state.problem for state in states.values())
    return unfinished or any(run.active for run in family.values())


def _panel(run: Run, epoch: int, show: Show, was_waiting: bool) -> None:
    family = _family(run)
    epochs = _epochs(run, family, epoch)
    states = _states(family, epochs)
    if was_waiting and not _waiting(family, states):
        st.rerun()  # once more as a whole, and then without polling
    _progress(family, states, epochs)
    tables = [state.table for state in states.values() if state.table is not None]
    if tables:
        show(pd.concat(tables, ignore_index=True), len(family))
    if run.status == "done":
        similar_runs.offer_seeds([run.config], key="measurement.seeds")


def _progress(
    family: dict[int, Run], states: dict[int, background_measurements.Measurement], epochs: dict[int, int]
) -> None:
    for seed, member in family.items():
        if member.active:
            share, what = max(member.epoch, 0) / member.config.epochs, f"training, epoch {max(member.epoch, 0)}"
            st.progress(share, text=f"Seed {seed}: {'waiting for a worker' if member.status == 'queued' else what}")
    for seed, state in states.items():
        if state.problem:
            st.error(f"Seed {seed}: {state.problem}")
            if st.button("Try again", key=f"again.{seed}"):
                background_measurements.forget_failed("sensitivity", family[seed].id, epochs[seed])
                st.rerun()
        elif state.table is None:
            st.progress(state.share, text=f"Seed {seed}: {state.what}")


def nearest_size(size: float) -> float:
    """Of the sizes that were measured, in the ratio of sizes."""
    from vae.analysis.sensitivity import SIZES

    return min(SIZES, key=lambda known: max(known / size, size / known))


def predicted(run: Run, size: float, table: pd.DataFrame, show: Callable[[], None]) -> None:
    """`show` whose picture changes more, after the visitor has said what they expect of the article's two models."""
    from vae.analysis.comparing import ratios

    if pair.of(run) == pair.ARTICLES:
        questions.before("claim 3", show, lambda: ratios(table[table["size"] == size]), run.config)
    else:
        show()


def at_one_size(run: Run, size: float, table: pd.DataFrame, family_size: int) -> None:
    """Who changes more after a nudge of this size, in every unit."""
    predicted(run, size, table, partial(_at_one_size, run, size, table, family_size))


def _at_one_size(run: Run, size: float, table: pd.DataFrame, family_size: int) -> None:
    from vae.analysis.comparing import ratios
    from vae.analysis.verdict import verdict

    models, seeds = pair.of(run), sorted(set(table["seed"]))
    if len(models) > 1:
        missing = f" ({family_size - len(seeds)} more to come)" if family_size > len(seeds) else ""
        st.markdown(f"**Verdict{missing}.** {verdict(ratios(table, *models), size, *models)}")
    else:
        st.info("A ratio needs two models; this run holds one.")
    st.dataframe(every_unit(table, size, models), width="stretch")
    st.caption(
        f"Pixel RMSE after a nudge of {size:g} in each unit, over {tested(run, table['n'].iloc[0])}, each in a random "
        f"direction. {f'Means over {len(seeds)} seeds' if len(seeds) > 1 else f'Seed {seeds[0]}'}; the 95 % interval "
        "is over seeds."
    )


def at_every_size(run: Run, unit: str, size: float, table: pd.DataFrame, _family_size: int) -> None:
    """The curves of one unit, and all numbers of the marked size in a paragraph."""
    predicted(run, size, table, partial(_at_every_size, run, unit, size, table))


def _at_every_size(run: Run, unit: str, size: float, table: pd.DataFrame) -> None:
    from vae.analysis.comparing import ratios
    from vae.analysis.reference import REAL_IMAGES
    from vae.analysis.sensitivity import NEAREST_QUERIES
    from vae.analysis.verdict import in_numbers

    seeds = sorted(set(table["seed"]))
    named = [name for name in NUDGE_MEASURES if table[name].notna().any()]
    left, right = st.columns([5, 3], gap="medium")
    with right:
        measure = st.segmented_control(
            "What is measured",
            named,
            format_func=lambda name: NUDGE_MEASURES[name].title,
            default="rmse",
            required=True,
            key="measurement.measure",
        )
        models = pair.of(run)
        if len(models) > 1:
            on = tested(run, table["n"].iloc[0])
            st.markdown(f"**What to notice.** {in_numbers(ratios(table, *models), size, on, *models)}")
    with left:
        figure(
            nudge_curves(table, unit, measure, size),
            key="nudges",
            alt=f"{NUDGE_MEASURES[measure].axis} against the size of the nudge, {NUDGE_UNITS[unit].title}",
        )
    trust = background_measurements.accuracy(run.data["hash"])
    explained = {
        "rmse": "",
        "class_change": f"The reference classifier names the classes; it is right on {trust:.1%} of the test images. "
        if trust
        else "",
        "nearest_distance": f"Over the first {NEAREST_QUERIES} test images, among "
        f"{min(REAL_IMAGES, run.data['train_size']):,} training images. ",
    }
    band = (
        f"Band: range over {len(seeds)} seeds. "
        if len(seeds) > 1
        else "Band: the middle half of the images; the root mean square may lie above it. "
        if measure == "rmse"
        else ""
    )
    st.caption(
        f"{band}{explained[measure]}Each image is nudged in a random direction of its own, the same for every model. "
        "RMSE: root mean square over all pixels of all images. Intervals: 95 %, Student's t on the logarithms of the "
        "ratios, over seeds: they say how another pair of models would come out."
    )
    csv(lambda: table, f"sensitivity-{run.id}")


def every_unit(table: pd.DataFrame, size: float, models: tuple[str, ...]) -> pd.DataFrame:
    """One row per unit at one size: the ratio of two `models`, its interval, what follows, and the RMSE of each."""
    from vae.analysis.comparing import ratios
    from vae.analysis.verdict import judgement

    at_size = table[table["size"] == size]
    means = at_size.groupby(["unit", "variant"], sort=False)["rmse"].mean()
    compared = ratios(at_size, *models) if len(models) > 1 else None
    ratio_by_unit = {} if compared is None else {row["unit"]: row for _, row in compared.iterrows()}
    head = " ÷ ".join(VARIANT_SHORT[name] for name in models)
    rows = {}
    for unit in NUDGE_UNITS:
        row = {}
        if compared is not None:
            ratio = ratio_by_unit.get(unit)
            ratio = None if ratio is None or pd.isna(ratio["ratio"]) else ratio
            known = ratio if ratio is not None and ratio["seeds"] > 1 else None
            row[head] = "–" if ratio is None else f"{ratio['ratio']:.2f}"
            row["95 % interval"] = "–" if known is None else f"{known['low']:.2f} … {known['high']:.2f}"
            said = "–" if ratio is None else judgement(ratio, *models)
            row["Moves more"] = JUDGED.get(said, said.removesuffix(" moves more"))
        row |= {VARIANT_TITLES[name]: _number(means.get((unit, name))) for name in models}
        rows[NUDGE_UNITS[unit].title] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("Unit")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
