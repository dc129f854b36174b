"""`python -m vae export | reproduce`: runs to take home, and runs of others trained anew."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..settings import Settings
from .output import emit, json_flag
from .train import epoch_bar


def add(commands: Any) -> None:
    """The commands' parsers."""
    export = commands.add_parser("export", help="write runs as folders, as a capsule, as a report")
    export.set_defaults(command=_export)
    export.add_argument("runs", metavar="RUN_ID", nargs="+", help="runs that are done")
    export.add_argument("--to", metavar="FOLDER", type=Path, help="a folder that gets a folder for each run")
    export.add_argument("--onnx", action="store_true", help="with encoders and decoders as ONNX (pip install onnx)")
    export.add_argument(
        "--capsule", metavar="FILE", help="all it takes to repeat the runs, to FILE, or to stdout for -"
    )
    export.add_argument("--report", metavar="FILE", type=Path, help="a comparison as one HTML page that opens offline")

    reproduce = commands.add_parser(
        "reproduce", help="train the runs of a capsule anew, and say whether they are equal"
    )
    reproduce.set_defaults(command=_reproduce)
    reproduce.add_argument("capsule", metavar="CAPSULE", help="a file that `export --capsule` wrote")
    json_flag(reproduce, "print the outcomes as JSON")


def _export(options: argparse.Namespace) -> int:
    from ..exports.capsule import capsule, dumps
    from ..exports.run_folder import folder_name, run_folder
    from ..store.runs import Store

    if not (options.to or options.capsule or options.report):
        raise InputError("Say what to write: --to FOLDER, --capsule FILE or --report FILE.")
    if options.onnx and not options.to:
        raise InputError("--onnx adds to a folder: say which with --to FOLDER.")
    store = Store(Settings.from_environment().database_url)
    sealed = dumps(capsule(store, options.runs))  # refuses runs that aren't done, before anything is written
    if options.to:
        for run_id in dict.fromkeys(options.runs):
            run_folder(store, run_id, options.to / folder_name(run_id), options.onnx)
            print(options.to / folder_name(run_id), file=sys.stderr)
    if options.report:
        from ..exports.report import comparison

        _write(options.report, comparison(store, options.runs))
    if options.capsule == "-":
        print(sealed, end="")
    elif options.capsule:
        _write(Path(options.capsule), sealed)
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} can't be written ({error.strerror}).") from None
    print(path, file=sys.stderr)


def _reproduce(options: argparse.Namespace) -> int:
    from ..exports.capsule import MAX_BYTES, read
    from ..exports.rerun import DIFFERS, IMPOSSIBLE, reproduce
    from ..store.runs import Store

    settings = Settings.from_environment()
    try:
        with open(options.capsule, "rb") as file:
            sealed = read(file.read(MAX_BYTES + 1))
    except OSError as error:
        raise InputError(f"{options.capsule} can't be read ({error.strerror}).") from None
    store = Store(settings.database_url)
    if options.json and options.json != "-":
        emit([], options.json)  # a target that can't be written is better known before an hour of training
    if sealed.altered:
        print("vae: the capsule was changed after it was written: its checksum is another.", file=sys.stderr)
    total = [run.config.epochs for run in sealed.runs]
    outcomes = reproduce(store, sealed, settings, lambda number, epoch: epoch_bar(epoch, total[number]))
    print(file=sys.stderr)
    for outcome in outcomes:
        _print(outcome, sys.stderr if options.json == "-" else sys.stdout)
    if options.json:
        emit([asdict(outcome) | {"sentence": outcome.sentence} for outcome in outcomes], options.json)
    verdicts = {outcome.verdict for outcome in outcomes}
    if len(outcomes) < len(sealed.runs):
        print(f"vae: stopped after {len(outcomes):,} of {len(sealed.runs):,} runs.", file=sys.stderr)
        return 1
    broken_off = any(outcome.verdict == IMPOSSIBLE and outcome.run_id for outcome in outcomes)
    return 1 if DIFFERS in verdicts or broken_off else 2 if IMPOSSIBLE in verdicts else 0


def _print(outcome: Any, target: Any) -> None:
    print(f"{outcome.name}: {outcome.sentence}", file=target)
    for line in outcome.differences:
        print(f"  {line}", file=target)
