"""What the ratios say, in words that hold whichever way the numbers come out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..choices.nudge_units import NUDGE_UNITS
from .comparing import Difference
from .expectations import sentence
from .intervals import SEEDS_FOR_A_VERDICT
from .sentences import NO_CLEAR_DIFFERENCE, conclusion, together


def judgement(row: pd.Series) -> str:
    """What one row of `comparing.ratios` says: "AE moves more", "VAE moves more", "open", and two reasons why not."""
    if pd.isna(row["ratio"]):
        return "no ratio"
    if row["seeds"] < SEEDS_FOR_A_VERDICT:
        return "too few seeds"
    if row["low"] > 1 and not _tied(row):
        return "AE moves more"
    return "VAE moves more" if row["high"] < 1 and not _tied(row) else "open"


def verdict(ratios: pd.DataFrame, size: float) -> str:
    """Whose pictures change more in the rows of `comparing.ratios` with this nudge size, in a sentence or two."""
    rows = ratios[ratios["size"] == size]
    if rows.empty:
        return "Nothing to compare: it takes an autoencoder and a VAE."
    seeds = int(rows["seeds"].min())
    if seeds < SEEDS_FOR_A_VERDICT:
        return conclusion(seeds)
    found = {judgement(row) for _, row in rows.iterrows()} - {"no ratio"}
    if {"AE moves more", "VAE moves more"} <= found:
        end = "Which of the two moves more depends on the unit."
    elif found == {"AE moves more"}:
        end = "The autoencoder moves more in every unit measured."
    elif found == {"VAE moves more"}:
        end = "The VAE moves more in every unit measured."
    elif found <= {"open"}:
        end = "There is no clear difference in any unit."
    else:
        more = "autoencoder" if "AE moves more" in found else "VAE"
        end = f"The {more} moves more in some units; in the others there is no clear difference."
    return f"{seeds} seeds. {end}"


def in_numbers(ratios: pd.DataFrame, size: float, on: str) -> str:
    """The same rows with all their numbers, and what the article leads us to expect; `on`: the images, in words."""
    rows = ratios[ratios["size"] == size]
    parts = "; ".join(_sentence(row) for _, row in rows.iterrows())
    change = f"After a nudge of {size:g}, the AE's pictures change, compared with the VAE's, {parts}."
    expected = sentence("nudge", {NUDGE_UNITS[row["unit"]].measured: logarithm(row) for _, row in rows.iterrows()})
    return together(change, f"In pixel RMSE over {on}.", expected)


def logarithm(row: pd.Series) -> Difference | None:
    """A row of `comparing.ratios` as a difference: log AE − log VAE, by seed. None where there is no ratio."""
    if pd.isna(row["ratio"]):
        return None
    mean, low, high = (float(np.log(row[name])) for name in ("ratio", "low", "high"))
    return Difference(mean, low, high, int(row["seeds"]), tied=_tied(row))


def _tied(row: pd.Series) -> bool:
    return f"{row['ratio']:.2f}" == "1.00"


def _sentence(row: pd.Series) -> str:
    if pd.isna(row["ratio"]):
        return f"by an unknown ratio {NUDGE_UNITS[row['unit']].measured} (one of the two does not change at all)"
    times = f"{row['ratio']:.2f} times as much {NUDGE_UNITS[row['unit']].measured}"
    if row["seeds"] < SEEDS_FOR_A_VERDICT:
        return times
    doubt = f": {NO_CLEAR_DIFFERENCE}" if judgement(row) == "open" else ""
    return f"{times} (95 % interval {row['low']:.2f} to {row['high']:.2f}{doubt})"
