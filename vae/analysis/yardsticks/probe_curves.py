"""Accuracy against the number of labels, over seeds where there are several. Free of torch, for pages."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..intervals import half_width

WITHIN_ONE = 1.96  # standard errors to either side, of a value of one seed: its 95 % interval
CURVE_COLUMNS = ["codes", "measure", "labels", "value", "low", "high", "seeds"]


def named(table: pd.DataFrame) -> pd.DataFrame:
    """A table of the yardstick "codes" with the columns `codes` (a variant, "pca", "pixels" …) and `kind`.

    `kind` is the measure without its number of labels: "probe_accuracy_10" → "probe_accuracy".
    """
    codes = table["variant"].where(table["variant"] != "", table["of"])
    return table.assign(codes=codes, kind=table["measure"].str.replace(r"_\d+$", "", regex=True))


def over_seeds(tables: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    """Tables of the yardstick "codes" by seed → CURVE_COLUMNS, a row for each codes, measure and number of labels.

    Of one seed its value ± 1.96 standard errors, which are over labels and images; of several their mean and its 95 %
    interval by Student's t.
    """
    rows = pd.concat([named(table).assign(seed=seed) for seed, table in tables.items()], ignore_index=True)
    found = []
    for (codes, kind, labels), same in rows.groupby(["codes", "kind", "labels"], sort=False):
        values = same["value"].to_numpy(dtype=float)
        half = half_width(values) if len(values) > 1 else WITHIN_ONE * float(same["error"].iloc[0])
        mean = float(values.mean())
        found.append((codes, kind, int(labels), mean, mean - half, mean + half, len(values)))
    return pd.DataFrame(found, columns=CURVE_COLUMNS)


def by_codes(tables: Mapping[int, pd.DataFrame], measure: str) -> dict[str, dict[int, float]]:
    """Values of one measure, as it is named in the table, by codes and seed."""
    found: dict[str, dict[int, float]] = {}
    for seed, table in tables.items():
        for row in named(table)[table["measure"] == measure].itertuples():
            found.setdefault(str(row.codes), {})[seed] = float(row.value)
    return {codes: values for codes, values in found.items() if np.isfinite(list(values.values())).any()}
