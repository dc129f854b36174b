"""Does it know what it does not know?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.shared import run_picker, similar_runs
from pages.shared.csv_button import csv
from pages.shared.on_request import on_request
from pages.text.escape_markdown import escape_markdown
from pages.text.what_to_notice import what_to_notice
from pages.text.words import listed, plural
from vae.analysis.intervals import SEEDS_FOR_A_VERDICT, half_width
from vae.analysis.sentences import Quantity, over_seeds, together
from vae.choices.anomaly_scores import ANOMALY_SCORES
from vae.figures.style import VARIANT_SHORT
from vae.figures.yardsticks.roc import panels, roc_curves
from vae.store.runs import Run

from .class_learnt import beside_those_who_learnt_it
from .seeds import over_seeds as tables_over_seeds
from .stranger_images import stranger_images

Z = 1.96  # standard errors to the end of a 95 % interval over many images
GUESS = 0.5  # the area under the ROC curve of a score that says nothing
PRIMARY = "squared_error"


def anomalies(run: Run, epoch: int) -> None:
    """For a run that has learnt every class how to train one that hasn't; else how well it tells the class it lacks."""
    if not run.config.held_out_class:
        _offer(run)
        return
    name = escape_markdown(run.config.held_out_class)
    said = (
        f"This run has never seen class **{name}**. Are test images of it rebuilt worse than those of the classes it "
        "has learnt?"
    )
    on_request("anomalies", run, epoch, said, "Measure", partial(_measured_now, run, epoch))


def _offer(run: Run) -> None:
    classes = list(run.data["classes"])
    if len(classes) < 2:
        st.markdown("These images have no classes, so none can be kept from training. Choose a run of others.")
        return
    st.markdown(
        "This run has learnt from every class, so there is none that could surprise it. Train the same models without "
        "one: do they notice it?"
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        left_out = st.selectbox(
            "Class to keep from training", classes, len(classes) - 1, key="anomalies.class", width=240
        )
        config = run.config.model_copy(update={"held_out_class": left_out})
        name = escape_markdown(left_out)
        if trained := similar_runs.found({left_out: config}).get(left_out):
            st.button(
                f"Look at the run without class {name}",
                icon=":material/visibility:",
                on_click=run_picker.select,
                args=(trained.id,),
            )
        else:
            similar_runs.offer(f"Train it without class {name}", {left_out: config})


def _measured_now(run: Run, epoch: int, table: pd.DataFrame) -> None:
    tables_over_seeds("anomalies", run, epoch, table, partial(_shown, run, epoch))


def _shown(run: Run, epoch: int, tables: Mapping[int, pd.DataFrame]) -> None:
    mine = tables[run.config.seed]
    held_out, whole = int(mine["held_out"].iloc[0]), int(mine["n"].iloc[0])
    figure(roc_curves(mine), key="anomalies.roc", alt="Hits against false alarms, by score")
    st.caption(f"Seed {run.config.seed}. Dotted diagonal: a guess. Grey, beside the squared error: without a network.")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.dataframe(areas(tables, run.config.seed), hide_index=True, width="stretch")
        st.caption(f"Area under the ROC curve. {_spread(len(tables))}")
    with right:
        what_to_notice(notice(tables, run.config.latent_dim, run.config.held_out_class), "anomalies")
        with st.popover("How is it measured?", type="tertiary"):
            st.markdown(_measured(run, epoch, held_out, whole - held_out))
    beside_those_who_learnt_it(run, mine)
    with st.expander("Images of this class that are rebuilt best and worst"):
        stranger_images(run, epoch)
    csv(
        lambda: pd.concat([table.assign(seed=seed) for seed, table in tables.items()]),
        f"anomalies-{run.id}-epoch-{epoch}",
    )


def _spread(seeds: int) -> str:
    if seeds >= SEEDS_FOR_A_VERDICT:
        return (
            f"Mean over {seeds} seeds ± half of its 95 % interval. Without a network nothing depends on a seed, and "
            "the interval is over images."
        )
    return "Of this one run, ± half of the 95 % interval over its images."


def values(tables: Mapping[int, pd.DataFrame], measure: str) -> dict[str, dict[int, float]]:
    """Of one measure: by variant ("" for no model's) and seed."""
    found: dict[str, dict[int, float]] = {}
    for seed, table in tables.items():
        for row in table[table["measure"] == measure].itertuples():
            found.setdefault(str(row.variant), {})[seed] = float(row.value)
    return found


def areas(tables: Mapping[int, pd.DataFrame], seed: int) -> pd.DataFrame:
    """A row for each score, a column for each model: over seeds from SEEDS_FOR_A_VERDICT on, else of the run shown."""
    mine = tables[seed]
    models = [name for name in dict.fromkeys(mine["variant"]) if name]
    rows = []
    for name in panels(mine):
        score = ANOMALY_SCORES[name]
        rows.append(
            {"By": score.title} | {VARIANT_SHORT[model]: _cell(tables, seed, score.area, model) for model in models}
        )
    for score in ANOMALY_SCORES.values():
        if not score.of_models:
            told = _cell({seed: mine}, seed, score.area, "")
            rows.append({"By": f"{score.title}, no network"} | {VARIANT_SHORT[model]: told for model in models})
    return pd.DataFrame(rows)


def _cell(tables: Mapping[int, pd.DataFrame], seed: int, measure: str, variant: str) -> str:
    of_seeds = values(tables, measure).get(variant, {})
    if seed not in of_seeds:
        return "–"
    if len(of_seeds) >= SEEDS_FOR_A_VERDICT:
        found = pd.Series(of_seeds)
        return f"{found.mean():.3f} ± {half_width(found.to_numpy()):.3f}"
    rows = tables[seed][(tables[seed]["measure"] == measure) & (tables[seed]["variant"] == variant)]
    error = float(rows["error"].iloc[0])
    return f"{of_seeds[seed]:.3f}" + (f" ± {Z * error:.3f}" if pd.notna(error) else "")


def notice(tables: Mapping[int, pd.DataFrame], dimensions: int, held_out_class: str) -> str:
    """Models against each other and against PCA by squared error, and which scores are worse than a guess."""
    score = ANOMALY_SCORES[PRIMARY]
    quantity = Quantity("Area by squared error", plural(len(tables), "seed"), ".3f")
    models = {VARIANT_SHORT[name]: found for name, found in values(tables, score.area).items()}
    (pca,) = values(tables, ANOMALY_SCORES["pca"].area).values()
    beside = over_seeds(quantity, {f"PCA with {plural(dimensions, 'number')}": pca} | models)
    between = over_seeds(quantity, models) if len(models) > 1 else ""
    between = between.partition(". ")[2]  # the means stand in the other sentence
    return together(beside, between, _turned(tables, held_out_class))


def _turned(tables: Mapping[int, pd.DataFrame], held_out_class: str) -> str:
    """Scores by which the class that was never seen looks more familiar than the others, in every run."""
    said = []
    for name in ANOMALY_SCORES:
        score = ANOMALY_SCORES[name]
        rows = pd.concat([table[table["measure"] == score.area] for table in tables.values()])
        for variant, of_variant in rows.groupby("variant", sort=False):
            if len(of_variant) == len(tables) and (of_variant["value"] + Z * of_variant["error"] < GUESS).all():
                who = f"{score.title} of the {VARIANT_SHORT[str(variant)]}" if variant else score.title
                said.append(f"{who} ({of_variant['value'].mean():.2f})")
    if not said:
        return ""
    runs = "this run" if len(tables) == 1 else f"all {len(tables)} runs"
    return (
        f"Below {GUESS:g} in {runs}, over images: {listed(said)}. By these, class {escape_markdown(held_out_class)} "
        "looks more familiar than the classes that were learnt."
    )


def _measured(run: Run, epoch: int, held_out: int, known: int) -> str:
    scores = "\n".join(f"- **{score.title}**: {score.sentence}" for score in ANOMALY_SCORES.values())
    return (
        f"With the weights of epoch {epoch}, on {plural(held_out, 'test image')} of class "
        f"{escape_markdown(run.config.held_out_class)}, which no training and no validation image is of, and on "
        f"{plural(known, 'test image')} of the other classes. Each image gets a score, and from some score on it is "
        "called strange. Hits: the share of the class that is. False alarms: the share of the others that is. The "
        "curve goes through all thresholds. The area below it is how often an image of the class has the higher score "
        f"of a pair: 0.5 is a guess, and below 0.5 the score is turned round.\n\n{scores}\n\nAreas by scikit-learn; "
        "intervals over images by DeLong et al. 1988, those over seeds by Student's t. A class may be hard or easy to "
        "rebuild whether or not it was learnt: the rows without a network say how far one gets without learning, and "
        "another class may come out otherwise. The sweep *Which class would it miss?* tries all digits."
    )
