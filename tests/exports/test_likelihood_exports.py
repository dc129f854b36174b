"""Runs of every likelihood leave the program: as a folder, ONNX, a capsule, for the browser, or with a sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import postgres
import pytest
import torch
from onnx import load_from_string
from onnx.reference import ReferenceEvaluator
from thorough import thorough

from pages.components import decoders
from vae.choices.likelihoods import LIKELIHOODS
from vae.config import RunConfig
from vae.errors import InputError
from vae.exports.capsule import capsule, dumps, read
from vae.exports.rerun import REPRODUCED, compare
from vae.exports.run_folder import files, loading, run_folder
from vae.measuring import claims_of, gradients_of, images_of, models_of, sensitivity_of
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store
from vae.store.tensor_bytes import unpack

TINY: dict[str, Any] = {"hidden": (8,), "epochs": 2, "train_limit": 100, "validation_size": 50, "device": "cpu"}
OTHERS = [name for name in LIKELIHOODS if name not in ("bce", "sse")]


def config(name: str) -> RunConfig:
    binarised = {"binarisation": "dynamic"} if LIKELIHOODS[name].binary else {}
    return RunConfig(**TINY, **binarised, reconstruction=name, sigma=0.2)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Settings, dict[str, str]]]:
    with postgres.settings_for(tmp_path_factory.mktemp("likelihoods")) as settings:
        store = Store(settings.database_url)
        ids = {name: store.create(config(name), "test") for name in OTHERS}
        assert {execute(store, run_id, settings) for run_id in ids.values()} == {"done"}
        yield store, settings, ids


@pytest.mark.parametrize("name", thorough(["gaussian_learned", "gaussian_per_pixel"], ("gaussian_per_pixel",)))
def test_the_folders_own_lines_draw_the_picture(place: Any, tmp_path: Path, name: str) -> None:
    store, _, ids = place
    run = store.run(ids[name])
    run_folder(store, run.id, tmp_path / "run")
    code = loading(run) + "print(image.flatten().tolist())\n"
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, cwd=tmp_path / "run", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = models_of(store, run, 2)["vae"].picture(torch.zeros(1, 2))[0]
    assert json.loads(done.stdout) == pytest.approx(expected.tolist(), abs=1e-6)


@pytest.mark.parametrize("name", OTHERS)
def test_onnx_and_the_browser_draw_it_or_say_that_they_do_not(place: Any, name: str) -> None:
    store, _, ids = place
    run = store.run(ids[name])
    weights = {variant: unpack(found) for variant, found in store.weights(run.id, 2).items()}
    sent = decoders.payload("k", run.config, run.shape, weights)
    if LIKELIHOODS[name].outputs_per_pixel > 1:
        assert sent is None, "the server paints"
        with pytest.raises(InputError, match=r"Gaussian, σ of each pixel\) has no ONNX form"):
            files(store, run.id, onnx=True)
        return
    assert sent and f"  {name}: (a) =>" in decoders.library()
    z = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    decoder = load_from_string(files(store, run.id, onnx=True)["vae_decoder.onnx"])
    (image,) = ReferenceEvaluator(decoder).run(None, {"z": z})
    expected = models_of(store, run, 2)["vae"].picture(torch.from_numpy(z))
    np.testing.assert_allclose(image, expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("name", OTHERS)
def test_a_capsule_trains_to_the_same_numbers(place: Any, name: str) -> None:
    store, settings, ids = place
    sealed = read(dumps(capsule(store, [ids[name]])))
    (told,) = sealed.runs
    assert told.config == config(name) and told.metrics["vae"].test.mutual_information is not None
    again = store.create(told.config, "again")
    assert execute(store, again, settings) == "done"
    (new,) = read(dumps(capsule(store, [again]))).runs
    assert compare(told, new).verdict == REPRODUCED


@pytest.mark.parametrize("name", OTHERS)
def test_what_pages_measure_can_be_measured(place: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    from vae.analysis import gradients

    monkeypatch.setattr(gradients, "REFERENCE_SAMPLES", 64)
    fewer = partial(gradients.estimator_quality, samples=(1,), repeats=2)
    monkeypatch.setattr(gradients, "estimator_quality", fewer)
    store, settings, ids = place
    images = images_of(store, store.run(ids[name]), settings)
    assert (len(np.unique(images.test_x)) == 2) == LIKELIHOODS[name].binary, "as the model saw them"
    assert np.isfinite(sensitivity_of(store, ids[name], 2, settings)["rmse"]).all()
    assert np.isfinite(claims_of(store, ids[name], 2, settings)["value"]).all()
    measured = gradients_of(store, ids[name], 2, settings)
    assert (measured[measured.way == "pathwise"]["gradient"] > 0).all()
