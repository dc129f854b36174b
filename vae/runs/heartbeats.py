"""Who has shown no sign of life for a while. No clock is compared, only change is watched: clocks jump."""

from __future__ import annotations

import time
from collections.abc import Mapping

SILENCE = 5.0  # seconds without a sign of life after which somebody counts as gone
BLIND = 2.5  # seconds between two looks after which nothing is concluded: the database was away, for others as well


class Heartbeats:
    """Pulses, as they were when looked at; a look takes all of them at once."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, float]] = {}  # id → pulse, and when it was new (monotonic seconds)
        self._looked = time.monotonic()

    def look(self, pulses: Mapping[str, int]) -> list[str]:
        """Ids whose pulse has stood still for SILENCE seconds in which we have looked."""
        moment = time.monotonic()
        before = {} if moment - self._looked > BLIND else self._seen
        self._looked = moment
        self._seen = {
            name: before[name] if name in before and before[name][0] == pulse else (pulse, moment)
            for name, pulse in pulses.items()
        }
        return [name for name, (_, since) in self._seen.items() if moment - since > SILENCE]
