"""Whether pixels become 0 or 1 before a model sees them. How they are drawn stands in `datasets.binarised`."""

from __future__ import annotations

from dataclasses import dataclass

from .choice import Choice


@dataclass(frozen=True)
class Binarisation(Choice):
    """A pixel of level g becomes 1 with probability g. Held-out images are drawn once, the same for all runs."""

    binary: bool = True  # whether models see 0 and 1 alone
    each_time: bool = False  # whether training images are drawn anew each time they are learnt from


BINARISATIONS: dict[str, Binarisation] = {
    "none": Binarisation("none", "Pixels as they are.", binary=False),
    "static": Binarisation(
        "static", "Each pixel becomes 1 with its level as the probability, once: the same images in every run."
    ),
    "dynamic": Binarisation(
        "dynamic",
        "Training images are drawn anew each time they are learnt from; validation and test images once, as with "
        "static.",
        each_time=True,
    ),
}
