"""What moving one setting does, over seeds: means with intervals, and steps from one value to the next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

CONFIDENCE = 0.95


def half_width(values: pd.Series) -> float:
    """Half the 95 % interval of a mean, by Student's t; NaN with one value, where nothing is known of it."""
    from scipy.stats import t as student  # imported here: pages that only draw do without it

    count = values.count()
    if count < 2:
        return float("nan")
    return float(student.ppf(0.5 + CONFIDENCE / 2, count - 1) * values.std(ddof=1) / np.sqrt(count))


def over_seeds(table: pd.DataFrame, by: Sequence[str], measure: str) -> pd.DataFrame:
    """Rows of one split, one per seed → columns *by, mean, low, high, seeds: the mean of `measure`, its interval."""
    grouped = table.dropna(subset=[measure]).groupby(list(by), sort=False, observed=True)[measure]
    found = grouped.agg(mean="mean", half=half_width, seeds="count").reset_index()
    found["low"], found["high"] = found["mean"] - found["half"], found["mean"] + found["half"]
    return found.drop(columns="half")


def steps(table: pd.DataFrame, setting: str, measure: str) -> pd.DataFrame:
    """From each value of `setting` to the next larger one, for each variant: the difference of `measure`, by seed.

    Differences are paired: the same seed before and after. Columns variant, start, end, difference, low, high, seeds,
    and said: "falls", "rises", "open" (the interval holds 0) or "one seed".
    """
    rows = []
    for variant, of_variant in table.groupby("variant", sort=False):
        wide = of_variant.pivot_table(values=measure, index="seed", columns=setting, observed=True)
        wide = wide[sorted(wide.columns)]
        for start, end in zip(wide.columns, wide.columns[1:], strict=False):
            pairs = (wide[end] - wide[start]).dropna()
            if pairs.empty:
                continue
            mean, half = float(pairs.mean()), half_width(pairs)
            rows.append([variant, start, end, mean, mean - half, mean + half, len(pairs), _said(mean, half)])
    return pd.DataFrame(rows, columns=["variant", "start", "end", "difference", "low", "high", "seeds", "said"])


def _said(mean: float, half: float) -> str:
    if np.isnan(half):
        return "one seed"
    if abs(mean) <= half:
        return "open"
    return "falls" if mean < 0 else "rises"


def in_words(found: pd.DataFrame, titles: dict[str, str]) -> list[str]:
    """A sentence for each variant of `steps`: where it falls, where it rises, where these seeds don't tell."""
    words = {"falls": "falls", "rises": "rises", "open": "can't be told apart", "one seed": "one seed tells nothing of"}
    sentences = []
    for variant, rows in found.groupby("variant", sort=False):
        parts: list[tuple[str, list]] = []
        for row in rows.itertuples():
            if parts and parts[-1][0] == row.said:
                parts[-1][1].append(row.end)
            else:
                parts.append((row.said, [row.start, row.end]))
        listed = ", ".join(f"{words[said]} {' → '.join(map(_short, values))}" for said, values in parts)
        sentences.append(f"{titles[variant]}: {listed}")
    return sentences


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)
