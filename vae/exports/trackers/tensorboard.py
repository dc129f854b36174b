"""Runs as TensorBoard event files: curves, and settings beside results on its HParams page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...store.runs import Run, Store
from .told import Group, began, params, points, tags

SUFFIX = ".latent-twins"  # of our event files: others in the same folder are somebody else's


def to_tensorboard(store: Store, run_ids: Sequence[str], folder: Path, group: Group | None = None) -> list[Path]:
    """Write `folder`/run-ID/ for each run, under `folder`/sweep-ID/ those of a sweep; → these folders.

    Events are dated as the run was trained: TensorBoard's relative time is that of its epochs. A run that was exported
    before is replaced. Raises InputError when there is no such run, the package tensorboard isn't installed, or the
    folder can't be written.
    """
    written = []
    for run in [store.run(run_id) for run_id in dict.fromkeys(run_ids)]:
        place = (folder / f"sweep-{group.id}" if group else folder) / f"run-{run.id}"
        try:
            _write(store, run, place, group)
        except OSError as error:
            raise InputError(f"{place} can't be written ({error.strerror}).") from None
        written.append(place)
    return written


def _write(store: Store, run: Run, place: Path, group: Group | None) -> None:
    events = _package()
    before = list(place.glob(f"events.out.tfevents.*{SUFFIX}"))
    place.mkdir(parents=True, exist_ok=True)
    writer = events.writer(str(place), filename_suffix=SUFFIX)
    start = began(run)
    told = {name.partition(".")[2]: value for name, value in tags(run, group).items()} | params(run)
    writer.add_event(events.event(wall_time=start, summary=events.settings(told, run.id, int(start))))
    for point in points(store, run):
        value = events.summary.Value(tag=point.name, simple_value=point.value)
        summary = events.summary(value=[value])
        writer.add_event(events.event(wall_time=start + point.seconds, step=point.epoch, summary=summary))
    writer.close()
    for old in before:  # the new one is whole: nothing is lost if we end here
        old.unlink()


def _package() -> Any:
    """What events are made of. Raises InputError when the package isn't installed."""
    from types import SimpleNamespace

    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError:
        raise InputError(
            "Event files need the package tensorboard, which isn't installed: pip install tensorboard."
        ) from None
    return SimpleNamespace(writer=EventFileWriter, event=Event, summary=Summary, settings=hparams_pb)
