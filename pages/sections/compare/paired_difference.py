"""The paired difference of two settings: B − A by seed, on the test images and along the epochs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.shared.csv_button import csv
from pages.shared.which_images import tested
from pages.text.what_to_notice import what_to_notice
from pages.text.words import plural, signed
from vae.analysis.comparing import difference
from vae.analysis.intervals import SEEDS_FOR_A_VERDICT
from vae.analysis.sentences import NO_CLEAR_DIFFERENCE, common_seeds, conclusion
from vae.choices.likelihoods import LIKELIHOODS
from vae.choices.variants import VARIANTS
from vae.figures.comparing import difference_curves
from vae.figures.style import VARIANT_COLOURS, VARIANT_SHORT, VARIANT_TITLES
from vae.metrics import METRICS, compared

from .compared_runs import ComparedSetting
from .run_curves import read

BOUND = "bound"  # reconstruction + KL, whatever β was trained with
# Name → title of all that is measured on test images, the bound after its parts.
TEST_MEASURES = {name: METRICS[name].title for name in ("reconstruction", "kl")} | {BOUND: "Reconstruction + KL"}
TEST_MEASURES |= {name: METRICS[name].title for name in compared()}
DIGITS = ".4g"  # in which two means are shown: alike in these, they are no ranking


def why_not(a: ComparedSetting, b: ComparedSetting) -> str | None:
    """Why nothing of two settings can be subtracted, in a sentence; None if something can."""
    if not a.shown.data or not b.shown.data:
        return "One of the two has not finished an epoch yet."
    if a.shown.data["hash"] != b.shown.data["hash"]:
        return "The two learn from different data, so their numbers can't be subtracted."
    if a.config.held_out_class != b.config.held_out_class:
        return "The two are tested on images of different classes, so their numbers can't be subtracted."
    return None


def paired_differences(found: Sequence[ComparedSetting]) -> None:
    """B − A of two settings, by seed: on the test images, and along the epochs."""
    by_letter = {setting.letter: setting for setting in found}
    first, second = list(by_letter)[:2]
    if len(found) > 2:
        with st.container(horizontal=True):
            letters = list(by_letter)
            first = st.selectbox("Subtract", letters, key=f"compare.first.{len(letters)}", width=130)
            others = [letter for letter in letters if letter != first]
            second = st.selectbox("from", others, key=f"compare.second.{first}.{len(letters)}", width=130)
    a, b = by_letter[first], by_letter[second]
    if problem := why_not(a, b):
        st.caption(problem)
        return
    history, test = read([a, b])
    table = differences(test, a, b)
    if table.empty:
        st.caption(
            f"No seed is done in both {first} and {second}, so nothing can be paired. Train both with the same seeds."
        )
    else:
        st.dataframe(_in_words(table, first, second), hide_index=True, width="stretch")
        what_to_notice(verdict(table, first, second, epochs=(_trained(a), _trained(b))), "difference")
        st.caption(
            f"{second} − {first} on {tested(a.shown)}, seed by seed: runs with the same seed have the same batches "
            "and, where shapes match, the same initial weights. 95 % interval of the mean: Student's t over pairs, "
            f"from {SEEDS_FOR_A_VERDICT} pairs on. These numbers are for reporting: choose by validation images."
            + ("" if _same_loss(a, b) else " Their reconstruction losses differ, so those can't be subtracted.")
        )
        csv(lambda: table, f"difference-{second}-{first}")
    if a.group == b.group:
        _along_the_epochs(history, first, second, LIKELIHOODS[a.config.reconstruction].per_image)


def _same_loss(a: ComparedSetting, b: ComparedSetting) -> bool:
    """Whether their losses can be subtracted: the same one, of the same pixels."""
    return all(getattr(a.config, name) == getattr(b.config, name) for name in ("reconstruction", "binarisation"))


def differences(test: pd.DataFrame, a: ComparedSetting, b: ComparedSetting) -> pd.DataFrame:
    """What can be compared: columns variant, measure, a, b (means over pairs), difference, low, high, pairs, says."""
    rows = []
    test = test.assign(bound=test["reconstruction"] + test["kl"])
    same_loss = _same_loss(a, b)
    for variant in [name for name in VARIANT_COLOURS if name in a.config.variants and name in b.config.variants]:
        of_one = test[test["variant"] == variant]
        for measure in TEST_MEASURES:
            if not same_loss and (measure == BOUND or METRICS[measure].of_loss):
                continue
            if measure == BOUND and not VARIANTS[variant].noise:
                continue
            sides = [of_one[of_one["name"] == setting.letter].dropna(subset=[measure]) for setting in (a, b)]
            mine, theirs = (dict(zip(side["seed"], side[measure], strict=True)) for side in sides)
            common = common_seeds({"a": mine, "b": theirs})
            if common:
                means = [sum(side[seed] for seed in common) / len(common) for side in (mine, theirs)]
                paired = difference(np.array([theirs[seed] - mine[seed] for seed in common]), tied=_shown_alike(*means))
                rows.append(
                    (variant, measure, *means, paired.mean, paired.low, paired.high, paired.pairs, paired.judgement)
                )
    columns = ["variant", "measure", "a", "b", "difference", "low", "high", "pairs", "says"]
    return pd.DataFrame(rows, columns=columns)


def _shown_alike(a: float, b: float) -> bool:
    return f"{a:{DIGITS}}" == f"{b:{DIGITS}}"


def _says(judgement: str, pairs: int, second: str) -> str:
    if judgement == "too few seeds":
        return "only one seed" if pairs == 1 else f"only {pairs} seeds"
    words = {"open": NO_CLEAR_DIFFERENCE, "equal": "the same in every pair"}
    return words.get(judgement, judgement.replace("B", second, 1))


def _in_words(table: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    rows = [
        {
            "Variant": VARIANT_SHORT[row.variant],
            "Measure": TEST_MEASURES[row.measure] + _direction(row.measure),
            first: f"{row.a:{DIGITS}}",
            second: f"{row.b:{DIGITS}}",
            f"{second} − {first}": signed(row.difference),
            "What it says": _says(row.says, row.pairs, second),
            "95 % interval": "–" if pd.isna(row.low) else f"{signed(row.low)} … {signed(row.high)}",
            "Pairs": row.pairs,
        }
        for row in table.itertuples()
    ]
    return pd.DataFrame(rows)


def _direction(measure: str) -> str:
    """Of all that is subtracted here, most is better the lower it is."""
    return ", higher is better" if measure in METRICS and METRICS[measure].more_is_better else ""


def _trained(setting: ComparedSetting) -> str:
    """For how long its runs were trained: "60 epochs", or "12 to 31 epochs" where patience ended seeds apart."""
    lengths = [run.last_epoch for run in setting.runs]
    most = plural(max(lengths), "epoch")
    return most if len(set(lengths)) == 1 else f"{min(lengths):,} to {most}"


def verdict(table: pd.DataFrame, first: str, second: str, epochs: tuple[str, str]) -> str:
    """The differences that matter most, in words that hold whichever way they come out."""
    reconstruction = (table["measure"] == "reconstruction").any()
    rows = table[table["measure"] == ("reconstruction" if reconstruction else "mse_from_mean")]
    pairs = int((rows if len(rows) else table)["pairs"].min())  # what was asked for may be measured of fewer
    said = []
    if pairs < SEEDS_FOR_A_VERDICT:
        said.append(conclusion(pairs))
    for row in rows.itertuples():
        title = "reconstruction" if reconstruction else TEST_MEASURES[row.measure]
        interval = "" if pd.isna(row.low) else f" (95 % interval {signed(row.low)} to {signed(row.high)})"
        says = "" if row.says == "too few seeds" else f", {_says(row.says, row.pairs, second)}"
        subtracted = f"{second} − {first} = {signed(row.difference)} in {title}"
        said.append(f"{VARIANT_TITLES[row.variant]}: {subtracted}{interval}{says}.")
    said.append(f"Over {plural(pairs, 'pair')} of seeds; lower is better.")
    if epochs[0] != epochs[1]:
        said.append(f"{first} was trained for {epochs[0]}, {second} for {epochs[1]}.")
    return " ".join(said)


def _along_the_epochs(history: pd.DataFrame, first: str, second: str, of: str) -> None:
    """The same difference, of the reconstruction on the watched images."""
    from vae.analysis.comparing import paired_curve

    parts = []
    for variant, rows in history.groupby("variant"):
        one, other = (rows[rows["name"] == name] for name in (first, second))
        parts.append(paired_curve(one, other, "reconstruction").assign(variant=variant))
    curves = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if curves.empty:
        return
    st.caption(
        f"Reconstruction of {second} − {first} on validation images (training images where none are set aside), "
        "per epoch"
        + (
            ", with the 95 % interval over pairs of seeds: below 0 "
            if curves["low"].notna().any()
            else f", {plural(int(curves['pairs'].max()), 'pair')} of seeds, so without an interval: below 0 "
        )
        + f"{second} has the lower loss."
    )
    title = f"{second} − {first} ({of})"
    figure(
        difference_curves(curves, title), key="compare.difference", alt=f"Difference of {second} and {first} per epoch"
    )
    csv(lambda: curves, f"difference-per-epoch-{second}-{first}")
