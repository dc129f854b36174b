"""`python -m vae train | runs`: one run, headless, and what is stored."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from .. import datasets
from ..choices.likelihoods import LIKELIHOODS
from ..errors import InputError
from ..settings import Settings
from .configs import config_flags, config_of
from .output import emit, json_flag

BAR_WIDTH = 24


def add(commands: Any) -> None:
    """The commands' parsers."""
    train = commands.add_parser("train", help="train one run here, with a progress bar, and save it")
    train.set_defaults(command=_train)
    config_flags(train)
    train.add_argument("--download", action="store_true", help="fetch the data set first if it isn't there")
    json_flag(train, "print one JSON object with the result")

    runs = commands.add_parser("runs", help="list the stored runs, newest first")
    runs.set_defaults(command=_runs)
    runs.add_argument("--limit", type=int, default=50, help="how many at the most")
    json_flag(runs, "print a JSON list")


def _train(options: argparse.Namespace) -> int:
    from ..store import uploaded_images
    from ..store.runs import Store, new_owner

    settings = Settings.from_environment()
    config = config_of(options)
    if options.download and not config.dataset.startswith(uploaded_images.OWN):
        datasets.download(config.dataset, settings.data_dir, _download_bar)

    from ..exports.run_json import document
    from ..runs.execution import check, execute  # imports torch: only now that the request makes sense

    store = Store(settings.database_url)
    check(store, config, settings)
    if options.json and options.json != "-":
        emit({}, options.json)  # a target that can't be written is better known before an hour of training
    run_id = store.create(config, new_owner("cli"))
    status = execute(store, run_id, settings, lambda epoch: epoch_bar(epoch, config.epochs))
    print(file=sys.stderr)
    if status != "done":
        print(f"vae: run {run_id} {status}. {store.run(run_id).error or ''}", file=sys.stderr)
    result = document(store, run_id)
    if options.json:
        emit(result, options.json)
    else:
        print_summary(result, f"{status} in {result['seconds']:.1f} s", store.run(run_id).ending)
    return 0 if status == "done" else 1


def epoch_bar(epoch: Any, epochs: int) -> None:
    """How far a training is, after each of its epochs."""
    full = round(BAR_WIDTH * epoch.epoch / epochs)
    losses = "  ".join(f"{name} {values.loss:.2f}" for name, values in epoch.metrics.items())
    line = f"epoch {epoch.epoch:>{len(str(epochs))}}/{epochs} [{'█' * full}{'·' * (BAR_WIDTH - full)}]  {losses}"
    print(f"\r{line}   " if sys.stderr.isatty() else line, end="" if sys.stderr.isatty() else "\n", file=sys.stderr)
    sys.stderr.flush()


def _download_bar(done: int, total: int, name: str) -> None:
    if sys.stderr.isatty() or done == total:
        share = f"{done / total:4.0%}" if total else f"{done >> 10:,} kB"
        print(f"\r{name}: {share}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def print_summary(result: dict[str, Any], became: str, ending: str | None = None) -> None:
    """What a run came to on the test images, what `became` of it, and why it ended where that needs a word."""
    unit = f"{LIKELIHOODS[result['config']['reconstruction']].unit} per image"
    unit += "" if unit.startswith("nats") else ", KL in nats"
    if ending:
        print(ending)
    print(f"run {result['run_id']}: {became}. Test images ({unit}):")
    for name, values in result["variants"].items():
        test = values["test"]
        if test is None:
            continue
        kl = "" if test["kl"] is None else f"  kl {test['kl']:.2f}"
        print(f"  {name:10s} loss {test['loss']:.2f}  reconstruction {test['reconstruction']:.2f}{kl}")


def _runs(options: argparse.Namespace) -> int:
    from ..store.runs import Store

    if options.limit < 1:
        raise InputError(f"limit is {options.limit}, but it must be a whole number of at least 1.")
    runs = Store(Settings.from_environment().database_url).runs(options.limit)
    if options.json:
        emit(
            [
                {
                    "run_id": run.id,
                    "name": run.name,
                    "status": run.status,
                    "epoch": max(run.epoch, 0),
                    "seconds": run.seconds,
                    "created_at": run.created_at.isoformat(),
                    "error": run.error,
                    "config": run.config.model_dump(mode="json"),
                }
                for run in runs
            ],
            options.json,
        )
        return 0
    for run in runs:
        progress = f"{max(run.epoch, 0)}/{run.config.epochs}"
        print(f"{run.id}  {run.created_at:%Y-%m-%d %H:%M}  {run.status:11s} {progress:>9}  {run.name}")
    if not runs:
        print("No runs yet: `python -m vae train` makes one.")
    return 0
