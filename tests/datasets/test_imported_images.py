"""Files with images of one's own: every form that is taken, and what becomes of it."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from files import COUNT, LIMITS, csv, grey, images_of, in_file_order, npz, picture, pictures, zipped
from PIL import Image

from vae.datasets.imported import Limits, NeedsSize, validation_size
from vae.datasets.summary import summarise
from vae.settings import Settings

LABELS = [f"{place % 3}" for place in range(COUNT)]


WHOLE = grey()
FRACTIONS = WHOLE / 255
COLOURS = np.random.default_rng(1).integers(0, 256, (COUNT, 8, 6, 3), dtype=np.uint8)
BITS = (WHOLE > 127).astype(np.uint8)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(WHOLE, WHOLE, id="N,H,W"),
        pytest.param(WHOLE[..., None], WHOLE, id="N,H,W,1"),
        pytest.param(WHOLE[:, None], WHOLE, id="N,1,H,W"),
        pytest.param(WHOLE.reshape(COUNT, 64), WHOLE, id="N,P"),
        pytest.param(COLOURS, COLOURS, id="N,H,W,3"),
        pytest.param(COLOURS.transpose(0, 3, 1, 2), COLOURS, id="N,3,H,W"),
        pytest.param(np.asfortranarray(WHOLE), WHOLE, id="column by column"),
        pytest.param(grey(COUNT, 4, 64), grey(COUNT, 4, 64), id="smallest and largest side"),
        *(pytest.param(WHOLE.astype(kind), WHOLE, id=kind) for kind in ("int16", "uint32", "int64", ">i4", "float32")),
        *(pytest.param(FRACTIONS.astype(kind), WHOLE, id=f"{kind} from 0 to 1") for kind in ("f4", "f8", ">f4", "g")),
        pytest.param(BITS, BITS * 255, id="0 and 1"),
        pytest.param(BITS.astype(bool), BITS * 255, id="bool"),
    ],
)
def test_an_npz_of_every_form(given: np.ndarray, expected: np.ndarray) -> None:
    images = images_of("a.npz", npz(images=given), None, LIMITS)
    x, _ = in_file_order(images)
    assert np.array_equal(x, expected)
    assert (images.white, images.shape, images.classes) == (
        255,
        (expected[0, 0, 0].size, *expected.shape[1:3]),
        ("all",),
    )
    assert (len(images.test_x), len(images.train_x)) == (3, 17)
    assert not images.train_y.any()


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (np.arange(COUNT) % 11, tuple(map(str, range(11)))),  # 10 after 9, not after 1
        (np.arange(COUNT)[:, None] % 2 - 1, ("-1", "0")),
        (np.arange(COUNT) % 2 + 0.0, ("0", "1")),
        (np.array(["dog", "Äpfel & Birnen"] * 10), ("dog", "Äpfel & Birnen")),
        (np.arange(COUNT) % 2 == 0, ("False", "True")),
        (np.full(COUNT, 7), ("7",)),
        (np.array(["page 10", "page 9", "a", "12", "page"] * 4), ("12", "a", "page", "page 9", "page 10")),
    ],
    ids=["int", "column", "float", "text", "bool", "one class", "numbered"],
)
def test_labels_of_every_kind(labels: np.ndarray, classes: tuple[str, ...]) -> None:
    images = images_of("a.npz", npz(images=WHOLE, labels=labels), None, LIMITS)
    assert images.classes == classes
    values = labels.ravel().astype(int) if labels.dtype.kind == "f" else labels.ravel()
    assert in_file_order(images)[1] == [str(value) for value in values]


@pytest.mark.parametrize("header", ["", "label," + ",".join(f"p{i}" for i in range(64)), "label" + ",0" * 64])
@pytest.mark.parametrize("labels", [None, LABELS, ['"a b"', "c"] * 10], ids=["none", "numbers", "words"])
def test_a_csv_with_and_without_header_and_labels(header: str, labels: list[str] | None) -> None:
    images = images_of("A.CSV", b"\xef\xbb\xbf" + csv(WHOLE, labels, header) + b"\r\n\r\n", None, LIMITS)
    x, back = in_file_order(images)
    assert np.array_equal(x, WHOLE)
    assert back == [label.strip('"') for label in labels or ["all"] * COUNT]


def test_an_npz_is_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vae.datasets.imported.arrays.BLOCK", 64 * 3)
    for given in (WHOLE, np.asfortranarray(WHOLE)):
        told: list[float] = []
        images = images_of("a.npz", npz(images=given), None, LIMITS, lambda share, _, told=told: told.append(share))
        assert np.array_equal(in_file_order(images)[0], WHOLE)
        assert len(told) == 2 * 7 and told == sorted(told) and told[-1] == 1


def test_a_csv_of_fractions_is_scaled_whichever_blocks_they_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vae.datasets.imported.table.BLOCK", 64 * 3)
    plain = BITS.astype(float)
    plain[-1] = 0.5
    x, _ = in_file_order(images_of("a.csv", csv(plain), None, LIMITS))
    assert np.array_equal(x[:-1], BITS[:-1] * 255) and (x[-1] == 128).all()


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("{}.png", None),
        ("mine/{}.png", None),
        ("mine/{label}/{}.png", LABELS),
        ("{label}/{}.PNG", LABELS),
        ("x/deeper/{label}/{}.png", LABELS),
    ],
)
def test_folders_of_a_zip_are_labels(name: str, labels: list[str] | None) -> None:
    files = {name.format(place, label=LABELS[place]): picture(image) for place, image in enumerate(WHOLE)}
    rubbish = {"__MACOSX/._1.png": b"?", "mine/.DS_Store": b"?", "Thumbs.db": b"?", "empty/": b""}
    images = images_of("a.zip", zipped(files | rubbish), None, LIMITS)
    x, back = in_file_order(images)
    by_name = sorted(range(COUNT), key=lambda place: name.format(place, label=LABELS[place]))
    assert np.array_equal(x, WHOLE[by_name])
    assert back == [(labels or ["all"] * COUNT)[place] for place in by_name]


def test_names_in_utf_8_that_do_not_say_so_are_read_as_such() -> None:
    """As macOS packs them."""
    packed = zipped({f"{'äb'[i % 2]}/{i}.png": picture(image) for i, image in enumerate(WHOLE)})
    unmarked = packed.replace(b"\x00\x08\x08\x00", b"\x00\x00\x08\x00")  # the flag, before “deflate”
    assert unmarked != packed
    assert images_of("a.zip", unmarked, None, LIMITS).classes == ("b", "ä")


def _transparent() -> Image.Image:
    image = Image.new("RGBA", (8, 8), (255, 255, 255, 0))
    image.putpixel((0, 0), (255, 255, 255, 255))
    return image


def _palette() -> Image.Image:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 255, 255, 255])
    image.putpixel((0, 0), 0)
    return image


CORNER = np.pad(np.uint8([[255]]), ((0, 7), (0, 7)))  # white above left on black


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(picture(Image.fromarray(CORNER).convert("1")), CORNER, id="1 bit"),
        pytest.param(picture(np.uint16(CORNER) * 257), CORNER, id="16 bits"),
        pytest.param(picture(_transparent()), CORNER, id="transparent lies on black"),
        pytest.param(picture(_palette()), 255 - CORNER, id="palette"),
        pytest.param(picture(_palette(), transparency=1), 255 - CORNER, id="palette with a clear colour"),
        pytest.param(picture(np.full((8, 8, 3), 90, np.uint8), "JPEG"), np.full((8, 8), 90), id="jpeg"),
        pytest.param(picture(Image.new("CMYK", (8, 8)), "JPEG"), np.full((8, 8), 255), id="jpeg for print"),
    ],
)
def test_every_kind_of_picture_becomes_grey(content: bytes, expected: np.ndarray) -> None:
    images = images_of("a.zip", zipped({f"{place}.png": content for place in range(12)}), None, LIMITS)
    assert np.array_equal(images.train_x[0].reshape(8, 8), expected)


def test_a_photograph_is_turned_as_its_camera_says() -> None:
    left = np.zeros((16, 8), np.uint8)
    left[:8] = 255  # above, until it is turned by a quarter
    exif = Image.Exif()
    exif[0x0112] = 6
    content = picture(left, "JPEG", quality=100, exif=exif)
    images = images_of("a.zip", zipped({f"{place}.jpg": content for place in range(12)}), None, LIMITS)
    assert images.shape == (1, 8, 16)
    turned = images.train_x[0].reshape(8, 16)
    assert turned[:, 8:].mean() > 250 and turned[:, :8].mean() < 5


@pytest.mark.parametrize("size", [(28, 28), (16, 32), (64, 64)])
def test_images_are_resized_to_exactly_what_is_asked(size: tuple[int, int]) -> None:
    mixed = {f"{place}.png": picture(np.full((5 + place, 100), 7 * place, np.uint8)) for place in range(20)}
    even = [np.full(size, 7 * place) for place in range(20)]
    for name, data in {
        "a.zip": zipped(dict(sorted(mixed.items()))),
        "a.npz": npz(images=np.stack([np.full((70, 80), 7 * place, np.uint8) for place in range(20)])),
        "a.csv": csv(np.stack([np.full((6, 6), 7 * place) for place in range(20)])),
    }.items():
        images = images_of(name, data, size, LIMITS)
        assert images.shape == (1, *size)
        found = sorted(image.reshape(size).tolist() for image in in_file_order(images)[0])
        assert found == sorted(image.tolist() for image in even)


def test_an_edge_stays_where_it_is_when_resized() -> None:
    half = np.zeros((COUNT, 16, 16), np.uint8)
    half[:, :, 8:] = 200
    x, _ = in_file_order(images_of("a.npz", npz(images=half), (8, 4), LIMITS))
    assert (x[..., 0] < 15).all() and (abs(x[..., 3].astype(int) - 200) < 15).all()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.zip", zipped(pictures(grey(COUNT, 65, 8)))),
        ("a.zip", zipped(pictures(grey(12)) | pictures(grey(12, 9, 8), "z{}.png"))),
        ("a.npz", npz(images=grey(COUNT, 8, 65))),
        ("a.csv", csv(grey(12, 65, 65))),
    ],
    ids=["large", "mixed", "npz", "csv"],
)
def test_what_resizing_would_put_right_says_so(name: str, data: bytes) -> None:
    with pytest.raises(NeedsSize, match=r"(?i)choose a size to resize"):
        images_of(name, data, None, LIMITS)
    assert images_of(name, data, (8, 8), LIMITS).shape == (1, 8, 8)


def test_the_same_images_have_one_hash_whatever_file_they_come_in(tmp_path: Path) -> None:
    labelled = [f"{name:02d}" for name in range(COUNT)]  # one order by name, by number and by place
    files = {f"{label}/x.png": picture(image) for label, image in zip(labelled, WHOLE, strict=True)}
    variants = {
        "a.npz": npz(images=WHOLE, labels=np.array(labelled)),
        "again.npz": npz(labels=np.array(labelled), images=FRACTIONS),
        "a.csv": csv(WHOLE, labelled),
        "a.zip": zipped(files),
        "other.zip": zipped(dict(reversed(files.items())), zipfile.ZIP_STORED),
    }
    hashes = {name: images_of(name, data, None, LIMITS).hash for name, data in variants.items()}
    assert len(set(hashes.values())) == 1, hashes
    changed = WHOLE.copy()
    changed[5, 3, 3] ^= 1
    assert images_of("a.npz", npz(images=changed, labels=np.array(labelled)), None, LIMITS).hash not in hashes.values()
    other = [*labelled[:-2], labelled[-1], labelled[-2]]
    assert images_of("a.csv", csv(WHOLE, other), None, LIMITS).hash not in hashes.values()


@pytest.mark.parametrize("count", [12, 17, 18, 300])
def test_a_sixth_is_held_out(count: int) -> None:
    images = images_of("a.npz", npz(images=grey(count)), None, LIMITS)
    assert len(images.test_x) == count // 6
    assert len(images.train_x) == count - count // 6
    assert validation_size(len(images.train_x)) < len(images.train_x)


def test_limits_come_from_the_environment() -> None:
    limits = Limits.of(Settings.from_environment({"VAE_MAX_UPLOAD_MB": "3", "VAE_MAX_IMAGES": "40"}))
    assert (limits.upload_bytes, limits.images) == (3 << 20, 40)


def test_a_summary_is_that_of_the_numbers_themselves() -> None:
    images = images_of("a.npz", npz(images=WHOLE, labels=np.arange(COUNT) % 4), None, LIMITS)
    found, x = summarise(images), images.train_x / 255
    assert found.train_counts.tolist() == [(images.train_y == label).sum() for label in range(4)]
    assert found.test_counts.sum() == len(images.test_x)
    assert found.mean_image == pytest.approx(x.mean(axis=0), abs=1e-6)
    for label in range(4):
        assert found.class_means[label] == pytest.approx(x[images.train_y == label].mean(axis=0), abs=1e-6)
    assert (found.mean, found.std) == (pytest.approx(x.mean()), pytest.approx(x.std()))


def test_ten_thousand_pictures_are_read_with_progress() -> None:
    """The issue asks for 10 s; a machine of any kind gets thirty, the seconds are printed."""
    data = zipped(pictures(grey(10_000, 28, 28), "{}.png"))
    told: list[float] = []
    started = time.perf_counter()
    images = images_of("a.zip", data, None, Limits(200 << 20, 20_000), lambda share, _: told.append(share))
    seconds = time.perf_counter() - started
    print(f"\n{seconds:.2f} s for 10,000 pictures")
    assert len(images.train_x) + len(images.test_x) == 10_000
    assert seconds < 30
    assert told == sorted(told) and told[0] == 0 and told[-1] == 1 and len(told) > 100
