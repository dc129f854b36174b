"""What a visitor does to runs, sweeps, images and rooms: every change that a page makes goes through here, as theirs.

Each is refused with a sentence where it isn't theirs to make, also when a button was drawn before it was refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from pages.state import resources
from vae.config import RunConfig
from vae.datasets import Images
from vae.errors import InputError
from vae.exports import examples
from vae.exports.examples import Loaded
from vae.store import rooms, uploaded_images
from vae.store.rooms import Room
from vae.store.runs import Run
from vae.store.uploaded_images import Upload
from vae.sweeps import stored
from vae.sweeps.spec import SweepSpec
from vae.sweeps.stored import Sweep

from .visitor import may_change, visitor

NOT_YOURS = {
    "run": "Someone else trained this run; only they can {}.",
    "sweep": "Someone else asked for this sweep; only they can {}.",
    "images": "Someone else brought these images; only they can {}.",
    "room": "Someone else opened this room; only they can {}.",
}


class NotYoursError(InputError):
    """It isn't theirs to change."""


def refusal(asked_by: str | None, kind: str, action: str) -> str | None:
    """Why the visitor may not do this to what `asked_by` has asked for, in a sentence; None when they may."""
    return None if may_change(asked_by) else NOT_YOURS[kind].format(action)


def _demand(asked_by: str | None, kind: str, action: str) -> None:
    if reason := refusal(asked_by, kind, action):
        raise NotYoursError(reason)


# Asking for something: everybody may, within their limits


def train(config: RunConfig) -> str:
    """Queue a run, and give it a moment to begin. Raises InputError when it can't be trained here, or not now."""
    return resources.submit(config, visitor())


def queue(config: RunConfig) -> str:
    """Queue one of several runs. Raises InputError as `train` does."""
    return resources.jobs().submit(config, visitor())


def load_examples() -> Loaded:
    """Bring in the ready-trained runs that aren't there. Raises InputError when a file is missing or damaged."""
    loaded = examples.load(resources.store(), visitor())
    resources.forget()
    return loaded


def ask_for(spec: SweepSpec, name: str) -> str:
    """Ask for a sweep and return its id. Raises InputError when it can't be trained here, or not now."""
    return resources.ask_for(spec, name, visitor())


def keep_images(title: str, images: Images) -> Upload:
    """Keep images of one's own; those that somebody else brought keep their name. Raises InputError."""
    return uploaded_images.keep(resources.store(), title, images, visitor(), may_change)


def open_room() -> str:
    """Open a room and return its code; one that they have open ends. Raises InputError when there are too many."""
    return rooms.open_room(resources.store(), visitor())


# Changing what there is


def stop(run_id: str) -> None:
    """Raises NotYoursError."""
    _demand(_run(run_id).visitor, "run", "stop it")
    resources.jobs().stop(run_id)
    resources.forget()


def resume(run_id: str) -> None:
    """Raises NotYoursError, or InputError when too many runs wait."""
    _demand(_run(run_id).visitor, "run", "resume it")
    resources.jobs().resume(run_id)
    resources.forget()


def describe(run_id: str, *, name: str, tags: Sequence[str], note: str) -> None:
    """Raises NotYoursError, or InputError when a text is too long or the name is empty."""
    _demand(_run(run_id).visitor, "run", "rename, tag or note it")
    resources.store().describe(run_id, name=name, tags=tags, note=note)


def delete(run_ids: Sequence[str]) -> list[str]:
    """Delete those of the runs that have ended and are theirs; returns them. Raises NotYoursError where none is."""
    runs = [_run(run_id) for run_id in run_ids]
    mine = [run for run in runs if may_change(run.visitor)]
    if runs and not mine:
        _demand(runs[0].visitor, "run", "delete it")
    gone = [run.id for run in mine if not run.active]
    resources.store().delete(gone)
    return gone


def restore(run_ids: Sequence[str]) -> int:
    """Bring back those of the runs that are theirs; returns how many."""
    mine = []
    for run_id in run_ids:
        with suppress(InputError):  # purged meanwhile
            if may_change(_run(run_id).visitor):
                mine.append(run_id)
    return resources.store().restore(mine)


def stop_sweep(sweep: Sweep) -> None:
    """Raises NotYoursError."""
    _demand(sweep.visitor, "sweep", "stop it")
    stored.stop(resources.store(), sweep.id)


def resume_sweep(sweep: Sweep) -> None:
    """Raises NotYoursError, or InputError when too many sweeps run."""
    _demand(sweep.visitor, "sweep", "resume it")
    most = resources.settings().max_sweeps_per_visitor
    stored.resume(resources.store(), sweep.id, resources.jobs().owner, most)


def remove_images(upload: Upload) -> None:
    """Raises NotYoursError, or InputError when a run was trained on them."""
    _demand(upload.visitor, "images", "delete them")
    uploaded_images.remove(resources.store(), upload.name)


def ask(room: Room, claim: int, choices: int) -> None:
    """Show the room a claim. Raises NotYoursError, or InputError when the room has ended."""
    _demand(room.visitor, "room", "ask something in it")
    rooms.ask(resources.store(), room.code, claim, choices)


def reveal(room: Room, claim: int, said: str, answer: int | None) -> None:
    """Show the room what was measured. Raises NotYoursError, or InputError when the room has ended or moved on."""
    _demand(room.visitor, "room", "show what was measured")
    rooms.reveal(resources.store(), room.code, claim, said, answer)


def end_room(room: Room) -> None:
    """Raises NotYoursError, or InputError when it has ended."""
    _demand(room.visitor, "room", "end it")
    rooms.close(resources.store(), room.code)


def _run(run_id: str) -> Run:
    """As the store has it, not as a page remembers it."""
    return resources.store().run(run_id)
