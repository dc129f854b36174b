"""Sweeps, moved on: Optuna chooses points, the job queue trains them, and each is judged once.

All that is known lies in the database: Optuna's study (points and their values) and `sweep_runs` (which run belongs to
which point and seed). One step of `advance` reads both and does what is missing, so a sweep goes on after any crash: a
point without runs gets them, a point whose runs are done is told, and Optuna refuses to be told twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from .config import RunConfig
from .errors import InputError
from .runs import sweeps
from .runs.jobs import BEAT, SILENCE, Jobs
from .runs.store import Store
from .runs.sweep_spec import Range, SweepSpec
from .runs.sweeps import Member, Sweep
from .settings import Settings

log = logging.getLogger(__name__)
optuna.logging.set_verbosity(optuna.logging.WARNING)

TICK = 0.3  # seconds between looks at the sweeps
PATIENCE = 30  # seconds Optuna waits for SQLite's write lock
TRIES = 5  # to open Optuna's tables: two programs may make them at the same moment
AHEAD = 2  # runs per worker that are queued or under way, so that no worker waits and other visitors get their turn
STARTUP_POINTS = 5  # points that are finished before any is called hopeless
COLUMNS = {"loss": "loss", "reconstruction": "reconstruction", "kl": "kl", "mse": "mse_from_mean"}  # of the metrics
REASON = "reason"  # why a point failed or was given up: a user attribute of its trial


_opening = threading.Lock()


def storage(url: str) -> optuna.storages.BaseStorage:
    """Optuna's tables, in the database of the runs."""
    with _opening:
        return _open(url)


@lru_cache(maxsize=4)
def _open(url: str) -> optuna.storages.BaseStorage:
    options: dict[str, Any] = {"pool_pre_ping": True}
    if url.startswith("sqlite"):
        options = {"poolclass": NullPool, "connect_args": {"timeout": PATIENCE}}
    for attempts_left in reversed(range(TRIES)):
        try:
            return optuna.storages.RDBStorage(url, engine_kwargs=options)
        except DBAPIError:  # another process has just made the same tables
            if not attempts_left:
                raise
            time.sleep(TICK)
    raise AssertionError("unreachable")


def study_of(store: Store, sweep: Sweep) -> optuna.Study:
    """A sweep's study, made when it is first asked for."""
    return optuna.create_study(
        storage=storage(_url(store)),
        study_name=sweep.id,
        directions=sweep.spec.directions(),
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_POINTS, n_warmup_steps=1),
    )


def points(store: Store, sweep: Sweep) -> list[FrozenTrial]:
    """What is known of each point so far: number, state, params, values."""
    return study_of(store, sweep).get_trials(deepcopy=False)


def advance(store: Store, sweep: Sweep, settings: Settings, room: int) -> str:
    """Do what can be done now: judge finished points, queue missing runs, begin points while there is `room`.

    `room`: runs that may be queued or under way at one time. Returns the sweep's status.
    """
    spec, study = sweep.spec, study_of(store, sweep)
    if spec.sampler == "grid":
        _enqueue_grid(study, spec)
    by_point: dict[int, list[Member]] = {}
    for member in sweeps.members(store, sweep.id):
        by_point.setdefault(member.number, []).append(member)
    trials = study.get_trials(deepcopy=False)
    for trial in trials:
        if trial.state == TrialState.RUNNING:
            _look_after(store, sweep, study, trial, by_point.get(trial.number, []), settings)
    under_way = sum(member.status in ("queued", "running") for group in by_point.values() for member in group)
    begun = sum(trial.state != TrialState.WAITING for trial in trials)
    while under_way < room and begun < spec.size:
        study.sampler = _sampler(spec, begun)
        trial = study.ask()
        _begin(store, sweep, study, trial)
        under_way, begun = under_way + spec.seeds, begun + 1
    if begun >= spec.size and all(trial.state.is_finished() for trial in study.get_trials(deepcopy=False)):
        sweeps.settle(store, sweep, "done")
        return "done"
    return "running"


def _enqueue_grid(study: optuna.Study, spec: SweepSpec) -> None:
    """Put every combination into the study, those that are missing after a crash, too."""
    there = len(study.get_trials(deepcopy=False))
    for params in list(spec.grid())[there:]:
        study.enqueue_trial(params)


def _sampler(spec: SweepSpec, number: int) -> optuna.samplers.BaseSampler:
    """Made anew for each point, so that the same sweep draws the same points also after a restart."""
    seed = int(np.random.SeedSequence([spec.base.seed, number]).generate_state(1)[0])
    return optuna.samplers.TPESampler(seed=seed) if spec.sampler == "tpe" else optuna.samplers.RandomSampler(seed=seed)


def suggest(trial: Trial, spec: SweepSpec) -> dict[str, Any]:
    """A point's params; those that it has already stay as they are."""
    found: dict[str, Any] = {}
    for name, values in spec.over.items():
        if not isinstance(values, Range):
            found[name] = trial.suggest_categorical(name, values)
        elif RunConfig.model_fields[name].annotation is int:
            found[name] = trial.suggest_int(name, round(values.low), round(values.high), log=values.log)
        else:
            found[name] = trial.suggest_float(name, values.low, values.high, log=values.log)
    return found


def _begin(store: Store, sweep: Sweep, study: optuna.Study, trial: Trial) -> None:
    """Queue a point's runs, or say why it has none."""
    spec, params = sweep.spec, suggest(trial, sweep.spec)
    try:
        configs = [spec.config(params, seed) for seed in spec.all_seeds()]
    except InputError as problem:
        _give_up(study, trial, TrialState.FAIL, str(problem))
        return
    sweeps.add_runs(store, sweep, trial.number, configs)


def _look_after(
    store: Store, sweep: Sweep, study: optuna.Study, frozen: FrozenTrial, runs: list[Member], settings: Settings
) -> None:
    """One point that has begun: queue what it lacks, tell its values once all its runs are done."""
    trial = Trial(study, frozen._trial_id)
    status = {run.status for run in runs}
    if len(runs) < sweep.spec.seeds:  # the program ended between choosing the point and queueing its runs
        _begin(store, sweep, study, trial)
    elif status == {"done"}:
        try:
            values = judge(store, sweep, runs, settings)
        except InputError as problem:
            _give_up(study, trial, TrialState.FAIL, str(problem))
            return
        study.tell(trial, values, skip_if_finished=True)
    elif status & {"failed", "stopped"}:
        first = next(run for run in runs if run.status in ("failed", "stopped"))
        for run in runs:
            store.request_stop(run.run_id)
        reason = store.run(first.run_id).error or "Stopped by hand."
        _give_up(study, trial, TrialState.FAIL, f"Seed {first.seed}: {reason}")
    elif sweep.spec.prune and _hopeless(store, sweep, trial, frozen, runs):
        for run in runs:
            store.request_stop(run.run_id)
        _give_up(study, trial, TrialState.PRUNED, "Worse than the median of the earlier points at the same epoch.")
    for run in runs:
        if run.status == "interrupted":  # its dashboard died
            store.requeue(run.run_id, sweep.owner, ("interrupted",))


def _give_up(study: optuna.Study, trial: Trial, state: TrialState, reason: str) -> None:
    trial.set_user_attr(REASON, reason)
    study.tell(trial, state=state, skip_if_finished=True)


def judge(store: Store, sweep: Sweep, runs: list[Member], settings: Settings) -> list[float]:
    """The objectives of a finished point: means over its seeds, on the validation images.

    Raises InputError when one can't be measured.
    """
    table = sweeps.rows(store, sweep.id, runs[0].number)
    table = table[(table["split"] != "test") & (table["variant"] == sweep.spec.of)]
    last = table[table["epoch"] == table["epoch"].max()]
    values = {name: float(last[column].astype(float).mean()) for name, column in COLUMNS.items()}
    if "ratio" in sweep.spec.objectives:
        from .measuring import ratio_of

        ratios = [ratio_of(store, store.run(run.run_id), settings) for run in runs]
        values["ratio"] = float(np.exp(np.mean(np.log(ratios))))
    return [values[name] for name in sweep.spec.objectives]


def _hopeless(store: Store, sweep: Sweep, trial: Trial, frozen: FrozenTrial, runs: list[Member]) -> bool:
    """Whether the point, at an epoch that all its seeds have reached, is worse than the median of earlier points."""
    reached = min(run.epoch for run in runs)
    if reached < 1 or reached in frozen.intermediate_values:
        return False
    table = sweeps.rows(store, sweep.id, trial.number)
    table = table[table["split"] != "test"]
    means = table[table["variant"] == sweep.spec.of].groupby("epoch")[COLUMNS[sweep.spec.objectives[0]]].mean()
    for epoch in range(max(frozen.intermediate_values, default=0) + 1, reached + 1):
        trial.report(float(means[epoch]), epoch)
    return trial.should_prune()


def check_all(store: Store, spec: SweepSpec, settings: Settings) -> None:
    """All that can be told before the first run. Raises InputError; nothing is written."""
    from .runs.execution import check

    for params in spec.grid() if spec.sampler == "grid" else spec.corners():
        check(store, spec.config(params, spec.base.seed), settings)


class Sweeper:
    """Moves on the sweeps of one dashboard or command, and takes over those whose owner has died."""

    def __init__(self, store: Store, settings: Settings, jobs: Jobs) -> None:
        self.store, self.settings, self.jobs = store, settings, jobs
        self._seen: dict[str, tuple[int, float]] = {}  # sweep id → pulse, and when it was new (monotonic seconds)
        self._last_beat = 0.0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sweeper", daemon=True)

    def start(self) -> Sweeper:
        self._thread.start()
        return self

    def close(self) -> None:
        """Its sweeps stay as they are: whoever finds them silent goes on with them."""
        self._closing.set()
        self._thread.join(timeout=30)

    def look(self) -> None:
        """Once over all running sweeps."""
        running = sweeps.listed(self.store, status="running")
        mine = [sweep for sweep in running if sweep.owner == self.jobs.owner]
        if mine and time.monotonic() - self._last_beat > BEAT:
            self._last_beat = time.monotonic()
            sweeps.beat(self.store, self.jobs.owner)
        self._adopt_silent([sweep for sweep in running if sweep.owner != self.jobs.owner])
        for sweep in mine:
            try:
                advance(self.store, sweep, self.settings, AHEAD * self.settings.workers)
            except InputError as problem:
                sweeps.settle(self.store, sweep, "failed", str(problem))
        if mine:
            self.jobs.wake()

    def _adopt_silent(self, others: list[Sweep]) -> None:
        moment = time.monotonic()
        before, self._seen = self._seen, {}
        for sweep in others:
            pulse, since = before.get(sweep.id, (None, moment))
            self._seen[sweep.id] = (sweep.pulse, since if pulse == sweep.pulse else moment)
            if moment - self._seen[sweep.id][1] > SILENCE:
                sweeps.adopt(self.store, sweep, self.jobs.owner)

    def _loop(self) -> None:
        while not self._closing.wait(TICK):
            try:
                self.look()
            except Exception:  # the database may be away for a moment: look again
                log.warning("the sweeper stumbled; it goes on", exc_info=True)
                self._closing.wait(BEAT)


def params_by_number(trials: list[FrozenTrial]) -> Mapping[int, dict[str, Any]]:
    """Each point's settings, for `sweeps.results`."""
    return {trial.number: dict(trial.params) for trial in trials}


def values_of(trial: FrozenTrial, spec: SweepSpec) -> dict[str, float]:
    """A point's values by objective; empty until it is judged."""
    return dict(zip(spec.objectives, trial.values or (), strict=False))


def _url(store: Store) -> str:
    return store.engine.url.render_as_string(hide_password=False)
