"""Archives of pictures as people pack them: each picture comes out pixel by pixel, under the label of its folder.

Where a public thread tells of such a file, it is named beside the case. Tables and arrays: test_files_people_have.py.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
from files import COUNT, grey, in_file_order, picture, zipped
from PIL import Image

from vae.datasets.imported import Choices, Limits, read
from vae.datasets.imported.suspicious import warnings_for
from vae.errors import InputError

X = grey()  # (20, 8, 8)
KINDS = ["cat", "dog"]
LABELS = [KINDS[i % 2] for i in range(COUNT)]
PLAIN = Choices()
LIMITS = Limits(upload_bytes=2_000_000, images=300)
ORIENTATION = 0x0112
CAT_OF_437 = b"k\x84t"


def files(name: str = "{label}/{i:02d}.png", make: Callable[[np.ndarray], bytes] = picture) -> dict[str, bytes]:
    """A picture of each image under its name."""
    return {name.format(i=i, label=LABELS[i]): make(image) for i, image in enumerate(X)}


def by_name(named: Mapping[str, object]) -> list[int]:
    """The order in which they are read: that of their names."""
    return [place for _, place in sorted((name.replace("\\", "/"), place) for place, name in enumerate(named))]


def renamed(data: bytes, pairs: Mapping[str, bytes]) -> bytes:
    """Names of ASCII replaced by bytes of the same length, in both places where an archive has them."""
    for old, new in pairs.items():
        assert len(old) == len(new)
        data = data.replace(old.encode(), new)
    return data


def with_unicode_path(label: str) -> bytes:
    """Names in code page 437, and in UTF-8 in the extra field of Info-ZIP (APPNOTE 4.6.9)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files().items():
            told = name.replace("cat", label).encode()
            stored = name.encode().replace(b"cat", CAT_OF_437)
            extra = struct.pack("<BL", 1, zlib.crc32(stored)) + told
            info = zipfile.ZipInfo(name)
            info.extra = struct.pack("<HH", 0x7075, len(extra)) + extra
            archive.writestr(info, content)
    return renamed(buffer.getvalue(), {"cat/": CAT_OF_437 + b"/"})


def without_flag(data: bytes) -> bytes:
    """No entry says any more that its name is UTF-8."""
    made = bytearray(data)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = made.find(signature)
        while place >= 0:
            made[place + offset + 1] &= ~0x08
            place = made.find(signature, place + 4)
    return bytes(made)


def ink(colour: int) -> Callable[[np.ndarray], bytes]:
    """Drawn in one colour, the image's levels as opacity."""

    def make(image: np.ndarray) -> bytes:
        return picture(Image.fromarray(np.dstack([np.full((8, 8, 3), colour, np.uint8), image])))

    return make


def red(image: np.ndarray) -> np.ndarray:
    return np.dstack([image, image * 0, image * 0])


def sixteen_bits(factor: int) -> Callable[[np.ndarray], bytes]:
    return lambda image: picture(image.astype(np.uint16) * factor)


def turned(image: np.ndarray) -> bytes:
    """Stored on its side, with the tag that says so, as a PNG."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # to be turned clockwise by a quarter
    return picture(np.rot90(image), exif=exif)


def palette(image: np.ndarray) -> bytes:
    made = Image.fromarray(image).convert("P")
    made.putpalette([value for level in range(256) for value in (255 - level,) * 3])
    return picture(made)


@dataclass(frozen=True)
class Case:
    """An archive, and what must come out of it."""

    files: Mapping[str, bytes] | bytes
    images: np.ndarray = field(default_factory=lambda: X)  # in the order of the images above
    labels: list[str] | None = field(default_factory=lambda: LABELS)
    held_out: np.ndarray | None = None
    choices: Choices = PLAIN
    said: str = ""  # in a note
    order: Mapping[str, bytes] | None = None  # whose names say in which order they are read


def foreign(encoding: str, words: Mapping[str, str]) -> Case:
    """Folders named so, in an encoding of which the archive says nothing."""
    raw = {f"{label * 2}/": f"{word}/".encode(encoding) for label, word in words.items()}
    labels = [words[label] for label in LABELS]
    order = {f"{label}/{i:02d}": b"" for i, label in enumerate(labels)}
    data = renamed(zipped(files("{label}{label}/{i:02d}.png")), raw)
    return Case(data, labels=labels, order=order, said=f"were read as {encoding}")


PARTS = np.array(["train"] * 12 + ["val"] * 3 + ["test"] * 5)
SPLIT = {f"{part}/{LABELS[i]}/{i:02d}.png": picture(X[i]) for i, part in enumerate(PARTS)}
ALPHABETS = {f"{'Greek' if i < 10 else 'Latin'}/character0{i % 2}/{i:02d}.png": picture(X[i]) for i in range(COUNT)}
PATHS = [name.rpartition("/")[0] for name in ALPHABETS]
UMLAUT = {"cat": "k\xe4t", "dog": "dog"}
CASES = {
    # folders
    "a folder each": Case(files()),
    "hidden folders of notebooks (mmpretrain#507)": Case(
        files() | {"cat/.ipynb_checkpoints/a.png": picture(X[0])}, said="1 other file was left out"
    ),
    "what macOS adds (pytorch/vision#79)": Case(
        files() | {".DS_Store": b"x", "cat/.DS_Store": b"x", "__MACOSX/cat/._00.png": b"x", "cat/._00.png": b"x"},
        said="4 other files were left out",
    ),
    "what Windows and NAS boxes add": Case(
        files() | {"cat/Thumbs.db": b"x", "desktop.ini": b"x", "cat/@eaDir/00.png/thumb.png": b"x"},
        said="3 other files",
    ),
    "alphabets of one set (Omniglot)": Case(ALPHABETS, labels=PATHS, said="lie under different parents"),
    "alphabets with unlike characters": Case(
        {f"{'Greek/alpha' if LABELS[i] == 'cat' else 'Latin/b'}/{i:02d}.png": picture(X[i]) for i in range(COUNT)},
        labels=["alpha" if label == "cat" else "b" for label in LABELS],
    ),
    "a level that is the same everywhere": Case(files("data/{label}/images/{i:02d}.png")),
    "--label none": Case(files("{label}/{i:02d}.png"), choices=Choices(label="none"), labels=None),
    "--label first": Case(ALPHABETS, labels=[path.partition("/")[0] for path in PATHS], choices=Choices(label="first")),
    "--label last": Case(ALPHABETS, labels=[path.rpartition("/")[2] for path in PATHS], choices=Choices(label="last")),
    "train, val and test (ImageFolder)": Case(
        SPLIT, held_out=PARTS == "test", said="those in test are for testing; validation pictures are learnt from"
    ),
    "Training and Validation": Case(
        {
            name.replace("train/", "Training/").replace("val/", "Validation/").replace("test/", "Validation/"): content
            for name, content in SPLIT.items()
        },
        held_out=PARTS != "train",
        said="those in validation are for testing",
    ),
    "train and test without classes": Case(
        {f"{'train' if i < 14 else 'test'}/{i:02d}.png": picture(X[i]) for i in range(COUNT)},
        labels=None,
        held_out=np.arange(COUNT) >= 14,
    ),
    "a class called test": Case(files("{label}/{i:02d}.png"), labels=LABELS),
    "commas in folder names": Case(
        {name.replace("cat", "cat, black"): content for name, content in files().items()},
        labels=["cat, black" if label == "cat" else label for label in LABELS],
    ),
    # what else lies in an archive
    "README.txt and labels.csv": Case(
        files() | {"README.txt": b"hello", "labels.csv": b"a,b"},
        said="2 other files were left out: “README.txt”, “labels.csv”. Labels",
    ),
    "a licence without an ending": Case(files() | {"LICENSE": b"MIT"}, said="1 other file was left out: “LICENSE”."),
    "annotations": Case(files() | {"cat/00.json": b"{}", "cat/00.xml": b"<a/>"}, said="Labels come from folders only"),
    # how names are written
    "backslashes (SharpZipLib#617, PowerShell#2140)": Case(files("{label}\\{i:02d}.png")),
    "backslashes below one folder": Case(files("pets\\{label}\\{i:02d}.png")),
    "UTF-8 that doesn't say so": Case(
        without_flag(zipped({name.replace("cat", "k\xe4t"): content for name, content in files().items()})),
        labels=[UMLAUT[label] for label in LABELS],
        order={name.replace("cat", "k\xe4t"): b"" for name in files()},
    ),
    "code page 437 (r-lib/zip#138)": Case(
        renamed(zipped(files()), {"cat/": CAT_OF_437 + b"/"}),
        labels=[UMLAUT[label] for label in LABELS],
        said="were read as cp437, such as “k\xe4t/",
        order={name.replace("cat", "k\xe4t"): b"" for name in files()},
    ),
    "ISO-8859-1 (cpython#83042)": Case(
        renamed(zipped(files()), {"cat/": b"k\xe4t/"}),
        labels=[UMLAUT[label] for label in LABELS],
        said="were read as cp1252",
        order={name.replace("cat", "k\xe4t"): b"" for name in files()},
    ),
    "Shift-JIS (libzip#212)": foreign("cp932", {"cat": "ねこか", "dog": "いぬか"}),
    "GBK (zip4j#45)": foreign("gbk", {"cat": "数字图", "dog": "图片库"}),
    "names in the extra field of Info-ZIP": Case(
        with_unicode_path("кот"),
        labels=["кот" if label == "cat" else "dog" for label in LABELS],
        order={name.replace("cat", "кот"): b"" for name in files()},
    ),
    # what pictures hold
    "black ink on transparent ground (elabftw#2789)": Case(
        files(make=ink(0)), 255 - X, said="lie on white paper, because what they show is dark"
    ),
    "white ink on transparent ground": Case(
        files(make=ink(255)), X, said="lie on black paper, because what they show is light"
    ),
    "black ink, on black paper as asked": Case(
        files(make=ink(0)), X * 0, choices=Choices(paper="black"), said="lie on black paper."
    ),
    "black ink, on white paper, inverted": Case(files(make=ink(0)), X, choices=Choices(invert=True)),
    "opaque pictures with an alpha channel": Case(
        files(make=lambda image: picture(Image.fromarray(image).convert("RGBA")))
    ),
    "grey with alpha": Case(
        files(make=lambda image: picture(Image.fromarray(np.dstack([image, np.full((8, 8), 255, np.uint8)]))))
    ),
    "16 bits that hold 0 … 255": Case(files(make=sixteen_bits(1)), said="hold nothing above 255"),
    "16 bits in full (Pillow#5967)": Case(files(make=sixteen_bits(257))),
    "12 bits in 16, said by hand": Case(
        files(make=sixteen_bits(16)),
        np.rint((X.astype(np.float32) * 16) * np.float32(255 / 4095)).astype(np.uint8),
        choices=Choices(white=4095),
    ),
    "one dark picture among others of 16 bits": Case(
        files(make=sixteen_bits(257)) | {"cat/00.png": picture((X[0] // 255).astype(np.uint16) * 200)},
        np.concatenate([X[:1] * 0, X[1:]]),
    ),
    "8 and 16 bits in one archive (Pillow#1108)": Case(files(make=sixteen_bits(257)) | {"cat/00.png": picture(X[0])}),
    "a PNG that says how to turn it": Case(files(make=turned)),
    "one bit": Case(
        files(make=lambda image: picture(Image.fromarray(image).convert("1", dither=Image.Dither.NONE))),
        np.where(X > 127, 255, 0).astype(np.uint8),
    ),
    "a palette": Case(files(make=palette), 255 - X),
    "RGB that is grey": Case(files(make=lambda image: picture(Image.fromarray(image).convert("RGB")))),
    "colours": Case(files(make=lambda image: picture(red(image))), np.stack([*map(red, X)]), said="Colours are kept"),
    "colours, made grey": Case(
        files(make=lambda image: picture(red(image))),
        np.stack([np.asarray(Image.fromarray(red(image)).convert("L")) for image in X]),
        choices=Choices(colours="grey"),
        said="Colours became grey",
    ),
    "interlaced and compressed otherwise": Case(files(make=lambda image: picture(image, compress_level=0))),
    "upper-case endings": Case(files("{label}/{i:02d}.PNG")),
    "JPEG called .png": Case(
        files(make=lambda image: picture(np.full((8, 8), int(image[0, 0]), np.uint8), "JPEG", quality=100)),
        np.broadcast_to(X[:, :1, :1], X.shape),
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_it_comes_out_pixel_by_pixel_and_label_by_label(kind: str) -> None:
    case = CASES[kind]
    data = case.files if isinstance(case.files, bytes) else zipped(case.files)
    imported = read("a.zip", data, case.choices, LIMITS)
    names = case.order or (files() if isinstance(case.files, bytes) else case.files)
    order = [place for place in by_name(names) if place < COUNT]
    held_out = None if case.held_out is None else case.held_out[order]
    x, labels = in_file_order(imported.images, held_out)
    np.testing.assert_array_equal(x, case.images[order])
    assert labels == [(case.labels or ["all"] * COUNT)[place] for place in order]
    assert case.said in " ".join(imported.notes)


REFUSED = {
    "only a table": ({"mnist_train.csv": b"a,b"}, "holds no PNG or JPEG picture, but “mnist_train.csv”"),
    "GIF pictures": (files("{label}/{i:02d}.gif", lambda image: picture(image, "GIF")), "neither .png nor .jpg"),
    "TIFF pictures": (files("{label}/{i:02d}.tif", lambda image: picture(image, "TIFF")), "neither .png nor .jpg"),
    "a folder above, in Windows' way": (files() | {"..\\a.png": b""}, "leads out of its folder"),
    "a share, in Windows' way": (files() | {"\\\\server\\a.png": b""}, "leads out of its folder"),
    "a table as its own archive": (files() | {"labels.csv.gz": b"x"}, "an archive in the archive"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_can_not_be_read_is_one_sentence(kind: str) -> None:
    content, sentence = REFUSED[kind]
    with pytest.raises(InputError) as problem:
        read("a.zip", zipped(content), PLAIN, LIMITS)
    assert sentence in str(problem.value) and len(str(problem.value)) < 260


@pytest.mark.parametrize("choices", [Choices(label="kind"), Choices(white=100)])
def test_a_choice_that_archives_do_not_have_is_refused(choices: Choices) -> None:
    with pytest.raises(InputError, match=r"label is “kind”|White can't be 100"):
        read("a.zip", zipped(files(make=sixteen_bits(257))), choices, LIMITS)


def ring(paper: int, stroke: int) -> np.ndarray:
    """Images with a border of paper and something drawn within, (20, 8, 8)."""
    made = np.full((COUNT, 8, 8), paper, np.uint8)
    made[:, 3:5, 2:6] = stroke
    made[::2, 2, 3] = stroke
    return made


@pytest.mark.parametrize(
    ("images", "words"),
    [
        pytest.param(ring(0, 255), [], id="light on dark"),
        pytest.param(ring(255, 0), ["dark on light"], id="dark on light"),
        pytest.param(ring(0, 16), ["brightest pixel is 16"], id="dark"),
        pytest.param(ring(100, 20), ["brightest pixel is 100"], id="dark paper"),
        pytest.param(ring(90, 90), ["All images are the same"], id="blank"),
        pytest.param(X, [], id="as busy as photographs"),
        pytest.param(
            np.where(np.arange(8)[:, None] < 4, X // 2, 240 + X // 20).astype(np.uint8), [], id="a bright floor"
        ),
    ],
)
def test_what_looks_wrong_is_told_and_nothing_else(images: np.ndarray, words: list[str]) -> None:
    said = warnings_for(images)
    assert len(said) == len(words)
    assert all(word in sentence for word, sentence in zip(words, said, strict=True))


def test_light_clothes_on_dark_ground_are_not_called_inverted(mnist_dir) -> None:
    from vae import datasets

    images = datasets.load("mnist", mnist_dir)
    x = images.test_x.reshape(-1, *images.shape[1:])
    assert warnings_for(x) == ()
    assert [sentence for sentence in warnings_for(255 - x) if "Inverting" in sentence]
