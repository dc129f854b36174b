"""What the ratios say, in words that hold whichever way the numbers come out."""

from __future__ import annotations

import pandas as pd

from .intervals import SEEDS_FOR_A_VERDICT

IN_UNIT = {
    "absolute": "in absolute units",
    "latent_std": "relative to the spread of the codes",
    "neighbour": "relative to the distance between neighbouring codes",
    "posterior_std": "relative to the posterior's σ",
}


def judgement(row: pd.Series) -> str:
    """What one row of `sensitivity.ratios` says: "AE moves more", "VAE moves more", "open", and two reasons why not."""
    if pd.isna(row["ratio"]):
        return "no ratio"
    if row["seeds"] < SEEDS_FOR_A_VERDICT:
        return "too few seeds"
    if row["low"] > 1:
        return "AE moves more"
    return "VAE moves more" if row["high"] < 1 else "open"


def verdict(ratios: pd.DataFrame, size: float) -> str:
    """A paragraph about the rows of `sensitivity.ratios` with this nudge size."""
    rows = ratios[ratios["size"] == size]
    if rows.empty:
        return "Nothing to compare: it takes an autoencoder and a VAE."
    seeds = int(rows["seeds"].min())
    parts = [_sentence(row) for _, row in rows.iterrows()]
    said = f"A nudge of {size:g} changes the autoencoder's pictures, as against the VAE's, {'; '.join(parts)}."
    if seeds < SEEDS_FOR_A_VERDICT:
        count = "One seed: an anecdote" if seeds == 1 else f"{seeds} seeds: not enough for a verdict"
        return f"{count}. {said}"
    found = {judgement(row) for _, row in rows.iterrows()} - {"no ratio"}
    if {"AE moves more", "VAE moves more"} <= found:
        end = "Which of the two moves more depends on the unit."
    elif found == {"AE moves more"}:
        end = "The autoencoder moves more in every unit measured."
    elif found == {"VAE moves more"}:
        end = "The VAE moves more in every unit measured."
    elif found <= {"open"}:
        end = "In no unit do these seeds tell which of the two moves more."
    else:
        end = "In the other units these seeds do not tell which of the two moves more."
    return f"{seeds} seeds. {said} {end}"


def _sentence(row: pd.Series) -> str:
    if pd.isna(row["ratio"]):
        return f"by no ratio that exists {IN_UNIT[row['unit']]} (one of the two does not move at all)"
    times = f"{row['ratio']:.2f} times as much {IN_UNIT[row['unit']]}"
    if row["seeds"] < SEEDS_FOR_A_VERDICT:
        return times
    doubt = ", which includes 1" if judgement(row) == "open" else ""
    return f"{times} (95 % interval {row['low']:.2f} to {row['high']:.2f}{doubt})"


def order(measured: pd.DataFrame, unit: str, size: float) -> list[tuple[str, float]]:
    """Variants and their mean rmse over seeds in one unit at one size, from what moves least to what moves most."""
    rows = measured[(measured["unit"] == unit) & (measured["size"] == size)]
    return list(rows.groupby("variant")["rmse"].mean().sort_values().items())
