"""A run as a folder that needs none of this program: settings, numbers, weights, pictures, and how to load them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import save

from ..choices.likelihoods import LIKELIHOODS
from ..choices.networks import NETWORKS, arrows
from ..choices.variants import VARIANTS
from ..errors import InputError
from ..figures.tiles import tile_rows
from ..learning.layers.steps import KINDS
from ..learning.networks import network_of, unnormalised
from ..store.runs import Run, Store
from ..store.tensor_bytes import unpack
from .capsule import capsule, dumps
from .csv_tables import as_csv

IMAGES_IN_A_ROW = 8


def files(store: Store, run_id: str, onnx: bool = False) -> dict[str, bytes]:
    """All that a run's folder holds, by path within it. Raises InputError unless the run is done.

    `onnx`: with encoder and decoder of every variant; raises InputError when the package isn't installed.
    """
    run = store.run(run_id)
    # A capsule says what is wrong with a run that isn't done. One that was imported has no training to repeat.
    sealed = {} if run.imported else {"capsule.json": dumps(capsule(store, [run_id])).encode()}
    history = store.history(run_id)
    history["kl_per_dim"] = [json.dumps(value) if isinstance(value, list) else None for value in history["kl_per_dim"]]
    found = {
        "README.txt": readme(run).encode(),
        "config.json": (run.config.model_dump_json(indent=2) + "\n").encode(),
        **sealed,
        "history.csv": as_csv(history).encode(),
        "weights.safetensors": _weights(store, run),
        **_pictures(store, run),
    }
    if onnx:
        from .onnx_export import graphs

        found |= graphs(store, run)
    return found


def run_folder(store: Store, run_id: str, folder: Path, onnx: bool = False) -> None:
    """Write a run as a new folder, or into an empty one. Raises InputError when there is something in it already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there already and isn't empty; nothing was written. Name another folder.")
    contents = files(store, run_id, onnx)
    try:
        for name, data in contents.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        raise InputError(f"{folder} can't be written ({error.strerror}).") from None


def folder_name(run_id: str) -> str:
    """What a run's folder is called among others."""
    return f"run-{run_id}"


def as_zip(store: Store, run_ids: Sequence[str]) -> bytes:
    """The folders of these runs, packed. Raises InputError unless all are done."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for run_id in dict.fromkeys(run_ids):
            for name, data in files(store, run_id).items():
                archive.writestr(f"{folder_name(run_id)}/{name}", data)
    return packed.getvalue()


def _weights(store: Store, run: Run) -> bytes:
    """Of the last epoch, as safetensors: `vae.decoder.to_logits.weight` and so on, with what they belong to."""
    told = {
        "layers": json.dumps(network_of(run.config).widths(run.config, run.shape)),  # from image to code
        "activation": run.config.activation,
        "variants": ",".join(run.config.variants),
        "shape": json.dumps(run.data["shape"]),
        "run_id": run.id,
    }
    stored = store.weights(run.id, run.config.epochs)
    arrays = {f"{name}.{key}": value for name in run.config.variants for key, value in unpack(stored[name]).items()}
    return save(arrays, metadata=told)


def _pictures(store: Store, run: Run) -> dict[str, bytes]:
    """Originals and reconstructions of the last epoch as PNG, and the codes of the latent scatters as CSV."""
    shape = run.shape
    watched = unpack(store.originals(run.id))
    found = {"images/originals.png": _sheet(watched["images"], shape)}
    tables = []
    for variant, payload in store.snapshots(run.id, run.config.epochs).items():
        snapshot = unpack(payload)
        for part in ("from_mean", "from_sample"):
            if part in snapshot:
                found[f"images/{variant}_{part}.png"] = _sheet(snapshot[part], shape)
        codes = snapshot["codes"].astype(np.float32)
        names = np.asarray(run.data["classes"], dtype=object)[watched["labels"]]
        tables.append(pd.DataFrame({"variant": variant, "x": codes[:, 0], "y": codes[:, 1], "class": names}))
    return found | {"codes.csv": as_csv(pd.concat(tables, ignore_index=True)).encode()}


def _sheet(images: np.ndarray, shape: tuple[int, int, int]) -> bytes:
    """`images` (m, P) uint8 in rows."""
    rows = [images[i : i + IMAGES_IN_A_ROW] for i in range(0, len(images), IMAGES_IN_A_ROW)]
    return tile_rows(rows, shape, min(IMAGES_IN_A_ROW, len(images)))


def loading(run: Run) -> str:
    """Plain PyTorch that loads a run's decoder from `weights.safetensors` and decodes a code; or why there is none."""
    config, likelihood = run.config, LIKELIHOODS[run.config.reconstruction]
    network = network_of(config)
    if network.chains is None or likelihood.spelled is None:
        return f"(a {NETWORKS[config.network].title} network with {likelihood.title} is decoded by this program only)\n"
    name = "vae" if "vae" in config.variants else config.variants[-1]
    steps, prefix = network.chains(config, run.shape, VARIANTS[name]).decoder_modules, f"{name}.decoder."
    *body, last = [KINDS[step.kind].spelled(step, config) for step in steps]
    measuring = "" if unnormalised(config) else ".eval()"
    flat = ".flatten(1)" if steps[-1].image_out else ""
    picture = likelihood.spelled.format(f"decoder(torch.zeros(1, {steps[0].inputs})){flat}")
    return f"""\
import torch
from collections import OrderedDict
from safetensors.torch import load_file
from torch import nn

weights = load_file("weights.safetensors")
body = nn.Sequential({", ".join(body)})
decoder = nn.Sequential(OrderedDict(body=body, to_logits={last})){measuring}
decoder.load_state_dict({{k[{len(prefix)}:]: w for k, w in weights.items() if k.startswith("{prefix}")}})
image = {picture}.detach().reshape({", ".join(map(str, run.data["shape"]))})  # grey levels 0 to 1
"""


def _second_line(run: Run) -> str:
    if run.imported:
        return "(no capsule.json: the weights were imported, so there is no training to repeat)"
    told = "settings, versions, computer, metrics: `python -m vae reproduce capsule.json` trains it anew"
    return f"capsule.json         {told}"


def readme(run: Run) -> str:
    """README.txt: what lies in the folder, and how to load the weights."""
    config, (channels, height, width) = run.config, run.shape
    pixels = f"{height} × {width} grey levels" if channels == 1 else f"{channels} × {height} × {width} levels"
    return f"""\
{run.name}
Run {run.id} of Latent Twins: {", ".join(config.variants)} on {config.dataset}, {config.epochs} epochs.

config.json          all settings
{_second_line(run)}
history.csv          metrics of every epoch, and of the test images (split = test), by variant
weights.safetensors  weights after the last epoch: VARIANT.encoder.…, VARIANT.decoder.…
codes.csv            codes of the last epoch in the plane that the latent scatter shows
images/              the images watched, and what each variant makes of them (from the mean, from a sample)

The last epoch's decoder in plain PyTorch (pip install torch safetensors); run it in this folder:

{loading(run)}
The encoder takes images of {pixels} from 0 to 1, flattened row by row: encoder.body, then
encoder.to_mu and, where there is one, encoder.to_logvar. Layers from image to code: \
{arrows(network_of(config).widths(config, run.shape))}.
"""
