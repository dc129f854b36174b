"""The environment: what it means when nothing is said, and what is refused."""

from pathlib import Path

import pytest

from vae import settings as module
from vae.errors import InputError
from vae.settings import ROOT, Settings


@pytest.fixture(autouse=True)
def four_cores(monkeypatch):
    monkeypatch.setattr(module, "cores", lambda: 4)


def test_defaults():
    settings = Settings.from_environment({})
    assert settings.data_dir == ROOT / "data"
    assert settings.database_url == f"sqlite:///{ROOT / 'data' / 'latent_twins.db'}"
    assert settings.scheduler is None
    assert (settings.workers, settings.threads) == (4, 1)
    limits = (settings.max_epochs, settings.max_queued, settings.max_weights_mb)
    limits += (settings.max_upload_mb, settings.max_images)
    limits += (settings.max_memory_mb, settings.max_run_mb)
    assert all(0 < limit < 1e6 for limit in limits)  # generous, finite


def test_the_process_environment_is_read(monkeypatch, tmp_path):
    monkeypatch.setenv("VAE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("VAE_MAX_EPOCHS", "12")
    settings = Settings.from_environment()
    assert settings.data_dir == tmp_path
    assert settings.database_url == f"sqlite:///{tmp_path / 'latent_twins.db'}"
    assert settings.max_epochs == 12


def test_the_data_folder_is_absolute(monkeypatch, tmp_path):
    """A worker process may start in another folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings.from_environment({"VAE_DATA_DIR": "here"}).data_dir == tmp_path / "here"
    assert Settings.from_environment({"VAE_DATA_DIR": "~/there"}).data_dir == Path(tmp_path, "there")


def test_an_empty_variable_counts_as_unset():
    empty = dict.fromkeys(("VAE_DATA_DIR", "VAE_DATABASE_URL", "VAE_SCHEDULER", "VAE_WORKERS", "VAE_MAX_EPOCHS"), "")
    assert Settings.from_environment(empty) == Settings.from_environment({})


@pytest.mark.parametrize(("workers", "threads"), [(1, 4), (2, 2), (4, 1), (1, 1)])
def test_workers_times_threads_may_fill_the_cores(workers, threads):
    settings = Settings.from_environment({"VAE_WORKERS": str(workers), "VAE_THREADS": str(threads)})
    assert (settings.workers, settings.threads) == (workers, threads)


@pytest.mark.parametrize(("workers", "threads"), [(5, 1), (2, 3), (3, 2)])
def test_workers_times_threads_beyond_the_cores_are_refused(workers, threads):
    with pytest.raises(InputError, match=r"VAE_WORKERS × VAE_THREADS is .* more than the 4 cores"):
        Settings.from_environment({"VAE_WORKERS": str(workers), "VAE_THREADS": str(threads)})


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_threads_are_chosen_to_fit_the_workers(workers):
    settings = Settings.from_environment({"VAE_WORKERS": str(workers)})
    assert settings.threads == 4 // workers


def test_sqlite_with_a_remote_scheduler_is_refused():
    with pytest.raises(InputError, match=r"VAE_SCHEDULER.*SQLite.*VAE_DATABASE_URL"):
        Settings.from_environment({"VAE_SCHEDULER": "tcp://cluster:8786"})
    with pytest.raises(InputError, match="VAE_SCHEDULER"):
        Settings.from_environment({"VAE_SCHEDULER": "tcp://cluster:8786", "VAE_DATABASE_URL": "sqlite:///runs.db"})


def test_a_remote_scheduler_with_a_database_server_is_fine():
    environment = {"VAE_SCHEDULER": "tcp://cluster:8786", "VAE_DATABASE_URL": "postgresql://db/runs"}
    settings = Settings.from_environment(environment)
    assert (settings.scheduler, settings.database_url) == tuple(environment.values())


@pytest.mark.parametrize(
    "name",
    [
        "VAE_WORKERS",
        "VAE_THREADS",
        "VAE_MAX_EPOCHS",
        "VAE_MAX_QUEUED",
        "VAE_MAX_WEIGHTS_MB",
        "VAE_MAX_UPLOAD_MB",
        "VAE_MAX_IMAGES",
        "VAE_MAX_QUEUED_PER_VISITOR",
        "VAE_MAX_SWEEPS_PER_VISITOR",
    ],
)
@pytest.mark.parametrize("text", ["many", "0", "-1", "1.5", "²", "1e3"])
def test_limits_must_be_whole_numbers(name, text):
    with pytest.raises(InputError, match=f"{name} is .* whole number"):
        Settings.from_environment({name: text})


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"VAE_DATA_DIR": "/data", "VAE_WORKERS": "2", "VAE_THREADS": "1", "VAE_MAX_EPOCHS": "7", "VAE_MAX_QUEUED": "8"},
        {"VAE_SCHEDULER": "tcp://cluster:8786", "VAE_DATABASE_URL": "postgresql://db/runs", "VAE_MAX_WEIGHTS_MB": "9"},
        {"VAE_MAX_UPLOAD_MB": "3", "VAE_MAX_IMAGES": "40"},
        {"VAE_MAX_QUEUED_PER_VISITOR": "5", "VAE_MAX_SWEEPS_PER_VISITOR": "1"},
        {"VAE_SHARED": "1", "VAE_ADMINS": "Ada@example.org, grace@example.org"},
    ],
    ids=["defaults", "embedded", "remote", "uploads", "visitors", "shared"],
)
def test_a_child_process_gets_the_same_settings(environment):
    settings = Settings.from_environment(environment)
    assert Settings.from_environment(settings.environment()) == settings


@pytest.mark.parametrize(
    ("text", "workers", "allowed"),
    [
        (str(10 << 30), 1, 8192),  # four fifths of it
        (str(10 << 30), 4, 2048),
        ("max", 1, None),  # no limit but the machine's
        ("9223372036854771712", 1, None),  # version 1's way to say so
        (str(1 << 30), 4, module.LEAST_MEMORY_MB),  # a small run must always be possible
    ],
)
def test_a_run_may_take_its_share_of_the_memory_of_the_control_group(monkeypatch, tmp_path, text, workers, allowed):
    group = tmp_path / "memory.max"
    group.write_text(f"{text}\n")
    monkeypatch.setattr(module, "CONTROL_GROUPS", (str(tmp_path / "missing"), str(group)))
    monkeypatch.setattr(module.os, "sysconf", {"SC_PHYS_PAGES": 2**24, "SC_PAGE_SIZE": 2**12}.get)  # 64 GB
    settings = Settings.from_environment({"VAE_WORKERS": str(workers)})
    assert settings.max_memory_mb == (allowed or int(64 * 1024 * 0.8))
    assert Settings.from_environment(settings.environment()).max_memory_mb == settings.max_memory_mb


def test_who_administers_a_shared_server():
    settings = Settings.from_environment({"VAE_SHARED": "1", "VAE_ADMINS": "Ada@Example.org , grace@example.org,"})
    assert (settings.shared, settings.admins) == (True, ("ada@example.org", "grace@example.org"))
    assert not Settings.from_environment({"VAE_SHARED": "0"}).shared
    assert Settings.from_environment({}).admins == ()


@pytest.mark.parametrize(
    ("name", "text"), [("VAE_SHARED", "yes"), ("VAE_SHARED", "2"), ("VAE_ADMINS", "ada"), ("VAE_ADMINS", "a@b, @")]
)
def test_a_switch_is_a_switch_and_an_address_an_address(name, text):
    """A typing error must not open a server."""
    with pytest.raises(InputError, match=name):
        Settings.from_environment({name: text})
