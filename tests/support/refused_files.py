"""Files that must be refused, made by hand: bombs, path tricks, pickles, broken and foreign ones."""

from __future__ import annotations

import io
import stat
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
from files import COUNT, LIMITS, black_png, csv, grey, npz, picture, pictures, zipped
from PIL.PngImagePlugin import PngInfo

GREY = grey()
FILES = pictures(GREY)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
GIF = picture(GREY[0], "GIF")


def objects() -> bytes:
    """np.savez of an object array: a pickle."""
    return npz(images=np.array([GREY[0], None], dtype=object))


def with_entry(info: zipfile.ZipInfo, content: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, image in FILES.items():
            archive.writestr(name, image)
        archive.writestr(info, content)
    return buffer.getvalue()


def link() -> bytes:
    info = zipfile.ZipInfo("link.png")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return with_entry(info, b"/etc/passwd")


def encrypted() -> bytes:
    """The flag of every entry's two headers says so."""
    data = bytearray(zipped(FILES))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(signature)
        while place >= 0:
            data[place + offset] |= 1
            place = data.find(signature, place + 4)
    return bytes(data)


def wrongly_named() -> bytes:
    """Found by the fuzz: bytes that are no UTF-8, with the flag that says they are."""
    return zipped({"ü.png": b"x"}).replace("ü".encode(), b"\xff\xff")


def claiming(header: dict[str, object], content: bytes) -> bytes:
    """An .npz whose array says one thing and holds another."""
    array = io.BytesIO()
    np.lib.format.write_array_header_1_0(array, header)
    return zipped({"images.npy": array.getvalue() + content})


def array_of(shape: tuple[int, ...], content: bytes, descr: str = "|u1") -> bytes:
    return claiming({"descr": descr, "fortran_order": False, "shape": shape}, content)


def unparsable() -> bytes:
    """Found by the fuzz: a bracket that is never closed, which Python's tokenizer has an error of its own for."""
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (20, 8, 8), }".ljust(100) + b"(1"
    return zipped({"images.npy": b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(1280)})


def lying_about_its_size() -> bytes:
    """A bomb whose headers say that it unpacks to 100 bytes."""
    data = bytearray(zipped(FILES | {"z.png": bytes(3_000_000)}))
    size = struct.pack("<I", 3_000_000)
    assert data.count(size) == 2
    return bytes(data.replace(size, struct.pack("<I", 100)))


def quine_of_entries() -> bytes:
    """Many names for one and the same packed bytes, as in Fifield's overlapping bomb (2019)."""
    data = zipped({"a.png": bytes(900_000)})
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry, count = data[start:end], 50
    tail = bytearray(data[end:])
    tail[8:16] = struct.pack("<HHI", count, count, len(entry) * count)
    return data[:start] + entry * count + bytes(tail)


def many_entries() -> bytes:
    return zipped({f"{place}.png": b"" for place in range(2 * LIMITS.images + 11)}, zipfile.ZIP_STORED)


def much_text() -> PngInfo:
    text = PngInfo()
    text.add_text("comment", "x" * 2_000_000, zip=True)
    return text


def cut(content: bytes, share: float = 0.6) -> bytes:
    return content[: int(len(content) * share)]


def damaged(data: bytes, at: float = 0.4) -> bytes:
    """One byte of it is another one."""
    place = int(len(data) * at)
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


def with_pixel(value: float) -> np.ndarray:
    images = GREY / 255
    images[3, 2, 1] = value
    return images


def line(number: int, text: str) -> bytes:
    """A good CSV, but for one line."""
    lines = csv(GREY).split(b"\n")
    lines[number - 1] = text.encode()
    return b"\n".join(lines)


PROGRAM = Path(sys.executable).read_bytes()[:5000]  # the start of a real one


def npz_deflated(images: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, images=images)
    return buffer.getvalue()


PIXELS = ",".join(["0"] * 63)
REFUSED = {
    # file name → what the sentence says, content
    "pickled array": ("a.npz", objects, "holds pickled Python objects"),
    "pickled labels": ("a.npz", lambda: npz(images=GREY, labels=np.array([[1], None] * 10, object)), "pickled Python"),
    "pickle called npz": ("a.npz", lambda: b"\x80\x04\x95cos\nsystem\n", "not a zip archive"),
    "record type with objects": (
        "a.npz",
        lambda: npz(images=np.zeros(COUNT, [("a", object), ("b", "u1")])),
        "holds pickled Python objects",
    ),
    # bombs
    "zip bomb, as pictures": ("a.zip", lambda: zipped(FILES | {"z.png": bytes(3_000_000)}), "unpacks to more than"),
    "zip bomb with lying headers": ("a.zip", lying_about_its_size, "“z.png” in the archive is damaged"),
    "zip bomb of overlapping entries": ("a.zip", quine_of_entries, "unpacks to more than"),
    "zip bomb, as an array": ("a.npz", lambda: npz_deflated(np.zeros((COUNT, 400, 400))), "unpacks to more than"),
    "array header beyond any memory": ("a.npz", lambda: array_of((10**12, 28, 28), b"0"), "unpacks to more than"),
    "array header beyond all integers": ("a.npz", lambda: array_of((10**30, 8, 8), b"0"), "unpacks to more than"),
    "array header that no parser reads": ("a.npz", unparsable, "not a NumPy array"),
    "array header with a negative length": ("a.npz", lambda: array_of((-1, 8, 8), b"0"), "not a NumPy array"),
    "bzip2 bomb": (
        "a.zip",
        lambda: zipped(FILES | {"z.png": bytes(900_000)}, zipfile.ZIP_BZIP2),
        "packed in an unusual way",
    ),
    "decompression bomb": ("a.zip", lambda: zipped(FILES | {"z.png": black_png(8000, 8000)}), "more than 32 million"),
    "decompression bomb that Pillow stops": (
        "a.zip",
        lambda: zipped({**FILES, "z.png": black_png(20_000, 10_000)}),
        "more than 32 million pixels",
    ),
    "text chunk that unpacks to megabytes": (
        "a.zip",
        lambda: zipped(FILES | {"z.png": picture(GREY[0], pnginfo=much_text())}),
        "“z.png” is a damaged picture",
    ),
    "too many entries": ("a.zip", many_entries, "more than the 610 files and folders"),
    "archive in the archive": ("a.zip", lambda: zipped(FILES | {"b.zip": zipped(FILES)}), "archive in the archive"),
    "archive called png": ("a.zip", lambda: zipped(FILES | {"z.png": zipped(FILES)}), "neither a PNG nor a JPEG"),
    # path tricks
    "dots": ("a.zip", lambda: zipped(FILES | {"../../etc/cron.png": b"x"}), "leads out of its folder"),
    "dots inside": ("a.zip", lambda: zipped(FILES | {"a/../../b.png": b"x"}), "leads out of its folder"),
    "dots of a folder": ("a.zip", lambda: zipped(FILES | {"../": b""}), "leads out of its folder"),
    "absolute": ("a.zip", lambda: zipped(FILES | {"/etc/passwd.png": b"x"}), "leads out of its folder"),
    "drive": ("a.zip", lambda: zipped(FILES | {"C:/a.png": b"x"}), "leads out of its folder"),
    "backslashes": ("a.zip", lambda: zipped(FILES | {"..\\..\\a.png": b"x"}), "leads out of its folder"),
    "drive and backslash": ("a.zip", lambda: zipped(FILES | {"C:\\a.png": b"x"}), "leads out of its folder"),
    "absolute with backslashes": (
        "a.zip",
        lambda: zipped(FILES | {"\\\\server\\a.png": b"x"}),
        "leads out of its folder",
    ),
    "control character": ("a.zip", lambda: zipped(FILES | {"a\n.png": b"x"}), "“a�.png” in the archive holds"),
    "dots in an npz": ("a.npz", lambda: zipped({"../images.npy": b"x"}), "leads out of its folder"),
    "link": ("a.zip", link, "is a link"),
    "encrypted": ("a.zip", encrypted, "is encrypted"),
    "a name that is not the UTF-8 it says": ("a.zip", wrongly_named, "not a zip archive, or a damaged one"),
    # more than the limits, or less
    "large file": ("a.csv", lambda: b"0," * 100_001, "0.19 MB are allowed here"),
    "too many images in an npz": ("a.npz", lambda: npz(images=grey(301, 4, 4)), "more than the 300 images"),
    "too many images in a zip": ("a.zip", lambda: zipped(pictures(grey(301, 4, 4))), "more than the 300 images"),
    "too many images in a csv": ("a.csv", lambda: csv(grey(301, 4, 4)), "more than the 300 images"),
    "more than may be stored": ("a.npz", lambda: npz_deflated(np.zeros((300, 30, 30), "u1")), "in the database"),
    "more pictures than may be stored": (
        "a.zip",
        lambda: zipped({f"{place}.png": black_png(64, 64) for place in range(60)}),
        "in the database",
    ),
    "one image in an npz": ("a.npz", lambda: npz(images=GREY[:1]), "only 1 image;"),
    "one image in a zip": ("a.zip", lambda: zipped({"a.png": FILES["00000.png"]}), "only 1 image;"),
    "one image in a csv": ("a.csv", lambda: csv(GREY[:1]), "only 1 image;"),
    "eleven images": ("a.npz", lambda: npz(images=GREY[:11]), "only 11 images; at least 12"),
    "no image in an npz": ("a.npz", lambda: npz(images=GREY[:0]), "holds no image"),
    "no image in a zip": ("a.zip", lambda: zipped({}), "holds no image"),
    "no line in a csv": ("a.csv", lambda: b"\n\n", "holds no image"),
    "tiny images": ("a.npz", lambda: npz(images=grey(COUNT, 3, 8)), "3×8 pixels; at least 4×4"),
    "tiny pictures": ("a.zip", lambda: zipped(pictures(grey(COUNT, 8, 3))), "8×3 pixels; at least 4×4"),
    "tiny lines": ("a.csv", lambda: csv(grey(COUNT, 3, 3)), "3×3 pixels; at least 4×4"),
    # numbers
    "NaN": ("a.npz", lambda: npz(images=with_pixel(np.nan)), "NaN or infinite"),
    "infinite": ("a.npz", lambda: npz(images=with_pixel(np.inf)), "NaN or infinite"),
    "NaN in a csv": ("a.csv", lambda: csv(with_pixel(np.nan)), "NaN or infinite"),
    "infinite in a csv": ("a.csv", lambda: line(5, f"1,1e999,{PIXELS}"), "NaN or infinite"),
    "negative": ("a.npz", lambda: npz(images=with_pixel(-0.1)), "run from -0.1 to"),
    "above white": ("a.npz", lambda: npz(images=GREY.astype(int) + 1), "to 256."),
    "fractions above one": ("a.npz", lambda: npz(images=with_pixel(1.5)), "to 1.5, with fractions"),
    "complex": ("a.npz", lambda: npz(images=GREY.astype(complex)), "must be numbers"),
    "text for pixels": ("a.npz", lambda: npz(images=GREY.astype(str)), "must be numbers"),
    "times for pixels": ("a.npz", lambda: npz(images=GREY.astype("M8[s]")), "must be numbers"),
    # shapes
    "one number": ("a.npz", lambda: npz(images=np.uint8(3)), "have the shape ()"),
    "a row": ("a.npz", lambda: npz(images=GREY[:, 0, 0]), "have the shape (20,)"),
    "flat, no square": ("a.npz", lambda: npz(images=grey(COUNT, 7, 8).reshape(COUNT, 56)), "have the shape (20, 56)"),
    "four channels": ("a.npz", lambda: npz(images=np.zeros((COUNT, 8, 8, 4), "u1")), "have the shape (20, 8, 8, 4)"),
    "films": ("a.npz", lambda: npz(images=np.zeros((COUNT, 2, 8, 8, 1), "u1")), "have the shape (20, 2, 8, 8, 1)"),
    "no width": ("a.npz", lambda: npz(images=np.zeros((COUNT, 8, 0), "u1")), "8×0 pixels"),
    "mixed sizes": ("a.zip", lambda: zipped(FILES | {"z.png": picture(grey(1, 9, 8)[0])}), "“z.png” has 9×8 pixels"),
    "too large without a size": ("a.npz", lambda: npz(images=grey(12, 8, 65)), "more than 64×64"),
    "lines of two lengths": ("a.csv", lambda: line(5, f"1,{PIXELS}"), "Line 5 has 63 pixels, those before it 64"),
    "lines that are no squares": ("a.csv", lambda: csv(grey(COUNT, 7, 8)), "Line 1 has 56 pixels after its label"),
    "lines that are words": ("a.csv", lambda: b"one two\n" * COUNT, "with commas between them"),
    # labels
    "other number of labels": ("a.npz", lambda: npz(images=GREY, labels=np.zeros(19, int)), "have the shape (19,)"),
    "two numbers for a label": ("a.npz", lambda: npz(images=GREY, labels=np.full((COUNT, 2), 3)), "shape (20, 2)"),
    "fractions as labels": ("a.npz", lambda: npz(images=GREY, labels=np.linspace(0, 1, COUNT)), "whole numbers or"),
    "bytes as labels": ("a.npz", lambda: npz(images=GREY, labels=np.array([b"a"] * COUNT)), "whole numbers or text"),
    "too many classes": ("a.npz", lambda: npz(images=grey(256, 4, 4), labels=np.arange(256)), "256 different labels"),
    "markup as a label": ("a.csv", lambda: csv(GREY, ["<img src=x onerror=alert(1)>"] * COUNT), "A class is called"),
    "link as a label": ("a.csv", lambda: csv(GREY, ["[a](http://b)"] * COUNT), "A class is called"),
    "novel as a label": ("a.csv", lambda: csv(GREY, ["a" * 33] * COUNT), "1 to 32 letters"),
    "a line without a label": ("a.csv", lambda: csv(GREY, ["a"] * 19 + [""]), "Image 20 has no label"),
    "a picture without a folder": ("a.zip", lambda: zipped(pictures(GREY, "a/{}.png") | FILES), "lies in no folder"),
    # broken files
    "empty file": ("a.npz", lambda: b"", "is empty"),
    "half an npz": ("a.npz", lambda: cut(npz(images=GREY)), "not a zip archive, or a damaged one"),
    "half a zip": ("a.zip", lambda: cut(zipped(FILES)), "not a zip archive, or a damaged one"),
    "an altered npz": (
        "a.npz",
        lambda: damaged(npz(images=grey(COUNT, 32, 32))),
        "“images.npy” in the archive is damaged",
    ),
    "an altered zip": ("a.zip", lambda: damaged(zipped(FILES), 0.3), "in the archive is damaged"),
    "an array that ends early": ("a.npz", lambda: array_of((COUNT, 8, 8), bytes(100)), "is damaged"),
    "an array that goes on": ("a.npz", lambda: array_of((COUNT, 8, 8), bytes(COUNT * 64 + 1)), "is damaged"),
    "no array": ("a.npz", lambda: zipped({"images.npy": b"not an array"}), "not a NumPy array"),
    "a huge header": (
        "a.npz",
        lambda: zipped({"images.npy": b"\x93NUMPY\x02\x00\xff\xff\xff\x7f"}),
        "not a NumPy array",
    ),
    "an npz without images": ("a.npz", lambda: npz(a=GREY, b=GREY), "“images”, and may have one called “labels”"),
    "a split of its own with too few to test": (
        "a.npz",
        lambda: npz(x_train=GREY[:19], x_test=GREY[19:]),
        "19 images to learn from and 1 for testing",
    ),
    "a split of its own with none to learn from": (
        "a.npz",
        lambda: npz(x_train=GREY[:0], x_test=GREY),
        "0 images to learn from and 20 for testing",
    ),
    "labels that are images": ("a.npz", lambda: npz(x=GREY, y=GREY), "The labels have the shape (20, 8, 8)"),
    "a zip called npz": ("a.npz", lambda: zipped(FILES), "It needs an array called “images”"),
    "an npz called zip": ("a.zip", lambda: npz(images=GREY), "neither .png nor .jpg"),
    "half a png": ("a.zip", lambda: zipped(FILES | {"z.png": cut(FILES["00000.png"])}), "“z.png” is a damaged picture"),
    "half a jpeg": (
        "a.zip",
        lambda: zipped(FILES | {"z.jpg": cut(picture(GREY[0], "JPEG"), 0.9)}),
        "“z.jpg” is a damaged picture",
    ),
    "an altered png": (
        "a.zip",
        lambda: zipped(FILES | {"z.png": damaged(FILES["00000.png"], 0.5)}),
        "“z.png” is a damaged picture",
    ),
    "an empty png": ("a.zip", lambda: zipped(FILES | {"z.png": b""}), "neither a PNG nor a JPEG picture"),
    "words in a csv": ("a.csv", lambda: line(5, f"1,many,{PIXELS}"), "Line 5, column 2 holds “many”"),
    "a gap in a csv": ("a.csv", lambda: line(5, f"1,,{PIXELS}"), "Line 5, column 2 holds “”"),
    "a gap in the first line": ("a.csv", lambda: line(1, f"1,,{PIXELS}"), "Line 1, column 2 holds “”"),
    "a csv of bytes": ("a.csv", lambda: b"\xff\xfe" + csv(GREY), "not a text file in UTF-8"),
    # what is no image
    "svg": ("a.svg", lambda: SVG, "“a.svg” is of no known kind"),
    "svg in a zip": ("a.zip", lambda: zipped(FILES | {"z.svg": SVG}), "“z.svg” is neither .png nor .jpg"),
    "svg called png": ("a.zip", lambda: zipped(FILES | {"z.png": SVG}), "“z.png” is neither a PNG nor a JPEG"),
    "gif called png": ("a.zip", lambda: zipped(FILES | {"z.png": GIF}), "“z.png” is neither a PNG nor a JPEG"),
    "program": ("a.exe", lambda: b"MZ", "“a.exe” is of no known kind"),
    "program in a zip": ("a.zip", lambda: zipped(FILES | {"z.exe": b"MZ"}), "“z.exe” is neither .png nor .jpg"),
    "program called png": ("a.zip", lambda: zipped(FILES | {"z.png": PROGRAM}), "“z.png” is neither a PNG nor"),
    "program called npz": ("a.npz", lambda: PROGRAM, "not a zip archive"),
    "program called csv": ("a.csv", lambda: PROGRAM, "not a text file"),
    "program that unpacks itself": ("a.zip", lambda: PROGRAM + zipped(FILES), "not a zip archive"),
    "script in a zip": ("a.zip", lambda: zipped(FILES | {"a/__init__.py": b"1"}), "is neither .png nor .jpg"),
    "page called csv": ("a.csv", lambda: b"<html><script>alert(1)</script>", "is not a label and then pixels"),
    "no ending": ("images", lambda: npz(images=GREY), "is of no known kind"),
    "markup as a name": ("a<b>.html", lambda: b"x", "“a<b>.html” is of no known kind"),
}
