"""A capsule: one JSON file that holds all it takes to repeat runs, and to tell whether they came out the same.

What is trained comes from `config` and the data set; versions and machine say how equal it must come out; the metrics
and the digests of the final weights are what it is compared with (see reproduction.py). The checksum tells a slip from
a sound file. It is no signature: whoever changes numbers can compute it anew, and is found out by the rerun.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, create_model

from ..config import RunConfig
from ..errors import InputError
from ..metrics import METRICS, Metric
from ..store import uploaded_images
from ..store.runs import Store, now
from ..store.tensor_bytes import unpack
from .run_json import document

FORMAT, VERSION = "latent-twins capsule", 1
MAX_RUNS = 2000
MAX_BYTES = 50 * 2**20

# What pydantic lets pass in silence elsewhere is refused here: other fields, infinities, texts for numbers.
_RULES = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


def _printable(text: str) -> str:
    if not text.isprintable():  # it will be shown in terminals, too
        raise ValueError("holds characters that can't be printed")
    return text


Text = Annotated[str, Field(max_length=1000), AfterValidator(_printable)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]  # SHA-256


def _kind(metric: Metric) -> tuple[Any, Any]:
    """What pydantic takes for a metric: its type and its default. One that came later may be missing."""
    if metric.per_dimension:
        return Annotated[list[float], Field(max_length=512)] | None, ...
    number = Annotated[int, Field(ge=0, le=512)] if metric.whole else float
    if metric.in_extra:
        return float | None, None
    return (number | None if metric.needs else number), ...


class _Measured(BaseModel):
    model_config = _RULES


_NUMBERS: dict[str, Any] = {name: _kind(metric) for name, metric in METRICS.items()}
Measured = create_model(
    "Measured",
    __base__=_Measured,
    __doc__="Metrics of one variant on one set of images, under the names of `vae.metrics.METRICS`.",
    **_NUMBERS,
)


class MeasuredEpoch(Measured):
    """The same after an epoch, 0 for the state before training."""

    epoch: Annotated[int, Field(ge=0)]
    split: Text


class VariantMetrics(BaseModel):
    """All that was measured of one variant."""

    model_config = _RULES
    test: Measured
    epochs: Annotated[list[MeasuredEpoch], Field(max_length=1001)]


class Data(BaseModel):
    """Which images, and how they were split."""

    model_config = _RULES
    name: Text  # as a config names it
    title: Text
    hash: Digest
    shape: Annotated[
        list[int], Field(min_length=2, max_length=3)
    ]  # height, width; channels before them where there are several
    classes: Annotated[list[Text], Field(max_length=1000)]
    train_size: int
    validation_size: int
    test_size: int
    split_seed: int


class Machine(BaseModel):
    """See machine.py."""

    model_config = _RULES
    system: Text
    processor: Text
    instructions: Text
    threads: Annotated[int, Field(ge=1, le=4096)]
    accelerator: Text


class RunRecord(BaseModel):
    """One run that is done."""

    model_config = _RULES
    name: Text
    config: RunConfig
    dataset: Data
    versions: Annotated[dict[Text, Text], Field(max_length=50)]
    machine: Machine | None  # None: trained before it was recorded
    metrics: dict[Text, VariantMetrics]  # by variant
    weights: dict[Text, Digest]  # by variant, see `weights_digest`
    ended: Text | None = None  # why before its epochs did, for people; None where it didn't

    @property
    def last_epoch(self) -> int:
        """The last that was measured: its weights are those of the digests."""
        return max((row.epoch for told in self.metrics.values() for row in told.epochs), default=self.config.epochs)


class Capsule(BaseModel):
    """What `read` gives back."""

    model_config = _RULES
    made_at: Annotated[AwareDatetime, Field(strict=False)]
    runs: Annotated[list[RunRecord], Field(min_length=1, max_length=MAX_RUNS)]
    altered: bool = False  # its checksum is not that of its contents: changed after it was written


def capsule(store: Store, run_ids: Sequence[str]) -> dict[str, Any]:
    """For `json.dump`. Raises InputError unless there are runs, and all of them are done."""
    if not run_ids:
        raise InputError("A capsule holds at least one run.")
    if len(run_ids) > MAX_RUNS:
        raise InputError(f"A capsule holds at most {MAX_RUNS:,} runs, not {len(run_ids):,}.")
    made_at = now().isoformat(timespec="seconds")
    runs = [_written(record(store, run_id)) for run_id in dict.fromkeys(run_ids)]
    contents = {"format": FORMAT, "version": VERSION, "made_at": made_at, "runs": runs}
    return contents | {"checksum": checksum(contents)}


def _written(told: RunRecord) -> dict[str, Any]:
    """A run as the file holds it: without a word on its end where there is none, as files always were."""
    return told.model_dump(mode="json", exclude={"ended"} if told.ended is None else None)


def record(store: Store, run_id: str) -> RunRecord:
    """A stored run as a capsule holds it. Raises InputError when there is no such run, or it isn't done."""
    run = store.run(run_id)
    if run.status != "done":
        reached = f"after epoch {run.epoch} of {run.config.epochs}" if run.epoch >= 0 else "before its first epoch"
        raise InputError(
            f"Run {run_id} is {run.status} {reached}; only a run that is done can be repeated and compared."
        )
    if run.imported:
        raise InputError(
            f"The weights of run {run_id} were imported, so there is no training to repeat; export its folder instead."
        )
    data, told = run.data, document(store, run_id)["variants"]
    stored = store.weights(run_id, run.last_epoch)
    sizes = {name: data[name] for name in ("train_size", "validation_size", "test_size", "split_seed")}
    return RunRecord(
        name=run.name,
        config=run.config,
        dataset=Data(
            name=run.config.dataset,
            title=uploaded_images.lookup(store, run.config.dataset).title,
            hash=data["hash"],
            shape=data["shape"],
            classes=data["classes"],
            **sizes,
        ),
        versions=run.versions,
        machine=data.get("machine"),
        metrics={
            name: {"test": variant["test"], "epochs": [_plain(row) for row in (variant["initial"], *variant["epochs"])]}
            for name, variant in told.items()
        },
        weights={name: weights_digest(payload) for name, payload in stored.items()},
        ended=run.ending,
    )


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Without how long it took, which never comes out the same."""
    return {name: value for name, value in row.items() if name != "seconds"}


def weights_digest(payload: bytes) -> str:
    """SHA-256 of every weight's name, shape, type and bytes, whatever the order in the safetensors `payload`."""
    digest = hashlib.sha256()
    for name, array in sorted(unpack(payload).items()):
        digest.update(f"{name} {array.shape} {array.dtype.str}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def checksum(contents: dict[str, Any]) -> str:
    """SHA-256 of a capsule's JSON without its checksum: keys sorted, no spaces, floats as Python writes them."""
    rest = {name: value for name, value in contents.items() if name != "checksum"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def dumps(contents: dict[str, Any]) -> str:
    """The file's text. Floats come back from it exactly: Python writes as many digits as tell a number from others.

    Raises InputError when it would be larger than `read` takes.
    """
    text = json.dumps(contents, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if len(text.encode()) > MAX_BYTES:
        raise InputError(f"These runs make a capsule larger than {MAX_BYTES >> 20} MB; make several of fewer runs.")
    return text


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    format: Literal["latent-twins capsule"]
    version: Literal[1]
    made_at: Any
    runs: Any
    checksum: str


def read(text: str | bytes) -> Capsule:
    """A capsule from its file. Raises InputError, in one sentence, when it is none.

    One that was changed after it was written is read all the same, as `altered`: the rerun tells what differs.
    """
    if len(text) > MAX_BYTES:
        raise InputError(f"This file is larger than {MAX_BYTES >> 20} MB, which no capsule is.")
    try:
        raw = json.loads(text, parse_constant=_no_number)
    except InputError:
        raise
    except (ValueError, RecursionError):  # also bytes that are no text
        raise InputError("This file is not JSON, so it is no capsule.") from None
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise InputError(f"This JSON is no capsule: its format is not {FORMAT!r}.")
    if isinstance(raw.get("version"), int) and raw["version"] > VERSION:
        raise InputError(
            f"This capsule was written by a newer version of this program (format {raw['version']}, this one reads "
            f"{VERSION}). Update the program."
        )
    try:
        found = checksum(raw)
    except ValueError:
        raise InputError("This capsule holds an infinite number or broken text, as no sound one does.") from None
    if isinstance(raw.get("runs"), list):
        for i, run in enumerate(raw["runs"][:MAX_RUNS]):
            if isinstance(run, dict) and isinstance(run.get("config"), dict):
                run["config"] = _config(run["config"], i)
    try:
        file = _File(**raw)
        return Capsule(made_at=file.made_at, runs=file.runs, altered=found != file.checksum)
    except ValidationError as error:
        raise InputError(_sentence(error)) from None


def _config(values: dict[str, Any], i: int) -> RunConfig:
    try:
        return RunConfig.parse(values)
    except InputError as error:
        raise InputError(f"Run {i + 1} of this capsule can't be understood: {error}") from None


def _no_number(name: str) -> None:
    raise InputError(f"This capsule holds {name}, which is no number: no run that is done has one.")


def _sentence(error: ValidationError) -> str:
    """The first thing that is wrong, and where."""
    detail = error.errors()[0]
    path = [str(part + 1) if isinstance(part, int) else part for part in detail["loc"]]
    where = " → ".join(str(part)[:60] for part in path)
    where = where if where.isprintable() else "a name"
    what = {"missing": "is missing", "extra_forbidden": "is nothing that a capsule has"}.get(detail["type"])
    message = str(detail.get("ctx", {}).get("error", detail["msg"])).splitlines()[0]
    return f"This capsule can't be read: {where} {what or 'is wrong: ' + message}."
