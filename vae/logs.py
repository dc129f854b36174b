"""What the program says of itself, one line for each event: who did what to which run, and what went wrong.

`configure` is called by whoever owns a process: the dashboard, a worker, the command line. Modules log as they always
did, `log.info("submitted", extra={"run": run_id, "visitor": visitor})`, and nothing is written until somebody asked.

    2026-11-23T10:00:00Z INFO vae.runs.dispatcher run=1a2b3c4d submitted visitor=v-12ab

With VAE_LOG=json each line is a JSON object. A traceback follows its line, indented, or is the field `traceback`.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from .errors import InputError

STYLES = ("text", "json")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
REMEMBERED = 200  # warnings and errors that `recent` knows
LONGEST = 2000  # characters of a field, a message, or what is remembered of an error
LONGEST_TRACEBACK = 20_000  # characters: a recursion that never ends has a thousand frames

# What a terminal or a log reader takes for something else than text: control characters, other ends of lines, and marks
# that turn the direction of writing. Names of runs and files come from visitors.
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
PLAIN = re.compile(r"""[^\s"=\\]+""")
PASSWORDS = re.compile(r"(://[^\s:/@]{0,200}:)[^\s@]{1,200}@|\b((?:password|passwd|pwd)=)[^&\s]+", re.IGNORECASE)
STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}  # the rest of a record is `extra`

_run: ContextVar[str | None] = ContextVar("run", default=None)
Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


@dataclass(frozen=True)
class Event:
    """One warning or error, as the Server page shows it."""

    at: dt.datetime  # UTC
    level: str
    source: str  # the logger's name
    run: str | None
    text: str


@contextmanager
def of_run(run_id: str) -> Iterator[None]:
    """Whatever this thread logs meanwhile, libraries included, names the run."""
    token = _run.set(run_id)
    try:
        yield
    finally:
        _run.reset(token)


def refusals(log: logging.Logger) -> Callable[[Callable[Parameters, Returned]], Callable[Parameters, Returned]]:
    """Decorates what visitors ask for: a request that is refused is a line, with the sentence that they read."""

    def decorate(function: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
        @wraps(function)
        def wrapped(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Returned:
            try:
                return function(*args, **kwargs)
            except InputError as refusal:
                log.info("refused: %s", refusal)
                raise

        return wrapped

    return decorate


def configure(style: str = "text", level: str = "INFO") -> None:
    """Write events to stderr from now on, and remember the last warnings. Called again, it changes style and level.

    `style`: one of STYLES. `level`: one of LEVELS, of our own events; of other libraries' only warnings are written.
    """
    root = logging.getLogger()
    for handler in (_lines, _memory):
        if handler not in root.handlers:
            root.addHandler(handler)
    _lines.setFormatter(_Json() if style == "json" else _Text())
    logging.getLogger("vae").setLevel(level)
    logging.getLogger("pages").setLevel(level)
    root.setLevel(max(logging.WARNING, logging.getLevelName(level)))
    logging.captureWarnings(True)


def adopt(library: str) -> None:
    """Write a library's warnings as ours, where it has begun to write them its own way on being imported."""
    for name in [library, *logging.root.manager.loggerDict]:
        if name == library or name.startswith(f"{library}."):
            other = logging.getLogger(name)
            other.handlers.clear()
            other.propagate = True
            other.setLevel(logging.NOTSET)


def recent() -> list[Event]:
    """The last warnings and errors of this process, newest first."""
    return list(reversed(_memory.events.copy()))


def clean(text: str) -> str:
    """`text` on one line, harmless for a terminal, not too long, without the password of a database's address."""
    return UNSEEN.sub(_escaped, _shortened(PASSWORDS.sub(_starred, text), LONGEST))


def _escaped(found: re.Match) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def _starred(found: re.Match) -> str:
    return f"{found[1]}***@" if found[1] else f"{found[2]}***"


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 2 :]}"


def _message(record: logging.LogRecord) -> str:
    return clean(record.getMessage())


def _traceback(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[0] is None:
        return ""
    # `record.exc_text` is not for us: another handler may have filled it, passwords and all.
    text = PASSWORDS.sub(_starred, logging.Formatter().formatException(record.exc_info))
    return _shortened(text, LONGEST_TRACEBACK)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """What the event is about, the run first. Numbers stay numbers, the rest is text."""
    found = {name: value for name, value in vars(record).items() if name not in STANDARD and value is not None}
    found = {"run": found.pop("run", None) or _run.get()} | found
    plain = (int, float, bool)
    return {
        clean(name): value if isinstance(value, plain) else clean(str(value))
        for name, value in found.items()
        if value is not None
    }


def _time(record: logging.LogRecord) -> dt.datetime:
    return dt.datetime.fromtimestamp(record.created, dt.UTC)


class _Text(logging.Formatter):
    """For people."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: _quoted(value) for name, value in _fields(record).items()}
        run = f" run={fields.pop('run')}" if "run" in fields else ""
        said = "".join(f" {name}={value}" for name, value in fields.items())
        line = f"{_time(record):%Y-%m-%dT%H:%M:%SZ} {record.levelname} {record.name}{run} {_message(record)}{said}"
        # Indented: no line of a traceback can be mistaken for an event, whatever a visitor wrote into it.
        return "\n    ".join([line, *map(clean, _traceback(record).split("\n"))] if record.exc_info else [line])


class _Json(logging.Formatter):
    """For programs: one object per line."""

    def format(self, record: logging.LogRecord) -> str:
        at = _time(record).isoformat(timespec="milliseconds")
        event = {"time": at, "level": record.levelname, "logger": record.name, "event": _message(record)}
        event |= {name: value for name, value in _fields(record).items() if name not in event}
        if traceback := _traceback(record):
            event["traceback"] = traceback
        return json.dumps(event)


def _quoted(value: Any) -> str:
    text = str(value)
    return text if PLAIN.fullmatch(text) else f'"{text.replace(chr(34), chr(39))}"'


class _Stderr(logging.StreamHandler):
    """To what is stderr now."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr


class _Memory(logging.Handler):
    """The last warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.events: deque[Event] = deque(maxlen=REMEMBERED)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = _message(record)
            if record.exc_info and record.exc_info[1] is not None:
                error = record.exc_info[1]
                text += clean(f": {type(error).__name__}: {error}")
            self.events.append(Event(_time(record), record.levelname, record.name, _fields(record).get("run"), text))
        except Exception:
            self.handleError(record)


_lines, _memory = _Stderr(), _Memory()
