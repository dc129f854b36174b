"""Runs as a person chooses among them: seeds of one experiment together, and each sweep as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import pandas as pd

from vae import naming
from vae.config import RunConfig

Sweep = tuple[str, str, tuple[str, ...]]  # its id, its name, and the fields it goes over


@dataclass(frozen=True)
class Experiment:
    """Runs that are equal but for the seed, or all runs of a sweep."""

    title: str  # no other experiment's
    which: str  # what its runs are told apart by
    runs: Mapping[str, str]  # id → what differs within it


def experiments(runs: pd.DataFrame, swept: Mapping[str, Sweep]) -> list[Experiment]:
    """All runs that have learnt something: experiments in order of their newest run, runs in that of what differs.

    `runs` has `overview.RUN_COLUMNS`, the newest first; `swept` names the sweep of each run that was one's.
    """
    rows = runs.loc[runs["epoch"] >= 0, ["id", "name", "status", "settings", "seed"]]
    together: dict[str, list] = {}
    for run in rows.itertuples():
        together.setdefault(f"sweep {swept[run.id][0]}" if run.id in swept else run.settings, []).append(run)
    found = [_of_a_sweep(of, swept[of[0].id]) if of[0].id in swept else _of_seeds(of) for of in together.values()]
    titles = [experiment.title for experiment in found]
    return [
        experiment
        if titles.count(experiment.title) == 1
        else replace(experiment, title=f"{experiment.title} · {next(iter(experiment.runs))}")
        for experiment in found
    ]


def _of_seeds(rows: list) -> Experiment:
    config = _config(rows[0].settings)
    given = {run.name: None for run in rows if run.name != naming.name(config.model_copy(update={"seed": run.seed}))}
    if len(rows) == 1:
        return Experiment(_standing(rows[0].name, rows[0]), "Seed", {rows[0].id: rows[0].name})
    seeds = len({run.seed for run in rows})
    count = f"{seeds} seeds" if seeds == len(rows) else f"{len(rows)} runs"
    title = " · ".join([*list(given)[:1], naming.experiment(config), count])
    return Experiment(title, "Seed", _labels(rows, lambda run: [run.name] * (run.name in given), lambda run: ()))


def _of_a_sweep(rows: list, sweep: Sweep) -> Experiment:
    _, name, over = sweep
    title = f"Sweep: {name} · {len(rows)} run{'' if len(rows) == 1 else 's'}"

    def point(run: Any) -> list[str]:
        return [naming.part(field, getattr(_config(run.settings), field)) for field in over if field != "seed"]

    def place(run: Any) -> tuple:
        return tuple(_order(getattr(_config(run.settings), field)) for field in over)

    return Experiment(title, "Point and seed", _labels(rows, point, place))


def _labels(rows: list, said: Callable[[Any], Sequence[str]], place: Callable[[Any], tuple]) -> dict[str, str]:
    """Of each run, by `place` and seed: what is `said` of it and its seed, and its id where two would read the same."""
    rows = sorted(rows, key=lambda run: (place(run), run.seed))
    labels = [" · ".join([*said(run), naming.part("seed", run.seed)]) for run in rows]
    return {
        run.id: _standing(label if labels.count(label) == 1 else f"{label} · {run.id}", run)
        for run, label in zip(rows, labels, strict=True)
    }


def _standing(title: str, run: Any) -> str:
    return title if run.status == "done" else f"{title} · {run.status}"


def _order(value: Any) -> tuple:
    """Numbers by size, all else by how it reads."""
    return (0, value, "") if isinstance(value, int | float) else (1, 0, str(value))


@lru_cache(maxsize=5000)
def _config(settings: str) -> RunConfig:
    """Of a row's `settings`; its seed is 0."""
    return RunConfig.model_validate_json(settings)
