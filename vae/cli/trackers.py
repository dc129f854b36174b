"""`python -m vae export-mlflow | export-tensorboard`: runs and sweeps to where people keep their experiments."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..settings import Settings
from .output import share_bar

if TYPE_CHECKING:
    from ..exports.trackers.told import Group
    from ..store.runs import Store


def add(commands: Any) -> None:
    """The commands' parsers."""
    mlflow = commands.add_parser("export-mlflow", help="log runs and sweeps in MLflow (pip install mlflow)")
    mlflow.set_defaults(command=_mlflow)
    _what(mlflow)
    mlflow.add_argument(
        "--to", required=True, metavar="ADDRESS", help="http://… or sqlite:///…, or a folder, which gets a mlflow.db"
    )
    mlflow.add_argument("--experiment", metavar="NAME", default="latent-twins", help="latent-twins unless given")

    board = commands.add_parser(
        "export-tensorboard", help="write runs and sweeps as TensorBoard event files (pip install tensorboard)"
    )
    board.set_defaults(command=_tensorboard)
    _what(board)
    board.add_argument("--to", required=True, metavar="FOLDER", type=Path, help="gets a folder for each run")


def _what(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", metavar="RUN_ID", nargs="*", help="runs; also while they are under way")
    parser.add_argument("--sweep", metavar="SWEEP_ID", action="append", default=[], help="all runs of a sweep; again")


def _mlflow(options: argparse.Namespace) -> int:
    from ..exports.trackers.mlflow import to_mlflow

    def export(store: Store, runs: list[str], group: Group | None) -> int:
        return len(to_mlflow(store, runs, options.to, options.experiment, group, share_bar))

    return _each(options, export, f"in the experiment {options.experiment}")


def _tensorboard(options: argparse.Namespace) -> int:
    from ..exports.trackers.tensorboard import to_tensorboard

    def export(store: Store, runs: list[str], group: Group | None) -> int:
        return len(to_tensorboard(store, runs, options.to, group))

    return _each(options, export, f"in {options.to}; look at them with: tensorboard --logdir {options.to}")


def _each(options: argparse.Namespace, export: Callable[[Store, list[str], Group | None], int], where: str) -> int:
    """The runs that were named, then each sweep."""
    from ..store.runs import Store

    if not options.runs and not options.sweep:
        raise InputError("Say what to export: a RUN_ID, or --sweep SWEEP_ID.")
    store = Store(Settings.from_environment().database_url)
    groups = [_group(store, sweep_id) for sweep_id in dict.fromkeys(options.sweep)]
    count = export(store, options.runs, None) if options.runs else 0
    count += sum(export(store, list(group.points), group) for group in groups)
    print(f"{count} run{'s' * (count != 1)} {where}", file=sys.stderr)
    return 0


def _group(store: Store, sweep_id: str) -> Group:
    """A sweep as trackers are told of it. Raises InputError when there is none."""
    import json

    from ..exports.trackers.told import Group
    from ..sweeps import stored

    sweep = stored.find(store, sweep_id)
    asked = sweep.spec.model_dump(mode="json", exclude={"base"})
    told = {name: value if isinstance(value, str) else json.dumps(value) for name, value in asked.items()}
    return Group(sweep.id, sweep.name, told, {run.run_id: run.number for run in stored.members(store, sweep_id)})
