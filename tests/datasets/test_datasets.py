"""Images in memory, their split, and files that are missing, damaged, half downloaded or not to be written."""

import dataclasses
import functools
import gzip
import hashlib
import http.server
import resource
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
import torchvision

from vae import datasets
from vae.datasets import DATASETS
from vae.datasets.torchvision_sets import IdxSource
from vae.errors import InputError

# Stored results name their data by these; they must not change from one release to the next.
DIGITS_HASH = "bb6248ac799f26fe21e9bf44738ee961bf08ebea26885ecfb81a45a59ca04319"
MNIST_HASH = "2412e936c4ae969807ecd9711119d4cba5436c988d8b6bf7523bf3a2a9568b61"
MNIST_FILES = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


@pytest.fixture
def digits(tmp_path):
    return datasets.load("digits", tmp_path)


# In memory


def test_digits_are_grey_levels_from_0_to_16(digits):
    assert (digits.train_x.shape, digits.test_x.shape) == ((1500, 64), (297, 64))
    assert (digits.train_y.shape, digits.test_y.shape) == ((1500,), (297,))
    for x in (digits.train_x, digits.test_x):
        assert (x.dtype, x.min(), x.max()) == (np.uint8, 0, digits.white)
    assert digits.white == 16
    assert digits.pixels == 64


def test_digits_are_scikit_learns_all_of_them_and_each_once(digits):
    from sklearn.datasets import load_digits

    def rows(x, y):
        return sorted(map(bytes, np.column_stack([x, y]).astype(np.uint8)))

    ours = rows(np.vstack([digits.train_x, digits.test_x]), np.hstack([digits.train_y, digits.test_y]))
    assert ours == rows(*load_digits(return_X_y=True))


def test_digits_are_the_same_every_time(digits, tmp_path):
    again = datasets.load("digits", tmp_path / "elsewhere")
    assert again is not digits
    assert again.hash == digits.hash == DIGITS_HASH


def test_every_class_is_in_both_halves(digits):
    assert set(digits.train_y) == set(digits.test_y) == set(range(len(digits.classes)))


def test_the_registry_knows_what_it_loads(digits):
    known = DATASETS["digits"]
    assert (known.shape, known.train_size) == (digits.shape, len(digits.train_x))
    with pytest.raises(InputError, match=r"'cats'.*digits, strokes, mnist"):
        datasets.lookup("cats")


def test_mnist_is_what_the_files_say(mnist_dir):
    images, raw = datasets.load("mnist", mnist_dir), mnist_dir / "MNIST" / "raw"
    assert (images.train_x.shape, images.test_x.shape) == ((60_000, 784), (10_000, 784))
    assert (images.train_x.dtype, images.white, images.shape) == (np.uint8, 255, (1, 28, 28))
    assert images.test_y[:5].tolist() == [7, 2, 1, 0, 4]  # the first test images, as every tutorial shows them
    assert images.hash == MNIST_HASH
    if (raw / MNIST_FILES[2]).exists():  # else they are packed
        assert images.test_x.tobytes() == (raw / MNIST_FILES[2]).read_bytes()[16:]


def test_the_hash_sees_every_pixel_and_label(digits):
    for name in ("train_x", "train_y", "test_x", "test_y"):
        changed = getattr(digits, name).copy()
        changed.flat[-1] ^= 1
        assert dataclasses.replace(digits, **{name: changed}).hash != digits.hash


# Splits


def test_a_split_is_disjoint_and_covers_everything(digits):
    split = datasets.split(digits, 200)
    assert (len(split.train), len(split.validation)) == (1300, 200)
    assert sorted([*split.train, *split.validation]) == list(range(1500))


def test_train_limit_moves_no_image_across_the_split(digits):
    """Runs with more or fewer training images are compared on the same validation images."""
    whole = datasets.split(digits, 200)
    for limit in (1, 50, 1300, 5000):
        limited = datasets.split(digits, 200, limit)
        np.testing.assert_array_equal(limited.validation, whole.validation)
        np.testing.assert_array_equal(limited.train, whole.train[:limit])


def test_the_split_depends_on_no_outside_state(digits):
    first = datasets.split(digits, 200)
    np.random.seed(1)  # noqa: NPY002 - the global state is what must not matter
    assert datasets.split(digits, 200).hash == first.hash
    assert datasets.split(digits, 201).hash != first.hash


def test_nothing_set_aside(digits):
    split = datasets.split(digits, 0)
    assert (len(split.train), len(split.validation)) == (1500, 0)


def test_a_validation_set_that_leaves_nothing_to_learn_from_is_refused(digits):
    assert len(datasets.split(digits, 1499).train) == 1
    for size in (1500, 5000):
        with pytest.raises(InputError, match=r"validation_size is .* 1,500 training images"):
            datasets.split(digits, size)


# Damaged files


@pytest.fixture
def mnist_copy(mnist_dir, tmp_path):
    """The raw folder of a data folder whose files are links to the real ones; a test replaces the one it spoils."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in MNIST_FILES:
        source = mnist_dir / "MNIST" / "raw" / name
        if source.exists():
            (raw / name).symlink_to(source)
        else:
            (raw / name).write_bytes(gzip.decompress(source.with_suffix(".gz").read_bytes()))
    return raw


def refusal(raw):
    """The sentence with which MNIST is refused; it always says what to do meanwhile."""
    with pytest.raises(InputError) as refused:
        datasets.load("mnist", raw.parent.parent)
    sentence = str(refused.value)
    assert str(raw) in sentence
    assert "digits" in sentence
    return sentence


@pytest.mark.parametrize("name", MNIST_FILES)
def test_half_a_file_is_refused(mnist_copy, name):
    whole = (mnist_copy / name).read_bytes()
    (mnist_copy / name).unlink()
    (mnist_copy / name).write_bytes(whole[: len(whole) // 2])
    assert name in refusal(mnist_copy)


@pytest.mark.parametrize("name", MNIST_FILES)
def test_one_flipped_bit_is_refused(mnist_copy, name):
    """The length is right and torchvision would load it."""
    altered = bytearray((mnist_copy / name).read_bytes())
    altered[-1] ^= 1
    (mnist_copy / name).unlink()
    (mnist_copy / name).write_bytes(altered)
    assert name in refusal(mnist_copy)


@pytest.mark.parametrize("content", [b"", b"junk", gzip.compress(b"another")], ids=["empty", "junk", "another"])
def test_a_packed_file_with_a_wrong_checksum_is_refused(mnist_copy, content):
    name = "t10k-labels-idx1-ubyte"
    (mnist_copy / name).unlink()
    (mnist_copy / f"{name}.gz").write_bytes(content)
    assert f"{name}.gz" in refusal(mnist_copy)
    assert not (mnist_copy / name).exists()


def test_a_missing_file_is_named_with_the_way_out(mnist_copy):
    (mnist_copy / "train-labels-idx1-ubyte").unlink()
    assert "Download" in refusal(mnist_copy)


def test_a_file_that_cannot_be_read_is_refused(mnist_copy):
    """A failing disk, or no permission: any read of /proc/self/mem at 0 is an input/output error, for root too."""
    (mnist_copy / "t10k-labels-idx1-ubyte").unlink()
    (mnist_copy / "t10k-labels-idx1-ubyte").symlink_to("/proc/self/mem")
    refusal(mnist_copy)


# Downloads, from a server on this machine


def idx(array):
    """The file format of MNIST: 0, 0, type, rank, big-endian lengths, values."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def small_files():
    """Four packed files. With 16 grey levels the 314 kB of images pack to 180 kB: less, but more than one chunk."""
    random = np.random.default_rng(0)
    arrays = [random.integers(0, 16, (400, 28, 28), np.uint8), random.integers(0, 10, 400, np.uint8)] * 2
    return {f"{name}.gz": gzip.compress(idx(array)) for name, array in zip(MNIST_FILES, arrays, strict=True)}


class Mirror(http.server.BaseHTTPRequestHandler):
    """Serves `files`; `fault` is what it does wrong with the third of them."""

    def __init__(self, *arguments, files, fault):
        self.files, self.fault = files, fault
        super().__init__(*arguments)

    def do_GET(self):
        name = self.path.rsplit("/", 1)[-1]
        fault = self.fault if name == f"{MNIST_FILES[2]}.gz" else None
        if fault == "404":
            self.send_error(404)
            return
        content = gzip.compress(b"something else") if fault == "checksum" else self.files[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if fault == "cut" else content)

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(monkeypatch):
    """Starts a server in the place of Fashion-MNIST's and returns its address."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    servers = []

    def start(fault=None, mirrors=("{}",)):
        files = small_files()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Mirror, files=files, fault=fault))
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        cls = torchvision.datasets.FashionMNIST
        monkeypatch.setattr(cls, "mirrors", [text.format(address) for text in mirrors])
        monkeypatch.setattr(cls, "resources", [(name, hashlib.md5(data).hexdigest()) for name, data in files.items()])
        return address

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def closed_port():
    """An address at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"


def download(data_dir, progress=lambda done, total, name: None):
    datasets.download("fashion_mnist", data_dir, progress)


def content(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_download_leaves_the_four_files_and_loads(mirror, tmp_path):
    mirror()
    assert not DATASETS["fashion_mnist"].available(tmp_path)
    download(tmp_path)
    assert DATASETS["fashion_mnist"].available(tmp_path)
    assert content(tmp_path) == sorted(
        ["FashionMNIST", "FashionMNIST/raw", *(f"FashionMNIST/raw/{name}" for name in MNIST_FILES)]
    )
    images = datasets.load("fashion_mnist", tmp_path)
    packed = small_files()[f"{MNIST_FILES[0]}.gz"]
    assert images.train_x.tobytes() == gzip.decompress(packed)[16:]
    assert images.classes[0] == "T-shirt/top"


def test_progress_counts_the_bytes_of_each_file(mirror, tmp_path):
    mirror()
    calls = []
    download(tmp_path, lambda *call: calls.append(call))
    sizes = {name: len(data) for name, data in small_files().items()}
    assert list(dict.fromkeys(name for _, _, name in calls)) == list(sizes)
    for name, size in sizes.items():
        done = [done for done, _, file in calls if file == name]
        assert done == sorted(set(done))
        assert done[-1] == size
        assert {total for _, total, file in calls if file == name} == {size}
    assert sum(name == f"{MNIST_FILES[0]}.gz" for _, _, name in calls) > 1  # a bar that moves, not one jump


def test_what_is_there_is_not_fetched_again(mirror, tmp_path):
    mirror()
    download(tmp_path)
    mirror("404")
    download(tmp_path)
    assert DATASETS["fashion_mnist"].available(tmp_path)


def test_digits_need_no_download(tmp_path):
    calls = []
    datasets.download("digits", tmp_path, lambda *call: calls.append(call))
    assert calls == content(tmp_path) == []


def test_a_dead_mirror_is_passed_over(mirror, tmp_path):
    mirror(mirrors=(closed_port(), "{}"))
    download(tmp_path)
    assert DATASETS["fashion_mnist"].available(tmp_path)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("checksum", "wrong checksum"), ("cut", "could not be downloaded"), ("404", "404"), ("no server", "refused")],
)
def test_a_failed_download_leaves_nothing_behind(mirror, tmp_path, fault, reason):
    mirror(fault, mirrors=(closed_port(),) if fault == "no server" else ("{}",))
    with pytest.raises(InputError, match=reason) as refused:
        download(tmp_path)
    assert "digits" in str(refused.value)
    assert str(tmp_path / "FashionMNIST" / "raw") in str(refused.value)  # where to put the files by hand
    assert content(tmp_path) == []


def test_a_failed_download_keeps_what_was_there(mirror, tmp_path):
    mirror("cut")
    mine = tmp_path / "FashionMNIST" / "raw" / MNIST_FILES[1]
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"put here by hand")
    with pytest.raises(InputError):
        download(tmp_path)
    assert content(tmp_path) == ["FashionMNIST", "FashionMNIST/raw", f"FashionMNIST/raw/{MNIST_FILES[1]}"]
    assert mine.read_bytes() == b"put here by hand"


@pytest.mark.parametrize("room", [100_000, 250_000], ids=["at the packed file", "at the unpacked file"])
def test_a_full_disk_is_told_and_leaves_nothing_behind(mirror, tmp_path, room):
    """A limit on the size of files stands in for the disk; the images are 180 kB packed and 314 kB unpacked."""
    mirror()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(InputError):
            download(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert content(tmp_path) == []


def test_a_folder_that_cannot_be_written_is_named(mirror):
    """No process can make folders below /proc, not even root's."""
    mirror()
    folder = Path("/proc/latent-twins")
    with pytest.raises(InputError, match=f"{folder} can't be written"):
        download(folder)


def test_classes_are_named_as_torchvision_names_them():
    sources = [dataset.source for dataset in datasets.DATASETS.values() if isinstance(dataset.source, IdxSource)]
    assert len(sources) >= 3
    for source in sources:
        named = getattr(torchvision.datasets, source.class_name).classes
        assert source.classes == tuple(word.split(" - ")[0] if word[:1].isdigit() else word for word in named)
