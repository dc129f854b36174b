"""A sweep's study: Optuna's tables in the database of the runs, and the settings of each point."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, Trial
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ..config import RunConfig
from ..store import postgresql
from ..store.runs import Store
from .spec import Range, SweepSpec
from .stored import Sweep

optuna.logging.set_verbosity(optuna.logging.WARNING)

PATIENCE = 30  # seconds Optuna waits for SQLite's write lock
TRIES = 12  # to open Optuna's tables, which are made one by one: each may be made by another program meanwhile
STARTUP_POINTS = 5  # points that are finished before any is called hopeless

_opening = threading.Lock()


def storage(url: str) -> optuna.storages.BaseStorage:
    """Optuna's tables, in the database of the runs, made when they are first asked for."""
    with _opening:
        return _storage(url)


@lru_cache(maxsize=4)
def _storage(url: str) -> optuna.storages.BaseStorage:
    if url.startswith("sqlite"):
        options: dict[str, Any] = {"poolclass": NullPool, "connect_args": {"timeout": PATIENCE}}
    else:
        options = postgresql.pool() | {"connect_args": postgresql.arguments(make_url(url))}
    for tries_left in reversed(range(TRIES)):
        try:
            tables = optuna.storages.RDBStorage(url.replace("{", "{{").replace("}", "}}"), engine_kwargs=options)
            return optuna.storages.get_storage(tables)  # one that remembers finished points: a look must stay cheap
        except DBAPIError:  # another program is making the same tables at this moment
            if not tries_left:
                raise
            time.sleep(random.uniform(0.05, 0.4))  # not all of them again at the same moment
    raise AssertionError("unreachable")


def study_of(store: Store, sweep: Sweep) -> optuna.Study:
    """A sweep's study, made when it is first asked for. Each call's has a sampler of its own."""
    return optuna.create_study(
        storage=storage(_url(store)),
        study_name=sweep.id,
        directions=sweep.spec.directions(),
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_POINTS, n_warmup_steps=1),
    )


def points_of(study: optuna.Study, spec: SweepSpec) -> list[FrozenTrial]:
    """Its trials, by number."""
    # Two programs that ask at the same moment may ask for one too many.
    return [trial for trial in study.get_trials(deepcopy=False) if trial.number < spec.size]


class _Point(optuna.samplers.RandomSampler):
    """Draws nothing: it gives the settings of one combination."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__(seed=0)
        self.params = params

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self.params[param_name]


def _sampler(spec: SweepSpec, number: int) -> optuna.samplers.BaseSampler:
    """Made anew for each point, so that the same sweep draws the same points also after a restart."""
    if spec.sampler == "grid":
        return _Point(next(islice(spec.grid(), number, None)))
    seed = int(np.random.SeedSequence([spec.base.seed, number]).generate_state(1)[0])
    return optuna.samplers.TPESampler(seed=seed) if spec.sampler == "tpe" else optuna.samplers.RandomSampler(seed=seed)


def suggest(trial: Trial, spec: SweepSpec) -> dict[str, Any]:
    """A point's params; those that it has already stay as they are."""
    trial.study.sampler = _sampler(spec, trial.number)
    found: dict[str, Any] = {}
    for name, values in spec.over.items():
        if not isinstance(values, Range):
            found[name] = trial.suggest_categorical(name, values)
        elif RunConfig.model_fields[name].annotation is int:
            found[name] = trial.suggest_int(name, int(values.low), int(values.high), log=values.log)
        else:
            found[name] = trial.suggest_float(name, values.low, values.high, log=values.log)
    return found


def _url(store: Store) -> str:
    return store.engine.url.render_as_string(hide_password=False)
