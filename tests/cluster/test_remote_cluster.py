"""A cluster that others run, for real: a scheduler and workers started by hand, a PostgreSQL server, two dashboards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import dask
import postgres
import pytest
from remote import Cluster
from test_dispatcher import wait

from vae.config import RunConfig
from vae.runs.dispatcher import NO_WORKERS, Jobs
from vae.settings import Settings
from vae.store.runs import Store

pytestmark = pytest.mark.cluster

SHORT = RunConfig(epochs=3)
MIDDLING = RunConfig(epochs=100)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Settings]:
    with postgres.settings_for(tmp_path) as settings:
        yield settings


@contextmanager
def dashboard(settings: Settings, cluster: Cluster) -> Iterator[Jobs]:
    jobs = Jobs(Store(settings.database_url), replace(settings, scheduler=cluster.address)).start()
    try:
        yield jobs
    finally:
        jobs.close()


@contextmanager
def running(cluster: Cluster) -> Iterator[Cluster]:
    try:
        yield cluster
    finally:
        cluster.stop()


def ended(jobs: Jobs, run_id: str) -> Callable[[], bool]:
    return lambda: not jobs.store.run(run_id).active


def assert_whole(jobs: Jobs, run_id: str) -> None:
    run, history = jobs.store.run(run_id), jobs.store.history(run_id)
    assert (run.status, run.error) == ("done", None)
    for variant in run.config.variants:
        rows = history[(history.variant == variant) & (history.split == "validation")]
        assert list(rows.epoch) == list(range(run.config.epochs + 1))


def test_runs_wait_for_workers_which_come_and_go(place: Settings, tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, place)
    with running(cluster), dashboard(place, cluster) as jobs:
        first = jobs.submit(MIDDLING)  # there is not even a scheduler yet
        cluster.start_scheduler()
        wait(lambda: jobs._client is not None)
        second = jobs.submit(MIDDLING.model_copy(update={"seed": 1}))
        wait(lambda: [jobs.position(first), jobs.position(second)] == [1, 2])
        worker = cluster.start_worker(VAE_SCHEDULER="tcp://nowhere:1")
        wait(lambda: jobs.store.run(first).epoch >= 3)
        assert jobs.store.run(second).status == "queued"
        cluster.kill(worker)  # nobody replaces it
        cluster.start_worker(preload=None)  # nor is it warmed up
        wait(ended(jobs, second), 120)
        assert jobs.store.run(first).attempt >= 2
        assert_whole(jobs, first)
        assert_whole(jobs, second)


def test_a_scheduler_that_is_started_anew_costs_no_run(place: Settings, tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, place).start(workers=1)
    with running(cluster), dashboard(place, cluster) as jobs:
        run_id = jobs.submit(RunConfig(epochs=300))
        waiting = jobs.submit(SHORT)
        wait(lambda: jobs.store.run(run_id).epoch >= 3)
        cluster.kill(cluster.scheduler)
        wait(lambda: jobs.store.run(run_id).status == "queued", 20)  # and does not seem to be trained
        with pytest.raises(AssertionError, match="in vain"):  # for longer than silence counts as death
            wait(lambda: {jobs.store.run(each).status for each in (run_id, waiting)} != {"queued"}, 8)
        cluster.start_scheduler()
        cluster.start_worker()  # whether the old one came back is up to Dask
        wait(ended(jobs, waiting), 120)
        wait(ended(jobs, run_id), 120)
        assert_whole(jobs, run_id)
        assert_whole(jobs, waiting)


def test_two_dashboards_take_turns_and_train_nothing_twice(place: Settings, tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, place).start(workers=2)
    with running(cluster), dashboard(place, cluster) as busy, dashboard(place, cluster) as late:
        first = [busy.submit(RunConfig(epochs=20, seed=seed)) for seed in range(8)]
        wait(lambda: busy.store.run(first[0]).status == "running")
        second = [late.submit(RunConfig(epochs=20, seed=seed)) for seed in range(2)]
        third = [busy.submit(RunConfig(epochs=20, seed=seed)) for seed in range(8, 14)]
        everything = [*first, *second, *third]
        wait(lambda: not any(busy.store.run(run_id).active for run_id in everything), 180)
        runs = {run_id: busy.store.run(run_id) for run_id in everything}
        assert {(run.status, run.attempt) for run in runs.values()} == {("done", 1)}
        begun = sorted(everything, key=lambda run_id: runs[run_id].started_at)
        places = [begun.index(run_id) for run_id in second]
        assert max(places) <= 8 + 2 + 2, f"who came in between is served in between, not at places {places}"


def test_a_worker_that_lacks_the_program_says_so(place: Settings, tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, place).start(workers=0)
    with running(cluster), dashboard(place, cluster) as jobs:
        hidden = tmp_path / "hidden"  # make has installed the program for every process of this Python
        hidden.mkdir()
        (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['vae'] = None\n")
        cluster.start_worker(preload=None, PYTHONPATH=str(hidden))
        run_id = jobs.submit(SHORT)
        wait(ended(jobs, run_id))
        run = jobs.store.run(run_id)
        assert run.status == "failed"
        assert "A worker could not begin" in run.error and "missing there" in run.error
        assert "'vae'" in run.error


def test_a_worker_with_another_database_says_so(place: Settings, tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, place).start(workers=0)
    other = tmp_path / "other"
    other.mkdir()
    with running(cluster), dashboard(place, cluster) as jobs:
        cluster.start_worker(VAE_DATABASE_URL=f"sqlite:///{other / 'runs.db'}")
        run_id = jobs.submit(SHORT)
        wait(ended(jobs, run_id))
        run = jobs.store.run(run_id)
        assert run.status == "failed"
        assert f"There is no run '{run_id}' in this database" in run.error
        assert "same program, database and data" in run.error


def test_a_cluster_behind_tls_lets_in_who_has_a_certificate(place: Settings, tmp_path: Path) -> None:
    keys = certificates(tmp_path)
    cluster = Cluster(tmp_path, place, protocol="tls", **keys).start(workers=1)
    with running(cluster):
        with dashboard(place, cluster) as stranger:
            run_id = stranger.submit(SHORT)
            wait(lambda: stranger.trouble == NO_WORKERS)
            assert stranger.store.run(run_id).status == "queued"
            stranger.stop(run_id)
        named = dask.config.collect_env(env=keys)  # as a dashboard reads it that was started with these variables
        with (
            dask.config.set({"distributed": dask.config.merge(dask.config.config, named)["distributed"]}),
            dashboard(place, cluster) as jobs,
        ):
            run_id = jobs.submit(SHORT)
            wait(ended(jobs, run_id))
            assert_whole(jobs, run_id)


def certificates(folder: Path) -> dict[str, str]:
    """A key and a self-signed certificate, by the names of Dask's variables."""
    from distributed import Security

    security = Security.temporary()
    files = {"ca-file": security.tls_ca_file, "cert": security.tls_client_cert, "key": security.tls_client_key}
    for name, text in files.items():
        (folder / name).write_text(text)
    found = {"DASK_DISTRIBUTED__COMM__TLS__CA_FILE": str(folder / "ca-file")}
    for role in ("SCHEDULER", "WORKER", "CLIENT"):
        for part in ("cert", "key"):
            found[f"DASK_DISTRIBUTED__COMM__TLS__{role}__{part.upper()}"] = str(folder / part)
    return found | {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True"}
