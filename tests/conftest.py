"""What all tests share. No test sees the VAE_… variables of the shell it was started from."""

import os
from pathlib import Path

import postgres
import pytest

from vae.datasets import DATASETS
from vae.settings import ROOT
from vae.store.runs import Store

pytest_plugins = ["browsing", "paging", "lessons"]  # fixtures of pages with and without a browser

# Read while the modules are collected, before `_no_outer_settings` hides the variables from the tests.
MNIST_FOLDERS = [
    *([Path(os.environ["VAE_DATA_DIR"]).expanduser().resolve()] if os.environ.get("VAE_DATA_DIR") else []),
    ROOT.parent / "shared" / "data",
]
MNIST_REQUIRED = os.environ.get("VAE_REQUIRE_MNIST") == "1"


def pytest_configure(config):
    postgres.begin(config)


def pytest_unconfigure(config):
    postgres.end(config)


def pytest_collection_modifyitems(config, items):
    postgres.choose(config, items)


@pytest.fixture(autouse=True)
def _no_outer_settings(monkeypatch):
    fixed = ("VAE_DATABASE_URL", "VAE_DATA_DIR", "VAE_SCHEDULER", "VAE_WORKERS", "VAE_THREADS")
    fixed += ("VAE_SHARED", "VAE_ADMINS", "VAE_NETWORKS")
    for name in [name for name in os.environ if name in fixed or name.startswith(("VAE_MAX_", "VAE_LOG"))]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def mnist_dir():
    """A data folder that holds MNIST. Without one the test is skipped, or fails where VAE_REQUIRE_MNIST=1 says so."""
    for folder in MNIST_FOLDERS:
        if DATASETS["mnist"].available(folder):
            return folder
    message = f"MNIST is in none of {', '.join(map(str, MNIST_FOLDERS))} (VAE_DATA_DIR may name a folder that holds it)"
    return pytest.fail(message) if MNIST_REQUIRED else pytest.skip(message)


@pytest.fixture
def settings(tmp_path):
    """A data folder and a database of the test's own."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    with postgres.settings_for(data_dir) as made:
        yield made


@pytest.fixture
def store(settings):
    return Store(settings.database_url)
