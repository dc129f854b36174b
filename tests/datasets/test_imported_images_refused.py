"""Files that are refused, each fed to the reader as a visitor would: one sentence, and nothing stored."""

from __future__ import annotations

import numpy as np
import pytest
from files import COUNT, LIMITS, black_png, csv, images_of, npz, zipped
from PIL import Image
from refused_files import FILES, GREY, REFUSED, lying_about_its_size

from vae.datasets.imported import Limits
from vae.datasets.imported.archive import Unpacker, opened
from vae.errors import InputError


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_is_told_in_one_sentence(kind: str) -> None:
    name, content, sentence = REFUSED[kind]
    data = content()
    with pytest.raises(InputError) as problem:
        images_of(name, data, None, LIMITS)
    text = str(problem.value)
    assert sentence in text
    assert text.endswith(".") and len(text) < 260 and "\n" not in text


@pytest.mark.parametrize(
    "data",
    [zipped(FILES | {"z.png": bytes(3_000_000)}), lying_about_its_size(), zipped({"a.png": black_png(8000, 8000)})],
)
def test_a_bomb_is_small_as_a_file(data: bytes) -> None:
    """Or it would be the size of the file that is refused above."""
    assert len(data) < LIMITS.upload_bytes / 10


@pytest.mark.parametrize("size", [(3, 8), (65, 8), (0, 0), (-1, 28)])
def test_sizes_beyond_the_limits_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="sides of 4 to 64 pixels"):
        images_of("a.npz", npz(images=GREY), size, LIMITS)


def test_many_pictures_that_are_large_together_are_refused() -> None:
    data = zipped({f"{place}.png": black_png(1000, 1000) for place in range(12)})
    with pytest.raises(InputError, match="more than 4 million pixels together"):
        images_of("a.zip", data, (8, 8), LIMITS)
    assert images_of("a.zip", data, (8, 8), Limits(800_000, 300)).shape == (1, 8, 8)


def test_what_is_really_unpacked_is_counted_entry_by_entry() -> None:
    """Were the headers' claims to pass, this would stop it."""
    # As claimed they would be refused at once, so a generous limit opens them.
    data = zipped({f"{place}.png": bytes(300_000) for place in range(9)})
    archive, entries, _ = opened(data, Limits(1_000_000, 300))
    unpacker, read_so_far = Unpacker(archive, LIMITS), 0
    with pytest.raises(InputError, match="unpacks to more than"):
        for entry in entries:
            read_so_far += len(unpacker.read(entry, 1_000_000))
    assert read_so_far == 900_000 <= LIMITS.unpacked_bytes < 1_200_000


def test_an_entry_is_not_read_beyond_the_largest_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vae.datasets.imported.pictures.PICTURE_BYTES", 10_000)
    with pytest.raises(InputError, match=r"“z.png” in the archive is larger than"):
        images_of("a.zip", zipped(FILES | {"z.png": bytes(10_001)}), None, LIMITS)


def test_damage_anywhere_is_a_sentence_or_does_no_harm() -> None:
    """300 files with a byte or a few changed: InputError, or images of the right kind, and nothing else."""
    draw = np.random.default_rng(0)
    whole = [("a.zip", zipped(FILES)), ("a.npz", npz(images=GREY, labels=np.arange(COUNT))), ("a.csv", csv(GREY))]
    refused = 0
    for _ in range(100):
        for name, data in whole:
            changed = bytearray(data)
            for place in draw.integers(0, len(data), draw.integers(1, 4)):
                changed[place] = draw.integers(0, 256)
            try:
                images = images_of(name, bytes(changed), None, LIMITS)
            except InputError:
                refused += 1
            else:
                assert images.train_x.dtype == np.uint8 and images.train_x.ndim == 2
    assert 100 < refused < 300


def test_reading_leaves_pillow_as_it_was() -> None:
    before = Image.MAX_IMAGE_PIXELS
    with pytest.raises(InputError):
        images_of("a.zip", zipped({f"{place}.png": black_png(8000, 8000) for place in range(12)}), None, LIMITS)
    assert before == Image.MAX_IMAGE_PIXELS
