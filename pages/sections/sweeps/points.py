"""The points of a sweep: their values, which are best, and Optuna's view of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.shared.csv_button import csv
from pages.state import resources
from pages.text.words import plural
from vae.analysis.comparing import paired
from vae.analysis.intervals import SEEDS_FOR_A_VERDICT
from vae.config import FIELD_TEXTS
from vae.figures.style import VARIANT_TITLES
from vae.figures.sweeps import dressed
from vae.sweeps import stored
from vae.sweeps.spec import OBJECTIVES, SweepSpec
from vae.sweeps.stored import Sweep

from .shown_sweep import ShownSweep

PLOTS = {
    "parallel": "Parallel coordinates",
    "importance": "Importance",
    "slice": "Slices",
    "contour": "Contour",
    "front": "Pareto front",
}
BEST, LIKE_THE_BEST, NOT_BEATEN = "★", "≈", "★"  # marks of points


def points_table(look: ShownSweep) -> None:
    """Every point with its values, the best ones marked."""
    from vae.sweeps.driver import lost, reason_of, values_of

    sweep, trials, results = look.sweep, look.trials, look.results
    spec, marks = sweep.spec, _marks(sweep, trials, results)
    failed = {trial.number for trial in lost(trials)}
    states = {"complete": "done", "fail": "failed", "pruned": "stopped early", "waiting": "queued"}
    rows = []
    for trial in trials:
        values = values_of(trial, spec)
        state = states.get(trial.state.name.lower(), trial.state.name.lower())
        rows.append(
            {"": marks.get(trial.number, ""), "Point": trial.number}
            | {FIELD_TEXTS[name].title: str(value) for name, value in trial.params.items()}
            | {OBJECTIVES[name].title: values.get(name) for name in spec.objectives}
            | {"Status": f"{state}: {reason_of(trial)}" if trial.number in failed else state}
        )
    narrow = {"": st.column_config.TextColumn(width=30), "Point": st.column_config.NumberColumn(width=60)}
    height = min(420, 38 + 35 * len(rows))
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch", height=height, column_config=narrow)
    judged_points = sum(trial.state.name == "COMPLETE" for trial in trials)  # of one alone nothing is best
    judged = " and ".join(OBJECTIVES[name].sought for name in spec.objectives)
    on = " and on ".join(dict.fromkeys(OBJECTIVES[name].judged_on for name in spec.objectives))
    st.caption(
        f"We look for {judged} of the {VARIANT_TITLES[spec.of].lower()}, on {on}, as the mean over "
        f"{plural(spec.seeds, 'seed')}. {_meaning(spec, marks) if judged_points > 1 else ''}".rstrip()
    )
    csv(lambda: results, f"sweep-{sweep.id}", "CSV of all runs")


def _marks(sweep: Sweep, trials: list[Any], results: pd.DataFrame) -> dict[int, str]:
    """Points worth a mark, by number. Of two objectives those that none beats in both, unless that is all of them."""
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
    if len(complete) < 2:
        return {}
    from vae.sweeps.driver import study_of

    best = [trial.number for trial in study_of(resources.store(), sweep).best_trials]
    if len(sweep.spec.objectives) > 1:
        return dict.fromkeys(best, NOT_BEATEN) if len(best) < len(complete) else {}
    marks = dict.fromkeys(best, BEST)
    column = OBJECTIVES[sweep.spec.objectives[0]].metric
    if not OBJECTIVES[sweep.spec.objectives[0]].every_epoch or sweep.spec.seeds < SEEDS_FOR_A_VERDICT:
        return marks
    rows = results[(results["split"] != "test") & (results["variant"] == sweep.spec.of)]
    by_seed = {number: of.set_index("seed")[column].astype(float).to_dict() for number, of in rows.groupby("number")}
    for trial in complete:
        apart = paired(by_seed.get(best[0], {}), by_seed.get(trial.number, {}))
        if trial.number not in marks and apart and apart.judgement in ("open", "equal"):
            marks[trial.number] = LIKE_THE_BEST
    return marks


def _meaning(spec: SweepSpec, marks: dict[int, str]) -> str:
    """What the marks say, in a sentence that holds however many there are."""
    if len(spec.objectives) > 1:
        return (
            f"{NOT_BEATEN} no other point is better in both."
            if marks
            else "No point is worse than another one in both, so none is marked."
        )
    if not marks:
        return ""
    if spec.seeds < SEEDS_FOR_A_VERDICT or not OBJECTIVES[spec.objectives[0]].every_epoch:
        return f"{BEST} best mean. There are too few seeds, or no interval: another point may be as good."
    return (
        f"{BEST} best mean. {LIKE_THE_BEST} no clear difference from it: the 95 % interval of the difference, seed by "
        "seed, contains 0."
    )


def says_more(spec: SweepSpec) -> bool:
    """Whether Optuna's own plots show more than the first figure."""
    return len(spec.over) > 1 or len(spec.objectives) > 1 or spec.sampler != "grid"


def optuna_plots(look: ShownSweep) -> None:
    """Optuna's own plots of what is done."""
    sweep, complete = look.sweep, [trial for trial in look.trials if trial.state.name == "COMPLETE"]
    names, one, two = dict(PLOTS), len(sweep.spec.over) == 1, len(sweep.spec.objectives) == 2
    if len(complete) < 2:
        st.caption("These plots need two points that are done.")
        return
    if one:
        for name in ("importance", "contour"):  # nothing to weigh against each other
            names.pop(name)
    if not two:
        names.pop("front")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = st.segmented_control(
            "Plot",
            list(names),
            format_func=names.__getitem__,
            default=next(iter(names)),
            required=True,
            key="sweep.plot",
        )
        objective = 0
        if two and which != "front":
            chosen = st.segmented_control(
                "Objective",
                sweep.spec.objectives,
                format_func=lambda name: OBJECTIVES[name].title,
                default=sweep.spec.objectives[0],
                required=True,
                key="sweep.of",
            )
            objective = sweep.spec.objectives.index(chosen)
    drawing = _plot(sweep.id, which, objective, len(complete))
    if drawing is None:
        st.caption("The values so far are too similar for this plot.")
    else:
        figure(drawing, key=f"sweep.optuna.{which}", alt=names[which])


@st.cache_resource(max_entries=40, show_spinner=False)
def _plot(sweep_id: str, which: str, objective: int, complete: int) -> Any:
    """One of Optuna's figures; `complete`, the number of finished points, tells apart a sweep that has gone on."""
    from optuna import visualization

    from vae.sweeps.driver import study_of, values_of

    sweep = stored.find(resources.store(), sweep_id)
    study, names = study_of(resources.store(), sweep), list(sweep.spec.objectives)
    titles = [OBJECTIVES[name].title for name in names]
    if which == "front":
        return dressed(visualization.plot_pareto_front(study, target_names=titles))
    plots: dict[str, Callable[..., Any]] = {
        "parallel": visualization.plot_parallel_coordinate,
        "importance": visualization.plot_param_importances,
        "slice": visualization.plot_slice,
        "contour": visualization.plot_contour,
    }
    try:
        name, title = names[objective], titles[objective]
        drawing = plots[which](study, target=lambda trial: values_of(trial, sweep.spec)[name], target_name=title)
        return dressed(drawing, {field: FIELD_TEXTS[field].title for field in sweep.spec.over})
    except (RuntimeError, ValueError):  # importance of values without any spread
        return None
