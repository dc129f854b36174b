"""Which images of a run a number was measured on: means over other images are other numbers."""

from __future__ import annotations

from vae.analysis.sentences import images
from vae.runs.cost import WATCHED
from vae.runs.store import Run


def watched(run: Run, count: int | None = None) -> str:
    """The images its curves are measured on, or the first `count` of them."""
    whole = run.data["validation_size"] or min(WATCHED, run.data["train_size"])
    return images(whole if count is None else count, run.watched_images, whole)


def tested(run: Run, count: int | None = None) -> str:
    """The test images, or the first `count` of them."""
    whole = run.data["test_size"]
    return images(whole if count is None else count, "test", whole)
