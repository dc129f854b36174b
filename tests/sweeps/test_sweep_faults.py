"""Sweeps for real: killed workers, killed and stopped commands. No point lost, none counted twice, no number moved."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest
from sweeps_by_hand import assert_whole, begin, outcome, train_all

from vae.config import RunConfig
from vae.runs.dispatcher import Jobs
from vae.settings import ROOT, Settings
from vae.store.runs import Store
from vae.sweeps import stored
from vae.sweeps.driver import Sweeper
from vae.sweeps.spec import SweepSpec

pytestmark = pytest.mark.slow

SPEC = SweepSpec.parse(
    RunConfig(hidden=(8,), train_limit=400, epochs=40, device="cpu"),
    {"beta": [0, 1]},
    seeds=2,
    objectives=("reconstruction", "ratio"),
)
FLAGS = ["--over=beta=0,1", "--seeds=2", "--hidden=8", "--train-limit=400", "--epochs=40", "--device=cpu"]
FLAGS += ["--objective=reconstruction", "--objective=ratio"]


def wait(condition, seconds=240):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def one_worker(folder):
    return replace(Settings.from_environment({"VAE_DATA_DIR": str(folder)}), workers=1, threads=1)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    settings = one_worker(tmp_path_factory.mktemp("undisturbed"))
    store = Store(settings.database_url)
    return outcome(store, train_all(store, begin(store, SPEC), settings))


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory):
    """A dashboard's Jobs and Sweeper."""
    settings = one_worker(tmp_path_factory.mktemp("dashboard"))
    jobs = Jobs(Store(settings.database_url), settings).start()
    sweeper = Sweeper(jobs.store, settings, jobs).start()
    yield jobs
    sweeper.close()
    jobs.close()


def start(settings, *arguments):
    environment = os.environ | settings.environment() | {"OMP_NUM_THREADS": "1"}
    # A shell starts what runs in its background deaf to Ctrl-C, and so would be all that these tests start.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "vae", "sweep", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a terminal's Ctrl-C reaches it and all its workers
        )
    finally:
        signal.signal(signal.SIGINT, inherited)


def in_the_midst(store):
    """One run is done and another under way."""
    members = [member for sweep in stored.listed(store) for member in stored.members(store, sweep.id)]
    return any(member.status == "done" for member in members) and any(
        member.epoch >= 2 for member in members if member.status == "running"
    )


def kill(process):
    """As the kernel does when memory runs out: nothing can be tidied up. Its cluster must follow on its own."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(family, timeout=60)
    assert alive == []


def test_killed_workers_cost_a_sweep_nothing(dashboard, undisturbed):
    store = dashboard.store
    sweep = begin(store, SPEC, dashboard.owner)
    for epochs in (2, 15):
        wait(lambda at_least=epochs: any(member.epoch >= at_least for member in stored.members(store, sweep.id)))
        for pid in dashboard._client.run(os.getpid).values():
            os.kill(pid, signal.SIGKILL)
    wait(lambda: stored.find(store, sweep.id).status != "running")
    assert stored.find(store, sweep.id).status == "done"
    assert max(member.attempt for member in stored.members(store, sweep.id)) >= 2, "something was killed after all"
    assert_whole(store, sweep)
    assert outcome(store, sweep) == undisturbed


def test_a_dashboard_goes_on_with_the_sweep_of_a_killed_command(dashboard, undisturbed):
    before = len(stored.listed(dashboard.store))
    command = start(dashboard.settings, *FLAGS)
    wait(lambda: len(stored.listed(dashboard.store)) > before)
    (sweep,) = stored.listed(dashboard.store, limit=1)
    wait(lambda: any(member.epoch >= 5 for member in stored.members(dashboard.store, sweep.id)))
    assert stored.find(dashboard.store, sweep.id).owner == sweep.owner != dashboard.owner, (
        "nobody takes it from the living"
    )
    kill(command)
    wait(lambda: stored.find(dashboard.store, sweep.id).status != "running")
    adopted = stored.find(dashboard.store, sweep.id)
    assert (adopted.status, adopted.owner) == ("done", dashboard.owner)
    assert_whole(dashboard.store, adopted)
    assert outcome(dashboard.store, adopted) == undisturbed


@pytest.mark.parametrize("way", ["killed", "stopped"])
def test_a_command_goes_on_with_a_sweep_that_was_killed_or_stopped(tmp_path, undisturbed, way):
    settings = one_worker(tmp_path)
    store = Store(settings.database_url)
    command = start(settings, *FLAGS, "--json")
    wait(lambda: in_the_midst(store))
    (sweep,) = stored.listed(store)
    if way == "killed":
        kill(command)
    else:
        os.killpg(command.pid, signal.SIGINT)
        out, err = command.communicate(timeout=120)
        assert command.returncode == 1
        assert json.loads(out)["status"] == "stopped"
        assert f"go on with: python -m vae sweep --resume {sweep.id}" in err
        assert "Traceback" not in err
        assert store.runs(10, status=("queued", "running")) == []
    resumed = start(settings, "--resume", sweep.id, "--json")
    out, err = resumed.communicate(timeout=240)
    assert resumed.returncode == 0, err
    told = json.loads(out)
    assert (told["sweep_id"], told["status"]) == (sweep.id, "done")
    sweep = stored.find(store, sweep.id)
    assert_whole(store, sweep)
    assert outcome(store, sweep) == undisturbed
    assert [(point["params"], list(point["values"].values())) for point in told["points"]] == undisturbed
