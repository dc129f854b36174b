"""`python -m vae import`: images of one's own, from a file into the database."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..datasets.imported import CHOICES, READERS, Ambiguous, Choices, Limits, read, validation_size
from ..errors import InputError
from ..settings import Settings
from .output import emit, json_flag, share_bar


def add(commands: Any) -> None:
    """The commands' parsers."""
    importing = commands.add_parser("import", help="keep images of one's own, to train on with --dataset")
    importing.set_defaults(command=_import)
    kinds = ", ".join(ending for ending in READERS if ending.startswith("."))
    importing.add_argument("file", metavar="FILE", type=Path, help=f"{kinds}, each also as .gz")
    importing.add_argument("--name", help="what to call them; the file's name unless given")
    for name, choice in CHOICES.items():
        if name == "invert":
            importing.add_argument("--invert", action="store_const", const="yes", help=choice.description)
        else:
            importing.add_argument(f"--{name}", metavar="|".join(choice.usual), help=choice.description)
    json_flag(importing, "print the data set's name and numbers as one JSON object")


def _import(options: argparse.Namespace) -> int:
    from ..store import uploaded_images
    from ..store.runs import Store

    settings = Settings.from_environment()
    limits, choices = Limits.of(settings), Choices.parse({name: getattr(options, name) for name in CHOICES})
    try:
        imported = read(options.file.name, _content(options.file, limits), choices, limits, share_bar)
    except Ambiguous as question:
        raise InputError(f"{question} {_flags(question)}") from None
    images = imported.images
    title = options.file.stem[: uploaded_images.LONGEST_TITLE] if options.name is None else options.name
    kept = uploaded_images.keep(Store(settings.database_url), title, images)
    for kind, sentences in (("note", imported.notes), ("warning", imported.warnings)):
        for sentence in sentences:
            print(f"{kind}: {sentence}", file=sys.stderr)
    if options.json:
        said = {"notes": list(imported.notes), "warnings": list(imported.warnings)}
        emit({"dataset": kept.name, "title": kept.title, "hash": kept.hash, **kept.info, **said}, options.json)
        return 0
    channels, height, width = images.shape
    colour = " in colour" if channels > 1 else ""
    print(
        f"{kept.name}: {kept.title}, {len(images.train_x):,} images to learn from and {len(images.test_x):,} to be "
        f"tested on, {height}×{width}{colour}. Train with: python -m vae train --dataset {kept.name} "
        f"--validation-size {validation_size(len(images.train_x))}"
    )
    return 0


def _flags(question: Ambiguous) -> str:
    """The flags that answer it, and what each would mean."""
    readings = [f"--{question.field} {value} ({meaning})" for value, meaning in question.readings.items()]
    return f"Choose {', '.join(readings[:-1])} or {readings[-1]}." if len(readings) > 1 else f"Choose {readings[0]}."


def _content(path: Path, limits: Limits) -> bytes:
    """At most one byte more than is allowed, so that a file without an end does no harm."""
    try:
        with path.open("rb") as file:
            return file.read(limits.upload_bytes + 1)
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}).") from None
