"""What a tracker of experiments is told of a run: flat names and plain values, whichever tracker it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from ...config import as_text
from ...metrics import scalars
from ...store.runs import Run, Store

OURS = "latent_twins"  # before the names of all tags


@dataclass(frozen=True)
class Point:
    """One number: `vae/validation/kl` after an epoch, or `vae/test/kl` at the run's last one."""

    name: str
    epoch: int
    value: float
    seconds: float  # since the run began, without waiting; of test images as of the last epoch


@dataclass(frozen=True)
class Group:
    """A sweep, for those who keep runs under another one."""

    id: str
    name: str
    params: Mapping[str, str]  # what was asked for
    points: Mapping[str, int] = field(default_factory=dict)  # number of the point by run id


def params(run: Run) -> dict[str, int | float | str]:
    """Every field of its RunConfig, hidden layers and variants as text."""
    values = {name: getattr(run.config, name) for name in type(run.config).model_fields}
    return {name: as_text(value) if isinstance(value, tuple) else value for name, value in values.items()}


def tags(run: Run, group: Group | None = None) -> dict[str, str]:
    """What it is and where it was trained: id, name, seed, data, versions, machine; what isn't known has no tag."""
    data = run.data
    told = {"run_id": run.id, "name": run.name, "status": run.status, "seed": run.config.seed, "note": run.note}
    told |= {"tags": ", ".join(run.tags), "error": run.error, "data.hash": data.get("hash")}
    told |= {f"data.{name}": data.get(name) for name in ("train_size", "validation_size", "test_size", "split_seed")}
    told |= {f"version.{name}": version for name, version in run.versions.items()}
    told |= {f"machine.{name}": value for name, value in (data.get("machine") or {}).items()}
    if group:
        told |= {"sweep_id": group.id, "sweep_point": group.points.get(run.id)}
    return {f"{OURS}.{name}": str(value) for name, value in told.items() if value not in (None, "")}


def points(store: Store, run: Run) -> list[Point]:
    """Every metric that is one number, of every variant: by epoch where it is watched, and on the test images.

    What was not measured is left out. The KL of each dimension is a list, which `history.csv` has.
    """
    history = store.history(run.id).sort_values(["epoch", "variant"], kind="stable")
    watched = history[history["split"] != "test"].drop_duplicates("epoch")  # all variants of an epoch share its seconds
    elapsed = watched.set_index("epoch")["seconds"].astype(float).fillna(0.0).cumsum()
    named = [(name, history[name]) for name in scalars()]
    return [
        Point(f"{variant}/{split}/{name}", int(epoch), float(value), float(elapsed[epoch]))
        for name, column in named
        for variant, split, epoch, value in zip(
            history["variant"], history["split"], history["epoch"], column, strict=True
        )
        if pd.notna(value)
    ]


def began(run: Run) -> float:
    """Seconds since 1970 at which it was started; of one that came from a file, at which it came."""
    return (run.started_at or run.created_at).timestamp()
