"""`python -m vae COMMAND`: what the pages do, without a browser. One file for each group of commands.

Exit codes: 0 done; 1 the run failed, was stopped, or isn't what its capsule says; 2 something in the request or the
environment must be put right.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from .. import logs
from ..errors import InputError
from ..settings import logging_settings
from . import argument, images, imported, measure, papers, reference, results, sweep, trackers, train, upkeep

GROUPS = (train, sweep, measure, papers, argument, results, trackers, images, imported, upkeep, reference)


def main(arguments: list[str] | None = None) -> int:
    """Run one command. InputErrors are printed as a sentence on stderr, without a traceback."""
    options = _parser().parse_args(arguments)
    try:
        told = logging_settings()
        logs.configure(told["log"], told["log_level"] or "WARNING")  # a person watches a progress bar
        return options.command(options)
    except InputError as error:
        print(f"vae: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `python -m vae runs | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="latent-twins" if Path(sys.argv[0]).stem == "latent-twins" else "python -m vae",
        description="Train an autoencoder and a VAE side by side.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in GROUPS:
        group.add(commands)
    return parser
