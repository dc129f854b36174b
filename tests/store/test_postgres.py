"""PostgreSQL as the run store: turns of writers, connections that were cut, and what is said when it can't be used."""

from __future__ import annotations

import builtins
import time
from concurrent.futures import ThreadPoolExecutor

import postgres
import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from vae.config import RunConfig
from vae.errors import InputError
from vae.settings import Settings
from vae.store import database, postgresql
from vae.store.runs import Store

SECRET = "s3cret"


def refused(url: str) -> str:
    """What is said of a URL; never its password, and in one line."""
    with pytest.raises(InputError) as error:
        Store(url)
    said = str(error.value)
    assert "VAE_DATABASE_URL" in said and SECRET not in said and "\n" not in said and "?." not in said
    return said


def variant(settings: Settings, **changes: object) -> str:
    return make_url(settings.database_url).set(**changes).render_as_string(hide_password=False)


# Without a server


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"postgresql://me:{SECRET}/x@host:port/db", "can't be read"),  # a slash in a password, not written as %2F
        (f"postgresql//me:{SECRET}@host/db", "can't be read"),
        (f"mysql+pymysql://me:{SECRET}@host/db", "names a mysql database"),
        (f"nosuchthing://me:{SECRET}@host/db", "names a nosuchthing database"),
    ],
)
def test_a_url_that_is_none_is_told_without_its_password(url: str, words: str) -> None:
    said = refused(url)
    assert words in said and "postgresql://user:password@host:5432/database" in said


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_the_driver_needs_not_be_named(scheme: str) -> None:
    assert postgresql.named(make_url(f"{scheme}://me@host/db")).drivername == "postgresql+psycopg"
    assert postgresql.named(make_url("postgresql+psycopg2://me@host/db")).drivername == "postgresql+psycopg2"


def test_a_missing_driver_is_told_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_psycopg(name: str, *arguments: object, **options: object) -> object:
        if name.partition(".")[0] == "psycopg":
            raise ModuleNotFoundError("No module named 'psycopg'")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_psycopg)
    said = refused(f"postgresql://me:{SECRET}@127.0.0.1:1/db")
    assert "No module named 'psycopg'" in said and "pip install 'psycopg[binary]'" in said


def test_an_unknown_driver_is_told() -> None:
    assert "postgresql.nosuchdriver" in refused(f"postgresql+nosuchdriver://me:{SECRET}@host/db")


def test_the_url_may_say_otherwise() -> None:
    url = make_url("postgresql://me@host/db?application_name=mine&options=-c%20lock_timeout%3D1s")
    arguments = postgresql.arguments(url)
    assert "application_name" not in arguments
    assert arguments["options"].endswith("-c lock_timeout=1s")
    assert arguments["connect_timeout"] == postgresql.UNREACHABLE


# With one: what is said


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"port": 1}, "Connection refused. See that the server runs"),
        ({"password": SECRET}, "password authentication failed"),
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
        ({"username": "nobody_here", "password": SECRET}, 'user "nobody_here"'),
        ({"host": "no-such-host.invalid"}, "no-such-host.invalid"),
    ],
)
def test_a_server_that_cannot_be_used_is_told(settings: Settings, changes: dict, words: str) -> None:
    started = time.monotonic()
    said = refused(variant(settings, **changes))
    assert words in said
    assert "***@" in said, "it names the URL"
    assert time.monotonic() - started < 2 * postgresql.UNREACHABLE


@pytest.mark.cluster
def test_a_user_without_the_right_to_make_tables_is_told_how_to_get_it(settings: Settings) -> None:
    name = f"poor_{make_url(settings.database_url).database}"
    postgres.statement(f"CREATE ROLE {name} LOGIN PASSWORD '{SECRET}'")
    try:
        said = refused(variant(settings, username=name, password=SECRET))
        assert "permission denied for schema public" in said
        assert f"ALTER DATABASE {make_url(settings.database_url).database} OWNER TO {name}" in said
        Store(settings.database_url)  # now there are tables, and they are somebody else's
        assert "permission denied for table" in refused(variant(settings, username=name, password=SECRET))
    finally:
        postgres.statement(f"DROP ROLE {name}")


# With one: what it does


@pytest.mark.cluster
def test_writers_take_turns_and_each_sees_what_the_one_before_wrote(store: Store, settings: Settings) -> None:
    """Also on a server whose transactions see the past, unless told otherwise."""
    name = make_url(settings.database_url).database
    postgres.statement(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'")
    stores = [Store(settings.database_url) for _ in range(4)]

    def ask(number: int) -> list[int]:
        mine = stores[number]
        return [mine.run(mine.create(RunConfig(), "test")).ticket for _ in range(15)]

    with ThreadPoolExecutor(4) as pool:
        tickets = [ticket for part in pool.map(ask, range(4)) for ticket in part]
    assert sorted(tickets) == list(range(1, 61)), "one of two that count at once would count one too few"


@pytest.mark.cluster
def test_readers_wait_for_no_writer_and_a_writer_not_for_ever(store: Store, settings: Settings) -> None:
    impatient = Store(variant(settings, query={"options": "-c lock_timeout=200ms"}))
    with store.write():
        assert impatient.runs() == []
        with pytest.raises(OperationalError, match="lock timeout"):
            impatient.create(RunConfig(), "test")
    assert impatient.create(RunConfig(), "test") in store.queue()


@pytest.mark.cluster
def test_a_writer_that_falls_silent_loses_its_turn(store: Store, settings: Settings) -> None:
    silent = Store(variant(settings, query={"options": "-c idle_in_transaction_session_timeout=300ms"}))
    with pytest.raises(DBAPIError, match="idle-in-transaction"), silent.write() as connection:
        run_id = store.create(RunConfig(), "test")  # its turn came when the other had lost its own
        assert store.run(run_id).status == "queued"
        connection.exec_driver_sql("SELECT 1")


@pytest.mark.cluster
def test_connections_that_were_cut_are_made_anew(store: Store, settings: Settings) -> None:
    run_id = store.create(RunConfig(), "test")
    name = make_url(settings.database_url).database
    for _ in range(2):
        postgres.statement(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        assert store.run(run_id).status == "queued"
        store.beat([run_id])
    assert store.run(run_id).pulse == 2


@pytest.mark.cluster
def test_sessions_are_told_apart_bounded_and_in_utc(store: Store) -> None:
    with database.writing(store.engine) as connection:
        said = connection.exec_driver_sql(
            "SELECT application_name, current_setting('TimeZone') FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        )
        assert said.one() == ("latent_twins", "UTC")
    assert store.engine.pool.size() + store.engine.pool._max_overflow == postgresql.CONNECTIONS


@pytest.mark.cluster
def test_a_nul_character_in_a_text_is_refused_or_replaced(store: Store) -> None:
    """People are told; what the program itself writes, such as somebody's words in an error, has it replaced."""
    run_id = store.create(RunConfig(), "test")
    with pytest.raises(InputError):
        store.describe(run_id, name="a\0name", tags=["a\0tag"], note="\0")
    run = store.claim(run_id)
    store.finish(run, "failed", "bro\0ken")
    assert store.run(run_id).error == "bro\N{REPLACEMENT CHARACTER}ken"
    with pytest.raises(InputError, match="no run"):
        store.run("\0")
