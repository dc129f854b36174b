"""`python -m vae import`: images of one's own, from a file into the database."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from ..datasets.own import LARGEST, SMALLEST, Choices, Limits, read, validation_size
from ..errors import InputError
from ..settings import Settings
from .output import emit, json_flag, share_bar


def add(commands: Any) -> None:
    """The commands' parsers."""
    importing = commands.add_parser("import", help="keep images of one's own, to train on with --dataset")
    importing.set_defaults(command=_import)
    importing.add_argument("file", metavar="FILE", type=Path, help=".npz, .zip of PNG or JPEG, or .csv")
    importing.add_argument("--name", help="what to call them; the file's name unless given")
    importing.add_argument(
        "--size", help=f"resize to HEIGHTxWIDTH, such as 28x28, or 28 for both; {SMALLEST} to {LARGEST}"
    )
    json_flag(importing, "print the data set's name and numbers as one JSON object")


def _import(options: argparse.Namespace) -> int:
    from ..runs import uploads
    from ..runs.store import Store

    settings = Settings.from_environment()
    limits, choices = Limits.of(settings), Choices(size=_size(options.size))
    images = read(options.file.name, _content(options.file, limits), choices, limits, share_bar).images
    title = options.file.stem[: uploads.LONGEST_TITLE] if options.name is None else options.name
    kept = uploads.keep(Store(settings.database_url), title, images)
    if options.json:
        emit({"dataset": kept.name, "title": kept.title, "hash": kept.hash, **kept.info}, options.json)
        return 0
    height, width = images.shape
    print(
        f"{kept.name}: {kept.title}, {len(images.train_x):,} images to learn from and {len(images.test_x):,} to be "
        f"tested on, {height}×{width}. Train with: python -m vae train --dataset {kept.name} "
        f"--validation-size {validation_size(len(images.train_x))}"
    )
    return 0


def _content(path: Path, limits: Limits) -> bytes:
    """At most one byte more than is allowed, so that a file without an end does no harm."""
    try:
        with path.open("rb") as file:
            return file.read(limits.upload_bytes + 1)
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}).") from None


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    if not (found := re.fullmatch(r"([0-9]{1,4})(?:[x×]([0-9]{1,4}))?", text.strip().lower())):
        raise InputError(f"size is {text!r}, but it must be HEIGHTxWIDTH in pixels, such as 28x28, or one number.")
    height, width = found.groups()
    return int(height), int(width or height)
