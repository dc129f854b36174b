"""Ready-trained runs that come with this program, for a room without time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from ..config import PRESETS, RunConfig
from ..errors import InputError
from ..settings import Settings
from ..store import whole_runs
from ..store.runs import Store, new_owner
from .whole_run_file import packed, unpacked

FOLDER = Path(__file__).resolve().parent.parent / "examples"
TAG = "ready-trained"


@dataclass(frozen=True)
class Example:
    """One of them."""

    title: str  # within a sentence
    config: RunConfig
    command: str  # what trains it, as README.md beside the files says


# The first is what the first page shows. Small networks: what a file weighs is their weights.
EXAMPLES: dict[str, Example] = {
    "strokes": Example("handwriting", PRESETS["strokes"].config, "python -m vae train --preset strokes"),
    "digits": Example("small digits", PRESETS["quick"].config, "python -m vae train --preset quick"),
    "shapes": Example(
        "shapes",
        RunConfig(dataset="shapes", hidden=(32,), validation_size=500, learning_rate=5e-3, epochs=30),
        "python -m vae train --dataset shapes --hidden 32 --validation-size 500 --learning-rate 0.005 --epochs 30",
    ),
}


@dataclass(frozen=True)
class Loaded:
    """What became of the examples, by name."""

    runs: dict[str, str]  # the run of each
    new: tuple[str, ...]  # those that were not there


def missing(store: Store) -> list[str]:
    """Names of the examples that the store doesn't have."""
    return [name for name in EXAMPLES if _known(store, name) is None]


def load(store: Store, visitor: str | None = None) -> Loaded:
    """Bring in all examples that aren't there. Raises InputError when a file is missing or damaged."""
    found, new = {}, []
    for name, example in EXAMPLES.items():
        known = _known(store, name)
        if known is None:
            source, data = _file(name)
            whole = unpacked(data, source)
            told = f"Trained beforehand, with: {example.command}"
            known = whole_runs.keep(store, replace(whole, note=told, tags=(TAG,)), new_owner("examples"), visitor)
            new.append(name)
        found[name] = known
    return Loaded(found, tuple(new))


def _known(store: Store, name: str) -> str | None:
    """Id of the run that an example is, or of one that was trained here with the same settings and seed."""
    same = store.same(EXAMPLES[name].config)
    if same and same.status == "done":
        return same.id
    return whole_runs.of_source(store, _file(name)[0])


@lru_cache(maxsize=len(EXAMPLES))
def _file(name: str) -> tuple[str, bytes]:
    """SHA-256 and contents of an example's file."""
    path = FOLDER / f"{name}.zip"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}).") from None
    return hashlib.sha256(data).hexdigest(), data


def pictured(epochs: int) -> list[int]:
    """Epochs whose pictures a file holds: 0, 1, 2, 4, 8 … and the last, so that a short film shows how both learnt."""
    return sorted({0, epochs, *(2**power for power in range(epochs.bit_length()) if 2**power < epochs)})


def make(
    store: Store, folder: Path, settings: Settings, on_epoch: Callable[[str, Any], Any] = lambda name, epoch: None
) -> dict[str, Path]:
    """Train the examples anew and write their files. Raises InputError when one doesn't end, or can't be written."""
    from ..runs.execution import execute

    written = {}
    for name, example in EXAMPLES.items():
        run_id = store.create(example.config, new_owner("cli"))
        status = execute(store, run_id, settings, partial(on_epoch, name))
        if status != "done":
            raise InputError(f"The example {name} {status}. {store.run(run_id).error or ''}".strip())
        whole = whole_runs.read(store, run_id, pictured(example.config.epochs))
        written[name] = folder / f"{name}.zip"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            written[name].write_bytes(packed(whole))
        except OSError as error:
            raise InputError(f"{written[name]} can't be written ({error.strerror}).") from None
    return written
