"""All runs of the store, read once for all visitors, and made ready for the table that shows them."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import streamlit as st

from vae import naming
from vae.choices.variants import VARIANTS
from vae.metrics import METRICS, compared
from vae.store.overview import VARIANTS_SHOWN, Overview
from vae.store.runs import ACTIVE
from vae.sweeps import stored

from . import resources
from .experiments import Experiment, experiments
from .shared_reads import shared_for

FRESH = 0.4  # seconds a look at the store is shared between visitors
# Which values are marked where they are the least of their group. A KL is none: a code that has died has the least.
DECIMALS = 2  # that the table shows: what is alike in these is marked together
MARKS = {
    "AE rec.": "ae_watched_reconstruction",
    "VAE rec.": "vae_watched_reconstruction",
    "VAE rec. + KL": "vae_bound",
}
# Columns of the table: what was measured on test images, of the variants that have it. → variant, metric
TEST_COLUMNS = {
    f"{variant}_test_{name}": (variant, name)
    for name in compared()
    for variant in VARIANTS_SHOWN
    if METRICS[name].has(VARIANTS[variant])
}


@dataclass(frozen=True)
class EveryRun:
    """All runs that are not deleted. Shared between visitors: never changed."""

    runs: pd.DataFrame  # `overview.RUN_COLUMNS`, newest first
    points: pd.DataFrame  # `overview.POINT_COLUMNS`

    @cached_property
    def ids(self) -> np.ndarray:
        """(n,) in the order of the table."""
        return self.runs["id"].to_numpy(dtype=object)

    @cached_property
    def place(self) -> dict[str, int]:
        """Row number by run id."""
        return {run_id: row for row, run_id in enumerate(self.ids)}

    @cached_property
    def active(self) -> bool:
        """Whether some run is waiting or under way."""
        return bool(self.runs["status"].isin(ACTIVE).any())

    @cached_property
    def text(self) -> list[str]:
        """What a search looks through, in lower case."""
        told = zip(self.runs["name"], self.runs["tags"], self.runs["note"], self.runs["id"], strict=True)
        return [" ".join((name, *tags, note, run_id)).lower() for name, tags, note, run_id in told]

    @cached_property
    def tags(self) -> list[str]:
        """All that are in use."""
        return sorted({tag for tags in self.runs["tags"] for tag in tags})

    @cached_property
    def experiments(self) -> list[Experiment]:
        """What a visitor chooses among: the newest first."""
        return experiments(self.runs, stored.by_run(resources.store()))

    @cached_property
    def groups(self) -> dict[str, str]:
        """What may be compared with what, in words: the most runs first."""
        known = self.runs[self.runs["group"] != ""]
        counts = known["group"].value_counts()
        first = known.drop_duplicates("group").set_index("group").loc[counts.index]
        short = []
        for row in first.itertuples():
            images = row.Index.removeprefix(row.dataset).rpartition(" ")[0]
            _, without, held_out_class = images.partition(" without ")
            title = f"{row.dataset} · {naming.words('reconstruction', row.reconstruction)}"
            short.append(f"{title} · {naming.part('held_out_class', held_out_class)}" if without else title)
        titles: dict[str, str] = {}
        for name, of_most in zip(first.index, short, strict=True):
            data_hash, split, size = name.removeprefix(f"{first.loc[name, 'dataset']} ").split(" ")[:3]
            title = of_most
            if short.count(of_most) > 1:
                title += f" · {size} validation images" if split == "validation" else " · training images"
            titles[name] = title if title not in titles.values() else f"{title} · data {data_hash[:6]}"
        return titles

    @cached_property
    def never_asked(self) -> list[str]:
        """Columns of `runs` for what somebody has to ask for, and nobody has."""
        asked = tuple(f"_{name}" for name, metric in METRICS.items() if metric.asked)
        return [column for column in self.runs if column.endswith(asked) and self.runs[column].isna().all()]

    @cached_property
    def asked(self) -> int:
        """Of how many runs something is measured that somebody has to ask for."""
        columns = [column for column, (_, name) in TEST_COLUMNS.items() if METRICS[name].asked]
        return int(self.runs[columns].notna().any(axis=1).sum())

    @cached_property
    def test_columns(self) -> list[str]:
        """Those of TEST_COLUMNS that the table has: what somebody must ask for, once it is measured of some run."""
        return [column for column in TEST_COLUMNS if column not in self.never_asked]

    @cached_property
    def columns(self) -> frozenset[str]:
        """Of the table."""
        return frozenset(self.table.column_names)

    @cached_property
    def table(self) -> pa.Table:
        """The columns of the table as the browser gets them, all rows; `take` makes a filtered one in no time."""
        from vae.analysis.comparing import best

        runs = self.runs
        bound = runs["vae_watched_reconstruction"] + runs["vae_watched_kl"]
        values = runs.assign(vae_bound=bound)
        marked = {title: best(values[column].round(DECIMALS), runs["group"]) for title, column in MARKS.items()}
        marks = [[title for title, row in marked.items() if row[i]] for i in range(len(runs))]
        under_way = runs["status"].isin(("running",)).to_numpy()
        told = zip(runs["status"], under_way, runs["epoch"], runs["epochs"], strict=True)
        columns: dict[str, pa.Array] = {
            "name": pa.array(runs["name"], pa.string()),
            "best": pa.array(marks, pa.list_(pa.string())),
            "ae_curve": pa.array(runs["ae_curve"], pa.list_(pa.float32())),
            "vae_curve": pa.array(runs["vae_curve"], pa.list_(pa.float32())),
        }
        for name in ("ae_watched_reconstruction", "vae_watched_reconstruction", "vae_watched_kl"):
            columns[name] = _numbers(runs[name])
        columns["vae_bound"] = _numbers(bound)
        columns["status"] = pa.array(
            # One that is done and short of its epochs ended early.
            [
                f"{status} {max(epoch, 0)}/{epochs}" if busy or (status == "done" and epoch < epochs) else status
                for status, busy, epoch, epochs in told
            ]
        )
        columns["tags"] = pa.array([list(tags) for tags in runs["tags"]], pa.list_(pa.string()))
        columns["note"] = pa.array(runs["note"], pa.string())
        columns |= {column: _numbers(runs[column]) for column in self.test_columns}
        columns["dataset"] = pa.array(runs["dataset"], pa.string())
        columns["reconstruction"] = pa.array(
            [naming.words("reconstruction", code) for code in runs["reconstruction"]], pa.string()
        )
        for name in ("latent_dim", "beta", "seed", "epochs"):
            columns[name] = pa.array(runs[name])
        columns["hidden"] = pa.array([widths or "none" for widths in runs["hidden"]], pa.string())
        columns["estimator"] = pa.array([naming.words("estimator", code) for code in runs["estimator"]], pa.string())
        variants = [naming.words("variants", tuple(codes.split(","))) for codes in runs["variants"]]
        columns["variants"] = pa.array(variants, pa.string())
        columns["seconds"] = _numbers(runs["seconds"])
        columns["created_at"] = pa.array(runs["created_at"].dt.floor("s"), pa.timestamp("ms", tz="UTC"))
        columns["id"] = pa.array(runs["id"], pa.string())
        return pa.table(columns)


def _numbers(values: pd.Series) -> pa.Array:
    return pa.array(values.to_numpy(dtype=np.float64), from_pandas=True)  # NaN is an empty cell


class _Watch:
    """One for a process: the same `EveryRun` comes back while nothing changes."""

    def __init__(self) -> None:
        self.overview, self._lock = Overview(resources.store()), threading.Lock()
        self._last: EveryRun | None = None

    def read(self) -> EveryRun:
        runs, points = self.overview.tables()
        with self._lock:
            if self._last is None or self._last.runs is not runs:
                self._last = EveryRun(runs, points)
            return self._last


@st.cache_resource(show_spinner=False)
def _watch() -> _Watch:
    return _Watch()


@shared_for(FRESH)
def every_run() -> EveryRun:
    """All runs as they are now."""
    return _watch().read()


def forget() -> None:
    """Drop shared reads after a change, so that whoever made it sees it at once."""
    every_run.clear()
    resources.forget()
