"""`python -m vae import-weights | examples`: models that were trained elsewhere, or beforehand, as runs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..settings import Settings
from .output import emit, json_flag
from .train import epoch_bar, print_summary


def add(commands: Any) -> None:
    """The commands' parsers."""
    weights = commands.add_parser("import-weights", help="make a run of weights that were trained elsewhere")
    weights.set_defaults(command=_import)
    weights.add_argument("weights", metavar="WEIGHTS", type=Path, help="a file such as weights.safetensors of a folder")
    weights.add_argument(
        "--config",
        metavar="FILE",
        type=Path,
        required=True,
        help="the settings of that model: config.json beside it",
    )
    json_flag(weights, "print one JSON object with the run")

    examples = commands.add_parser("examples", help="load the ready-trained runs that come with this program")
    examples.set_defaults(command=_examples)
    examples.add_argument("--make", metavar="FOLDER", type=Path, help="train them anew instead, and write their files")
    json_flag(examples, "print one JSON object with the run of each")


def _import(options: argparse.Namespace) -> int:
    from ..exports.run_json import document
    from ..exports.weights_import import import_weights, read_config
    from ..store.runs import Store

    settings = Settings.from_environment()
    config = read_config(options.config)
    store = Store(settings.database_url)
    if options.json and options.json != "-":
        emit({}, options.json)
    done = import_weights(store, options.weights, config, settings)
    for sentence in done.told:
        print(f"vae: {sentence}", file=sys.stderr)
    result = document(store, done.run_id)
    if options.json:
        emit(result, options.json)
    else:
        print_summary(result, "imported and measured")
    return 0


def _examples(options: argparse.Namespace) -> int:
    from ..exports.examples import EXAMPLES, load, make
    from ..store.runs import Store

    settings = Settings.from_environment()
    store = Store(settings.database_url)
    if options.make:
        total = {name: example.config.epochs for name, example in EXAMPLES.items()}
        for path in make(store, options.make, settings, lambda name, epoch: epoch_bar(epoch, total[name])).values():
            print(f"\n{path}: {path.stat().st_size:,} bytes", file=sys.stderr)
        return 0
    loaded = load(store)
    if options.json:
        emit(loaded.runs, options.json)
        return 0
    for name, run_id in loaded.runs.items():
        there = "" if name in loaded.new else "  (there already)"
        print(f"{run_id}  {EXAMPLES[name].title}{there}")
    return 0
