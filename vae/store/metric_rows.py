"""Rows of the table `metrics` as others read them: a column for every metric, whether or not the database has one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Column

from ..metrics import METRICS, scalars, without_column
from .schema import metrics

# Of each metric that is one number: its name, and whether it lies in `extra`. Asked for thousands of rows at a time.
PLACES = tuple((name, METRICS[name].in_extra) for name in scalars())
NOTHING: Mapping[str, float] = {}


def columns() -> list[Column]:
    """What to select, so that `values` finds all metrics that are one number."""
    return [*(metrics.c[name] for name, in_extra in PLACES if not in_extra), metrics.c.extra]


def values(selected: Sequence[Any]) -> tuple[Any, ...]:
    """What was selected → one value for each of `metrics.scalars()`, None where nothing was measured."""
    *own, extra = selected
    known = iter(own)
    found = extra or NOTHING
    return tuple([found.get(name) if in_extra else next(known) for name, in_extra in PLACES])


def table(rows: Sequence[Sequence[Any]], names: Sequence[str]) -> pd.DataFrame:
    """Rows that end with `columns()`, the columns before them called `names`."""
    found = [(*row[: len(names)], *values(row[len(names) :])) for row in rows]
    frame = pd.DataFrame.from_records(found, columns=[*names, *scalars()])
    return frame.astype(dict.fromkeys(without_column(), float))


def expanded(history: pd.DataFrame) -> pd.DataFrame:
    """A table with all columns of the database: `extra` is replaced by a column for each metric that lies in it."""
    extra = history["extra"]
    further = {
        name: np.array([(found or {}).get(name, np.nan) for found in extra], dtype=float) for name in without_column()
    }
    return history.drop(columns="extra").assign(**further)
