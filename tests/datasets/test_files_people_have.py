"""Tables and arrays in the shapes that people of this field have: each comes out pixel by pixel and label by label.

Where a public thread tells of such a file, it is named beside the case. Zips of pictures: test_zips_people_have.py.
"""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
from files import COUNT, LIMITS, csv, grey, images_of, in_file_order, npy, npz
from sklearn.datasets import load_digits

from vae.datasets.imported import Ambiguous, Choices, Limits, read
from vae.errors import InputError

X = grey()  # (20, 8, 8), busy: every pixel varies
Y = np.arange(COUNT) % 3
NUMBERS = [str(label) for label in Y]
WORDS = ["cat", "dog"] * 10
FLAT = X.reshape(COUNT, 64)
WIDE = Limits(upload_bytes=5_000_000, images=5000)
DIGITS = load_digits()
SCALED = np.rint(DIGITS.images.astype(np.float32) * np.float32(255 / 16)).astype(np.uint8)  # 16 is white
PLAIN = Choices()
SCIKIT = Path(sklearn.datasets.__file__).parent / "data" / "digits.csv.gz"


def lines(table: pd.DataFrame, **how: object) -> bytes:
    return table.to_csv(**how).encode()


def table(
    label: str | None, at: int = 0, pixel: str = "pixel{}", start: int = 0, y: list | None = None
) -> pd.DataFrame:
    """The images with named columns, the label's among them."""
    made = pd.DataFrame(FLAT, columns=[pixel.format(i + start) for i in range(64)])
    if label is not None:
        made.insert(at, label, NUMBERS if y is None else y)
    return made


def numbered(*columns: np.ndarray | list) -> pd.DataFrame:
    return pd.DataFrame(np.column_stack(columns))


def idx(images: np.ndarray) -> bytes:
    return struct.pack(">IIII", 0x803, *images.shape) + images.tobytes()


@dataclass(frozen=True)
class Case:
    """A file, and what must come out of it."""

    name: str
    content: Callable[[], bytes]
    images: np.ndarray = field(default_factory=lambda: X)  # (N, H, W)
    labels: list[str] | None = field(default_factory=lambda: NUMBERS)  # None: without
    held_out: np.ndarray | None = None  # the file's own split, (N,) bool
    choices: Choices = PLAIN
    said: str = ""  # in a note


HALF = np.arange(COUNT) >= 14
THREE = np.repeat(["train", "val", "test"], [12, 3, 5])
SIXTEENTHS = (X // 16).astype(np.uint8)
SIXTEENTHS[0, 0, 0] = 16
BRIGHT_16 = np.rint(SIXTEENTHS.astype(np.float32) * np.float32(255 / 16)).astype(np.uint8)
FRACTIONS = np.clip(X + np.where(X < 255, 0.25, 0), 0, 255)
COLOUR = np.random.default_rng(1).integers(0, 256, (COUNT, 8, 8, 3), dtype=np.uint8)
LUMINANCE = ((COLOUR @ np.array([19595, 38470, 7471], np.uint32) + 32768) >> 16).astype(np.uint8)  # ITU-R BT.601
DEEP = X.astype(np.uint16) * 257
MANGLED = np.where(X < 100, 0, X)
SCIKIT_LABELS = [str(label) for label in DIGITS.target]
CASES = {
    # labels of a .csv
    "scikit-learn's digits.csv.gz": Case(
        "digits.csv.gz", SCIKIT.read_bytes, SCALED, SCIKIT_LABELS, said="last column was taken"
    ),
    "scikit-learn's digits.csv": Case(
        "digits.csv", lambda: gzip.decompress(SCIKIT.read_bytes()), SCALED, SCIKIT_LABELS, said="16 was taken for white"
    ),
    "pixel1 … pixel64, class": Case("a.csv", lambda: lines(table("class", 64, start=1), index=False)),
    "input1 … input64, class": Case("a.csv", lambda: lines(table("class", 64, "input{}", 1), index=False)),
    "label, pixel0 … (Kaggle)": Case("a.csv", lambda: lines(table("label"), index=False)),
    "label, 1x1 … 8x8 (open_model_zoo#2427)": Case(
        "a.csv",
        lambda: lines(
            table("label").set_axis(["label", *(f"{i}x{j}" for i in range(8) for j in range(8))], axis=1), index=False
        ),
    ),
    "digit, then pixels": Case("a.csv", lambda: lines(table("digit"), index=False)),
    "an unusual name for the label": Case("a.csv", lambda: lines(table("Fruchtart", 64), index=False)),
    "a label in the middle": Case("a.csv", lambda: lines(table("target", 30), index=False)),
    "words as labels, at the end, without names": Case(
        "a.csv", lambda: lines(numbered(FLAT, WORDS), index=False, header=False), labels=WORDS
    ),
    "labels written 7.0": Case("a.csv", lambda: lines(table("label", y=[f"{y}.0" for y in Y]), index=False)),
    "zero-padded labels stay as they are": Case(
        "a.csv", lambda: csv(X, [f"{y:02d}" for y in Y]), labels=[f"{y:02d}" for y in Y]
    ),
    "labels with commas, in quotes": Case(
        "a.csv",
        lambda: lines(table("label", y=["cat, black", "dog"] * 10), index=False),
        labels=["cat, black", "dog"] * 10,
    ),
    "--label NAME among several": Case(
        "a.csv",
        lambda: lines(table("label", y=WORDS).assign(group=NUMBERS), index=False),
        choices=Choices(label="group"),
        said="Columns left out: “label”",
    ),
    "--label none leaves it out": Case(
        "a.csv", lambda: lines(table("label"), index=False), labels=None, choices=Choices(label="none"), said="left out"
    ),
    "--label last where both could be": Case(
        "a.csv",
        lambda: csv(np.pad(X[:, :8], ((0, 0), (0, 0), (0, 0))) % 3, NUMBERS),
        choices=Choices(label="first", white=2),
        images=np.rint((X % 3).astype(np.float32) * np.float32(127.5)).astype(np.uint8),
    ),
    "no labels, no names": Case("a.csv", lambda: lines(pd.DataFrame(FLAT), index=False, header=False), labels=None),
    "commas at the ends of lines": Case(
        "a.csv", lambda: lines(pd.DataFrame(FLAT), index=False, header=False).replace(b"\n", b",\n"), labels=None
    ),
    # headers and row numbers
    "to_csv(index=False) of unnamed columns": Case("a.csv", lambda: lines(numbered(Y, FLAT), index=False)),
    "to_csv() of unnamed columns, with row numbers": Case("a.csv", lambda: lines(numbered(Y, FLAT))),
    "to_csv() of images alone": Case("a.csv", lambda: lines(pd.DataFrame(FLAT)), labels=None),
    "to_csv(header=False) with row numbers": Case(
        "a.csv", lambda: lines(numbered(Y, FLAT), header=False), said="numbers the images"
    ),
    "to_csv(header=False) of images alone": Case(
        "a.csv", lambda: lines(pd.DataFrame(FLAT), header=False), labels=None, said="numbers the images"
    ),
    "names and row numbers": Case("a.csv", lambda: lines(table("label"))),
    "read again with its row numbers: Unnamed: 0": Case(
        "a.csv", lambda: lines(table("label").assign(**{"Unnamed: 0": range(COUNT)}), index=False)
    ),
    "an id beside the label": Case("a.csv", lambda: lines(table("label").assign(ImageId=range(1, 21)), index=False)),
    "label among numbered names": Case("a.csv", lambda: lines(table("label", pixel="{}"), index=False)),
    "the first image made names of by pandas": Case(
        "a.csv",
        lambda: _made_names_of(numbered(Y, MANGLED.reshape(COUNT, 64))),
        images=MANGLED,
        said="pandas had made names of",
    ),
    # separators and quotes
    "semicolons": Case("a.csv", lambda: lines(numbered(Y, FLAT), index=False, header=False, sep=";")),
    "semicolons and decimal commas": Case(
        "a.csv",
        lambda: lines(
            numbered(NUMBERS, np.char.replace((FLAT / 255).astype("U12"), ".", ",")), index=False, header=False, sep=";"
        ),
    ),
    "tabs": Case("a.tsv", lambda: lines(table("label"), index=False, sep="\t")),
    "tabs, called csv": Case("a.csv", lambda: lines(table("label"), index=False, sep="\t")),
    "every cell in quotes": Case("a.csv", lambda: lines(table("label"), index=False, quoting=1)),
    "quotes without names": Case(
        "a.csv", lambda: lines(numbered(NUMBERS, FLAT.astype(str)), index=False, header=False, quoting=1)
    ),
    "spaces after commas": Case(
        "a.csv", lambda: lines(numbered(Y, FLAT), index=False, header=False).replace(b",", b", ")
    ),
    "Windows line ends and a mark of UTF-8": Case(
        "a.csv", lambda: b"\xef\xbb\xbf" + lines(table("label"), index=False).replace(b"\n", b"\r\n")
    ),
    "scientific notation": Case(
        "a.csv", lambda: lines(numbered(FLAT, Y).astype(float), index=False, header=False, float_format="%.3e")
    ),
    # pixels in one column of text
    "emotion, pixels, Usage (FER-2013)": Case(
        "fer2013.csv",
        lambda: lines(
            pd.DataFrame(
                {
                    "emotion": NUMBERS,
                    "pixels": [" ".join(map(str, image)) for image in FLAT],
                    "Usage": np.where(HALF, "PrivateTest", "Training"),
                }
            ),
            index=False,
        ),
        held_out=HALF,
        said="6 images are for testing",
    ),
    "emotion, pixels": Case(
        "a.csv",
        lambda: lines(
            pd.DataFrame({"emotion": NUMBERS, "pixels": [" ".join(map(str, image)) for image in FLAT]}), index=False
        ),
        said="one column of text",
    ),
    "a column that says train or test": Case(
        "a.csv", lambda: lines(table("label").assign(split=np.where(HALF, "test", "train")), index=False), held_out=HALF
    ),
    # arrays
    "Keras's mnist.npz": Case(
        "mnist.npz",
        lambda: npz(x_train=X[~HALF], y_train=Y[~HALF], x_test=X[HALF], y_test=Y[HALF]),
        held_out=HALF,
        said="own split is kept: 6 images",
    ),
    "MedMNIST, grey": Case(
        "pneumoniamnist.npz",
        lambda: npz(
            **{f"{part}_images": X[part == THREE] for part in ("train", "val", "test")},
            **{f"{part}_labels": Y[part == THREE][:, None] for part in ("train", "val", "test")},
        ),
        held_out=THREE == "test",
        said="validation images are learnt from",
    ),
    "MedMNIST, colour": Case(
        "pathmnist.npz",
        lambda: npz(
            **{f"{part}_images": COLOUR[part == THREE] for part in ("train", "val", "test")},
            **{f"{part}_labels": Y[part == THREE][:, None] for part in ("train", "val", "test")},
        ),
        COLOUR,
        held_out=THREE == "test",
        said="Colours are kept",
    ),
    "MedMNIST, colour, made grey": Case(
        "pathmnist.npz",
        lambda: npz(
            **{f"{part}_images": COLOUR[part == THREE] for part in ("train", "val", "test")},
            **{f"{part}_labels": Y[part == THREE][:, None] for part in ("train", "val", "test")},
        ),
        LUMINANCE,
        held_out=THREE == "test",
        choices=Choices(colours="grey"),
        said="Colours became grey",
    ),
    "MedMNIST, several classes an image": Case(
        "chestmnist.npz",
        lambda: npz(
            **{f"{part}_images": X[part == THREE] for part in ("train", "val", "test")},
            **{
                f"{part}_labels": np.ones((int((part == THREE).sum()), 14), np.uint8)
                for part in ("train", "val", "test")
            },
        ),
        labels=None,
        held_out=THREE == "test",
        said="names several classes of one image",
    ),
    "np.savez(f, X, y)": Case("a.npz", lambda: npz(arr_0=X, arr_1=Y)),
    "np.savez(f, X) (Kuzushiji-49's images, Atlas-GAN#8)": Case(
        "k49-train-imgs.npz", lambda: npz(arr_0=X), labels=None
    ),
    "dSprites, its metadata unread": Case(
        "dsprites.npz",
        lambda: npz(
            imgs=(X > 99).astype(np.uint8),
            latents_values=np.zeros((COUNT, 6)),
            latents_classes=np.zeros((COUNT, 6), int),
            metadata=np.array({"a": 1}, dtype=object),
        ),
        (X > 99).astype(np.uint8) * 255,
        None,
        said="Left out: “latents_classes”, “latents_values”, “metadata”",
    ),
    "X and y": Case("a.npz", lambda: npz(X=X, y=Y)),
    "data and target": Case("a.npz", lambda: npz(data=FLAT, target=Y)),
    "features and labels": Case("a.npz", lambda: npz(features=FLAT, labels=Y)),
    "X_train … y_test": Case(
        "a.npz", lambda: npz(X_train=X[~HALF], y_train=Y[~HALF], X_test=X[HALF], y_test=Y[HALF]), held_out=HALF
    ),
    "train and test without labels": Case(
        "a.npz", lambda: npz(train=X[~HALF], test=X[HALF]), labels=None, held_out=HALF
    ),
    "training and validation": Case(
        "a.npz",
        lambda: npz(x_train=X[~HALF], y_train=Y[~HALF], x_val=X[HALF], y_val=Y[HALF]),
        held_out=HALF,
        said="6 images are for testing",
    ),
    "labels of some parts only": Case(
        "a.npz",
        lambda: npz(x_train=X[~HALF], y_train=Y[~HALF], x_test=X[HALF]),
        labels=None,
        held_out=HALF,
        said="Only some of the images have labels",
    ),
    "one-hot labels": Case("a.npz", lambda: npz(images=X, labels=np.eye(3)[Y])),
    "labels (N, 1)": Case("a.npz", lambda: npz(images=X, labels=Y[:, None])),
    "labels called targets": Case("a.npz", lambda: npz(images=X, targets=Y)),
    "arrays beside images": Case("a.npz", lambda: npz(images=X, labels=Y, mean=np.zeros(3)), said="Left out: “mean”"),
    "--label names an array": Case(
        "a.npz",
        lambda: npz(images=X, labels=Y, species=np.array(WORDS)),
        labels=WORDS,
        choices=Choices(label="species"),
    ),
    "images beside x: the plainer name": Case("a.npz", lambda: npz(images=X, x=FLAT, y=Y), said="Left out: “x”"),
    ".npy": Case("a.npy", lambda: npy(X), labels=None, said="holds no labels"),
    ".npy.gz": Case("a.npy.gz", lambda: gzip.compress(npy(FLAT)), labels=None),
    ".csv.gz": Case("a.csv.gz", lambda: gzip.compress(csv(X, NUMBERS))),
    ".npz.gz": Case("a.npz.gz", lambda: gzip.compress(npz(images=X, labels=Y))),
    "train-images-idx3-ubyte.gz": Case("train-images-idx3-ubyte.gz", lambda: gzip.compress(idx(X)), labels=None),
    "train-images.idx3-ubyte (cudnn-training#13)": Case(
        "train-images.idx3-ubyte", lambda: idx(X), labels=None, said="no labels"
    ),
    # what numbers mean
    "floats 0 … 16": Case(
        "a.npz", lambda: npz(images=SIXTEENTHS / 1.0, labels=Y), BRIGHT_16, said="16 was taken for white"
    ),
    "whole numbers 0 … 16": Case("a.npz", lambda: npz(images=SIXTEENTHS, labels=Y), BRIGHT_16),
    "floats 0 … 255 with fractions": Case(
        "a.npz",
        lambda: npz(images=FRACTIONS, labels=Y),
        np.rint(FRACTIONS).astype(np.uint8),
        said="rounded to whole levels",
    ),
    "fractions up to 255 in a .csv": Case(
        "a.csv",
        lambda: lines(numbered(Y, FRACTIONS.reshape(COUNT, 64)), index=False, header=False),
        np.rint(FRACTIONS).astype(np.uint8),
    ),
    "−1 … 1, as networks with tanh want them": Case(
        "a.npz", lambda: npz(images=(X / 127.5 - 1).astype(np.float32), labels=Y), said="−1 was taken for black"
    ),
    "16 bits": Case("a.npz", lambda: npz(images=DEEP, labels=Y), said="65535 was taken for white"),
    "12 bits, said by hand": Case(
        "a.npz",
        lambda: npz(images=(X.astype(np.uint16) * 16), labels=Y),
        np.rint((X.astype(np.float32) * 16) * np.float32(255 / 4080)).astype(np.uint8),
        choices=Choices(white=4080),
    ),
    "barely above 1 by rounding": Case(
        "a.npz", lambda: npz(images=X / 254.99, labels=Y), np.minimum(np.rint(X / 254.99 * 255), 255).astype(np.uint8)
    ),
    "ink on paper, inverted": Case("a.npz", lambda: npz(images=255 - X, labels=Y), choices=Choices(invert=True)),
}


def _made_names_of(made: pd.DataFrame) -> bytes:
    """Written without names, read as if it had some, and written again: pandas tells doubled names apart."""
    return pd.read_csv(io.BytesIO(lines(made, index=False, header=False))).to_csv(index=False).encode()


@pytest.mark.parametrize("kind", CASES)
def test_it_comes_out_pixel_by_pixel_and_label_by_label(kind: str) -> None:
    case = CASES[kind]
    imported = read(case.name, case.content(), case.choices, WIDE)
    x, labels = in_file_order(imported.images, case.held_out)
    np.testing.assert_array_equal(x, case.images)
    assert labels == (case.labels or ["all"] * len(case.images))
    assert case.said in " ".join(imported.notes)
    assert any("held out for testing" in note for note in imported.notes) == (case.held_out is None)


ASKED = {
    "first and last column could be labels": (
        "a.csv",
        lambda: csv((X % 3), [str(y) for y in Y[::-1]]),
        "label",
        {"first", "last"},
        "may be the first one or the last one",
    ),
    "neither column could be a label": (
        "a.csv",
        lambda: lines(numbered(grey(COUNT, 1, 1, seed=5).ravel(), FLAT), index=False, header=False),
        "label",
        {"first", "last"},
        "may be the first one or the last one",
    ),
    "12 bits": (
        "a.npz",
        lambda: npz(images=X.astype(int) * 16),
        "white",
        {"4080", "4095", "16383", "65535"},
        "0 to 4080",
    ),
    "fractions up to 1.5": ("a.npz", lambda: npz(images=X / 170), "white", {"1.5", "255"}, "0 to 1.5, with fractions"),
}


@pytest.mark.parametrize("kind", ASKED)
def test_what_can_be_read_two_ways_is_asked_about(kind: str) -> None:
    name, content, about, readings, sentence = ASKED[kind]
    with pytest.raises(Ambiguous) as asked:
        images_of(name, content(), None, LIMITS)
    assert asked.value.field == about
    assert set(asked.value.readings) == readings
    assert sentence in str(asked.value) and len(str(asked.value)) < 260


def test_each_reading_that_is_asked_about_can_be_chosen() -> None:
    data = csv(X % 3, [str(y) for y in Y[::-1]])
    first = read("a.csv", data, Choices(label="first", white=2), LIMITS).images
    last = read("a.csv", data, Choices(label="last", white=2), LIMITS).images
    assert in_file_order(first)[1] == [str(y) for y in Y[::-1]]
    assert in_file_order(last)[1] == [str(y) for y in FLAT[:, -1] % 3]
    shifted = np.column_stack([Y[::-1], FLAT % 3])[:, :-1].reshape(-1, 8, 8)
    np.testing.assert_array_equal(in_file_order(last)[0], np.rint(shifted * np.float32(127.5)).astype(np.uint8))


REFUSED = {
    "colours in a .csv (covid-chestxray-dataset#90)": (
        "a.csv",
        lambda: lines(numbered(Y, COLOUR.reshape(COUNT, -1)), index=False, header=False),
        Choices(),
        "not a square",
    ),
    "standardised pixels": ("a.npz", lambda: npz(images=(X - X.mean()) / X.std()), Choices(), "these run from -1."),
    "a white that is too dark": ("a.npz", lambda: npz(images=X), Choices(white=100), "White can't be 100"),
    "a column that isn't there": (
        "a.csv",
        lambda: lines(table("label"), index=False),
        Choices(label="kind"),
        "no column called “kind”",
    ),
    "an array that isn't there": ("a.npz", lambda: npz(images=X), Choices(label="kind"), "it is the name of an array"),
    "a name without names": ("a.csv", lambda: csv(X, NUMBERS), Choices(label="kind"), "The columns have no names"),
    "arrays under other names": (
        "a.npz",
        lambda: npz(volume=X, kind=Y),
        Choices(),
        'np.savez("images.npz", images=f["volume"], labels=f["kind"])',
    ),
    "a gzip bomb": ("a.csv.gz", lambda: gzip.compress(bytes(30_000_000)), Choices(), "unpacks to more than"),
    "no gzip file": ("a.csv.gz", lambda: csv(X), Choices(), "not a gzip file"),
    "half a gzip file": ("a.csv.gz", lambda: gzip.compress(csv(X))[:-20], Choices(), "not a gzip file"),
    "an IDX file of labels": (
        "train-images-idx3-ubyte",
        lambda: b"\0\0\x08\1" + bytes(8),
        Choices(),
        "not an IDX file",
    ),
    "lines longer than the names": (
        "a.csv",
        lambda: lines(table("label"), index=False).replace(b"\n", b",1\n").replace(b",1\n", b"\n", 1),
        Choices(),
        "Line 2 has 66 columns, the names above it 65",
    ),
    "two columns of one name, asked for": (
        "a.csv",
        lambda: lines(table("label"), index=False).replace(b"pixel3,", b"label,", 1),
        Choices(label="label"),
        "no column called",
    ),
    "pixels of several lengths in a text": (
        "a.csv",
        lambda: b"emotion,pixels\n" + b"1,1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n" * 11 + b"1,1 2 3 4",
        Choices(),
        "Line 13 has 4 pixels, those before it 16",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_can_not_be_read_is_one_sentence(kind: str) -> None:
    name, content, choices, sentence = REFUSED[kind]
    with pytest.raises(InputError) as problem:
        read(name, content(), choices, WIDE)
    assert sentence in str(problem.value)
    assert len(str(problem.value)) < 330 and str(problem.value).endswith(".")
