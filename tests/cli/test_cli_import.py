"""`python -m vae import`: images of one's own without a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from files import COUNT, csv, grey, in_file_order, npz, pictures, zipped

from vae.cli import main
from vae.settings import Settings
from vae.store import uploaded_images
from vae.store.runs import Store

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def vae(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Run:
    monkeypatch.setenv("VAE_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("VAE_DATABASE_URL", settings.database_url)

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


def test_a_file_is_kept_and_trained_on(vae: Run, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "My cats.csv"
    file.write_bytes(csv(grey(120), ["cat", "dog"] * 60))
    code, out, _ = vae("import", file)
    assert code == 0
    (kept,) = uploaded_images.listed(store)
    assert (kept.title, kept.info["classes"], kept.info["train_size"]) == ("My cats", ["cat", "dog"], 100)
    assert out.startswith(f"{kept.name}: My cats, 100 images")
    command = out.strip().partition("python -m vae ")[2].split()
    code, out, _ = vae(*command, "--epochs=1", "--hidden=8", "--json", "-")
    assert (code, json.loads(out)["config"]["dataset"]) == (0, kept.name)


@pytest.mark.parametrize(("size", "shape"), [("16", [16, 16]), ("8x12", [8, 12]), ("8×12", [8, 12])])
def test_resized_named_and_as_json(vae: Run, store: Store, tmp_path: Path, size: str, shape: list[int]) -> None:
    file = tmp_path / "a.zip"
    file.write_bytes(zipped(pictures(grey(COUNT, 70, 90))))
    code, out, _ = vae("import", file, "--size", size, "--name", "Nine", "--json", "-")
    result, (kept,) = json.loads(out), uploaded_images.listed(store)
    assert (code, result["dataset"], result["title"], result["shape"]) == (0, kept.name, "Nine", shape)
    assert uploaded_images.load(store, kept.name, tmp_path).hash == result["hash"]


@pytest.mark.parametrize(
    ("content", "arguments", "sentence"),
    [
        (npz(images=grey()), ["--size", "big"], "size is 'big', but it must be HEIGHTxWIDTH"),
        (npz(images=grey()), ["--size", "100"], "sides of 4 to 64 pixels, not to 100×100"),
        (npz(images=grey()), ["--name", " "], "name takes 1 to 80 characters"),
        (npz(images=np.array([{}], dtype=object)), [], "holds pickled Python objects"),
        (None, [], "can't be read (No such file or directory)"),
    ],
)
def test_what_is_refused_ends_with_2_and_nothing_is_kept(
    vae: Run, store: Store, tmp_path: Path, content: bytes | None, arguments: list[str], sentence: str
) -> None:
    file = tmp_path / "a.npz"
    if content:
        file.write_bytes(content)
    code, out, err = vae("import", file, *arguments)
    assert (code, out) == (2, "")
    assert sentence in err and err.startswith("vae: ") and "Traceback" not in err
    assert uploaded_images.listed(store) == []


def test_a_file_beyond_the_limit_is_not_read_to_its_end(vae: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAE_MAX_UPLOAD_MB", "1")
    code, _, err = vae("import", "/dev/zero")
    assert (code, "is of no known kind" in err) == (2, True)


def test_what_was_decided_and_left_out_is_said(vae: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    dark = (grey() // 16).astype(np.uint8)
    file.write_bytes(npz(images=np.minimum(dark, 12), labels=np.arange(COUNT) % 2, extra=np.zeros(3)))
    code, out, err = vae("import", file, "--json", "-")
    result = json.loads(out)
    assert code == 0
    assert "note: Left out: “extra”." in err and "note: Left out: “extra”."[6:] in result["notes"]
    assert "warning: The images are dark: the brightest pixel is 12 of 255." in err
    assert [sentence for sentence in result["warnings"] if "brightest pixel is 12" in sentence]


def test_what_is_asked_about_is_refused_with_the_flag_that_chooses(vae: Run, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(csv(grey() % 3, [str(place % 3) for place in range(COUNT)]))
    code, out, err = vae("import", file)
    assert (code, out) == (2, "")
    assert "--label first (3 classes: “0”, “1”, “2”) or --label last (3 classes:" in err
    assert uploaded_images.listed(store) == []
    code, _, err = vae("import", file, "--label", "first", "--white", "2")
    (kept,) = uploaded_images.listed(store)
    assert (code, kept.info["classes"]) == (0, ["0", "1", "2"])
    images = uploaded_images.load(store, kept.name, tmp_path)
    assert set(np.unique(images.train_x)) == {0, 128, 255}


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--white", "much"], "white is “much”, but it must be a number above 0"),
        (["--white", "-1"], "white is “-1”, but it must be a number above 0"),
        (["--paper", "green"], "paper is “green”, but it must be black or white"),
        (["--label", "kind"], "label is “kind”; in an .npz it is the name of an array"),
    ],
)
def test_a_choice_that_can_not_be_is_refused(vae: Run, tmp_path: Path, flags: list[str], sentence: str) -> None:
    file = tmp_path / "a.npz"
    file.write_bytes(npz(images=grey()))
    code, out, err = vae("import", file, *flags)
    assert (code, out, sentence in err) == (2, "", True), err


def test_inverted_is_inverted(vae: Run, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    file.write_bytes(npz(images=255 - grey()))
    assert vae("import", file, "--invert")[0] == 0
    (kept,) = uploaded_images.listed(store)
    np.testing.assert_array_equal(in_file_order(uploaded_images.load(store, kept.name, tmp_path))[0], grey())


def test_colours_are_kept_or_made_grey(vae: Run, store: Store, tmp_path: Path) -> None:
    file, coloured = tmp_path / "a.zip", np.random.default_rng(0).integers(0, 256, (120, 8, 6, 3), np.uint8)
    file.write_bytes(zipped(pictures(coloured)))
    code, out, err = vae("import", file)
    assert code == 0 and "8×6 in colour. Train with" in out and "note: Colours are kept" in err
    (kept,) = uploaded_images.listed(store)
    assert kept.info["shape"] == [3, 8, 6] and kept.dataset().shape == (3, 8, 6)
    assert kept.dataset().description == "120 images of one's own, 8×6 in colour."
    np.testing.assert_array_equal(in_file_order(uploaded_images.load(store, kept.name, tmp_path))[0], coloured)
    command = out.strip().partition("python -m vae ")[2].split()
    code, out, _ = vae(*command, "--epochs=1", "--hidden=8", "--json", "-")
    assert (code, json.loads(out)["config"]["dataset"]) == (0, kept.name)
    code, out, err = vae("import", file, "--colours", "grey", "--json", "-")
    assert code == 0 and json.loads(out)["shape"] == [8, 6] and "note: Colours became grey" in err
    assert len(uploaded_images.listed(store)) == 2, "another data set"
    code, out, err = vae("import", file, "--colours", "sepia")
    assert (code, out) == (2, "") and "colours is “sepia”, but it must be kept or grey" in err
