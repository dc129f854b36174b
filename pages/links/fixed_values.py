"""What a teacher's link fixes on each page, beside the run and its epoch: one registry.

A page that is to be linked as it stands adds an entry: its file, a parameter of the address, the key in the session
under which the page keeps the value, and how the value is read and written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pages.components.lazy_tabs import next_tab
from pages.shared.nudges import CHOSEN, DIRECTIONS
from vae.choices.estimators import ESTIMATOR_SETUPS
from vae.choices.nudge_units import NUDGE_UNITS
from vae.store.runs import Run

PIN = "latent_space.pin"  # in the session: where the last pin of Latent space was, by run and plane
FARTHEST = 1e6  # of a pin, in coordinates of the plane
MOST = 10_000  # of a number that counts something
PRINCIPAL = "principal components"  # in place of a dimension's number


@dataclass(frozen=True)
class Fixed:
    """One value on one page."""

    page: str  # its file
    parameter: str  # in the address; pages may share a name
    key: str  # in the session, where the page looks for it
    parse: Callable[[str, Run | None], Any]  # → the session's value, for the run that is shown; raises ValueError
    write: Callable[[Any, Run | None], str | None] = lambda value, _run: str(value)  # what `parse` reads; None: nothing
    taken_as: str = ""  # in the session, where it is put instead of at `key`


def one_of(known: Collection[str]) -> Callable[[str, Run | None], str]:
    """Reads a name among `known`."""

    def parse(text: str, _run: Run | None) -> str:
        if text not in known:
            raise ValueError("unknown name")
        return text

    return parse


def _count(text: str, _run: Run | None) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > MOST:
        raise ValueError("no count")
    return int(text)


def _words(text: str, _run: Run | None) -> str:
    """The title of a tab; tabs open one of their own titles, and none otherwise."""
    if not text.isprintable() or len(text) > 80:
        raise ValueError("no title")
    return text


def _number(text: str) -> float:
    """Finite; Python's float also reads inf, nan and 1_0."""
    if not re.fullmatch(r"-?[0-9]*\.?[0-9]+(e[-+]?[0-9]{1,3})?", text):
        raise ValueError("no number")
    return float(text)


def _nudge(text: str, _run: Run | None) -> tuple[str, float]:
    """`absolute,0.1`: a unit and a size that its slider has."""
    unit, _, size = text.partition(",")
    low, high = NUDGE_UNITS[unit].sizes if unit in NUDGE_UNITS else (math.inf, -math.inf)
    if not low <= _number(size) <= high:
        raise ValueError("no nudge")
    return unit, _number(size)


def _dimension(text: str, run: Run | None) -> str:
    """The number of a dimension that the run has, from 1."""
    if run is None or not 1 <= _count(text, run) <= run.config.latent_dim:
        raise ValueError("no dimension")
    return str(int(text))


def _pin(text: str, run: Run | None) -> dict[str, Any]:
    """`ae,0.5,1.25;vae,0.1,-0.2`, before it `2,5;` where dimensions were chosen: plane coordinates of every variant."""
    *plane, ae = re.split(r"^([0-9]+),([0-9]+);", text)[1:] or [text]
    at = {name: [_number(u), _number(v)] for name, u, v in (part.split(",") for part in ae.split(";"))}
    dimensions = (int(plane[0]) - 1, int(plane[1]) - 1) if plane else None
    if run is None or at.keys() != set(run.config.variants):
        raise ValueError("not the variants of the run")
    if any(abs(value) > FARTHEST for place in at.values() for value in place):
        raise ValueError("too far away")
    if dimensions and (len(set(dimensions)) < 2 or not all(0 <= place < run.config.latent_dim for place in dimensions)):
        raise ValueError("no plane")
    return {"place": (run.id, dimensions), "at": at}


def _pin_written(pin: Mapping[str, Any], run: Run | None) -> str | None:
    run_id, dimensions = pin["place"]
    if run is None or run_id != run.id:
        return None
    plane = [",".join(str(place + 1) for place in dimensions)] if dimensions else []
    return ";".join([*plane, *(f"{name},{u:.6g},{v:.6g}" for name, (u, v) in pin["at"].items())])


def _tab(page: str, key: str) -> Fixed:
    return Fixed(page, "tab", key, _words, taken_as=next_tab(key))


def _dimension_written(name: str, run: Run | None) -> str | None:
    """Nothing for the principal components, and for what was chosen for a run with more dimensions."""
    return name if name != PRINCIPAL and run and 2 < run.config.latent_dim >= int(name) else None


FIXED = (
    Fixed("latent_space.py", "across", "latent_space.across", _dimension, _dimension_written),
    Fixed("latent_space.py", "up", "latent_space.up", _dimension, _dimension_written),
    Fixed("latent_space.py", "pin", PIN, _pin, _pin_written),
    Fixed("perturbation.py", "nudge", CHOSEN, _nudge, lambda chosen, _run: f"{chosen[0]},{chosen[1]:.6g}"),
    Fixed("perturbation.py", "direction", "perturbation.direction", one_of(DIRECTIONS)),
    Fixed("perturbation.py", "images", "perturbation.page", _count),
    Fixed("perturbation.py", "draw", "perturbation.draw", _count),
    Fixed("the_trick.py", "way", "trick.way", one_of(ESTIMATOR_SETUPS)),
    _tab("latent_space.py", "latent_space.tab"),
    _tab("perturbation.py", "perturbation.tab"),
    _tab("reconstructions.py", "reconstructions.tab"),
    _tab("sampling.py", "sampling.tab"),
    _tab("the_trick.py", "trick.tabs"),
    _tab("two_losses.py", "losses.tab"),
)


def fixed_on(page: str) -> list[Fixed]:
    """What a link fixes on the page in this file, in the order in which it is read."""
    return [entry for entry in FIXED if entry.page == page]
