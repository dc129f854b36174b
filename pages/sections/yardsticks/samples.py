"""How near do drawn pictures come to real ones?"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.shared.csv_button import csv
from pages.shared.on_request import on_request
from pages.state import background_measurements
from pages.text.terms import explain
from pages.text.what_to_notice import what_to_notice
from pages.text.words import listed, plural
from vae.analysis import sentences
from vae.analysis.comparing import paired
from vae.analysis.intervals import SEEDS_FOR_A_VERDICT, half_width
from vae.analysis.sentences import Mean, Quantity, over_drawn, together, welch
from vae.choices.variants import VARIANTS
from vae.figures.style import VARIANT_SHORT
from vae.figures.yardsticks.sample_scores import SCORE_TITLES, WAY_TITLES, sample_score
from vae.store.runs import Run

from .seeds import over_seeds

KIND = "samples"
STYLES = {"frechet_distance": ".2f", "sample_precision": ".3f", "sample_recall": ".3f"}


def samples(run: Run, epoch: int) -> None:
    """Asked for by a button; beside it other seeds of the same settings, where they were measured."""
    said = (
        "Draw codes that come from no image, decode them, and hold the pictures against real test images. How far are "
        "the two clouds apart? How many pictures lie among real images, and how many real images among pictures?"
    )
    on_request(KIND, run, epoch, said, "Judge samples", partial(_beside_others, run, epoch))


def _beside_others(run: Run, epoch: int, table: pd.DataFrame) -> None:
    over_seeds(KIND, run, epoch, table, partial(_shown, run, epoch))


def _shown(run: Run, epoch: int, tables: dict[int, pd.DataFrame]) -> None:
    table = tables[run.config.seed]
    of_all = pd.concat([of_one.assign(seed=seed) for seed, of_one in tables.items()], ignore_index=True)
    seeds = sorted(set(of_all["seed"]))
    scores = summary(of_all)
    for column, (score, title) in zip(st.columns(len(SCORE_TITLES)), SCORE_TITLES.items(), strict=True):
        with column:
            figure(sample_score(scores, score), key=f"samples.{score}", alt=f"{title} by where codes are drawn from")
    st.dataframe(cells(scores), hide_index=True, width="stretch")
    first = table[table["variant"] != ""].iloc[0]
    draws, count = int(first["draws"]), int(table["n"].max())
    over = (
        f"over {len(seeds)} seeds"
        if len(seeds) >= SEEDS_FOR_A_VERDICT
        else f"over draws of pictures from this one run (seed {run.config.seed})"
    )
    st.caption(
        f"{plural(draws, 'draw')} of {count:,} pictures each. Intervals: 95 %, {over}. {real_images(table)} A small "
        "Fréchet distance is good; precision and recall are shares of 1."
    )
    untrained = [VARIANT_SHORT[name] for name in _variants(table) if not VARIANTS[name].kl]
    if untrained:
        st.caption(f"No term of the loss makes codes follow N(0, I): {listed(untrained)}.")
    what_to_notice(notice(of_all), KIND)
    with st.container(horizontal=True):
        explain("reference classifier")
        with st.popover("How is it measured?", type="tertiary"):
            st.markdown(how(run, epoch, table))
        csv(lambda: of_all, f"samples-{run.id}-epoch-{epoch}")


def summary(of_all: pd.DataFrame) -> pd.DataFrame:
    """Rows of `samples` with seed → columns variant, way, score, value, half (of its 95 % interval), seeds.

    From SEEDS_FOR_A_VERDICT seeds on the mean over seeds; of fewer the first seed alone, over its draws.
    """
    from scipy.special import stdtrit

    several, rows = len(set(of_all["seed"])) >= SEEDS_FOR_A_VERDICT, []
    for (variant, way, score), found in of_all.groupby(["variant", "way", "score"], sort=False):
        values, first = found["value"].to_numpy(dtype=float), found.iloc[0]
        value = float(values.mean()) if several else float(first["value"])
        known = first["draws"] > 1 and np.isfinite(first["error"])
        drawn = float(stdtrit(first["draws"] - 1, 0.975) * first["error"]) if known else np.nan
        half = half_width(values) if several else drawn
        rows.append((variant, way, score, value, half, len(values) if several else 1))
    return pd.DataFrame(rows, columns=["variant", "way", "score", "value", "half", "seeds"])


def cells(scores: pd.DataFrame) -> pd.DataFrame:
    """One row per model and way, and one of real images; a column for each score, with its interval."""
    rows = []
    for (variant, way), found in scores.groupby(["variant", "way"], sort=False):
        by_score = found.set_index("score")
        title = f"{VARIANT_SHORT[variant]}, {WAY_TITLES[way]}" if variant else "Real images in their place"
        row = {"Pictures": title}
        for score, head in SCORE_TITLES.items():
            row[head] = _cell(by_score.loc[score, "value"], by_score.loc[score, "half"], STYLES[score])
        rows.append(row)
    return pd.DataFrame(rows)


def _cell(value: float, half: float, style: str) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:{style}}" + (f" ± {half:{style}}" if np.isfinite(half) else "")


def notice(of_all: pd.DataFrame) -> str:
    """The models compared, for N(0, I) by every score and for what is fitted by the distance; then what a score hides.

    `of_all`: rows of `samples` with seed, the chosen run's first.
    """
    distances = [_compared(of_all, way, "frechet_distance") for way in WAY_TITLES]
    shares = [_compared(of_all, "prior", score) for score in list(SCORE_TITLES)[1:]]
    return together(*distances, "\n\n", *shares, _above_the_floor(of_all))


def _compared(of_all: pd.DataFrame, way: str, score: str) -> str:
    """One score of the models in one way: of one run over draws, of several over seeds."""
    rows = of_all[(of_all["way"] == way) & (of_all["score"] == score) & of_all["value"].notna()]
    if rows.empty:
        return ""
    seeds, draws = len(set(rows["seed"])), int(rows["draws"].iloc[0])
    on = plural(draws, "draw") if seeds == 1 else f"{seeds} seeds"
    quantity = Quantity(f"{SCORE_TITLES[score]}, codes from {WAY_TITLES[way]}", on, STYLES[score])
    by_variant = dict(list(rows.groupby("variant", sort=False)))
    if seeds > 1:
        return sentences.over_seeds(
            quantity,
            {VARIANT_SHORT[name]: of_one.set_index("seed")["value"].to_dict() for name, of_one in by_variant.items()},
        )
    return over_drawn(
        quantity,
        {VARIANT_SHORT[name]: _mean(of_one) for name, of_one in by_variant.items()},
    )


def _above_the_floor(of_all: pd.DataFrame) -> str:
    """Whose pictures lie among real images clearly more often than real images do: as averages do, so no praise."""
    rows = of_all[of_all["score"] == "sample_precision"]
    floor = rows[rows["variant"] == ""].set_index("seed")
    several = len(set(rows["seed"])) > 1
    if floor.empty or (several and len(floor) < SEEDS_FOR_A_VERDICT):
        return ""
    above = []
    for (variant, way), found in rows[rows["variant"] != ""].groupby(["variant", "way"], sort=False):
        if several:
            apart = paired(floor["value"].to_dict(), found.set_index("seed")["value"].to_dict())
        else:
            apart = welch(_mean(floor), _mean(found)) if min(floor["draws"].min(), found["draws"].min()) > 1 else None
        if apart is not None and apart.low > 0:
            above.append(f"{VARIANT_SHORT[variant]} from {WAY_TITLES[way]}")
    real = f"that of real images, {floor['value'].mean():.3f}"
    if not above:
        return f"No precision is clearly above {real}."
    return (
        f"Precision is clearly above {real}: {listed(above)}. That is no better than real: pictures like averages lie "
        "in the middle of real ones."
    )


def _mean(of_one_run: pd.DataFrame) -> Mean:
    row = of_one_run.iloc[0]
    return Mean(float(row["value"]), float(row["error"]), int(row["draws"]))


def real_images(table: pd.DataFrame) -> str:
    """What stands in for the pictures at their best, or why nothing does."""
    floor = table[table["variant"] == ""]
    if floor.empty:
        return "There is no mark for real images: there are fewer training images than test images."
    sets = plural(int(floor["draws"].iloc[0]), "set")
    return f"Dashed: {sets} of as many training images in the pictures' place."


def _variants(table: pd.DataFrame) -> list[str]:
    return [name for name in dict.fromkeys(table["variant"]) if name]


def how(run: Run, epoch: int, table: pd.DataFrame) -> str:
    """How the scores of a run's `table` came about."""
    count = int(table.loc[table["score"] == "frechet_distance", "n"].iloc[0])
    in_balls = int(table.loc[table["score"] == "sample_precision", "n"].iloc[0])
    trust = background_measurements.accuracy(run.data["hash"])
    right = f"; it is right on {trust:.1%} of the test images" if trust else ""
    binary = (
        " These test images are black and white and the pictures are grey, which alone keeps the clouds apart."
        if run.config.binarisation != "none"
        else ""
    )
    some = "" if in_balls == count else f" Of {in_balls:,} images and as many pictures, the same images for every run."
    return (
        f"Of the networks at epoch {epoch}. Pictures are the decoder's means.{binary} Each picture and each test image "
        f"becomes 128 numbers: the hidden units of the reference classifier{right}. Papers use another network's, so "
        "no number here can be held against an FID, nor against another data set.\n\n"
        "**Fréchet distance** (squared): ‖μ₁−μ₂‖² + Tr(Σ₁+Σ₂−2(Σ₁Σ₂)^½) of the means and covariances of both clouds. "
        f"Heusel et al. 2017, arXiv 1706.08500. It is larger the fewer pictures there are, so there are {count:,} of "
        "both, and the mark for real images is of as many. Runs judged on another number of images "
        "can't be compared.\n\n"
        "**Precision**: the share of pictures that lie in a ball around some real image, which reaches to its third "
        "nearest real image. **Recall**: the share of real images in such balls around pictures. Kynkäänniemi et al. "
        f"2019, arXiv 1904.06991.{some} Pictures of codes of few dimensions lie close together on a thin sheet: their "
        "balls are small, and few real images are in them.\n\n"
        "**Fitted** to the codes of the training images, of 10,000 at most: one Gaussian, or a mixture of up to 10, "
        "with full covariances. Draws share their noise between models.\n\n"
        "The classifier has learnt from the training images, so from those of the mark for real images, too: it may "
        "know them a little better than test images."
    )
