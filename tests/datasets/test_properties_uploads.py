"""Files of images: what is sound comes back pixel by pixel, and nothing else does more than cost a sentence."""

import io
import os
import random
import stat
import struct
import subprocess
import sys
import time
import zipfile
import zlib

import numpy as np
import pytest
from files import LIMITS, csv, images_of, npz, picture, zipped
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from uploads_mutated import WHOLE, mutated, read_or_refused

from vae.datasets.imported import Limits
from vae.errors import InputError
from vae.settings import ROOT

CLASSES = st.text(st.sampled_from("abcXYZ019äß日 -_.+"), min_size=1, max_size=8).map(str.strip).filter(bool)
# A folder that begins with a point is hidden, and a CSV's first column is text between commas.
SAFE = CLASSES.filter(lambda name: not name.startswith(".") and "__" not in name and not name.isspace())


@st.composite
def sets(draw, classes=SAFE):
    """Images (N, H, W) uint8, among them a white pixel, and labels or none."""
    count, height, width = draw(st.integers(12, 24)), draw(st.integers(4, 12)), draw(st.integers(4, 12))
    images = draw(arrays.arrays(np.uint8, (count, height, width), elements=st.integers(0, 255), fill=st.just(7)))
    images[0, 0, 0] = 255  # nothing above 1 would make 1 white
    known = draw(st.lists(classes, min_size=2, max_size=4, unique=True))
    labels = draw(st.none() | st.lists(st.sampled_from(known), min_size=count, max_size=count))
    return images, labels


def assert_the_same(images, found, labels):
    """As sets of (pixels, class): a file's order is shuffled into training and test."""
    pixels = images.reshape(len(images), -1)
    names = labels or ["all"] * len(images)
    wanted = sorted((row.tobytes(), name) for row, name in zip(pixels, names, strict=True))
    rows = [*zip(found.train_x, found.train_y, strict=True), *zip(found.test_x, found.test_y, strict=True)]
    assert sorted((row.tobytes(), found.classes[y]) for row, y in rows) == wanted
    assert found.shape == (1, *images.shape[1:])


@settings(max_examples=40, deadline=None)
@given(sets(), st.sampled_from(["u1", "i8", "f4", "f8"]), st.booleans(), st.booleans())
def test_a_sound_npz_comes_back(made, dtype, fortran, packed):
    images, labels = made
    array = np.asarray(images, dtype, order="F" if fortran else "C")
    told = {"images": array} | ({"labels": np.array(labels)} if labels else {})
    buffer = io.BytesIO()
    (np.savez_compressed if packed else np.savez)(buffer, **told)
    assert_the_same(images, images_of("a.npz", buffer.getvalue(), None, LIMITS), labels)


@settings(max_examples=25, deadline=None)
@given(sets(), st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]), st.booleans())
def test_a_sound_zip_comes_back(made, method, deep):
    images, labels = made
    folders = [f"{'top/' * deep}{label}/" for label in labels] if labels else [""] * len(images)
    files = {
        f"{folder}{place}.png": picture(image)
        for place, (folder, image) in enumerate(zip(folders, images, strict=True))
    }
    found = images_of("a.zip", zipped(files, method), None, LIMITS)
    lone = labels and len(set(labels)) == 1  # folders that hold all of them say nothing
    assert_the_same(images, found, None if lone else labels)


@settings(max_examples=40, deadline=None)
@given(sets(st.sampled_from(["a", "b c", "3", "größe"])), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_a_sound_csv_comes_back(made, header, newline):
    images, labels = made
    assume(header or labels is None or set(labels) != {"3"})  # without a name, one number alone may be a pixel
    side = min(images.shape[1:])
    images = images[:, :side, :side]
    text = csv(images, labels, "label," + ",".join(f"p{place}" for place in range(side * side)) if header else "")
    assert_the_same(images, images_of("a.csv", text.replace(b"\n", newline.encode()), None, LIMITS), labels)


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(list(WHOLE)), st.sampled_from(["npz", "zip", "csv", None]), st.integers(0, 2**64))
def test_a_changed_file_costs_no_more_than_a_sentence(name, suffix, seed):
    """Also under another suffix: a .zip may be called .npz."""
    read_or_refused(f"a.{suffix}" if suffix else name, mutated(random.Random(seed), WHOLE[name]))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", b"\x93NUMPY", b"1,2,3\n"]))
def test_any_bytes_cost_no_more_than_a_sentence(content, start):
    for suffix in ("npz", "zip", "csv"):
        read_or_refused(f"a.{suffix}", start + content)


def lying_png(width, height):
    """A PNG whose header claims a size that its content has not."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def doubled():
    """Two entries of one name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        for place in range(40):
            archive.writestr(f"{place % 20}.png", picture(np.full((8, 8), place, np.uint8)))
    return buffer.getvalue()


def device():
    info = zipfile.ZipInfo("a.png")
    info.create_system, info.external_attr = 3, (stat.S_IFCHR | 0o666) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, b"")
    return buffer.getvalue()


HARD = {
    "65,536 entries": ("a.zip", lambda: zipped({f"{place}.png": b"" for place in range(65_536)}, zipfile.ZIP_STORED)),
    "a folder in 2,000 folders": ("a.zip", lambda: zipped({"a/" * 2000 + f"{place}.png": b"x" for place in range(12)})),
    "a PNG of 2³¹ × 2³¹": ("a.zip", lambda: zipped({f"{i}.png": lying_png(2**31 - 1, 2**31 - 1) for i in range(12)})),
    "a PNG of 5000 × 5000 in 100 bytes": (
        "a.zip",
        lambda: zipped({f"{i}.png": lying_png(5000, 5000) for i in range(12)}),
    ),
    "a PNG of no size": ("a.zip", lambda: zipped({f"{i}.png": lying_png(0, 0) for i in range(12)})),
    "10⁶ columns": ("a.csv", lambda: b"0," * 10**6 + b"0"),
    "10⁶ lines": ("a.csv", lambda: b"\n" * 10**6 + b"1," * 10**6),
    "a header alone": ("a.csv", lambda: b"label," + b"p," * 400_000),
    "one long number": ("a.csv", lambda: b"1," + b"9" * 10**6),
    "a device": ("a.zip", device),
    "names of the platform": ("a.zip", lambda: zipped({"CON.png": b"", "nul.png": b"", "a:b.png": b""})),
    "a gif called png": (
        "a.zip",
        lambda: zipped({f"{i}.png": picture(Image.new("L", (8, 8)), "GIF") for i in range(12)}),
    ),
    "a zip in a zip in a zip": ("a.zip", lambda: zipped({"a.zip": zipped({"a.zip": zipped({"a.png": b""})})})),
    "objects for labels": ("a.npz", lambda: npz(images=WHOLE_IMAGES, labels=np.array([{}] * 20, object))),
    "text for images": ("a.npz", lambda: npz(images=np.array([["a"] * 16] * 20))),
    "complex numbers": ("a.npz", lambda: npz(images=WHOLE_IMAGES.astype(complex))),
    "dates": ("a.npz", lambda: npz(images=WHOLE_IMAGES.astype("M8[s]"))),
    "33 axes": ("a.npz", lambda: npz(images=np.zeros((20,) + (1,) * 31))),
}
WHOLE_IMAGES = np.arange(20 * 64, dtype=np.int64).reshape(20, 8, 8) % 256


@pytest.mark.parametrize("kind", HARD)
def test_what_was_made_to_cost_much_costs_a_sentence_and_seconds(kind):
    """With the limits of a real server, where there are any."""
    name, content = HARD[kind]
    data, began = content(), time.monotonic()
    with pytest.raises(InputError) as problem:
        images_of(name, data, None, Limits(200 << 20, 200_000))
    assert time.monotonic() - began < 5
    assert str(problem.value).endswith(".") and len(str(problem.value)) < 400


def test_of_two_entries_of_one_name_nothing_wrong_is_read():
    """Both are pictures of their own: 40 of them, or a sentence."""
    try:
        found = images_of("a.zip", doubled(), None, LIMITS)
    except InputError:
        return
    assert len(found.train_x) + len(found.test_x) == 40
    assert len(np.unique(np.concatenate([found.train_x, found.test_x])[:, 0])) == 40


@pytest.mark.spare
@pytest.mark.slow
def test_a_minute_of_changed_files_in_bounded_memory():
    """VAE_FUZZ_SECONDS: for how long. What fails prints its seed."""
    seconds = os.environ.get("VAE_FUZZ_SECONDS", "60")
    command = [sys.executable, "tests/support/fuzz_uploads.py", seconds]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'support'}"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    print(done.stdout)
