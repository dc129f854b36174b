"""A run that is done as one file: a zip of JSON and safetensors, from which it comes back as it was."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..config import RunConfig
from ..errors import InputError
from ..store.run_rows import EpochRecord
from ..store.whole_runs import IMPORTED, SOURCE, WholeRun

FORMAT, VERSION = "latent-twins run", 1
ABOUT, SPLIT, ORIGINALS = "run.json", "split.safetensors", "originals.safetensors"
MOST = 200_000_000  # bytes of a file once unpacked
EARLIEST = (1980, 1, 1, 0, 0, 0)  # of all that is packed: the same run is the same file


def packed(whole: WholeRun) -> bytes:
    """The file."""
    about: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "name": whole.name,
        "config": whole.config.model_dump(mode="json"),
        "versions": whole.versions,
        "data": {name: value for name, value in whole.data.items() if name != IMPORTED},
        "split": {"hash": whole.split[0], "seed": whole.split[1]},
        "epochs": [
            {"epoch": record.epoch, "split": record.split, "seconds": record.seconds, "metrics": record.metrics}
            for record in whole.epochs
        ],
        "test": whole.test,
    }
    parts = {ABOUT: json.dumps(about, ensure_ascii=False, allow_nan=False).encode()}
    parts |= {SPLIT: whole.split[2], ORIGINALS: whole.originals}
    for record in whole.epochs:
        for kind, payloads in (("snapshots", record.snapshots), ("weights", record.weights)):
            parts |= {_place(kind, record.epoch, variant): payload for variant, payload in payloads.items()}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name, EARLIEST), data, zipfile.ZIP_LZMA)
    return file.getvalue()


def unpacked(data: bytes, source: str) -> WholeRun:
    """The run in a file; `source`: a name for the file that is another one when it changes.

    Raises InputError when it is none.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST:
                raise InputError(f"This file of a run is larger than {MOST:,} bytes.")
            parts = {entry.filename: archive.read(entry) for entry in archive.infolist()}
        about = json.loads(parts[ABOUT])
        if about["format"] != FORMAT or about["version"] != VERSION:
            raise InputError("This file of a run was written by another version of this program.")
        config = RunConfig.parse(about["config"])
        epochs = [_record(values, config, parts) for values in about["epochs"]]
        whole = WholeRun(
            config=config,
            name=about["name"],
            versions=about["versions"],
            data=about["data"] | {IMPORTED: {SOURCE: source}},
            split=(about["split"]["hash"], about["split"]["seed"], parts[SPLIT]),
            originals=parts[ORIGINALS],
            epochs=epochs,
            test=about["test"],
            trained_here=True,
        )
    except (zipfile.BadZipFile, KeyError, TypeError, AttributeError, UnicodeDecodeError, EOFError) as problem:
        raise InputError(f"This is no file of a run, or a damaged one ({type(problem).__name__}).") from None
    if not whole.epochs or not whole.epochs[-1].weights:
        raise InputError("This file of a run holds no weights.")
    return whole


def _record(values: Mapping[str, Any], config: RunConfig, parts: Mapping[str, bytes]) -> EpochRecord:
    record = EpochRecord(values["epoch"], values["split"], values["seconds"], values["metrics"], {}, {}, b"")

    def of_kind(kind: str) -> dict[str, bytes]:
        places = {variant: _place(kind, record.epoch, variant) for variant in config.variants}
        return {variant: parts[place] for variant, place in places.items() if place in parts}

    return replace(record, snapshots=of_kind("snapshots"), weights=of_kind("weights"))


def _place(kind: str, epoch: int, variant: str) -> str:
    return f"{kind}/{epoch}/{variant}.safetensors"
