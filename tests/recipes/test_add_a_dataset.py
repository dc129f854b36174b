"""CONTRIBUTING.md, "a data set in IDX files": one entry of datasets/__init__.py; here unlike MNIST."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from paging import open_page, texts

from vae import datasets
from vae.datasets import DATASETS, from_torchvision
from vae.datasets.torchvision_sets import IdxSource
from vae.settings import Settings
from vae.store.runs import Run, Store

NAMES = ("signs-train-pictures", "signs-train-kinds", "signs-test-pictures", "signs-test-kinds")
TRAIN, TEST, SIDES = 320, 40, (6, 9)


def packed(array: np.ndarray) -> bytes:
    """An IDX file, as a .gz: of bytes, or of integers of 32 bits."""
    kind = 8 if array.dtype == np.uint8 else 12
    return gzip.compress(bytes([0, 0, kind, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a mirror serves: labels are integers in a table, as QMNIST's are, and count from 1, as EMNIST's do."""
    random, served = np.random.default_rng(0), tmp_path / "mirror"
    served.mkdir()
    for (pictures, kinds), count in ((NAMES[:2], TRAIN), (NAMES[2:], TEST)):
        (served / f"{pictures}.gz").write_bytes(packed(random.integers(0, 256, (count, *SIDES), np.uint8)))
        (served / f"{kinds}.gz").write_bytes(packed(random.integers(1, 4, (count, 2)).astype(">i4")))
    return served


@pytest.fixture(autouse=True)
def _added(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    address = f"http://127.0.0.1:{server.server_port}"
    sums = [(name, hashlib.md5((folder / f"{name}.gz").read_bytes()).hexdigest()) for name in NAMES]
    source = IdxSource(
        "Signs",
        ("stop", "yield", "one way"),
        download_mb=1,
        files=NAMES,
        resources=tuple((f"{address}/{name}.gz", md5) for name, md5 in sums),
        labels=lambda numbers: (numbers[:, 0] - 1).astype(np.uint8),
    )
    signs = from_torchvision("signs", "Road signs", "360 signs, 6×9.", (1, *SIDES), (TRAIN, TEST), source)
    monkeypatch.setitem(DATASETS, "signs", signs)
    yield
    server.shutdown()
    server.server_close()


def test_people_find_it_and_fetch_it(form: Callable[[str], list[str]], shared: Store) -> None:
    assert "Road signs" in form("dataset")
    assert "Download Road signs (about 1 MB)" in [
        button.label for button in open_page("data.py", dataset="signs").button
    ]


def test_it_is_fetched_checked_shown_and_learnt_from(train: Callable[..., Run], shared: Store) -> None:
    data_dir = Settings.from_environment().data_dir
    datasets.download("signs", data_dir, lambda done, total, name: None)
    assert sorted(path.name for path in (data_dir / "Signs" / "raw").iterdir()) == sorted(NAMES)
    images = datasets.load("signs", data_dir)
    assert (images.shape, len(images.train_x), set(images.train_y)) == ((1, 6, 9), TRAIN, {0, 1, 2})
    assert "What to beat" in texts(open_page("data.py", dataset="signs"))
    run = train(dataset="signs")
    assert run.shape == (1, 6, 9) and run.data["classes"] == ["stop", "yield", "one way"]
