"""How each claim stands for a run's configuration: its finding, and what is still to train or being measured."""

from __future__ import annotations

from dataclasses import dataclass

from pages.state import background_measurements, resources
from vae.argument.claims import judge
from vae.argument.findings import Finding
from vae.config import RunConfig
from vae.store.runs import Run


@dataclass(frozen=True)
class Standing:
    """One claim, now."""

    finding: Finding
    to_train: tuple[RunConfig, ...] = ()  # what a verdict lacks
    share: float = 0.0  # done of what is under way, from 0 to 1
    what: str = ""  # is under way, in words; "" when nothing is

    @property
    def busy(self) -> bool:
        """Whether something is trained or measured, so that it is worth looking again."""
        return bool(self.what)
