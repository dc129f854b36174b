"""Which runs are one configuration with several seeds: what an interval may be over."""

from __future__ import annotations

from collections.abc import Sequence

from ..config import RunConfig
from ..errors import InputError
from .runs import Run


def same_but_for_seed(runs: Sequence[Run]) -> None:
    """Raises InputError unless the runs are one configuration, each with a seed of its own."""
    first = runs[0]
    for run in runs[1:]:
        if other := set(first.config.differences(run.config)) - {"seed"}:
            raise InputError(
                f"Runs {first.id} and {run.id} differ in {', '.join(sorted(other))}; an interval is over seeds of one "
                "configuration."
            )
    for i, run in enumerate(runs):
        if twin := next((earlier for earlier in runs[:i] if earlier.config.seed == run.config.seed), None):
            raise InputError(f"Runs {twin.id} and {run.id} have the same seed, {run.config.seed}: that is one run.")


def by_configuration(runs: Sequence[Run]) -> dict[RunConfig, dict[int, Run]]:
    """Configuration, with the seed 0 → by seed the first of `runs` that is done, or else under way.

    Without runs whose weights were imported: nothing says that they were trained with these settings and this seed.
    """
    found: dict[RunConfig, dict[int, Run]] = {}
    for run in sorted(runs, key=lambda run: run.status != "done"):
        if (run.status == "done" and not run.imported) or run.active:
            found.setdefault(without_seed(run.config), {}).setdefault(run.config.seed, run)
    return found


def without_seed(config: RunConfig) -> RunConfig:
    """What runs of one configuration share."""
    return config.model_copy(update={"seed": 0})
