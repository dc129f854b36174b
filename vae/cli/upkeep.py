"""`python -m vae status | clean`: what is waiting, what is stored and how large it is; and making room."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from typing import Any

from ..errors import InputError
from ..settings import Settings
from .output import emit, json_flag


def add(commands: Any) -> None:
    """The commands' parsers."""
    status = commands.add_parser("status", help="what waits, what is trained, how large the database is")
    status.set_defaults(command=_status)
    json_flag(status, "print one JSON object")

    clean = commands.add_parser("clean", help="delete old runs for good; says what would go unless --yes is given")
    clean.set_defaults(command=_clean)
    clean.add_argument("--older-than", metavar="DAYS", type=int, help="runs that ended longer ago than that")
    clean.add_argument(
        "--larger-than", metavar="MB", type=int, help="the oldest, until all runs hold no more than that"
    )
    clean.add_argument("--deleted", action="store_true", help="runs that were deleted and could still be restored")
    clean.add_argument("--vacuum", action="store_true", help="give the room back to the disk; nothing may be trained")
    clean.add_argument("--yes", action="store_true", help="do it; without it nothing is deleted")
    json_flag(clean, "print what would go, or went, as one JSON object")


def _status(options: argparse.Namespace) -> int:
    from ..runs.process_health import process_health, readable, versions
    from ..store.runs import Store
    from ..store.sizes import sizes

    settings = Settings.from_environment()
    store = Store(settings.database_url)
    found, health = sizes(store), process_health(settings.data_dir)
    waiting, running = store.queue(), store.runs(1000, ("running",))
    if options.json:
        under_way = [{"run_id": run.id, "epoch": max(run.epoch, 0), "epochs": run.config.epochs} for run in running]
        told = {"queue": waiting, "running": under_way, "database": asdict(found) | {"rest": found.rest}}
        told |= {"disk_free": health.disk_free, "versions": versions()}
        emit(told, options.json)
        return 0
    print(f"waiting  {len(waiting):,}")
    print(f"running  {len(running):,}")
    for run in running:
        print(f"  {run.id}  epoch {max(run.epoch, 0)}/{run.config.epochs}  {_printable(run.name)}")
    counts = ", ".join(f"{count:,} {status}" for status, count in sorted(found.runs.items())) or "none"
    print(f"runs     {counts}; {found.deleted:,} deleted that can be restored")
    print(f"database {found.database}, {readable(found.total)}, of which {readable(found.unused)} unused")
    for name, size in sorted((found.kinds or {}).items(), key=lambda kind_and_size: -kind_and_size[1]):
        print(f"  {name:12s} {readable(size):>9}")
    if found.rest is not None:
        print(f"  {'the rest':12s} {readable(found.rest):>9}")
    print(f"disk     {readable(health.disk_free)} free of {readable(health.disk_total)}")
    print("versions " + ", ".join(f"{name} {number}" for name, number in versions().items()))
    return 0


def _clean(options: argparse.Namespace) -> int:
    from ..runs.process_health import readable
    from ..store import cleanup
    from ..store.runs import Store

    if options.older_than is None and options.larger_than is None and not (options.deleted or options.vacuum):
        raise InputError("Say what may go: --older-than DAYS, --larger-than MB, --deleted, or --vacuum.")
    store = Store(Settings.from_environment().database_url)
    if options.json and options.json != "-":
        emit({}, options.json)  # a target that can't be written is better known before something is deleted
    planned = cleanup.plan(store, options.older_than, options.larger_than, options.deleted)
    told: dict[str, Any] = {
        "runs": planned.runs,
        "deleted": planned.deleted,
        "bytes": planned.size,
        "done": options.yes,
    }
    told["future"] = planned.future
    said = f"{planned.count:,} run{'' if planned.count == 1 else 's'}, about {readable(planned.size)}"
    if planned.future:
        print(f"vae: {planned.future:,} runs are left alone: their dates lie in the future.", file=sys.stderr)
    if not options.yes:
        _say(options, f"would delete {said}; nothing was deleted, add --yes to do it")
    else:
        count, size = cleanup.clean(store, planned)
        told |= {"count": count, "bytes": size}
        _say(options, f"deleted {count:,} of {said}")
        if options.vacuum:
            told["returned"] = cleanup.vacuum(store)
            _say(options, f"the database is {readable(told['returned'])} smaller")
    if options.json:
        emit(told, options.json)
    return 0


def _say(options: argparse.Namespace, sentence: str) -> None:
    print(sentence, file=sys.stderr if options.json == "-" else sys.stdout)


def _printable(name: str) -> str:
    from ..logs import clean

    return clean(name)
