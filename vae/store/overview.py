"""All runs at a glance: one row each, with settings, last numbers and thinned curves. Quick for thousands of runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Row, Select, and_, case, or_, select

from .. import naming
from ..choices.binarisations import BINARISATIONS
from ..config import RunConfig, as_text
from ..metrics import scalars
from . import metric_rows
from .runs import ACTIVE, Store
from .schema import metrics, runs

LIMIT = 5000  # the newest runs
CURVE_POINTS = 24  # of a small curve, at the most
IN_A_QUERY = 900  # run ids named in one query: databases limit the number of parameters
VARIANTS_SHOWN = ("ae", "vae")  # variants with columns of their own
SAID = ("id", "name", "status", "epoch", "tags", "note", "created_at", "seconds")  # what may change at any time
SETTINGS = ("dataset", "latent_dim", "hidden", "reconstruction", "beta", "seed", "variants", "estimator", "epochs")
SPLITS = ("watched", "test")
RUN_COLUMNS = (
    *SAID,
    *SETTINGS,
    "settings",
    "group",
    *(f"{variant}_{split}_{measure}" for variant in VARIANTS_SHOWN for split in SPLITS for measure in scalars()),
    *(f"{variant}_curve" for variant in VARIANTS_SHOWN),
)
POINT_COLUMNS = ("id", "variant", "epoch", *scalars())
HISTORY_COLUMNS = ("id", "variant", "epoch", *scalars())
KEYS = (metrics.c.run_id, metrics.c.variant, metrics.c.epoch)


class Overview:
    """What tables of all runs show. A run's numbers are read once for each epoch it has reached."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = threading.Lock()
        self._about: dict[
            str, tuple[tuple, str, str, dict]
        ] = {}  # run id → SETTINGS' values, settings, group, better names
        self._numbers: dict[tuple, dict[str, dict[str, Any]]] = {}  # by `_state` of a run
        self._last: tuple[list[tuple], pd.DataFrame, pd.DataFrame] | None = None

    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """(runs, points): a row per run with RUN_COLUMNS, newest first, and a row per run and variant, POINT_COLUMNS.

        `settings` is the same for runs equal but for the seed; `group` for runs whose numbers may be compared: the same
        images watched, the same reconstruction loss ("" until a run knows its data). `…_watched_…`, and `points`, are
        of the last recorded epoch on the watched split (validation, or training where none is set aside); `…_test_…`
        of the test images, once a run is done; NaN where there is none. `…_curve` is the loss on the watched split in
        at most CURVE_POINTS numbers, the last one included and the untrained epoch 0 left out.

        Both tables are shared between callers: never change them. The same objects come back while nothing changes.
        """
        with self._lock:
            rows = self._rows()
            seen = [tuple(map(str, row)) for row in rows]
            if self._last is None or self._last[0] != seen:
                self._learn(rows)
                self._last = (seen, self._wide(rows), self._long(rows))
            return self._last[1], self._last[2]

    def _rows(self) -> list[Row]:
        # While a run is under way its pulse is a sign of life; afterwards it moves with what is measured of it.
        measured = case((runs.c.status.in_(ACTIVE), 0), else_=runs.c.pulse).label("measured")
        columns = [*(runs.c[name] for name in (*SAID, "attempt")), measured]
        query = select(*columns).where(runs.c.deleted_at.is_(None)).order_by(runs.c.created_at.desc(), runs.c.id)
        with self.store.engine.connect() as connection:
            return list(connection.execute(query.limit(LIMIT)))

    def _learn(self, rows: Sequence[Row]) -> None:
        """Read what is new, and forget what is gone."""
        unknown = [
            row.id for row in rows if row.id not in self._about or (row.epoch >= 0 and not self._about[row.id][2])
        ]
        for run_id, config, data in self._in_parts(unknown, lambda: select(runs.c.id, runs.c.config, runs.c.data)):
            self._about[run_id] = _about(RunConfig.parse(config), data)
        states = [_state(row) for row in rows]
        numbers = {state: self._numbers.get(state) or {"watched": {}, "test": {}, "curve": {}} for state in states}
        begun = [(row.id, state) for row, state in zip(rows, states, strict=True) if row.epoch >= 0]
        fresh = {run_id: numbers[state] for run_id, state in begun if state not in self._numbers}
        for run_id, variant, split, *values in self._in_parts(list(fresh), _ends):
            fresh[run_id]["test" if split == "test" else "watched"][variant] = metric_rows.values(values)
        for run_id, variant, loss in self._in_parts(list(fresh), _thinned):
            fresh[run_id]["curve"].setdefault(variant, []).append(loss)
        self._numbers = numbers
        self._about = {row.id: self._about[row.id] for row in rows}

    def _in_parts(self, ids: Sequence[str], query: Callable[[], Select]) -> Iterator[Row]:
        """Rows of `query` for these runs. All of a part at once: tens of thousands, one by one, take twice as long."""
        with self.store.engine.connect() as connection:
            for start in range(0, len(ids), IN_A_QUERY):
                part = ids[start : start + IN_A_QUERY]
                yield from connection.execute(query().where(runs.c.id.in_(part))).all()

    def _wide(self, rows: Sequence[Row]) -> pd.DataFrame:
        columns: dict[str, Any] = {name: [getattr(row, name) for row in rows] for name in SAID}
        columns["tags"] = [tuple(tags or ()) for tags in columns["tags"]]
        columns["note"] = [note or "" for note in columns["note"]]
        columns["created_at"] = pd.to_datetime(pd.Series(columns["created_at"], dtype="object"), utc=True)
        about = [self._about[row.id] for row in rows]
        columns["name"] = [better.get(name, name) for name, (*_, better) in zip(columns["name"], about, strict=True)]
        for place, name in enumerate(SETTINGS):
            columns[name] = [settings[place] for settings, *_ in about]
        columns |= {"settings": [said for _, said, _, _ in about], "group": [alike for _, _, alike, _ in about]}
        numbers, nothing = [self._numbers[_state(row)] for row in rows], (None,) * len(scalars())
        for variant in VARIANTS_SHOWN:
            for split in SPLITS:
                values = np.array([of_run[split].get(variant, nothing) for of_run in numbers], dtype=float)
                for place, measure in enumerate(scalars()):
                    columns[f"{variant}_{split}_{measure}"] = values.reshape(-1, len(scalars()))[:, place]
            columns[f"{variant}_curve"] = [of_run["curve"].get(variant, []) for of_run in numbers]
        return pd.DataFrame({name: columns[name] for name in RUN_COLUMNS})

    def _long(self, rows: Sequence[Row]) -> pd.DataFrame:
        found = [
            (row.id, variant, row.epoch, *values)
            for row in rows
            for variant, values in self._numbers[_state(row)]["watched"].items()
        ]
        table = pd.DataFrame.from_records(found, columns=list(POINT_COLUMNS))
        return table.astype(dict.fromkeys(scalars(), float))


def histories(store: Store, ids: Sequence[str]) -> pd.DataFrame:
    """Every epoch of these runs on the split that each was watched on, with HISTORY_COLUMNS, by epoch."""
    of_these = metrics.c.run_id.in_(ids), metrics.c.split != "test"
    return _by_run(store, select(*KEYS, *metric_rows.columns()).where(*of_these).order_by(*KEYS[2:], *KEYS[:2]))


def tested(store: Store, ids: Sequence[str]) -> pd.DataFrame:
    """Test rows of these runs, of all variants, with HISTORY_COLUMNS."""
    of_these = metrics.c.run_id.in_(ids), metrics.c.split == "test"
    return _by_run(store, select(*KEYS, *metric_rows.columns()).where(*of_these).order_by(KEYS[1], KEYS[0]))


def _by_run(store: Store, query: Select) -> pd.DataFrame:
    with store.engine.connect() as connection:
        found = metric_rows.table(connection.execute(query).all(), ("id", "variant", "epoch"))
    return found.astype(dict.fromkeys(scalars(), float))


def _state(row: Row) -> tuple[str, int, int, str, int]:
    """Numbers are written together with one of these."""
    return row.id, row.attempt, row.epoch, row.status, row.measured


def _about(config: RunConfig, data: dict[str, Any] | None) -> tuple[tuple, str, str, dict[str, str]]:
    values = tuple(as_text(value) if isinstance(value := getattr(config, name), tuple) else value for name in SETTINGS)
    settings = config.model_copy(update={"seed": 0}).model_dump_json()
    return values, settings, group(config, data), naming.better(config)


def group(config: RunConfig, data: dict[str, Any] | None) -> str:
    """The same for runs whose watched numbers are of the same images and in the same unit; "" without data."""
    if not data:
        return ""
    split = data["watched_split"]
    # Images are set aside before any limit of the training images applies: with a validation split it plays no part.
    images = (config.validation_size,) if split == "validation" else (0, config.train_limit)
    binarised = (config.binarisation,) if BINARISATIONS[config.binarisation].binary else ()
    without = ("without", config.held_out_class) if config.held_out_class else ()
    named = (config.dataset, data["hash"], split, *images, *binarised, *without, config.reconstruction)
    return " ".join(map(str, named))


def _ends() -> Select:
    """Test rows, and those of the last recorded epoch."""
    last = or_(metrics.c.split == "test", metrics.c.epoch == runs.c.epoch)
    query = select(metrics.c.run_id, metrics.c.variant, metrics.c.split, *metric_rows.columns()).join(runs).where(last)
    return query.order_by(metrics.c.run_id, metrics.c.variant, metrics.c.split)


def _thinned() -> Select:
    """Losses on the watched split, counted back from the last epoch, so that it is among them."""
    stride = (runs.c.epoch + CURVE_POINTS - 1) // CURVE_POINTS
    on_curve = and_(
        metrics.c.split != "test",
        metrics.c.epoch.between(1, runs.c.epoch),  # nothing else is divided by: an untrained run has no stride
        (runs.c.epoch - metrics.c.epoch) % stride == 0,
    )
    query = select(metrics.c.run_id, metrics.c.variant, metrics.c.loss).join(runs).where(runs.c.epoch > 0, on_curve)
    return query.order_by(metrics.c.run_id, metrics.c.variant, metrics.c.split, metrics.c.epoch)  # as its key is kept
