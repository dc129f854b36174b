"""Images of one's own in colour: pixel for pixel, or grey as asked; and pictures of every kind that holds colours."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
from files import COUNT, LIMITS, csv, grey, images_of, in_file_order, npy, npz, picture, pictures, zipped
from PIL import Image
from pngs import COLOURS, COLOURS_WITH_OPACITY, GREY, GREY_WITH_OPACITY, chunk, exif_chunk, png

from vae.datasets.imported import Choices, Imported, Limits, NeedsSize, read
from vae.errors import InputError

X = np.random.default_rng(3).integers(0, 256, (COUNT, 8, 6, 3), dtype=np.uint8)
DEEP = np.random.default_rng(4).integers(0, 65536, (COUNT, 8, 6, 3), dtype=np.uint16)
ALPHA = np.random.default_rng(5).integers(0, 256, (COUNT, 8, 6), dtype=np.uint8)
ALPHA[:, 0, 0] = 0
TO_GREY = Choices(colours="grey")
PLAIN = Choices()


def luminance(colours: np.ndarray) -> np.ndarray:
    """ITU-R BT.601, as Pillow rounds it: (…, 3) → (…)."""
    return ((colours.astype(np.int64) @ (19595, 38470, 7471) + 32768) >> 16).astype(np.uint8)


def opened(make: Callable[[int], bytes], choices: Choices = PLAIN, ending: str = "png") -> Imported:
    """An archive of `COUNT` pictures, made from their places."""
    data = zipped({f"{place:02d}.{ending}": make(place) for place in range(COUNT)})
    return read("a.zip", data, choices, Limits(2_000_000, 300))


def pixels(imported: Imported) -> np.ndarray:
    return in_file_order(imported.images)[0]


# What becomes of colours


@pytest.mark.parametrize("colours", [None, "kept", "grey"])
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.zip", zipped(pictures(X))),
        ("a.npz", npz(images=X)),
        ("a.npy", npy(X)),
        ("b.npy", npy(X.transpose(0, 3, 1, 2))),
        ("c.npy", npy(np.asfortranarray(X))),
        ("d.npy", npy((X / 255).astype(np.float32))),
        ("e.npy", npy(X.astype(np.uint16) * 257)),
    ],
)
def test_they_are_kept_pixel_for_pixel_or_become_their_luminance(name: str, data: bytes, colours: str | None) -> None:
    imported = read(name, data, Choices(colours=colours), LIMITS)
    assert imported.coloured
    told = " ".join(imported.notes)
    if colours == "grey":
        assert imported.images.shape == (1, 8, 6) and "Colours became grey" in told
        np.testing.assert_array_equal(pixels(imported), luminance(X))
    else:
        assert imported.images.shape == (3, 8, 6) and "Colours are kept" in told
        np.testing.assert_array_equal(pixels(imported), X)


def test_a_row_of_pixels_goes_channel_by_channel_and_row_by_row() -> None:
    """As all data sets of the program have it."""
    images = images_of("a.npy", npy(X))
    whole = np.concatenate([images.test_x, images.train_x])
    assert whole.shape == (COUNT, 3 * 8 * 6) and whole.flags["C_CONTIGUOUS"]
    rows = {image.transpose(2, 0, 1).tobytes() for image in X}
    assert {row.tobytes() for row in whole} == rows


@pytest.mark.parametrize("colours", [None, "kept", "grey"])
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.zip", zipped(pictures(np.repeat(grey()[..., None], 3, axis=-1)))),
        ("b.zip", zipped({f"{i}.jpg": picture(np.full((8, 8, 3), 9 * i, np.uint8), "JPEG") for i in range(COUNT)})),
        ("a.npz", npz(images=np.repeat(grey()[..., None], 3, axis=-1))),
        ("a.npy", npy(np.repeat(grey()[..., None] / 255, 3, axis=-1) + np.array([0, 1e-9, -1e-9]).clip(0))),
        ("a.csv", csv(grey())),
    ],
)
def test_what_is_grey_in_the_file_stays_grey(name: str, data: bytes, colours: str | None) -> None:
    imported = read(name, data, Choices(colours=colours), LIMITS)
    assert not imported.coloured and imported.images.shape == (1, 8, 8)
    assert "olours" not in " ".join(imported.notes)
    assert imported.images.hash == read(name, data, TO_GREY, LIMITS).images.hash


def test_one_coloured_picture_makes_colour_images_of_all() -> None:
    mixed = [image if place == 7 else luminance(image) for place, image in enumerate(X)]
    imported = opened(lambda place: picture(mixed[place]))
    assert "Coloured: 1 of 20 pictures." in " ".join(imported.notes)
    expected = np.stack([image if image.ndim == 3 else np.dstack([image] * 3) for image in mixed])
    np.testing.assert_array_equal(pixels(imported), expected)
    grey_ones = opened(lambda place: picture(mixed[place]), TO_GREY)
    np.testing.assert_array_equal(pixels(grey_ones), luminance(expected))


def test_arrays_of_a_file_may_differ_in_channels() -> None:
    imported = read("a.npz", npz(x_train=X[:14], x_test=luminance(X[14:])), PLAIN, LIMITS)
    x, _ = in_file_order(imported.images, np.arange(COUNT) >= 14)
    np.testing.assert_array_equal(x[:14], X[:14])
    np.testing.assert_array_equal(x[14:], np.repeat(luminance(X[14:])[..., None], 3, axis=-1))


def test_they_are_inverted_and_resized_in_each_channel() -> None:
    np.testing.assert_array_equal(pixels(read("a.npy", npy(X), Choices(invert=True), LIMITS)), 255 - X)
    for name, data in (("a.npy", npy(X)), ("a.zip", zipped(pictures(X)))):
        imported = read(name, data, Choices(size=(4, 12)), LIMITS)
        assert imported.images.shape == (3, 4, 12)
        for channel in range(3):
            alone = read("a.npy", npy(X[..., channel]), Choices(size=(4, 12)), LIMITS)
            np.testing.assert_array_equal(pixels(imported)[..., channel], pixels(alone))


def test_what_looks_wrong_is_told_of_colours_as_well() -> None:
    dark = read("a.npy", npy(X // 8), PLAIN, LIMITS)
    assert "brightest pixel is 31 of 255" in " ".join(dark.warnings)
    paper = np.full_like(X, 240)
    paper[:, 3:5, 2:4] = X[:, 3:5, 2:4] // 2
    assert "dark on light" in " ".join(read("a.npy", npy(paper), PLAIN, LIMITS).warnings)
    assert read("a.npy", npy(X), PLAIN, LIMITS).warnings == ()


@pytest.mark.parametrize("name", ["a.npz", "a.zip"])
def test_limits_count_channels(name: str) -> None:
    plain = np.zeros((COUNT, 30, 40, 3), np.uint8) + np.uint8([0, 9, 9])  # small as a file
    data = zipped(pictures(plain)) if name == "a.zip" else npz_deflated(images=plain)
    small = Limits(plain.size - 1, 300)
    sentence = r"20 images of 1,200 coloured pixels would take .*make them grey, or take fewer"
    with pytest.raises(InputError, match=sentence):
        read(name, data, PLAIN, small)
    assert read(name, data, TO_GREY, small).images.shape == (1, 30, 40)
    assert read(name, data, PLAIN, Limits(plain.size, 300)).images.shape == (3, 30, 40)


def npz_deflated(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def test_pictures_of_two_sizes_are_refused_whatever_their_colours() -> None:
    with pytest.raises(NeedsSize, match=r"“19.png” has 9×6 pixels, those before it 8×6"):
        opened(lambda place: picture(np.zeros((9, 6), np.uint8) if place == 19 else X[place]))


def test_colours_in_a_csv_are_refused_with_a_way_out() -> None:
    with pytest.raises(InputError, match=r"if they are colours, bring pictures or an \.npz") as problem:
        read("a.csv", csv(X[:, :6].reshape(COUNT, -1), ["1"] * COUNT), PLAIN, LIMITS)
    assert len(str(problem.value)) < 260


# Kinds of pictures


def palette(place: int, transparent: bool = False) -> bytes:
    """256 colours; the picture's pixels are places in it."""
    image = Image.fromarray(X[place, ..., 0])
    image = image.convert("P")
    image.putdata([int(value) for value in X[place, ..., 0].ravel()])
    image.putpalette(PALETTE.tobytes())
    return picture(image, **({"transparency": bytes(range(256))} if transparent else {}))


PALETTE = np.random.default_rng(6).integers(0, 256, (256, 3), dtype=np.uint8)


def composed(colours: np.ndarray, opacity: np.ndarray, paper: int) -> np.ndarray:
    share = opacity[..., None] / 255
    return colours * share + paper * (1 - share)


def with_alpha(place: int) -> bytes:
    return picture(Image.fromarray(np.dstack([X[place], ALPHA[place]])))


def test_a_palette_is_looked_up() -> None:
    np.testing.assert_array_equal(pixels(opened(palette)), PALETTE[X[..., 0]])


@pytest.mark.parametrize("paper", ["black", "white"])
def test_what_is_transparent_lies_on_paper(paper: str) -> None:
    level = {"black": 0, "white": 255}[paper]
    imported = opened(with_alpha, Choices(paper=paper))
    assert f"20 transparent pictures lie on {paper} paper." in " ".join(imported.notes)
    assert np.abs(pixels(imported) - composed(X, ALPHA, level)).max() <= 1
    assert (pixels(imported)[:, 0, 0] == level).all(), "the paper itself, where nothing is opaque"
    of_palette = opened(lambda place: palette(place, transparent=True), Choices(paper=paper))
    assert np.abs(pixels(of_palette) - composed(PALETTE[X[..., 0]], X[..., 0], level)).max() <= 1


@pytest.mark.parametrize(("level", "paper"), [(30, "white"), (220, "black")])
def test_paper_is_chosen_by_what_pictures_show(level: int, paper: str) -> None:
    """Dark ones lie on white, light ones on black; the same in colour and in grey."""
    ink = np.full((8, 6, 3), level, np.uint8)
    ink[..., 2] += 20

    def made(place: int) -> bytes:
        return picture(Image.fromarray(np.dstack([ink, ALPHA[place]])))

    for choices in (PLAIN, TO_GREY):
        assert f"lie on {paper} paper, because" in " ".join(opened(made, choices).notes)


def test_a_colour_that_nobody_sees_makes_no_colour_image() -> None:
    """Wholly transparent pixels often keep some colour."""
    shown = np.dstack([luminance(X[0])] * 3)

    def made(place: int) -> bytes:
        opaque = np.arange(48).reshape(8, 6) % (place + 2) > 0
        return picture(
            Image.fromarray(np.dstack([np.where(opaque[..., None], shown, X[place]), opaque * np.uint8(255)]))
        )

    assert opened(made).images.shape == (1, 8, 6)


def test_an_opaque_alpha_channel_changes_nothing() -> None:
    made = opened(lambda place: picture(Image.fromarray(np.dstack([X[place], np.full((8, 6), 255, np.uint8)]))))
    np.testing.assert_array_equal(pixels(made), X)
    assert "transparent" not in " ".join(made.notes)


def test_one_colour_that_is_transparent() -> None:
    clear = tuple(int(value) for value in X[0, 2, 3])
    made = opened(lambda place: png(X[0], COLOURS, 8, transparent=clear), Choices(paper="white"))
    expected = np.where((X[0] == clear).all(axis=-1, keepdims=True), 255, X[0])
    assert (expected[2, 3] == 255).all()
    np.testing.assert_array_equal(pixels(made)[0], expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "16 bits"])
def test_pictures_stand_upright_as_their_camera_says(kind: str, orientation: int) -> None:
    """Of the eight orientations of EXIF: by NumPy here, by Pillow there."""
    upright = np.zeros((16, 8, 3), np.uint8) + np.uint8([20, 40, 60])
    upright[:8, :4], upright[8:, 4:] = (250, 30, 10), (10, 30, 250)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    if kind == "16 bits":
        content = png(stored.astype(np.uint16) * 257, COLOURS, extra=exif_chunk(orientation))
    elif kind == "PNG":
        content = picture(np.ascontiguousarray(stored), exif=exif)
    else:
        content = picture(np.ascontiguousarray(stored), "JPEG", quality=100, subsampling=0, exif=exif)
    imported = opened(lambda place: content, ending="png" if kind != "JPEG" else "jpg")
    assert imported.images.shape == (3, 16, 8)
    assert np.abs(pixels(imported)[0].astype(int) - upright).max() <= (2 if kind == "JPEG" else 0)


# 16 bits a channel


def test_colours_of_16_bits_are_read_whole() -> None:
    imported = opened(lambda place: png(DEEP[place], COLOURS))
    np.testing.assert_array_equal(pixels(imported), DEEP // 257)
    eight = opened(lambda place: png(X[place].astype(np.uint16) * 257, COLOURS))
    np.testing.assert_array_equal(pixels(eight), X)
    made_grey = opened(lambda place: png(X[place].astype(np.uint16) * 257, COLOURS), TO_GREY)
    np.testing.assert_array_equal(pixels(made_grey), luminance(X))


def test_colours_of_16_bits_that_hold_no_more_than_8_are_not_black() -> None:
    """Pillow alone would read the first byte of each number, which is 0."""
    imported = opened(lambda place: png(X[place].astype(np.uint16), COLOURS))
    np.testing.assert_array_equal(pixels(imported), X)
    assert "hold nothing above 255" in " ".join(imported.notes)
    twelve = opened(lambda place: png(X[place].astype(np.uint16) * 16, COLOURS), Choices(white=4080))
    np.testing.assert_array_equal(pixels(twelve), X)
    with pytest.raises(InputError, match="White can't be 100"):
        opened(lambda place: png(DEEP[place], COLOURS), Choices(white=100))


@pytest.mark.parametrize("paper", ["black", "white"])
@pytest.mark.parametrize("top", [257, 1], ids=["in full", "no more than 8 bits"])
def test_opacity_of_16_bits(paper: str, top: int) -> None:
    opacity = ALPHA.astype(np.uint16) * 257
    level = {"black": 0, "white": 255}[paper]

    def made(place: int) -> bytes:
        return png(np.dstack([X[place].astype(np.uint16) * top, opacity[place]]), COLOURS_WITH_OPACITY)

    imported = opened(made, Choices(paper=paper))
    assert np.abs(pixels(imported) - composed(X, ALPHA, level)).max() <= 1
    shades = opened(
        lambda place: png(np.dstack([X[place, ..., 0].astype(np.uint16) * top, opacity[place]]), GREY_WITH_OPACITY),
        Choices(paper=paper),
    )
    assert shades.images.shape == (1, 8, 6)
    assert np.abs(pixels(shades) - composed(X[..., :1], ALPHA, level)[..., 0]).max() <= 1


def test_paper_of_16_bits_is_chosen_as_that_of_8() -> None:
    for level, paper in ((30, "white"), (220, "black")):
        ink = np.full((8, 6, 3), level, np.uint16) * 257
        imported = opened(
            lambda place, ink=ink: png(np.dstack([ink, ALPHA[place].astype(np.uint16) * 257]), COLOURS_WITH_OPACITY)
        )
        assert f"lie on {paper} paper, because" in " ".join(imported.notes)


def test_one_colour_of_16_bits_that_is_transparent() -> None:
    """Its second bytes count: another colour with the same first ones stays."""
    numbers = DEEP[0].copy()
    numbers[1, 1], numbers[1, 2] = (0x1234, 0x5678, 0x9ABC), (0x1234, 0x5678, 0x9ABD)
    imported = opened(lambda place: png(numbers, COLOURS, transparent=(0x1234, 0x5678, 0x9ABC)), Choices(paper="white"))
    expected = numbers // 257
    expected[1, 1] = 255
    np.testing.assert_array_equal(pixels(imported)[0], expected)
    shades = opened(lambda place: png(numbers[..., 0], GREY, transparent=(0x1234,)), Choices(paper="white"))
    np.testing.assert_array_equal(pixels(shades)[0], np.where(numbers[..., 0] == 0x1234, 255, numbers[..., 0] // 257))


def test_pictures_of_16_bits_are_resized_in_all_their_bits() -> None:
    ramp = np.linspace(0, 65535, 16 * 12 * 3).reshape(16, 12, 3).astype(np.uint16)
    imported = opened(lambda place: png(ramp, COLOURS), Choices(size=(8, 6)))
    for channel in range(3):
        alone = Image.fromarray(ramp[..., channel].astype(np.float32)).resize((6, 8), Image.Resampling.LANCZOS)
        np.testing.assert_array_equal(pixels(imported)[0, ..., channel], np.clip(np.asarray(alone) // 257, 0, 255))


def test_colours_of_8_and_of_16_bits_in_one_archive() -> None:
    imported = opened(lambda place: picture(X[place]) if place % 2 else png(X[place].astype(np.uint16) * 257, COLOURS))
    np.testing.assert_array_equal(pixels(imported), X)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_grey_of_few_bits_runs_from_black_to_white(depth: int) -> None:
    numbers = X[0, ..., 0] >> (8 - depth)
    imported = opened(lambda place: png(numbers, GREY, depth))
    np.testing.assert_array_equal(pixels(imported)[0], numbers.astype(int) * 255 // (2**depth - 1))


# Other kinds


def test_a_picture_for_print_becomes_red_green_and_blue_and_that_is_said() -> None:
    image = Image.fromarray(np.full((8, 6, 3), (200, 100, 50), np.uint8)).convert("CMYK")
    imported = opened(lambda place: picture(image, "JPEG", quality=100), ending="jpg")
    assert "Pictures for print (CMYK) were read without their colour profile: 20." in " ".join(imported.notes)
    assert np.abs(pixels(imported)[0].astype(int) - (200, 100, 50)).max() <= 3


def test_a_jpeg_is_what_its_decoder_says() -> None:
    contents = [picture(image, "JPEG", quality=90) for image in X]
    imported = opened(lambda place: contents[place], ending="jpg")
    expected = [np.asarray(Image.open(io.BytesIO(content))) for content in contents]
    np.testing.assert_array_equal(pixels(imported), np.stack(expected))


def test_of_an_animation_the_first_picture_is_read_and_that_is_said() -> None:
    later = [Image.fromarray(255 - X[0])]
    imported = opened(lambda place: picture(Image.fromarray(X[place]), save_all=True, append_images=later))
    assert "Of animated pictures only the first one was read: 20." in " ".join(imported.notes)
    np.testing.assert_array_equal(pixels(imported), X)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "BMP"])
def test_other_kinds_are_refused_with_a_sentence_even_under_another_name(kind: str) -> None:
    later = {"save_all": True, "append_images": [Image.fromarray(255 - X[0])]} if kind == "GIF" else {}
    content = picture(Image.fromarray(X[0]), kind, **later)
    for ending, sentence in ((kind.lower(), "is neither .png nor .jpg"), ("png", "is neither a PNG nor a JPEG")):
        with pytest.raises(InputError, match=sentence):
            opened(lambda place, content=content: content, ending=ending)


def test_damaged_colours_of_16_bits_are_a_sentence() -> None:
    whole = png(DEEP[0], COLOURS)
    for content in (whole[:-60], whole.replace(b"IDAT", b"IDAX"), whole[:100] + chunk(b"IEND", b"")):
        with pytest.raises(InputError, match=r"“00.png” is a damaged picture\.|neither a PNG"):
            opened(lambda place, content=content: content)


# In one go


def ten_thousand(side: int, kind: str) -> tuple[bytes, list[bytes]]:
    """An archive of smooth coloured pictures in ten folders, and their files."""
    base = np.random.default_rng(0).integers(0, 256, (10_000, 4, 4, 3), dtype=np.uint8)
    contents = [
        picture(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC), kind, compress_level=1)
        for image in base
    ]
    named = {f"{place % 10}/{place:05d}.{kind.lower()}": content for place, content in enumerate(contents)}
    return zipped(named, zipfile.ZIP_STORED), [named[name] for name in sorted(named)]


@pytest.mark.slow
@pytest.mark.parametrize(("side", "kind"), [(32, "PNG"), (28, "JPEG")])
def test_ten_thousand_coloured_pictures_are_read_pixel_for_pixel_in_ten_seconds(side: int, kind: str) -> None:
    data, contents = ten_thousand(side, kind)
    told: list[float] = []
    started = time.perf_counter()
    imported = read("a.zip", data, PLAIN, Limits(200 << 20, 20_000), lambda share, _: told.append(share))
    seconds = time.perf_counter() - started
    print(f"\n{seconds:.2f} s for 10,000 coloured pictures ({kind}, {side}×{side})")
    x, labels = in_file_order(imported.images)
    np.testing.assert_array_equal(x, np.stack([np.asarray(Image.open(io.BytesIO(content))) for content in contents]))
    assert labels == [str(place // 1000) for place in range(10_000)]
    assert told == sorted(told) and len(told) > 100
    assert seconds < 10
