"""What all commands share: JSON to a file or to stdout, and progress on stderr."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from ..errors import InputError


def json_flag(parser: argparse.ArgumentParser, text: str) -> None:
    """The flag --json FILE of a command; `text` says what it prints."""
    parser.add_argument("--json", metavar="FILE", nargs="?", const="-", help=f"{text} to FILE, or to stdout for -")


def emit(value: Any, target: str) -> None:
    """Print `value` as JSON to stdout for "-", else write it. Raises InputError when it can't be written."""
    text = json.dumps(value, indent=2, default=str)
    if target == "-":
        print(text)
        return
    try:
        with open(target, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        raise InputError(f"{target} can't be written ({error.strerror}).") from None


def share_bar(share: float, what: str) -> None:
    """Progress of something whose share done is known."""
    if sys.stderr.isatty():
        print(f"\r{what}: {share:4.0%}  ", end="\n" if share == 1 else "", file=sys.stderr, flush=True)
