"""Are codes good for anything?"""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.shared.csv_button import csv
from pages.shared.on_request import on_request
from pages.text.what_to_notice import what_to_notice
from vae.analysis import sentences
from vae.analysis.sentences import Quantity, together
from vae.analysis.yardsticks import probe_curves
from vae.figures.yardsticks.codes import CODES_TITLES, accuracy_by_labels
from vae.store.runs import Run

from .seeds import over_seeds

ASKED = (
    "Nobody told the models which class an image has. Can it still be read off the code? A linear probe and nearest "
    "neighbours try, with few labels and with many: on each model's codes, on PCA codes of the same size, and on the "
    "pixels themselves."
)
FEW = 100  # labels, of the sentence about few of them
METHODS = {"probe_accuracy": "Linear probe", "knn_accuracy": "Nearest neighbours"}
CLUSTERS = {"cluster_nmi": "Clusters and classes (NMI)", "class_silhouette": "Silhouette of classes"}


def codes(run: Run, epoch: int) -> None:
    """How well classes are read off codes, measured when somebody asks."""
    if len(run.data["classes"]) < 2:
        st.info("These images have no classes, so there is nothing to read off their codes.")
        return
    on_request("codes", run, epoch, ASKED, "Measure the codes", partial(_shown, run, epoch))


def _shown(run: Run, epoch: int, table: pd.DataFrame) -> None:
    over_seeds("codes", run, epoch, table, partial(_of_seeds, run, epoch))


def _of_seeds(run: Run, epoch: int, tables: dict[int, pd.DataFrame]) -> None:
    """Two figures with their tables, what they say, and how it was measured."""
    curves, one = probe_curves.over_seeds(tables), tables[run.config.seed]
    guess = float(one.loc[one["of"] == "guess", "value"].iloc[0])
    for column, (measure, title) in zip(st.columns(2, gap="medium"), METHODS.items(), strict=True):
        with column:
            st.markdown(f"**{title}** by number of labels")
            figure(accuracy_by_labels(curves, measure, guess), key=f"codes.{measure}", alt=f"{title} by labels")
            st.dataframe(by_labels(curves, measure), width="stretch")
    st.dataframe(of_clusters(curves), width="stretch")
    what_to_notice(notice(tables, guess), "codes")
    with st.popover("How is it measured?", type="tertiary"):
        st.markdown(measured(one, len(tables), epoch))
    csv(lambda: pd.concat([each.assign(seed=seed) for seed, each in tables.items()]), f"codes-{run.id}-epoch-{epoch}")


def by_labels(curves: pd.DataFrame, measure: str) -> pd.DataFrame:
    """A row for each codes, a column for each number of labels: value ± half of its 95 % interval."""
    rows = curves[curves["measure"] == measure]
    found: dict[str, dict[str, str]] = {}
    for labels in sorted(set(rows["labels"])):
        for row in rows[rows["labels"] == labels].itertuples():
            found.setdefault(str(row.codes), {})[f"{labels:,}"] = _cell(row.value, row.high)
    return _titled(found)


def of_clusters(curves: pd.DataFrame) -> pd.DataFrame:
    """A row for each codes, a column for each of CLUSTERS."""
    found: dict[str, dict[str, str]] = {}
    for row in curves[curves["measure"].isin(CLUSTERS)].itertuples():
        found.setdefault(str(row.codes), {})[CLUSTERS[str(row.measure)]] = _cell(row.value, row.high)
    return _titled(found)


def _titled(found: dict[str, dict[str, str]]) -> pd.DataFrame:
    rows = {title: found[name] for name, title in CODES_TITLES.items() if name in found}
    return pd.DataFrame.from_dict(rows, orient="index").fillna("–").rename_axis("Codes of")


def _cell(value: float, high: float) -> str:
    text = f"{value:.3f}".replace("-", "−")
    return text if pd.isna(high) else f"{text} ± {high - value:.3f}"


def notice(tables: dict[int, pd.DataFrame], guess: float) -> str:
    """Every kind of codes beside the first, whichever way it comes out: probe, neighbours, probe with few labels."""
    one = next(iter(tables.values()))
    said = [f"Always naming the most frequent class is right for {guess:.1%} of the images."]
    for measure, title, labels in (
        ("probe_accuracy", "Accuracy of a linear probe with all {} labels", None),
        (f"probe_accuracy_{FEW}", "With {} labels", FEW),
        ("knn_accuracy", "Of nearest neighbours with all {} labels", None),
    ):
        rows = one[one["measure"] == measure]
        values = {CODES_TITLES[name]: of for name, of in probe_curves.by_codes(tables, measure).items()}
        if rows.empty or not values:
            continue
        n, count = int(rows["n"].iloc[0]), labels or int(rows["labels"].iloc[0])
        quantity = Quantity(title.format(f"{count:,}"), sentences.images(n, "test"), ".3f")
        said.append(sentences.over_seeds(quantity, values))
    return together(*said)


def measured(one: pd.DataFrame, seeds: int, epoch: int) -> str:
    """In words: what was learnt from what, and what the intervals are of."""
    whole = one[one["measure"].isin(METHODS) & (one["variant"] != "")]
    probe, neighbours = (whole[whole["measure"] == measure].iloc[0] for measure in METHODS)
    draws = one[one["measure"].str.match(r"probe_accuracy_\d+$") & (one["variant"] == probe["variant"])]
    few = ", ".join(f"{row.labels:,} labels: {row.draws} draws" for row in draws.itertuples() if row.draws > 1)
    pixels = one[(one["of"] == "pixels") & one["measure"].str.startswith("probe_accuracy")]["labels"].max()
    left_out = (
        ""
        if pixels == probe["labels"]
        else f" On pixels the probe stops at {pixels:,} labels: with more it would take a minute."
    )
    intervals = (
        f"± is the 95 % interval of the mean over {seeds} seeds, all judged on the same test images: others would move "
        f"all numbers, that of the probe with all labels by about ±{1.96 * probe['error']:.3f}. With all labels, PCA "
        "and pixels are the same for every seed."
        if seeds > 1
        else "± is 1.96 standard errors, over the test images and, where labels are drawn, over draws. It is of one "
        "seed: another training may differ by more."
    )
    return (
        f"Codes are the means μ of the encoder at epoch {epoch}; a VAE's noise is left out.\n\n"
        f"**Linear probe**: logistic regression (scikit-learn, C = 1) on standardised codes, learnt on at most "
        f"{probe['labels']:,} training images, judged on {probe['n']:,} test images.{left_out}\n\n"
        f"**Nearest neighbours**: the most frequent class of the {neighbours['neighbours']} nearest training images, "
        f"fewer where labels are few; Euclidean distance; judged on {neighbours['n']:,} test images.\n\n"
        f"Few labels are drawn evenly from the classes, the same for all codes; {few or 'none are drawn here'}.\n\n"
        "**NMI**: normalised mutual information of the classes and as many k-means clusters, mean over 5 starts. "
        "**Silhouette**: how much nearer an image's code is to its own class than to the next one, from −1 to 1. Both "
        f"on the test images, {int(one.loc[one['measure'] == 'cluster_nmi', 'n'].max()):,} at the most.\n\n"
        f"**PCA** codes are the leading principal components of the same training images. {intervals}"
    )
