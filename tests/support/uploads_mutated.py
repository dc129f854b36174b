"""Files with images, and changed ones: by hypothesis in a second, by `fuzz_uploads.py` for as long as asked."""

from __future__ import annotations

import gzip
import random
import struct
import zipfile

import numpy as np
from files import COUNT, LIMITS, csv, grey, images_of, npy, npz, picture, pictures, zipped
from pngs import COLOURS, GREY_WITH_OPACITY, png

from vae.errors import InputError

LABELS = [f"c{place % 3}" for place in range(COUNT)]
COLOURED = np.stack([grey(), grey(seed=1), grey(seed=2)], axis=-1)
WHOLE = {
    "a.zip": zipped(pictures(grey(), "c/{}.png")),
    "b.zip": zipped({f"c{place % 3}/{place}.jpg": picture(image, "JPEG") for place, image in enumerate(grey())}),
    "c.zip": zipped(pictures(grey()), zipfile.ZIP_STORED),
    "a.npz": npz(images=grey(), labels=np.array(LABELS)),
    "b.npz": npz(images=np.asfortranarray(grey() / 255), labels=np.arange(COUNT) % 3),
    "c.npz": npz(x_train=grey()[:14], y_train=np.arange(14) % 3, x_test=grey()[14:], y_test=np.arange(6) % 3),
    "d.npz": npz(imgs=grey().astype(np.uint16) * 257, latents=np.zeros(3), target=np.eye(3)[np.arange(COUNT) % 3]),
    "a.npy": npy(grey()),
    "b.csv": csv(grey() // 16, LABELS).replace(b",", b";"),
    "c.csv": b"emotion,pixels,Usage\n"
    + b"\n".join(b'%d,"%s",Training' % (i % 2, b" ".join(b"%d" % p for p in grey()[i].flat)) for i in range(COUNT)),
    "a.csv.gz": gzip.compress(csv(grey(), LABELS)),
    "a-idx3-ubyte": struct.pack(">IIII", 0x803, COUNT, 8, 8) + grey().tobytes(),
    "d.zip": zipped({f"train\\c{i % 2}\\{i}.png": picture(image.astype(np.uint16)) for i, image in enumerate(grey())}),
    "e.zip": zipped({f"c{i % 2}/{i}.png": picture(np.dstack([image] * 4)) for i, image in enumerate(grey())}),
    "f.zip": zipped({f"{i}.png": picture(image) for i, image in enumerate(COLOURED)}),
    "g.zip": zipped({f"{i}.png": png(image.astype(np.uint16) * 257, COLOURS) for i, image in enumerate(COLOURED)}),
    "h.zip": zipped({f"{i}.png": png(np.dstack([image, image]), GREY_WITH_OPACITY) for i, image in enumerate(grey())}),
    "e.npz": npz(x_train=COLOURED[:14], x_test=COLOURED[14:]),
    "a.csv": csv(grey(), LABELS, "label," + ",".join(f"p{place}" for place in range(64))),
}
WORDS = [
    b"PK\x01\x02",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\x93NUMPY",
    b"IHDR",
    b"IDAT",
    b"IEND",
    b"\xff\xd8\xff",
    b"{'descr': '|O'",
]
WORDS += [
    b"../",
    b"/",
    b"\0",
    b",",
    b"\n",
    b"nan",
    b"1e999",
    b"\xff" * 4,
    b"\xff" * 8,
    b"\x00" * 8,
    b"-1",
    b"(1" + b"0" * 30,
]
WORDS += [struct.pack("<I", value) for value in (0, 1, 2**31 - 1, 2**31, 2**32 - 1)]


def mutated(draw: random.Random, content: bytes) -> bytes:
    """One to four changes: bits, bytes, words put in, parts cut, doubled, swapped, or taken from another file."""
    data = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at, size = draw.randrange(len(data) + 1), draw.choice((1, 4, 16, 256))
        kind = draw.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << draw.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = draw.randrange(256)
        elif kind == 2:
            word = draw.choice(WORDS)
            data[at : at + (len(word) if draw.random() < 0.7 else 0)] = word
        elif kind == 3:
            del data[at : at + size]
        elif kind == 4:
            data[at:at] = data[at : at + size]
        elif kind == 5:
            other = draw.choice(list(WHOLE.values()))
            start = draw.randrange(len(other))
            data[at : at + size] = other[start : start + size]
        else:
            del data[at if draw.random() < 0.1 else len(data) - 1 :]
    return bytes(data)


def read_or_refused(name: str, data: bytes) -> bool:
    """Whether it was read. Anything but a sound data set or a sentence raises."""
    try:
        images = images_of(name, data, None, LIMITS)
    except InputError as problem:
        text = str(problem)
        assert text.endswith(".") and text.isprintable() and len(text) < 400, text
        return False
    assert images.train_x.dtype == images.test_x.dtype == np.uint8
    assert images.train_x.shape == (len(images.train_y), images.pixels)
    assert images.test_x.shape == (len(images.test_y), images.pixels)
    assert images.shape[0] in (1, 3) and all(4 <= side <= 64 for side in images.shape[1:])
    assert len(images.test_y) > 1 and 9 < len(images.train_y) <= LIMITS.images
    assert max(images.train_y.max(), images.test_y.max()) < len(images.classes)
    return True
