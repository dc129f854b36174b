"""What is logged: one line per event, with the run it belongs to, harmless, and without passwords."""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import threading
import warnings

import pytest

from vae import logs
from vae.config import RunConfig
from vae.errors import InputError
from vae.runs.dispatcher import Jobs
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store

log = logging.getLogger("vae.runs.dispatcher")
PASSWORD = "s3cret:w/ord"


@pytest.fixture(autouse=True)
def _configured():
    logs.configure()
    logs._memory.events.clear()
    yield
    root = logging.getLogger()
    for handler in (logs._lines, logs._memory):
        root.removeHandler(handler)
    logging.captureWarnings(False)


def lines(capsys) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_line_says_when_what_of_which_run_and_who(capsys):
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    log.info("submitted", extra={"run": "1a2b3c4d", "visitor": "v-12ab"})
    (line,) = lines(capsys)
    time, rest = line.split(" ", 1)
    assert rest == "INFO vae.runs.dispatcher run=1a2b3c4d submitted visitor=v-12ab"
    at = dt.datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC)
    assert before <= at <= dt.datetime.now(dt.UTC)


def test_json_is_one_object_per_line_with_the_same_words(capsys):
    logs.configure("json")
    log.info("done", extra={"run": "1a2b3c4d", "seconds": 1.25})
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        log.exception("broke off")
    done, broke = map(json.loads, lines(capsys))
    assert {name: done[name] for name in ("level", "logger", "event", "run", "seconds")} == {
        "level": "INFO",
        "logger": "vae.runs.dispatcher",
        "event": "done",
        "run": "1a2b3c4d",
        "seconds": 1.25,
    }
    assert dt.datetime.fromisoformat(done["time"]).tzinfo == dt.UTC
    assert broke["traceback"].endswith("ValueError: first\nsecond")
    assert "run" not in broke


def test_configured_twice_it_says_everything_once(capsys):
    logs.configure()
    logs.configure(level="WARNING")
    log.info("not this")
    log.warning("this")
    assert [line.split(" ", 1)[1] for line in lines(capsys)] == ["WARNING vae.runs.dispatcher this"]


def test_other_libraries_are_heard_when_they_warn(capsys):
    logging.getLogger("sqlalchemy.pool").info("a connection")
    logging.getLogger("sqlalchemy.pool").warning("lost")
    assert [line.split(" ", 1)[1] for line in lines(capsys)] == ["WARNING sqlalchemy.pool lost"]


def test_whatever_is_logged_while_a_run_is_trained_names_it(capsys):
    with logs.of_run("1a2b3c4d"):
        logging.getLogger("sqlalchemy.pool").warning("lost")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(False)
            logging.captureWarnings(True)  # `catch_warnings` has put its own in place
            warnings.warn("slow", stacklevel=1)
        other = threading.Thread(target=log.info, args=("from elsewhere",))
        other.start()
        other.join()
    log.info("afterwards")
    there = lines(capsys)
    assert " run=1a2b3c4d lost" in there[0]
    assert "py.warnings run=1a2b3c4d " in there[1]
    assert "slow" in there[1]
    assert [line for line in there[2:] if "run=" in line] == [], "another thread, and what comes later, is not this run"


NASTY = "a\nb\r\x1b[2J\x00\u2028\u202eevil\x85"


@pytest.mark.parametrize("style", logs.STYLES)
def test_nothing_that_a_visitor_writes_makes_a_line_or_moves_the_cursor(capsys, style):
    logs.configure(style)
    forged = f"x\n2026-01-01T00:00:00Z INFO vae.runs.dispatcher run=0 submitted {NASTY}"
    log.info("named %s", forged, extra={"title": forged, "run": "1\n2"})
    try:
        raise ValueError(forged)
    except ValueError:
        log.exception("broke off")
    written = capsys.readouterr().err
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", written)
    begun = [line for line in written.split("\n") if re.match(r"\d{4}-|\{", line)]
    assert len(begun) == 2
    if style == "json":
        assert json.loads(begun[0])["title"].startswith(r"x\n2026"), "escaped, not dropped"
    else:
        assert r'title="x\n2026-01-01T00:00:00Z INFO' in begun[0]


@pytest.mark.parametrize("style", logs.STYLES)
def test_passwords_of_databases_are_starred(capsys, style):
    logs.configure(style)
    url = f"postgresql+psycopg://vae:{PASSWORD}@db:5432/runs"
    log.warning("can't reach %s", url, extra={"database": url, "other": "host=db password=hunter2 user=vae"})
    try:
        raise OSError(f"no route to {url}")
    except OSError:
        log.exception("broke off: %s", "x" * 50_000 + url)
    written = capsys.readouterr().err + "".join(event.text for event in logs.recent())
    assert PASSWORD not in written
    assert "hunter2" not in written
    assert "vae:***@db:5432/runs" in written, "what is no secret stays"


def test_a_line_has_a_longest_length(capsys):
    log.warning("long %s", "y" * 1_000_000, extra={"title": "z" * 1_000_000})
    assert len(capsys.readouterr().err) < 3 * logs.LONGEST
    assert len(logs.recent()[0].text) < 2 * logs.LONGEST


def test_the_last_warnings_are_remembered_and_no_more(capsys):
    log.info("not worth remembering")
    for number in range(logs.REMEMBERED + 5):
        log.warning("number %d", number, extra={"run": "1a2b3c4d"})
    assert len(logs.recent()) == logs.REMEMBERED
    assert logs.recent()[0].text == f"number {logs.REMEMBERED + 4}", "newest first"
    assert (logs.recent()[0].run, logs.recent()[0].level) == ("1a2b3c4d", "WARNING")


def test_a_refusal_is_a_line_and_still_refused(capsys):
    @logs.refusals(log)
    def ask():
        raise InputError("Too many are waiting.")

    with pytest.raises(InputError, match="Too many"):
        ask()
    assert lines(capsys)[0].endswith("INFO vae.runs.dispatcher refused: Too many are waiting.")


def test_a_runs_life_is_told(store: Store, settings: Settings, capsys):
    config = RunConfig(epochs=1, latent_dim=2)
    run_id = Jobs(store, settings).submit(config)
    assert execute(store, run_id, settings) == "done"
    store.delete([run_id])
    store.restore([run_id])
    told = [line.split(" ", 1)[1] for line in lines(capsys)]
    assert told[0] == f"INFO vae.runs.dispatcher run={run_id} submitted"
    assert told[1].startswith(f"INFO vae.runs.execution run={run_id} started ")
    assert re.fullmatch(rf"INFO vae.runs.execution run={run_id} done seconds=[\d.]+", told[2])
    assert told[3:] == [
        f"INFO vae.store.runs runs deleted count=1 runs={run_id}",
        f"INFO vae.store.runs runs restored count=1 runs={run_id}",
    ]


def test_a_run_that_fails_is_told_with_its_sentence(store: Store, settings: Settings, capsys):
    run_id = store.create(RunConfig(dataset="mnist", epochs=1), "test")  # whose files aren't here
    assert execute(store, run_id, settings) == "failed"
    last = lines(capsys)[-1].split(" ", 1)[1]
    assert last.startswith(f"INFO vae.runs.execution run={run_id} failed seconds=")
    assert last.endswith(f'reason="{store.run(run_id).error}"')
    assert logs.recent() == [], "the store knows it: nothing went wrong with the server"


@pytest.mark.parametrize(("name", "value"), [("VAE_LOG", "xml"), ("VAE_LOG_LEVEL", "loud"), ("VAE_LOG_LEVEL", "20")])
def test_a_bad_setting_is_refused_with_what_it_may_be(name, value):
    with pytest.raises(InputError, match=rf"^{name} is '{value}', but it must be one of [\w, ]+\.$"):
        Settings.from_environment({name: value})


def test_settings_reach_workers():
    said = Settings.from_environment({"VAE_LOG": "JSON", "VAE_LOG_LEVEL": "debug"})
    assert (said.log, said.log_level) == ("json", "DEBUG")
    assert Settings.from_environment(said.environment()) == said
    silent = Settings.from_environment({})
    assert (silent.log, silent.log_level) == ("text", None)
    assert Settings.from_environment(silent.environment()) == silent


def test_a_library_that_writes_its_own_way_is_written_as_ours(capsys):
    """Dask hangs its own handlers in when it is imported."""
    other = logging.getLogger("dasklike.nanny")
    handler = logging.StreamHandler()
    other.addHandler(handler)
    other.setLevel(logging.INFO)
    other.propagate = False
    logs.adopt("dasklike")
    other.info("chatter")
    other.warning("Restarting worker")
    assert [line.split(" ", 1)[1] for line in lines(capsys)] == ["WARNING dasklike.nanny Restarting worker"]
