"""Workers for real: killed workers, a dead owner, the queue.

On an embedded cluster; where tests run on PostgreSQL, on a scheduler and a worker that were started by hand.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import postgres
import pytest
from remote import Cluster

from vae.config import RunConfig
from vae.errors import InputError
from vae.runs.dispatcher import Jobs
from vae.settings import ROOT, Settings
from vae.store.runs import Store

LONG = RunConfig(epochs=1000)


def wait(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def one_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("jobs")
    with postgres.settings_for(folder) as made, ExitStack() as at_the_end:
        settings = replace(made, max_queued=3)
        if postgres.ON:
            cluster = Cluster(folder, settings)
            at_the_end.callback(cluster.stop)
            settings = replace(settings, scheduler=cluster.start(workers=1).address)
        yield settings


@pytest.fixture(scope="module")
def jobs(one_worker: Settings) -> Iterator[Jobs]:
    with pytest.MonkeyPatch.context() as patch:
        # Less than importing torch takes: a cluster that kept to this would lose a killed worker for good.
        patch.setenv("DASK_DISTRIBUTED__DEPLOY__LOST_WORKER_TIMEOUT", "0.5s")
        started = Jobs(Store(one_worker.database_url), one_worker).start()
        yield started
        started.close()


def end(jobs: Jobs, *run_ids: str) -> None:
    for run_id in run_ids:
        jobs.stop(run_id)
    wait(lambda: not any(jobs.store.run(run_id).active for run_id in run_ids))


def worker_pids(jobs: Jobs) -> list[int]:
    return list(jobs._client.run(os.getpid).values())


def test_a_submitted_run_is_trained_in_another_process(jobs: Jobs) -> None:
    run_id = jobs.submit(RunConfig(epochs=3))
    wait(lambda: not jobs.store.run(run_id).active)
    run = jobs.store.run(run_id)
    assert (run.status, run.epoch, run.error) == ("done", 3, None)
    assert os.getpid() not in worker_pids(jobs)


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_its_run_ends_done_with_each_epoch_once(jobs: Jobs) -> None:
    run_id = jobs.submit(RunConfig(epochs=120))
    wait(lambda: jobs.store.run(run_id).epoch >= 5)
    for pid in worker_pids(jobs):
        os.kill(pid, signal.SIGKILL)
    wait(lambda: not jobs.store.run(run_id).active, 120)
    run, history = jobs.store.run(run_id), jobs.store.history(run_id)
    assert run.status == "done"
    assert run.attempt >= 2, "it was killed after all"
    for variant in run.config.variants:
        rows = history[(history.variant == variant) & (history.split == "validation")]
        assert list(rows.epoch) == list(range(121))
    undisturbed = jobs.submit(RunConfig(epochs=120))
    wait(lambda: not jobs.store.run(undisturbed).active, 120)
    columns = ["variant", "split", "epoch", "loss", "reconstruction", "kl", "mse_from_mean"]
    assert jobs.store.history(undisturbed)[columns].equals(history[columns]), "the kill must not show in any number"


def test_a_stop_is_honoured_within_a_second_and_keeps_what_was_done(jobs: Jobs) -> None:
    run_id = jobs.submit(LONG)
    wait(lambda: jobs.store.run(run_id).epoch >= 2)
    jobs.stop(run_id)
    wait(lambda: not jobs.store.run(run_id).active, 5)  # a second is the target; a busy machine gets some more
    run = jobs.store.run(run_id)
    assert run.status == "stopped"
    assert run.epoch >= 2 and len(jobs.store.history(run_id)) == 2 * (run.epoch + 1)


def test_waiting_runs_have_positions_and_can_be_stopped_before_they_start(jobs: Jobs) -> None:
    first = jobs.submit(LONG)
    wait(lambda: jobs.store.run(first).status == "running")
    second, third = jobs.submit(LONG), jobs.submit(LONG)
    assert [jobs.position(run_id) for run_id in (first, second, third)] == [0, 1, 2]
    jobs.stop(second)
    assert jobs.store.run(second).status == "stopped"
    assert jobs.position(third) == 1
    end(jobs, first)
    wait(lambda: jobs.store.run(third).status == "running")
    end(jobs, third)


def test_a_full_queue_refuses_with_a_sentence(jobs: Jobs) -> None:
    running = jobs.submit(LONG)
    wait(lambda: jobs.store.run(running).status == "running")
    waiting = [jobs.submit(LONG) for _ in range(3)]
    with pytest.raises(InputError, match="waiting already"):
        jobs.submit(LONG)
    end(jobs, *waiting, running)


@pytest.mark.skipif(postgres.ON, reason="a remote cluster is nobody's to replace; see test_remote_cluster.py")
@pytest.mark.slow
def test_a_lost_cluster_is_replaced_and_its_run_goes_on(jobs: Jobs) -> None:
    run_id = jobs.submit(RunConfig(epochs=100))
    wait(lambda: jobs.store.run(run_id).epoch >= 3)
    jobs._cluster.process.kill()
    wait(lambda: not jobs.store.run(run_id).active, 120)
    assert jobs.store.run(run_id).status == "done"
    epochs = jobs.store.history(run_id).query("variant == 'ae' and split == 'validation'").epoch
    assert list(epochs) == list(range(101))


@pytest.mark.slow
def test_runs_of_a_dead_owner_are_interrupted_and_can_be_resumed(jobs: Jobs) -> None:
    orphan = jobs.store.create(RunConfig(epochs=2), owner="dashboard-that-died")
    wait(lambda: jobs.store.run(orphan).status == "interrupted", 30)
    assert "ended before the run did" in jobs.store.run(orphan).error
    assert jobs.resume(orphan)
    wait(lambda: not jobs.store.run(orphan).active)
    assert jobs.store.run(orphan).status == "done"
    assert not jobs.resume(orphan), "a run that is done has nothing to resume"


SUPERVISED = """
import sys, time
from vae.runs.local_cluster import EmbeddedCluster
from vae.settings import Settings
if __name__ == "__main__":
    cluster = EmbeddedCluster(Settings.from_environment())
    print(cluster.process.pid, flush=True)
    time.sleep(120)
"""


@pytest.mark.slow
def test_the_cluster_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    import psutil

    env = os.environ | {"VAE_DATA_DIR": str(tmp_path), "VAE_WORKERS": "1", "VAE_THREADS": "1", "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, "-c", SUPERVISED], env=env, stdout=subprocess.PIPE, text=True)
    supervisor = psutil.Process(int(parent.stdout.readline()))
    family = [supervisor, *supervisor.children(recursive=True)]
    assert len(family) >= 2, "a supervisor and at least one worker"
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []
