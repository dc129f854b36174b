"""What runs may be chosen by and what training does not measure by itself: each yardstick once.

A yardstick makes one table of a run. Its rows that are named as a metric of METRICS are the run's numbers: they are
kept with its test metrics, so tables, CSV files, capsules and reports have them. Sweeps judge by the same on validation
images.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError
from ..metrics import METRICS, asked_of
from ..settings import Settings
from ..store import measurements
from ..store.measurements import KINDS
from ..store.runs import Run, Store
from .anomalies import anomalies
from .codes import codes
from .likelihood import likelihood
from .samples import samples
from .stored_runs import Progress, last_epoch
from .subject import subject_of

COLUMNS = ["variant", "measure", "value", "error", "n"]  # that every yardstick's table has; it may have more


@dataclass(frozen=True)
class Yardstick:
    """One way to judge a run."""

    title: str
    question: str
    # → a table with COLUMNS: `variant` "" for what is no model's (a floor, the pixels themselves); `error` the standard
    # error of `value`, NaN where there is none; `n` over how many images. Raises InputError where it can't be measured.
    measure: Callable[..., pd.DataFrame]


YARDSTICKS: dict[str, Yardstick] = {
    "likelihood": Yardstick("Likelihood", "How probable are images that the model has never seen?", likelihood),
    "samples": Yardstick("Samples", "How near do drawn pictures come to real ones?", samples),
    "codes": Yardstick("Codes", "Are codes good for anything?", codes),
    "anomalies": Yardstick("Anomalies", "Does it know what it does not know?", anomalies),
}


def judged(
    yardstick: str,
    store: Store,
    run_id: str,
    epoch: int,
    settings: Settings,
    progress: Progress = lambda share, what: None,
    **options: Any,
) -> pd.DataFrame:
    """A yardstick's table of a run at a kept epoch, on the test images: measured once and kept.

    With `options` (of its function) it is measured anew, and replaces what was kept. Raises InputError when the run,
    its weights or its images aren't there, and where the yardstick can't be laid on them.
    """
    kept, run = measurements.measurement(store, run_id, epoch, KINDS[yardstick]), store.run(run_id)
    table = kept
    if table is None or options:
        table = YARDSTICKS[yardstick].measure(subject_of(store, run, epoch, settings), progress, **options)
    # Before the table is kept: whoever finds one finds these. A kept one may be older than its run's end.
    if run.status == "done" and epoch == run.last_epoch:
        measurements.keep_test_values(store, run_id, _headlines(yardstick, table))
    if table is not kept:
        measurements.keep_measurement(store, run_id, epoch, KINDS[yardstick], table)
    progress(1.0, "Done")
    return table


def _headlines(yardstick: str, table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """By variant and metric: what a run is known by."""
    rows = table[table["measure"].isin(asked_of(yardstick)) & (table["variant"] != "") & table["value"].notna()]
    found: dict[str, dict[str, float]] = {}
    for row in rows.itertuples():
        found.setdefault(str(row.variant), {})[str(row.measure)] = float(row.value)
    return found


def on_validation(store: Store, run: Run, settings: Settings, metric: str, variant: str) -> float:
    """A yardstick's metric of one variant of a run that is done, on validation images: for choosing settings.

    Raises InputError as `judged`, and where this variant has none.
    """
    yardstick = METRICS[metric].asked
    assert yardstick is not None, "a metric that comes with training is in the table of epochs"
    subject = subject_of(store, run, last_epoch(store, run), settings, test=False)
    alone = replace(subject, models={variant: subject.models[variant]}, headlines_only=True)
    found = _headlines(yardstick, YARDSTICKS[yardstick].measure(alone, lambda share, what: None))
    if not np.isfinite(value := found.get(variant, {}).get(metric, np.nan)):
        raise InputError(f"{METRICS[metric].title} can't be measured of run {run.id}.")
    return value


MEASUREMENTS: dict[str, Callable[..., pd.DataFrame]] = {name: partial(judged, name) for name in YARDSTICKS}
