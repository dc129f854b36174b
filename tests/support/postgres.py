"""A PostgreSQL server of the tests' own, in a temporary folder on a free loopback port, and a database for each test.

Used when VAE_TEST_DATABASE=postgresql is set, as `make test-cluster` does; it ends when the tests do, however they do.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import URL, make_url

from vae.settings import Settings

WANTED = "VAE_TEST_DATABASE"  # "postgresql": tests run against a server instead of SQLite
RUNNING = "VAE_TEST_SERVER"  # URL of the one that this run of the tests has started
ON = os.environ.get(WANTED) == "postgresql"
USER = "latent_twins"
KEY = pytest.StashKey()
# Fixtures that stand on a database: tests that ask for one of them run on a server, too. Not `stocked`: the lessons
# about a trained run only read what other tests read as well, and take minutes.
TOUCHED = {"settings", "store", "shared", "place", "measured", "undisturbed", "jobs"}
HOW = "PostgreSQL is not installed here; on Debian and Ubuntu: apt-get install postgresql."
PATIENCE = 30  # seconds for a server to start
# Nothing needs to outlive the machine; a short memory is enough; its socket file would need a short path.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "log_min_messages": "fatal",
}
# It waits for its standard input to close, which happens also when the tests are killed, and leaves nothing behind.
KEEPER = """
postgres -D "$1/data" "${@:2}" 2>"$1/log" & server=$!
trap 'kill -INT $server' TERM INT
read -r _; kill -INT $server; wait $server; rm -rf "$1"
"""


def programs() -> Path | None:
    """The folder with initdb and postgres: on the PATH, or where Debian keeps them, the newest version first."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = sorted(versions, key=lambda path: float(path.parts[-3]), reverse=True)
    return newest[0].parent if newest else None


def _account() -> str | None:
    """Who runs it: PostgreSQL refuses to be run by root."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class Server:
    """A running server; `url` has its password."""

    def __init__(self) -> None:
        """Start it (about two seconds). Raises RuntimeError when it isn't installed or does not come up."""
        binaries = programs()
        if binaries is None:
            raise RuntimeError(HOW)
        account, password = _account(), secrets.token_urlsafe(12)
        self.folder = Path(tempfile.mkdtemp(prefix="latent-twins-postgres-"))
        secret = self.folder / "password"
        secret.write_text(password)
        if account:
            for path in (secret, self.folder):
                shutil.chown(path, account)
        as_account = {"user": account, "group": pwd.getpwnam(account).pw_gid, "extra_groups": []} if account else {}
        as_account |= {"cwd": self.folder, "env": {"PATH": f"{binaries}:{os.defpath}", "LC_ALL": "C.UTF-8"}}
        subprocess.run(
            ["initdb", "-D", "data", "-U", USER, "-A", "scram-sha-256", "--pwfile=password", "-E", "UTF8", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            **as_account,
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = [f"--{name}={value}" for name, value in (OPTIONS | {"port": port}).items()]
        command = ["bash", "-c", KEEPER, "postgres", self.folder, *options]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, **as_account)
        self.url = URL.create("postgresql", USER, password, "127.0.0.1", port, "postgres")
        self._await()

    def _await(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                psycopg.connect(_plain(self.url)).close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    log = (self.folder / "log").read_text()
                    self.stop()
                    raise RuntimeError(f"PostgreSQL did not start: {error}\n{log}") from None
                time.sleep(0.05)

    def stop(self) -> None:
        """End it, whatever is connected, and remove its files."""
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)


def begin(config: pytest.Config) -> None:
    """Start the server, if it is asked for; pytest-xdist's workers find the one that is there."""
    if ON and RUNNING not in os.environ:
        try:
            config.stash[KEY] = Server()
        except RuntimeError as error:
            raise pytest.UsageError(str(error)) from None
        os.environ[RUNNING] = _plain(config.stash[KEY].url)


def end(config: pytest.Config) -> None:
    if server := config.stash.get(KEY, None):
        del os.environ[RUNNING]
        server.stop()


def choose(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On a server, what has to do with a database; without one, all but what needs a server."""
    wanted = []
    for item in items:
        for_server = item.get_closest_marker("cluster") is not None
        stores = TOUCHED.intersection(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("browser") or item.get_closest_marker("sqlite"):
            stores = item.get_closest_marker("databases") is not None
        wanted.append(for_server or stores if ON else not for_server)
    config.hook.pytest_deselected(items=[item for item, kept in zip(items, wanted, strict=True) if not kept])
    items[:] = [item for item, kept in zip(items, wanted, strict=True) if kept]


@contextmanager
def database(folder: Path, library: str | None = None) -> Iterator[str]:
    """The URL of an empty database, or of a copy of another one: a file in the folder, or on the server."""
    if ON:
        url = new_database() if library is None else copy(library)
        try:
            yield url
        finally:
            drop(url)
    else:
        url = f"sqlite:///{folder / 'latent_twins.db'}"  # where it is when nobody names it
        if library is not None:
            with closing(_file(library)) as there, closing(_file(url)) as here:
                there.backup(here)
        yield url


@contextmanager
def settings_for(folder: Path) -> Iterator[Settings]:
    """One worker of one thread, a data folder and a database."""
    environment = {"VAE_DATA_DIR": str(folder), "VAE_WORKERS": "1", "VAE_THREADS": "1"}
    with database(folder) as url:
        yield Settings.from_environment(environment | {"VAE_DATABASE_URL": url})


def copy(library: str) -> str:
    """A server copies only what nobody is connected to: whoever still is has forgotten to leave."""
    name = make_url(library).database
    statement(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    return new_database(name)


def _file(url: str) -> sqlite3.Connection:
    return sqlite3.connect(make_url(url).database)


def _plain(url: URL) -> str:
    return url.render_as_string(hide_password=False)


def statement(text: str) -> None:
    """Have the running server's owner say something outside of any transaction."""
    with psycopg.connect(os.environ[RUNNING], autocommit=True) as connection:
        connection.execute(text)


def new_database(template: str = "template0") -> str:
    """The URL of an empty database, or of a copy of another one."""
    name = f"test_{secrets.token_hex(6)}"
    statement(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    return _plain(make_url(os.environ[RUNNING]).set(database=name))


def drop(url: str) -> None:
    """Remove a test's database, whoever is connected still."""
    statement(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")


def main() -> None:
    """`python tests/support/postgres.py`: exit code 1 and a sentence when there is no PostgreSQL."""
    if programs() is None:
        sys.exit(HOW)


if __name__ == "__main__":
    main()
