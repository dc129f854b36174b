"""CIFAR-10 and SVHN: fetched from a server on this machine in small, checked, read to the last byte; and refused."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import io
import pickle
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torchvision
from scipy.io import savemat

from vae import datasets
from vae.datasets import DATASETS, Images
from vae.datasets.cifar import CifarSource
from vae.datasets.svhn import SvhnSource
from vae.errors import InputError

IN_A_FILE = 30  # images
CIFAR = [*(f"data_batch_{place}.bin" for place in range(1, 6)), "test_batch.bin"]
X = np.random.default_rng(0).integers(0, 256, (6 * IN_A_FILE, 3, 32, 32), dtype=np.uint8)
Y = np.random.default_rng(1).integers(0, 10, 6 * IN_A_FILE, dtype=np.uint8)
ARCHIVE = "cifar-10-binary.tar.gz"


def cifar_file(place: int) -> bytes:
    rows = slice(place * IN_A_FILE, (place + 1) * IN_A_FILE)
    return b"".join(bytes([y]) + x.tobytes() for x, y in zip(X[rows], Y[rows], strict=True))


def tar(files: dict[str, bytes]) -> bytes:
    """Always the same bytes: gzip would write the time."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w:") as archive,
    ):
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def cifar_archive() -> dict[str, bytes]:
    """As its authors pack it, and a name that leads out of its folder."""
    files = {f"cifar-10-batches-bin/{name}": cifar_file(place) for place, name in enumerate(CIFAR)}
    more = {"cifar-10-batches-bin/readme.html": b"<a>", "../../outside.bin": b"x"}
    return {ARCHIVE: tar(files | more)}


def svhn_files() -> dict[str, bytes]:
    """Matlab's: (height, width, channels, images), and labels from 1 to 10, where 10 is the digit 0."""
    found = {}
    for name, rows in (("train_32x32.mat", slice(0, 100)), ("test_32x32.mat", slice(100, None))):
        buffer = io.BytesIO()
        labels = np.where(Y[rows] == 0, 10, Y[rows])[:, None]
        savemat(buffer, {"X": X[rows].transpose(2, 3, 1, 0), "y": labels}, do_compression=True)
        found[name] = buffer.getvalue()
    return found


class Mirror(http.server.BaseHTTPRequestHandler):
    """Serves `files`; `fault` is what it does wrong with the last of them."""

    def __init__(self, *arguments, files: dict[str, bytes], fault: str | None) -> None:
        self.files, self.fault = files, fault
        super().__init__(*arguments)

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[-1]
        fault = self.fault if name == [*self.files][-1] else None
        if fault == "404":
            self.send_error(404)
            return
        content = b"something else" if fault == "checksum" else self.files[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if fault == "cut" else content)

    def log_message(self, *_: object) -> None:
        pass


Start = Callable[..., None]


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Puts a server with small files in the place of the real ones."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    servers = []

    def start(fault: str | None = None) -> None:
        cifar, svhn = cifar_archive(), svhn_files()
        for name, files in (("cifar10", cifar), ("svhn", svhn)):
            handler = functools.partial(Mirror, files=files, fault=fault)
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
            servers.append(server)
            threading.Thread(target=server.serve_forever, args=(0.01,)).start()
            told = [
                (f"http://127.0.0.1:{server.server_port}/a/{file}", hashlib.md5(content).hexdigest())
                for file, content in files.items()
            ]
            source = DATASETS[name].source
            if isinstance(source, CifarSource):
                small = replace(source, url=told[0][0], md5=told[0][1], images_in_a_file=IN_A_FILE)
            else:
                assert isinstance(source, SvhnSource)
                small = replace(source, files=tuple(told))
            changed = replace(DATASETS[name], source=small, load=functools.partial(small.load, name))
            monkeypatch.setitem(DATASETS, name, changed)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def fetch(name: str, data_dir: Path, progress: datasets.Progress = lambda done, total, name: None) -> None:
    datasets.download(name, data_dir, progress)


def loaded(name: str, data_dir: Path) -> Images:
    return DATASETS[name].load(data_dir)


def content(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


LEFT = {
    "cifar10": ["cifar-10-batches-bin", *(f"cifar-10-batches-bin/{name}" for name in sorted(CIFAR))],
    "svhn": ["SVHN", "SVHN/test_32x32.mat", "SVHN/train_32x32.mat"],
}


@pytest.mark.parametrize("name", LEFT)
def test_they_are_fetched_whole_and_read_to_the_last_byte(mirror: Start, tmp_path: Path, name: str) -> None:
    mirror()
    assert not DATASETS[name].available(tmp_path)
    told: list[tuple[int, int, str]] = []
    fetch(name, tmp_path, lambda *call: told.append(call))
    assert DATASETS[name].available(tmp_path) and content(tmp_path) == LEFT[name]
    assert {file for _, _, file in told} == ({ARCHIVE} if name == "cifar10" else set(svhn_files()))
    assert all(done <= total for done, total, _ in told) and len(told) > 3, "a bar that moves"
    images = loaded(name, tmp_path)
    train = 150 if name == "cifar10" else 100
    assert images.shape == (3, 32, 32) and images.white == 255
    np.testing.assert_array_equal(images.train_x, X[:train].reshape(train, -1))
    np.testing.assert_array_equal(images.test_x, X[train:].reshape(180 - train, -1))
    np.testing.assert_array_equal(images.train_y, Y[:train])
    np.testing.assert_array_equal(images.test_y, Y[train:])
    assert (images.train_y.dtype, images.train_x.flags["C_CONTIGUOUS"]) == (np.uint8, True)
    mirror("404")
    fetch(name, tmp_path)
    assert content(tmp_path) == LEFT[name], "what is there is not fetched again"


@pytest.mark.parametrize("name", LEFT)
@pytest.mark.parametrize(
    ("fault", "reason"), [("checksum", "wrong checksum"), ("cut", "could not be downloaded"), ("404", "404")]
)
def test_a_failed_download_leaves_nothing_behind(
    mirror: Start, tmp_path: Path, name: str, fault: str, reason: str
) -> None:
    mirror(fault)
    with pytest.raises(InputError, match=reason) as refused:
        fetch(name, tmp_path)
    assert "the dataset digits needs no network" in str(refused.value)
    assert str(tmp_path / LEFT[name][0]) in str(refused.value), "where to put the files by hand"
    assert content(tmp_path) == []


@pytest.mark.parametrize("name", LEFT)
def test_without_a_network_one_sentence_says_so(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real addresses, by way of a proxy that isn't there."""
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with pytest.raises(InputError, match="could not be downloaded") as refused:
        fetch(name, tmp_path)
    assert str(refused.value).endswith("the dataset digits needs no network.")
    assert content(tmp_path) == []


@pytest.mark.parametrize("name", LEFT)
def test_what_is_not_there_is_told_with_the_way_out(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="with --download") as refused:
        loaded(name, tmp_path)
    assert str(tmp_path / LEFT[name][0]) in str(refused.value) and "digits" in str(refused.value)


@pytest.mark.parametrize("name", LEFT)
def test_half_a_file_and_an_altered_one_are_refused(mirror: Start, tmp_path: Path, name: str) -> None:
    mirror()
    fetch(name, tmp_path)
    path = tmp_path / LEFT[name][-1]
    whole = path.read_bytes()
    for spoilt in (whole[: len(whole) // 2], b"", bytes([200]) + whole[1:]):
        path.write_bytes(spoilt)
        with pytest.raises(InputError, match=r"is damaged \(.*delete it and download"):
            loaded(name, tmp_path)
    path.write_bytes(whole)
    assert len(loaded(name, tmp_path).train_x)


def test_a_file_that_can_not_be_read_is_told(mirror: Start, tmp_path: Path) -> None:
    mirror()
    for name in LEFT:
        fetch(name, tmp_path)
        path = tmp_path / LEFT[name][-1]
        path.unlink()
        path.mkdir()
        with pytest.raises(InputError, match="can't be read"):
            loaded(name, tmp_path)


def test_the_archive_put_there_by_hand_is_enough(mirror: Start, tmp_path: Path) -> None:
    mirror()
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    (folder / ARCHIVE).write_bytes(cifar_archive()[ARCHIVE][:-20])
    assert DATASETS["cifar10"].available(tmp_path)
    with pytest.raises(InputError, match="wrong checksum"):
        loaded("cifar10", tmp_path)
    assert content(folder) == [ARCHIVE]
    (folder / ARCHIVE).write_bytes(cifar_archive()[ARCHIVE])
    images = loaded("cifar10", tmp_path)
    np.testing.assert_array_equal(images.test_x, X[150:].reshape(30, -1))
    assert content(folder) == sorted([ARCHIVE, *CIFAR]) and not (tmp_path / "outside.bin").exists()


def test_the_version_for_python_is_never_opened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "sprung",))

    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in ("data_batch_1", "test_batch"):
        (folder / name).write_bytes(pickle.dumps(Trap()))
    assert not DATASETS["cifar10"].available(tmp_path)
    with pytest.raises(InputError, match="the version for Python is never opened"):
        loaded("cifar10", tmp_path)
    assert not (tmp_path / "sprung").exists()


def test_addresses_and_checksums_are_torchvisions_where_it_has_them() -> None:
    source = DATASETS["svhn"].source
    assert isinstance(source, SvhnSource)
    known = torchvision.datasets.SVHN.split_list
    assert [list(pair) for pair in source.files] == [[known[part][0], known[part][2]] for part in ("train", "test")]
    cifar = DATASETS["cifar10"].source
    assert isinstance(cifar, CifarSource)
    assert cifar.url == torchvision.datasets.CIFAR10.url.replace("python", "binary")
    assert hasattr(torchvision.datasets, cifar.class_name) and hasattr(torchvision.datasets, source.class_name)


def test_sizes_are_those_that_their_authors_state() -> None:
    """30,730,000 bytes a file of CIFAR-10; 73,257 and 26,032 digits of SVHN."""
    for name, sizes in (("cifar10", (50_000, 10_000)), ("svhn", (73_257, 26_032))):
        known = DATASETS[name]
        assert (known.train_size, known.test_size, known.shape) == (*sizes, (3, 32, 32))
        assert known.source is not None and len(known.source.classes) == 10
    cifar = DATASETS["cifar10"].source
    assert isinstance(cifar, CifarSource) and cifar.images_in_a_file * 3073 == 30_730_000
