"""What a number of a run was measured on, in words: other images, or other codes, give other numbers."""

from __future__ import annotations

from vae.analysis.sentences import images
from vae.choices.variants import VARIANTS
from vae.figures.style import VARIANT_TITLES
from vae.runs.cost import WATCHED
from vae.store.runs import Run


def watched(run: Run, count: int | None = None) -> str:
    """The images its curves are measured on, or the first `count` of them."""
    whole = run.data["validation_size"] or min(WATCHED, run.data["train_size"])
    return images(whole if count is None else count, run.watched_images, whole)


def tested(run: Run, count: int | None = None) -> str:
    """The test images, or the first `count` of them."""
    whole = run.data["test_size"]
    return images(whole if count is None else count, "test", whole)


def decoded(variant: str) -> str:
    """A variant, as its reconstruction loss is measured: from a sample where it has noise, and from its code if not."""
    return f"{VARIANT_TITLES[variant]}, from a sample" if VARIANTS[variant].noise else VARIANT_TITLES[variant]
