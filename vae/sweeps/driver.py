"""Sweeps, moved on: Optuna chooses points, the job queue trains them, and each is judged once.

All that is known lies in the database: Optuna's study (points and their values) and `sweep_runs` (which run belongs to
which point and seed). One step of `advance` reads both and does what is missing, so a sweep goes on after any crash: a
point without runs gets them, a point whose runs are done is told, one that was to be given up is, and Optuna refuses to
be told twice. A point's number says all that its settings are drawn from, so nothing has to be remembered for later.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from ..config import WIDTHS, RunConfig
from ..errors import InputError
from ..runs import cost
from ..runs.dispatcher import BEAT, KEPT_DYING, Jobs
from ..runs.heartbeats import Heartbeats
from ..settings import Settings
from ..store import uploaded_images
from ..store.runs import ACTIVE, Store
from . import stored
from .spec import OBJECTIVES, Range, SweepSpec
from .stored import Member, Sweep
from .study import points_of, study_of, suggest

log = logging.getLogger(__name__)

TICK = 0.3  # seconds between looks at the sweeps
AHEAD = 2  # runs per worker that are queued or under way, so that no worker waits and other visitors get their turn
MOST_ATTEMPTS = 12  # at a run whose worker processes keep dying; Dask gives one up after four
MOST_SWEEPS = 1000  # that are looked after at one time
REASON = "reason"  # why a point failed or was given up: a user attribute of its trial
HOPELESS = "Worse than the median of the earlier points at the same epoch."


def points(store: Store, sweep: Sweep) -> list[FrozenTrial]:
    """What is known of each point so far: number, state, params, values."""
    return points_of(study_of(store, sweep), sweep.spec)


def advance(store: Store, sweep: Sweep, settings: Settings, room: int) -> str:
    """Do what can be done now: judge finished points, queue missing runs, begin points while there is `room`.

    `room`: no point begins while as many of the sweep's runs are queued or under way. Returns the sweep's status.
    """
    spec, study = sweep.spec, study_of(store, sweep)
    by_point: dict[int, list[Member]] = {}
    for member in stored.members(store, sweep.id):
        by_point.setdefault(member.number, []).append(member)
    for trial in points_of(study, spec):
        if trial.state == TrialState.RUNNING:
            _look_after(store, sweep, study, trial, by_point.get(trial.number, []), settings)
    under_way = sum(member.status in ACTIVE for member in stored.members(store, sweep.id))
    begun = len(points_of(study, spec))
    while under_way < room and begun < spec.size:
        new = study.ask()
        if new.number < spec.size and not _begin(store, sweep, study, new):
            break
        under_way, begun = under_way + spec.seeds, begun + 1
    told = points_of(study, spec)
    if len(told) == spec.size and all(trial.state.is_finished() for trial in told):
        if any(trial.state == TrialState.COMPLETE for trial in told):
            stored.settle(store, sweep, "done")
        else:
            stored.settle(store, sweep, "failed", f"No point ended well. {reason_of(told[0])}")
    return stored.find(store, sweep.id).status


def lost(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Points that failed or were given up."""
    return [trial for trial in trials if trial.state in (TrialState.FAIL, TrialState.PRUNED)]


def reason_of(trial: FrozenTrial) -> str:
    """Why a point was lost, in a sentence."""
    return trial.user_attrs.get(REASON, "It failed.")


def _begin(store: Store, sweep: Sweep, study: optuna.Study, trial: Trial) -> bool:
    """Queue a point's runs, or say why it has none. False when the sweep is no longer ours."""
    spec, params = sweep.spec, suggest(trial, sweep.spec)
    try:
        configs = [spec.config(params, seed) for seed in spec.all_seeds()]
    except InputError as problem:
        _give_up(store, study, trial, [], str(problem))
        return True
    return stored.add_runs(store, sweep, trial.number, configs)


def _look_after(
    store: Store, sweep: Sweep, study: optuna.Study, frozen: FrozenTrial, runs: list[Member], settings: Settings
) -> None:
    """One point that has begun: queue what it lacks, tell its values once all its runs are done."""
    trial = Trial(study, frozen._trial_id)
    if REASON in frozen.user_attrs:  # the program ended while giving it up
        _give_up(store, study, trial, runs, frozen.user_attrs[REASON])
        return
    if len(runs) < sweep.spec.seeds:  # it ended between choosing the point and queueing its runs, or one was purged
        _begin(store, sweep, study, trial)
        return
    hopeless = sweep.spec.prune and _hopeless(store, sweep, trial, frozen, runs)
    if all(run.status == "done" for run in runs):
        try:
            study.tell(trial, objective_values(store, sweep, runs, settings), skip_if_finished=True)
        except InputError as problem:
            _give_up(store, study, trial, runs, str(problem))
    elif failures := [f"Seed {run.seed}: {reason}" for run in runs if (reason := _failure(run))]:
        _give_up(store, study, trial, runs, failures[0])
    elif hopeless:
        _give_up(store, study, trial, runs, HOPELESS)
    else:
        for run in runs:
            if run.status == "interrupted":  # its dashboard died, or the sweep was stopped
                stored.requeue(store, sweep, run.run_id)


def _failure(run: Member) -> str | None:
    """Why a run will not be done; None when it may."""
    if run.status == "stopped":
        return run.error or "Stopped by hand."
    if run.status == "failed" or (run.error == KEPT_DYING and run.attempt >= MOST_ATTEMPTS):
        return run.error
    return None


def _give_up(store: Store, study: optuna.Study, trial: Trial, runs: list[Member], reason: str) -> None:
    """Stop what is left of a point and close it. Told last: until then whoever comes next finishes what was begun."""
    trial.set_user_attr(REASON, reason)
    for run in runs:
        if run.status in ACTIVE:
            store.request_stop(run.run_id)
    state = TrialState.PRUNED if reason == HOPELESS else TrialState.FAIL
    study.tell(trial, state=state, skip_if_finished=True)


def objective_values(store: Store, sweep: Sweep, runs: list[Member], settings: Settings) -> list[float]:
    """The objectives of a finished point: means over its seeds, on the validation images.

    Raises InputError when one can't be measured.
    """
    table = stored.rows(store, sweep.id, runs[0].number)
    table = table[(table["split"] != "test") & (table["variant"] == sweep.spec.of)]
    last = table[table["epoch"] == table.groupby("run_id")["epoch"].transform("max")]  # patience may end seeds apart
    columns = {name: OBJECTIVES[name].metric for name in sweep.spec.objectives if OBJECTIVES[name].every_epoch}
    values = {name: float(last[column].astype(float).mean()) for name, column in columns.items()}
    for name in sweep.spec.objectives:
        if (metric := OBJECTIVES[name].metric) and name not in columns:
            from ..measuring.yardsticks import on_validation

            of = sweep.spec.of
            values[name] = float(
                np.mean([on_validation(store, store.run(run.run_id), settings, metric, of) for run in runs])
            )
    if "ratio" in sweep.spec.objectives:
        from ..measuring import sensitivity_ratio

        ratios = [sensitivity_ratio(store, store.run(run.run_id), settings) for run in runs]
        values["ratio"] = float(np.exp(np.mean(np.log(ratios))))
    if unknown := [name for name in sweep.spec.objectives if math.isnan(values[name])]:
        titles = " and ".join(OBJECTIVES[name].title for name in unknown)
        raise InputError(f"{titles} can't be measured: some picture does not change at all.")
    return [values[name] for name in sweep.spec.objectives]


def _hopeless(store: Store, sweep: Sweep, trial: Trial, frozen: FrozenTrial, runs: list[Member]) -> bool:
    """Whether the point, at an epoch that all its seeds have reached, is worse than the median of earlier points.

    Those who come later are compared with it, so its epochs are reported even when it is done.
    """
    reached = min(run.epoch for run in runs)
    ended = all(run.status == "done" for run in runs)  # by patience, perhaps
    to_come = not ended and reached < frozen.params.get("epochs", sweep.spec.base.epochs)
    if reached < 1:
        return False
    if reached in frozen.intermediate_values:  # nothing new, unless the program died before it could act
        return to_come and trial.should_prune()
    table = stored.rows(store, sweep.id, trial.number)
    table = table[table["split"] != "test"]
    metric = OBJECTIVES[sweep.spec.objectives[0]].metric
    means = table[table["variant"] == sweep.spec.of].groupby("epoch")[metric].mean()
    for epoch in range(max(frozen.intermediate_values, default=0) + 1, reached + 1):
        trial.report(float(means[epoch]), epoch)
    return to_come and trial.should_prune()


def check_all(store: Store, spec: SweepSpec, settings: Settings) -> None:
    """All that can be told before the first run. Raises InputError; nothing is written."""
    from ..runs.execution import check

    for params in spec.grid() if spec.sampler == "grid" else spec.corners():
        check(store, spec.config(params, spec.base.seed), settings)
    if spec.sampler != "grid":
        for config in dearest(store, spec, settings):
            cost.refuse(config, uploaded_images.lookup(store, config.dataset), settings)


def dearest(store: Store, spec: SweepSpec, settings: Settings) -> list[RunConfig]:
    """What the points drawn at random may come to: the run that needs the most memory, and those most to be stored.

    Field by field the dearest value, and once more, because what one costs depends on the others.
    """
    dataset = lru_cache(lambda name: uploaded_images.lookup(store, name))
    found = []
    for estimate in (cost.memory, cost.checkpoint, partial(cost.stored, max_weights_mb=settings.max_weights_mb)):
        config = spec.base
        for name, values in [*spec.over.items()] * 2:
            ends = (values.low, values.high) if isinstance(values, Range) else values
            whole = RunConfig.model_fields[name].annotation is int
            typed = [
                getattr(RunConfig.parse({name: end}), name) if name in WIDTHS else int(end) if whole else end
                for end in ends
            ]
            tried = [config.model_copy(update={name: value}) for value in typed]
            unfit = [candidate for candidate in tried if cost.misfit(candidate, dataset(candidate.dataset))]
            if unfit:  # nothing is dearer than what can't be trained
                return unfit
            config = max(tried, key=lambda candidate: estimate(candidate, dataset(candidate.dataset)))
        found.append(config)
    return found


class Sweeper:
    """Moves on the sweeps of one dashboard or command, and takes over those whose owner has died."""

    def __init__(self, store: Store, settings: Settings, jobs: Jobs) -> None:
        self.store, self.settings, self.jobs = store, settings, jobs
        self._heartbeats = Heartbeats()
        self._has_some = False  # sweeps of ours that go on
        self._closing = threading.Event()
        loops = {"sweeper": self._look_again, "sweeper's heart": self._beat}
        self._threads = [threading.Thread(target=loop, name=name, daemon=True) for name, loop in loops.items()]

    def start(self) -> Sweeper:
        for thread in self._threads:
            thread.start()
        return self

    def close(self) -> None:
        """Its sweeps stay as they are: whoever finds them silent goes on with them."""
        self._closing.set()
        for thread in self._threads:
            if thread.ident:
                thread.join(timeout=30)

    def look(self) -> None:
        """Once over all running sweeps."""
        running = stored.listed(self.store, MOST_SWEEPS, "running")
        mine = [sweep for sweep in running if sweep.owner == self.jobs.owner]
        self._has_some = bool(mine)
        self._adopt_silent([sweep for sweep in running if sweep.owner != self.jobs.owner])
        for sweep in mine:
            try:
                advance(self.store, sweep, self.settings, AHEAD * self.jobs.workers)
            except InputError as problem:
                stored.settle(self.store, sweep, "failed", str(problem))
            except Exception:  # the database may be away for a moment; the other sweeps go on
                log.warning("a look at the sweep broke off", exc_info=True, extra={"sweep": sweep.id})
        if mine:
            self.jobs.wake()

    def _adopt_silent(self, others: list[Sweep]) -> None:
        silent = self._heartbeats.look({sweep.id: sweep.pulse for sweep in others})
        for sweep in others:
            if sweep.id in silent:
                stored.adopt(self.store, sweep, self.jobs.owner)

    def _look_again(self) -> None:
        while not self._closing.wait(TICK):
            try:
                self.look()
            except Exception:  # the database may be away for a moment: look again
                log.warning("the sweeper stumbled; it goes on", exc_info=True)
                self._closing.wait(BEAT)

    def _beat(self) -> None:
        """Signs of life, also while a look takes long: it measures what finished points are judged by."""
        while not self._closing.wait(BEAT):
            try:
                if self._has_some:
                    stored.beat(self.store, self.jobs.owner)
            except Exception:
                log.warning("no sign of life from the sweeper", exc_info=True)


def params_by_number(trials: list[FrozenTrial]) -> Mapping[int, dict[str, Any]]:
    """Each point's settings, for `sweeps.results`."""
    return {trial.number: dict(trial.params) for trial in trials}


def values_of(trial: FrozenTrial, spec: SweepSpec) -> dict[str, float]:
    """A point's values by objective; empty until it is judged."""
    return dict(zip(spec.objectives, trial.values or (), strict=False))
