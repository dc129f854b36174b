"""Sweeps without a cluster: moved on by `advance`, their runs trained in this process or made up."""

from optuna.trial import TrialState

from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.runs.execution import execute
from vae.store.runs import EpochRecord, Store
from vae.sweeps import stored, study
from vae.sweeps.driver import advance, points
from vae.sweeps.spec import SweepSpec

TINY = RunConfig(hidden=(8,), train_limit=100, validation_size=20, epochs=2, device="cpu")
GRID = SweepSpec.parse(TINY, {"beta": [0, 1.0], "latent_dim": [2, 3]}, seeds=2)
ONE_FIELD = SweepSpec.parse(TINY, {"beta": [0, 0.5, 1, 2, 3, 4, 5, 6]}, seeds=1, prune=True)


def begin(store, spec=GRID, owner="me"):
    return stored.find(store, stored.create(store, spec, "question", owner))


def restarted(settings):
    """The database as another program sees it: nothing is remembered from before."""
    study._storage.cache_clear()
    return Store(settings.database_url)


def train_queued(store, settings):
    for run_id in store.queue():
        execute(store, run_id, settings)


def train_all(store, sweep, settings, room=3):
    """Move a sweep on until it has ended."""
    for _ in range(60):
        if advance(store, sweep, settings, room) != "running":
            return stored.find(store, sweep.id)
        train_queued(store, settings)
    raise AssertionError("it never ended")


def runs_by_point(store, sweep):
    found = {}
    for member in stored.members(store, sweep.id):
        found.setdefault(member.number, []).append(member)
    return found


def assert_whole(store, sweep):
    """Every point of the grid once, each with exactly its seeds' runs, all done; nothing else was ever trained."""
    trials = points(store, sweep)
    assert [trial.params for trial in trials] == list(sweep.spec.grid())
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    members = stored.members(store, sweep.id)
    seeds = sweep.spec.all_seeds()
    assert [(member.number, member.seed) for member in members] == [
        (i, seed) for i in range(len(trials)) for seed in seeds
    ]
    assert {member.status for member in members} == {"done"}
    in_sweeps = [member for known in stored.listed(store) for member in stored.members(store, known.id)]
    assert len(store.runs(500)) == len(in_sweeps)
    for member in members:
        expected = sweep.spec.config(trials[member.number].params, member.seed)
        assert store.run(member.run_id).config == expected


def outcome(store, sweep):
    """Settings and values of every point."""
    return [(trial.params, trial.values) for trial in points(store, sweep)]


def metrics(loss, kl=3.0):
    values = {"loss": loss, "reconstruction": loss - 1, "kl": kl, "kl_per_dim": [1.0, 2.0], "mse_from_mean": loss / 100}
    return values | {"mse_from_sample": 0.5, "active_units": 2}


def write(store, run_id, losses, end=None):
    """A run's epochs, made up: `losses` from epoch 1 on."""
    run = store.claim(run_id)
    store.record_start(run, {}, {"hash": "h"}, ("split", 1, b"rows"), b"images")
    for epoch, loss in enumerate([500.0, *losses]):
        rows = dict.fromkeys(VARIANTS, metrics(loss))
        store.record_epoch(run, EpochRecord(epoch, "validation", 0.1, rows, {}, {}, b"c"))
    if end:
        test = dict.fromkeys(("ae", "vae"), metrics(1e6)) if end == "done" else None
        store.finish(run, end, error="It diverged." if end == "failed" else None, test=test)


def finish_points(store, sweep, settings, count):
    """Points that end before anybody has looked at their epochs; five have a median loss of 12 after one epoch."""
    for number in range(count):
        advance(store, sweep, settings, room=1)
        for run_id in store.queue():
            write(store, run_id, [10.0 + number, float(number)], end="done")
    advance(store, sweep, settings, room=0)
