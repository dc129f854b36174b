"""Making room: what goes, what never does, and how large the database says it is."""

from __future__ import annotations

import datetime as dt
import json
import secrets
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update

from vae.cli import main
from vae.config import RunConfig
from vae.errors import InputError
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store import cleanup, schema, sizes
from vae.store.runs import ACTIVE, ENDED, Store, now
from vae.sweeps import stored
from vae.sweeps.spec import SweepSpec

DAY = dt.timedelta(days=1)
MB = 2**20


def made(store: Store, days_ago: float, status: str = "done", size: int = 0, finished: float | None = None) -> str:
    """A run of that age that holds `size` bytes of weights; `finished`: days ago, its age unless given."""
    run_id = store.create(RunConfig(), "test")
    at, end = (now() - DAY * days for days in (days_ago, days_ago if finished is None else finished))
    values = {"status": status, "created_at": at, "queued_at": at, "finished_at": end if status in ENDED else None}
    with store.write() as connection:
        connection.execute(update(schema.runs).where(schema.runs.c.id == run_id).values(**values))
        if size:
            row = {"run_id": run_id, "variant": "vae", "epoch": 0, "payload": b"x" * size}
            connection.execute(insert(schema.weights).values(**row))
    return run_id


def there(store: Store) -> set[str]:
    with store.engine.connect() as connection:
        return set(connection.scalars(select(schema.runs.c.id)))


def rows(store: Store, table) -> int:
    with store.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def test_older_runs_go_and_younger_ones_stay(store: Store):
    old, older, young = made(store, 31), made(store, 400, "failed"), made(store, 29)
    planned = cleanup.plan(store, older_than_days=30)
    assert set(planned.runs) == {old, older}
    assert there(store) == {old, older, young}, "a plan deletes nothing"
    assert cleanup.clean(store, planned)[0] == 2
    assert there(store) == {young}


def test_what_is_under_way_never_goes(store: Store):
    ids = {made(store, 400, status, MB) for status in ACTIVE}
    planned = cleanup.plan(store, older_than_days=1, larger_than_mb=1, deleted=True)
    assert planned.count == 0
    assert there(store) == ids


def test_a_run_that_was_queued_again_after_the_plan_stays(store: Store):
    interrupted, done = made(store, 40, "interrupted"), made(store, 40)
    planned = cleanup.plan(store, older_than_days=30)
    store.requeue(interrupted, "test")
    assert cleanup.clean(store, planned)[0] == 1
    assert there(store) == {interrupted}
    assert done not in there(store)


def test_runs_of_a_running_sweep_stay_also_when_it_was_resumed_after_the_plan(store: Store):
    spec = SweepSpec.parse(RunConfig(), {"beta": [0.5, 1.0]}, seeds=2)
    sweep_id = stored.create(store, spec, "β", "test")
    mine = [made(store, 40) for _ in range(2)]
    with store.write() as connection:
        for seed, run_id in enumerate(mine):
            row = {"sweep_id": sweep_id, "number": 0, "seed": seed, "run_id": run_id}
            connection.execute(insert(schema.sweep_runs).values(**row))
    assert cleanup.plan(store, older_than_days=30, larger_than_mb=1).count == 0
    stored.stop(store, sweep_id)
    planned = cleanup.plan(store, older_than_days=30)
    assert set(planned.runs) == set(mine)
    stored.resume(store, sweep_id, "test")
    assert cleanup.clean(store, planned) == (0, 0)
    assert there(store) == set(mine)


def test_a_run_is_as_young_as_what_was_last_done_with_it(store: Store):
    resumed = made(store, 100, finished=2)
    assert cleanup.plan(store, older_than_days=30).count == 0
    assert cleanup.plan(store, older_than_days=1).runs == (resumed,)


def test_the_oldest_make_room_until_all_hold_less(store: Store):
    ids = [made(store, 10 - number, size=2 * MB) for number in range(4)]  # 8 MB
    planned = cleanup.plan(store, larger_than_mb=5)
    assert planned.runs == tuple(ids[:2]), "6 MB are too many, 4 are not"
    assert planned.size == 4 * MB
    assert cleanup.plan(store, larger_than_mb=8).count == 0
    assert cleanup.clean(store, planned) == (2, 4 * MB)
    assert there(store) == set(ids[2:])


def test_what_goes_for_its_age_counts_as_room(store: Store):
    old = made(store, 50, size=4 * MB)
    made(store, 5, size=2 * MB)
    assert cleanup.plan(store, older_than_days=30, larger_than_mb=3).runs == (old,)


def test_deleted_runs_make_room_first(store: Store):
    shown, binned = made(store, 10, size=2 * MB), made(store, 5, size=2 * MB)
    store.delete([binned])
    planned = cleanup.plan(store, larger_than_mb=3)
    assert (planned.runs, planned.deleted) == ((), (binned,))
    cleanup.clean(store, planned)
    assert there(store) == {shown}


def test_a_run_that_has_just_ended_makes_no_room(store: Store):
    fresh = made(store, 0, size=2 * MB)
    assert cleanup.plan(store, larger_than_mb=1).count == 0
    assert there(store) == {fresh}


def test_deleted_runs_go_at_once_unless_they_were_restored(store: Store):
    kept, binned, restored = made(store, 2), made(store, 2), made(store, 2)
    store.delete([binned, restored])
    planned = cleanup.plan(store, deleted=True)
    assert set(planned.deleted) == {binned, restored}
    store.restore([restored])
    assert cleanup.clean(store, planned)[0] == 1
    assert there(store) == {kept, restored}


def test_a_clock_that_leaps_forward_ages_nothing(store: Store, monkeypatch: pytest.MonkeyPatch):
    """The computer's time jumps by a year: nothing was deleted that isn't really old."""
    young, old = made(store, 2), made(store, 40)
    monkeypatch.setattr(cleanup, "now", lambda: now() + 365 * DAY)
    assert cleanup.plan(store, older_than_days=30).runs == (old,)
    assert set(cleanup.plan(store, older_than_days=1).runs) == {young, old}


def test_runs_from_the_future_are_left_alone_and_counted(store: Store, monkeypatch: pytest.MonkeyPatch):
    """The clock was set back: their age isn't known."""
    ids = {made(store, 2, size=2 * MB), made(store, 3, size=2 * MB)}
    monkeypatch.setattr(cleanup, "now", lambda: now() - 100 * DAY)
    planned = cleanup.plan(store, older_than_days=1, larger_than_mb=1)
    assert (planned.count, planned.future) == (0, 2)
    assert there(store) == ids


def test_time_that_really_passes_counts(monkeypatch: pytest.MonkeyPatch):
    started, since = cleanup._began
    monkeypatch.setattr(cleanup, "now", lambda: started + 40 * DAY)
    monkeypatch.setattr(cleanup.time, "monotonic", lambda: since + 40 * 86400)
    assert cleanup.steady_now() == started + 40 * DAY


@pytest.mark.parametrize("asked", [{"older_than_days": 0}, {"larger_than_mb": -1}, {"older_than_days": 10**9}])
def test_what_makes_no_sense_is_refused(store: Store, asked: dict):
    with pytest.raises(InputError, match=r"must be a whole number"):
        cleanup.plan(store, **asked)


def test_everything_of_a_run_goes_with_it_and_nothing_of_another(store: Store, settings: Settings):
    gone, stays = (store.create(RunConfig(epochs=1, seed=seed), "test") for seed in range(2))
    for run_id in (gone, stays):
        assert execute(store, run_id, settings) == "done"
    before = store.history(stays)
    cleanup.clean(store, cleanup.Plan((gone,), (), {}, 0))
    for table in (schema.metrics, schema.snapshots, schema.weights, schema.originals):
        with store.engine.connect() as connection:
            assert set(connection.scalars(select(table.c.run_id))) == {stays}, table.name
    assert store.history(stays).equals(before)
    assert store.split_rows(stays) is not None, "both share their split"
    cleanup.clean(store, cleanup.Plan((stays,), (), {}, 0))
    assert rows(store, schema.splits) == 0


def test_whoever_writes_meanwhile_waits_only_for_a_moment(store: Store):
    """Every second write lock is somebody else's: no run waits for the whole of a clean-up."""
    for _ in range(3 * cleanup.IN_A_TRANSACTION):
        made(store, 40)
    planned, longest, over = cleanup.plan(store, older_than_days=30), [0.0], threading.Event()
    written = [0]

    def write() -> None:
        while not over.is_set():
            began = time.monotonic()
            store.beat(["nobody"])
            longest[0], written[0] = max(longest[0], time.monotonic() - began), written[0] + 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        cleanup.clean(store, planned)
    finally:
        over.set()
        thread.join()
    assert written[0] > 3
    assert longest[0] < 2


@pytest.mark.sqlite
def test_sizes_are_those_of_what_lies_there(store: Store, settings: Settings):
    held = {made(store, 1, size=3 * MB): 3 * MB, made(store, 2, "failed", MB): MB}
    binned = made(store, 3)
    store.delete([binned])
    found = sizes.sizes(store)
    assert found.kinds["weights"] == sum(held.values())
    assert {name for name, size in found.kinds.items() if size} == {"weights"}
    assert found.runs == {"done": 1, "failed": 1}
    assert found.deleted == 1
    file = Path(settings.database_url.removeprefix("sqlite:///"))
    files = [path.stat().st_size for path in file.parent.glob(f"{file.name}*") if not path.name.endswith("-shm")]
    assert found.total == pytest.approx(sum(files), rel=0.9), "pages of the log may be those of the file"
    assert found.total > sum(held.values())
    assert found.rest >= 0
    assert found.database == f"SQLite {sqlite3.sqlite_version}"


@pytest.mark.sqlite
def test_too_much_to_count_is_said_instead_of_waited_for(store: Store, monkeypatch: pytest.MonkeyPatch):
    run_id = made(store, 1)
    with store.write() as connection:
        connection.execute(
            insert(schema.snapshots),
            [{"run_id": run_id, "variant": "vae", "epoch": epoch, "payload": b"x"} for epoch in range(5000)],
        )
    monkeypatch.setattr(sizes, "PATIENCE", -1.0)
    found = sizes.sizes(store)
    assert (found.kinds, found.rest) == (None, None)
    assert found.total > 0
    monkeypatch.undo()
    assert sizes.sizes(store).kinds["snapshots"] == 5000


@pytest.mark.sqlite
def test_vacuum_gives_room_back(store: Store):
    made(store, 40, size=5 * MB)
    cleanup.clean(store, cleanup.plan(store, older_than_days=30))
    before = sizes.sizes(store)
    assert before.unused > 4 * MB
    returned = cleanup.vacuum(store)
    after = sizes.sizes(store)
    assert returned == before.total - after.total
    assert after.total < MB
    assert after.unused == 0


@pytest.mark.sqlite
def test_vacuum_waits_for_nobody(store: Store, monkeypatch: pytest.MonkeyPatch):
    made(store, 1, "running")
    with pytest.raises(InputError, match=r"nothing may be trained: 1 run is under way or waiting"):
        cleanup.vacuum(store)


@pytest.mark.sqlite
def test_vacuum_says_that_the_disk_is_full(store: Store, monkeypatch: pytest.MonkeyPatch):
    usage = cleanup.shutil.disk_usage("/")
    monkeypatch.setattr(cleanup.shutil, "disk_usage", lambda _: usage._replace(free=100))
    with pytest.raises(InputError, match=r"takes \d+ MB of the disk for a moment; 0 MB are free"):
        cleanup.vacuum(store)


@pytest.mark.sqlite
def test_vacuum_says_that_somebody_writes(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("vae.store.database.PATIENCE", 0.2)
    with store.write(), pytest.raises(InputError, match=r"Somebody else is writing"):
        cleanup.vacuum(store)


# The command line


@pytest.fixture
def here(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The commands' database."""
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    return store


@pytest.mark.sqlite
def test_clean_says_first_and_does_it_when_told(here: Store, capsys):
    old, young = made(here, 40, size=2 * MB), made(here, 1)
    assert main(["clean", "--older-than", "30"]) == 0
    said = capsys.readouterr().out
    assert "would delete 1 run, about 2.0 MB; nothing was deleted, add --yes" in said
    assert there(here) == {old, young}
    assert main(["clean", "--older-than", "30", "--vacuum", "--yes", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["runs"], told["count"], told["bytes"], told["done"]) == ([old], 1, 2 * MB, True)
    assert told["returned"] > MB
    assert there(here) == {young}


@pytest.mark.parametrize("options", [[], ["--yes"], ["--older-than", "0"], ["--larger-than", "-5", "--yes"]])
def test_clean_without_a_measure_is_refused(here: Store, capsys, options: list[str]):
    made(here, 400)
    assert main(["clean", *options]) == 2
    assert capsys.readouterr().err.startswith("vae: ")
    assert len(there(here)) == 1


def test_status_tells_what_is_there(here: Store, capsys):
    waiting, running = here.create(RunConfig(), "test"), made(here, 1, "running")
    made(here, 2)
    assert main(["status", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["queue"] == [waiting]
    assert told["running"] == [{"run_id": running, "epoch": 0, "epochs": RunConfig().epochs}]
    assert told["database"]["runs"] == {"queued": 1, "running": 1, "done": 1}
    assert {"latent-twins", "python", "torch"} <= set(told["versions"])
    with here.write() as connection:
        connection.execute(update(schema.runs).values(name="\x1b[2Jname\nfalse"))
    assert main(["status"]) == 0
    said = capsys.readouterr().out
    assert r"\x1b[2Jname\nfalse" in said
    assert "\x1b" not in said


@pytest.mark.cluster
def test_sizes_cleaning_and_vacuum_on_a_server(store: Store):
    """A server keeps the room of what is gone for what comes next, and packs what it stores; this has no pattern."""
    old, young = made(store, 40), made(store, 3)
    with store.write() as connection:
        row = {"variant": "vae", "epoch": 0, "payload": secrets.token_bytes(2 * MB)}
        connection.execute(insert(schema.weights), [row | {"run_id": run_id} for run_id in (old, young)])
    found = sizes.sizes(store)
    assert found.database.startswith("PostgreSQL ")
    assert 4 * MB < found.kinds["weights"] < 5 * MB < found.total
    assert found.runs == {"done": 2}
    assert cleanup.clean(store, cleanup.plan(store, older_than_days=30)) == (1, 2 * MB)
    assert there(store) == {young}
    assert cleanup.vacuum(store) >= 0
    assert len(store.weights(young, 0)["vae"]) == 2 * MB
