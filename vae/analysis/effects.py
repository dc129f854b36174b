"""What moving one setting does, over seeds: means with intervals, and steps from one value to the next."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from .intervals import SEEDS_FOR_A_VERDICT, half_width
from .sentences import NO_CLEAR_DIFFERENCE


def with_intervals(table: pd.DataFrame, by: Sequence[str], measure: str) -> pd.DataFrame:
    """Rows of one split, one per seed → columns *by, mean, low, high, seeds: the mean of `measure`, its interval."""
    grouped = table.dropna(subset=[measure]).groupby(list(by), sort=False, observed=True)[measure]
    found = grouped.agg(
        mean="mean", half=lambda values: half_width(values.to_numpy(dtype=float)), seeds="count"
    ).reset_index()
    found["low"], found["high"] = found["mean"] - found["half"], found["mean"] + found["half"]
    return found.drop(columns="half")


def steps(table: pd.DataFrame, setting: str, measure: str) -> pd.DataFrame:
    """From each value of `setting` to the next larger one, for each variant: the difference of `measure`, by seed.

    Differences are paired: the same seed before and after. Columns variant, start, end, difference, low, high, seeds,
    and said: "falls", "rises", "open" (the interval holds 0) or "too few seeds".
    """
    rows = []
    for variant, of_variant in table.groupby("variant", sort=False):
        wide = of_variant.pivot_table(values=measure, index="seed", columns=setting, observed=True)
        wide = wide[sorted(wide.columns)]
        for start, end in zip(wide.columns, wide.columns[1:], strict=False):
            pairs = (wide[end] - wide[start]).dropna()
            if pairs.empty:
                continue
            mean, half = float(pairs.mean()), half_width(pairs.to_numpy())
            rows.append(
                [variant, start, end, mean, mean - half, mean + half, len(pairs), _said(mean, half, len(pairs))]
            )
    return pd.DataFrame(rows, columns=["variant", "start", "end", "difference", "low", "high", "seeds", "said"])


def _said(mean: float, half: float, pairs: int) -> str:
    if pairs < SEEDS_FOR_A_VERDICT:
        return "too few seeds"
    if abs(mean) <= half:
        return "open"
    return "falls" if mean < 0 else "rises"


def in_words(found: pd.DataFrame, titles: dict[str, str], setting: str = "", idle: Sequence[str] = ()) -> list[str]:
    """A sentence for each variant of `steps`: where it falls, where it rises, where these seeds don't tell.

    `idle`: variants that the setting, called `setting`, is no part of; of them nothing is compared.
    """
    words = {
        "falls": "falls",
        "rises": "rises",
        "open": NO_CLEAR_DIFFERENCE,
        "too few seeds": "too few seeds to tell",
    }
    sentences = []
    for variant, rows in found.groupby("variant", sort=False):
        if variant in idle:
            sentences.append(f"{titles[variant]}: {setting} is no part of its loss")
            continue
        parts: list[tuple[str, list]] = []
        for row in rows.itertuples():
            if parts and parts[-1][0] == row.said:
                parts[-1][1].append(row.end)
            else:
                parts.append((row.said, [row.start, row.end]))
        listed = ", ".join(f"{words[said]} {' → '.join(map(short, values))}" for said, values in parts)
        sentences.append(f"{titles[variant]}: {listed}")
    return sentences


def short(value: object) -> str:
    """A value of a setting, as it stands in a sentence."""
    return f"{value:g}" if isinstance(value, int | float) else str(value)
