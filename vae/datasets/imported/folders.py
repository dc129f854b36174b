"""What the folders of an archive of pictures say: their labels, and which of them are for testing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from .limits import shown

Path = tuple[str, ...]  # the folders above a picture, outermost first
TRAINING, VALIDATION, TESTING = (
    ("train", "training"),
    ("val", "valid", "validation", "dev"),
    ("test", "testing", "eval"),
)
LEVELS = {"first": 0, "last": -1}  # `Choices.label` → the folder that is the label, among those that differ


@dataclass(frozen=True)
class Folders:
    """What was read from them."""

    labels: list[str] | None  # one a picture; None: there are no folders
    held_out: np.ndarray | None  # (N,) bool, those for testing; None: the folders don't say
    notes: tuple[str, ...]


def read_folders(names: Sequence[str], label: str | None) -> Folders:
    """From the pictures' names, such as cat/1.png. `label` is that of `Choices`.

    The level at which folders differ is the label; where equal names lie under different parents, these are part of it.
    Raises InputError where some pictures lie in a folder and others in none.
    """
    if label is not None and label not in ("none", *LEVELS):
        raise InputError(f"label is {shown(label)}; of folders it can be first, last or none.")
    paths = _without_common([tuple(name.split("/")[:-1]) for name in names])
    paths, held_out, notes = _split_off(paths)
    if label == "none" or not any(paths):
        return Folders(None, held_out, notes)
    if not all(paths):
        bare = names[[bool(path) for path in paths].index(False)]
        raise InputError(f"{shown(bare)} lies in no folder, while others do: folders are labels, so each needs one.")
    paths = _without_equal_levels(paths)
    if label:
        return Folders([path[LEVELS[label]] for path in paths], held_out, notes)
    last = {path[-1]: path for path in paths}
    if all(last[path[-1]] == path for path in paths):
        return Folders([path[-1] for path in paths], held_out, notes)
    deep = "Folders of one name lie under different parents, so the labels are their whole paths."
    return Folders(["/".join(path) for path in paths], held_out, (*notes, deep))


def _without_common(paths: Sequence[Path]) -> list[Path]:
    """Without the folders that hold all the others."""
    depth = 0
    while paths and all(len(path) > depth for path in paths) and len({path[depth] for path in paths}) == 1:
        depth += 1
    return [path[depth:] for path in paths]


def _split_off(paths: list[Path]) -> tuple[list[Path], np.ndarray | None, tuple[str, ...]]:
    """train/cat, test/cat: a split of the file's own, and what is left of the paths."""
    known = {*TRAINING, *VALIDATION, *TESTING}
    parts = [path[0].lower() if path else "" for path in paths]
    there = set(parts)
    if not there <= known or not there & {*TRAINING} or len(there) < 2:
        return paths, None, ()
    tested = TESTING if there & {*TESTING} else VALIDATION
    said = " and ".join(sorted(there & {*tested}))
    joined = "; validation pictures are learnt from" if tested is TESTING and there & {*VALIDATION} else ""
    notes = (f"The folders split the pictures themselves: those in {said} are for testing{joined}.",)
    return _without_common([path[1:] for path in paths]), np.array([part in tested for part in parts]), notes


def _without_equal_levels(paths: list[Path]) -> list[Path]:
    """cat/images, dog/images: levels at which all are the same say nothing."""
    if len({len(path) for path in paths}) > 1:
        return paths
    levels = [names for names in zip(*paths, strict=True) if len(set(names)) > 1]
    return [tuple(path) for path in zip(*levels, strict=True)] if levels else [path[-1:] for path in paths]
