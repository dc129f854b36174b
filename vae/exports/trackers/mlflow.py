"""Runs and sweeps in MLflow: a run each, and those of a sweep under one of their own."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...store.runs import Run, Store, now
from .told import OURS, Group, Point, began, params, points, tags

STATUS = {"done": "FINISHED", "failed": "FAILED", "stopped": "KILLED", "interrupted": "KILLED"}  # others go on
PARENT, NAME = "mlflow.parentRunId", "mlflow.runName"  # tags that its pages read
AT_ONCE = 1000  # metrics that one call of its API may bring


def to_mlflow(
    store: Store,
    run_ids: Sequence[str],
    to: str,
    experiment: str,
    group: Group | None = None,
    progress: Callable[[float, str], None] = lambda share, what: None,
) -> dict[str, str]:
    """Log runs in an experiment, those of a sweep (`group`) under a run for it; → MLflow's ids by ours.

    `to`: an address that MLflow knows (http://…, sqlite:///…), or a folder, which gets a database `mlflow.db`. What is
    there already is found by its tag `latent_twins.run_id` and gets what it lacks, so nothing is doubled. Raises
    InputError when there is no such run, the package mlflow isn't installed, or MLflow refuses.
    """
    runs = [store.run(run_id) for run_id in dict.fromkeys(run_ids)]
    with _refusals(to):
        address, artifacts = _address(to)
        client = _package().MlflowClient(tracking_uri=address)
        place = client.get_experiment_by_name(experiment)
        place_id = place.experiment_id if place else client.create_experiment(experiment, artifacts)
        parent = _parent(client, place_id, group) if group else None
        found = {}
        for number, run in enumerate(runs):
            progress(number / len(runs), f"run {run.id}")
            found[run.id] = _log(client, place_id, run, tags(run, group), points(store, run), parent)
        progress(1.0, f"{len(runs)} run{'s' * (len(runs) != 1)}")
    return found


def _log(
    client: Any, place_id: str, run: Run, told: Mapping[str, str], measured: Sequence[Point], parent: str | None
) -> str:
    from mlflow.entities import Metric, Param, RunTag

    start = began(run)
    there = _find(client, place_id, "run_id", run.id)
    mine = there or client.create_run(place_id, start_time=round(1000 * start), run_name=run.name).info.run_id
    named = {**told, NAME: run.name, **({PARENT: parent} if parent else {})}
    settings = [] if there else [Param(name, str(value)) for name, value in params(run).items()]
    client.log_batch(mine, params=settings, tags=[RunTag(name, value) for name, value in named.items()])
    known = _known(client, mine, {point.name for point in measured}) if there else set()
    places, moment = {logged[:2] for logged in known}, now().timestamp()
    fresh = [
        # Of two values at one step MLflow shows the later: what was measured anew is dated now.
        Metric(
            point.name,
            point.value,
            round(1000 * (moment if (point.name, point.epoch) in places else start + point.seconds)),
            point.epoch,
        )
        for point in measured
        if (point.name, point.epoch, point.value) not in known
    ]
    for first in range(0, len(fresh), AT_ONCE):
        client.log_batch(mine, metrics=fresh[first : first + AT_ONCE])
    if run.status in STATUS:
        end = run.finished_at.timestamp() if run.finished_at else start + run.seconds
        client.set_terminated(mine, STATUS[run.status], round(1000 * end))
    return mine


def _parent(client: Any, place_id: str, group: Group) -> str:
    """The run that stands for a sweep."""
    from mlflow.entities import Param

    if there := _find(client, place_id, "sweep", group.id):
        return there
    made = client.create_run(place_id, tags={f"{OURS}.sweep": group.id}, run_name=group.name).info.run_id
    client.log_batch(made, params=[Param(name, value) for name, value in group.params.items()])
    client.set_terminated(made)
    return made


def _find(client: Any, place_id: str, tag: str, value: str) -> str | None:
    """MLflow's id of the run with one of our tags, unless it was deleted there."""
    found = client.search_runs([place_id], f"tags.`{OURS}.{tag}` = '{value}'", max_results=1)
    return found[0].info.run_id if found else None


def _known(client: Any, run_id: str, names: set[str]) -> set[tuple[str, int, float]]:
    """What is logged: (name, epoch, value), of these names."""
    logged = set(client.get_run(run_id).data.metrics) & names
    return {
        (metric.key, metric.step, metric.value)
        for name in sorted(logged)
        for metric in client.get_metric_history(run_id, name)
    }


def _address(to: str) -> tuple[str, str | None]:
    """MLflow's address of `to`, and where files of an experiment go: None where MLflow knows."""
    if "://" in to or to == "databricks":
        return to, None
    folder = Path(to).expanduser().resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} can't be written ({error.strerror}).") from None
    return f"sqlite:///{folder / 'mlflow.db'}", (folder / "artifacts").as_uri()


def _package() -> Any:
    """The package. Raises InputError when it isn't installed."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nobody else is told that this program is used
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # an address with no server: seconds, not minutes
    try:
        import mlflow.tracking
    except ImportError:
        raise InputError("MLflow needs the package mlflow, which isn't installed: pip install mlflow.") from None
    return mlflow.tracking


@contextmanager
def _refusals(to: str) -> Iterator[None]:
    """What MLflow complains of, in one sentence."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if not type(error).__module__.startswith(("mlflow", "sqlalchemy", "requests", "urllib3")):
            raise
        said = _without_password((str(error).splitlines() or [type(error).__name__])[0]).rstrip(".")
        raise InputError(f"MLflow at {_without_password(to)} refused: {said[:300]}.") from None


def _without_password(text: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//***@", text)
