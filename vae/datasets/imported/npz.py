"""A NumPy .npz: images, perhaps labels, perhaps a split of its own, under the names that people give them.

And a .npy, which is images alone.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ...errors import InputError
from .archive import Entry, opened
from .arrays import Array, images_of
from .choices import Choices
from .found import Found
from .limits import Limits, Progress, listed, shown

# Names, in lower case and without signs, most telling first: Keras's x_train, MedMNIST's train_images, dSprites' imgs,
# np.savez(file, X, y) and so on. What stands before or after for a part is taken off.
IMAGES = ("images", "image", "imgs", "img", "x", "data", "arr0", "features", "pixels", "")
LABELS = ("labels", "label", "y", "target", "targets", "arr1", "classes", "class")
PARTS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val"}
PARTS |= {"test": "test", "testing": "test", "eval": "test"}
ORDER = ("train", "val", "", "test")  # of a file's parts, as their images follow one another


@dataclass
class _Part:
    """What belongs together: the training images, say, and their labels."""

    images: str | None = None  # names of arrays
    labels: str | None = None


@dataclass
class _Contents:
    """What the arrays of a file are, by their names."""

    parts: dict[str, _Part] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, names: Mapping[str, Entry], label: str | None) -> _Contents:
        found = cls()
        ranked = sorted(names, key=_rank)  # the most telling name of a part comes first
        for name in ranked:
            part, role = _read(name)
            there = found.parts.setdefault(part, _Part())
            if role in IMAGES and there.images is None and name != label:
                there.images = name
            elif (name == label or (label is None and role in LABELS)) and there.labels is None:
                there.labels = name
            else:
                found.left_out.append(name)
        for key in [key for key, part in found.parts.items() if part.images is None]:
            alone = found.parts.pop(key).labels
            found.left_out += [alone] if alone else []
        if "" in found.parts and len(found.parts) > 1:  # images beside train_images: they are named otherwise
            others = found.parts.pop("")
            found.left_out += [name for name in (others.images, others.labels) if name]
        found.left_out.sort()
        return found


def read(data: bytes, choices: Choices, limits: Limits, progress: Progress) -> Found:
    """Raises InputError for arrays that are no images, NeedsSize when they must be resized."""
    archive, entries, _ = opened(data, limits)
    with archive:
        members = {entry.name.removesuffix(".npy"): entry for entry in entries}
        if choices.label in ("first", "last") or (choices.label not in (None, "none") and choices.label not in members):
            raise InputError(f"label is {shown(choices.label)}; in an .npz it is the name of an array, or none.")
        contents = _Contents.of(members, choices.label)
        if not contents.parts:
            raise _not_understood(members)

        def array(name: str) -> Array:
            entry = members[name]
            what = f"{shown(entry.name)} in the archive"
            return Array.of(name, what, lambda: archive.open(entry.info), limits)

        parts = [(key, part.images, part.labels) for key in ORDER if (part := contents.parts.get(key)) and part.images]
        images = [array(name) for _, name, _ in parts]
        labels = [array(name) if name else None for _, _, name in parts]
        given = [
            _labels(of_part, pixels.shape[0]) if of_part else None
            for of_part, pixels in zip(labels, images, strict=True)
        ]
        found = images_of(images, choices, limits, progress)
    names, said = _joined(given, [name for _, _, name in parts])
    held_out, split = _split({key: of.shape[0] for (key, _, _), of in zip(parts, images, strict=True)})
    if contents.left_out:
        said.append(f"Left out: {listed(contents.left_out, 5)}.")
    return Found(found.images, names, held_out, (*found.notes, *split, *said), found.coloured)


def read_npy(data: bytes, choices: Choices, limits: Limits, progress: Progress) -> Found:
    """One array, images without labels. Raises InputError as `read` does."""
    if choices.label not in (None, "none"):
        raise InputError(f"label is {shown(choices.label)}, but an .npy holds images only; an .npz may hold both.")
    found = images_of([Array.of("", "It", lambda: io.BytesIO(data), limits)], choices, limits, progress)
    alone = 'An .npy holds no labels; np.savez("images.npz", images=…, labels=…) holds both.'
    return Found(found.images, None, None, (*found.notes, alone), found.coloured)


def _read(name: str) -> tuple[str, str]:
    """A name's part and role: x_train → (train, x), train_images → (train, images), arr_0 → ("", arr0)."""
    words = re.findall(r"[a-z]+|[0-9]+", name.lower())
    part = next((PARTS[word] for word in words if word in PARTS), "")
    return part, "".join(word for word in words if word not in PARTS)


def _rank(name: str) -> tuple[int, str]:
    role = _read(name)[1]
    ranks = {word: place for words in (IMAGES, LABELS) for place, word in enumerate(words)}
    return ranks.get(role, len(ranks)), name


def _split(sizes: dict[str, int]) -> tuple[np.ndarray | None, list[str]]:
    """The file's own split: which images are held out, (N,) bool; None where there is none."""
    tested = "test" if "test" in sizes else "val"
    if "train" not in sizes or tested not in sizes:
        return None, []
    held_out = np.repeat([key == tested for key in sizes], list(sizes.values()))
    joined = "; its validation images are learnt from" if tested == "test" and "val" in sizes else ""
    return held_out, [f"The file's own split is kept: {sizes[tested]:,} images are for testing{joined}."]


def _joined(given: list[list[str] | str | None], names: list[str | None]) -> tuple[list[str] | None, list[str]]:
    """The labels of all parts, one after the other, where every part has some; and what is to be said."""
    reasons = [reason for reason in given if isinstance(reason, str)]
    if reasons:
        return None, reasons[:1]
    read = [labels for labels in given if isinstance(labels, list)]
    if not read:
        return None, []
    if len(read) < len(given):
        some = listed([name for name in names if name])
        return None, [f"Only some of the images have labels ({some}), so all were read without."]
    return [label for labels in read for label in labels], []


def _labels(array: Array, count: int) -> list[str] | str:
    """One for each image; a sentence where the array says more than one class of an image.

    Raises InputError for what can't be labels.
    """
    flat = array.shape in ((count,), (count, 1))
    if not flat and not (len(array.shape) == 2 and array.shape[0] == count and array.dtype.kind in "buif"):
        raise InputError(
            f"The labels have the shape {array.shape}; there must be one for each of the {count:,} images, ({count},)."
        )
    values = array.values()
    if not flat:
        if not np.isin(values, (0, 1)).all():
            raise InputError(
                f"The labels have the shape {array.shape}; there must be one for each of the {count:,} images, "
                f"({count},), or a 1 among 0s in each row."
            )
        if (values.sum(axis=1) != 1).any():
            return f"{shown(array.name)} names several classes of one image, or none: the images were read without."
        values = values.argmax(axis=1)  # one-hot
    values = values.ravel()
    if values.dtype.kind == "f" and bool((values == np.rint(values)).all()):
        values = values.astype(np.int64)
    if values.dtype.kind not in "buiU":
        raise InputError(f"The labels are of the type {shown(str(array.dtype))}; they must be whole numbers or text.")
    return [str(value) for value in values.tolist()]


def _not_understood(members: Mapping[str, Entry]) -> InputError:
    """Names what is there, and the line that makes a file of it that is read."""
    held = listed(list(members), 5) if members else "nothing"
    first, second = [*[re.sub(r"[^\w.-]", "_", name)[:30] for name in members], "NAME", "NAME"][:2]
    return InputError(
        f"It needs an array called “images”, and may have one called “labels”; it holds {held}. In Python: "
        f'f = np.load(file); np.savez("images.npz", images=f["{first}"], labels=f["{second}"]).'
    )
