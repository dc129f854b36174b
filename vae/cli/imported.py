"""`python -m vae import-weights`: a model that was trained elsewhere, as a run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..settings import Settings
from .output import emit, json_flag
from .train import print_summary


def add(commands: Any) -> None:
    """The command's parser."""
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
