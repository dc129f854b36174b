"""How claims stand for a run's configuration: their findings, and what is still to train or being measured."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import streamlit as st

from pages.shared import similar_runs
from pages.state import background_measurements, resources
from pages.state.shared_reads import shared_for
from vae.argument.findings import Finding
from vae.config import RunConfig
from vae.store.runs import Run

if TYPE_CHECKING:
    from vae.argument.kept import Kept  # torch may come with it

FRESH = 0.5  # seconds a look at the store is shared between visitors


@dataclass(frozen=True)
class Standing:
    """One claim, now."""

    finding: Finding
    to_train: tuple[RunConfig, ...]  # what a verdict lacks
    problems: tuple[str, ...]  # why something could not be measured, in sentences
    under_way: Mapping[Hashable, tuple[float, str]] = field(default_factory=dict)  # by what it is: done of it, in words

    @property
    def busy(self) -> bool:
        """Whether something is trained or measured, so that it is worth looking again."""
        return bool(self.under_way)


def of(run: Run, number: int) -> Standing:
    """Claim `number`, and the start of measurements that it lacks of runs that are there."""
    from vae.argument import kept

    read = _read(run.config, number)
    finding, lacking = kept.findings(read, (number,))[number], kept.lacking(read, number)
    states = {measurement: background_measurements.of(*measurement) for measurement in lacking.measurements}
    under_way: dict[Hashable, tuple[float, str]] = {member.id: _training(member) for member in lacking.under_way}
    # One that has ended since it was read is there, too: the next look shows it.
    under_way |= {key: (state.share, state.what) for key, state in states.items() if not state.problem}
    problems = tuple(dict.fromkeys(state.problem for state in states.values() if state.problem))
    return Standing(finding, lacking.configs, problems, under_way)


def progress(*stands: Standing, **layout: Any) -> None:
    """A bar that tells what is trained or measured for these claims; nothing where nothing is."""
    under_way: dict[Hashable, tuple[float, str]] = {}
    for one in stands:
        under_way |= one.under_way
    if under_way:
        share, what = max(under_way.values())
        st.progress(share, text=f"{what} ({len(under_way)} to go)" if len(under_way) > 1 else what, **layout)


def train_missing(configs: Sequence[RunConfig], key: str) -> None:
    """A button that trains what is lacking for a verdict."""
    count = len(configs)
    label = f"Train {count} more run{'s' * (count > 1)} for a verdict"
    if st.button(label, icon=":material/add:", type="primary", key=key) and similar_runs.queue(configs) is not None:
        _read.clear()  # what it says of the time before would end the looking before it began
        findings.clear()
        st.rerun()


@shared_for(FRESH, most=50)
def findings(config: RunConfig) -> dict[int, Finding]:
    """What follows from what is kept, by claim: nothing is begun. Shared between visitors: never changed."""
    from vae.argument import kept

    return kept.findings(kept.read(resources.store(), config, known=similar_runs.known()))


@shared_for(FRESH, most=50)
def _read(config: RunConfig, number: int) -> Kept:
    from vae.argument import kept

    return kept.read(resources.store(), config, (number,), similar_runs.known())


def _training(run: Run) -> tuple[float, str]:
    share = max(run.epoch, 0) / run.config.epochs
    return share, "Waiting for a worker" if run.status == "queued" else f"Training {run.name}"
