"""Runs that are like another but for a setting or two: found among those that are there, or queued."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import streamlit as st

from pages.state import resources
from pages.state.shared_reads import shared_for
from pages.text.escape_markdown import escape_markdown
from pages.visitors import actions
from vae.analysis.intervals import lacking_seeds
from vae.config import RunConfig
from vae.errors import InputError
from vae.store.configurations import by_configuration, without_seed
from vae.store.runs import Run

LOOKED_THROUGH = 1000  # the newest runs
BETAS = (0.0, 0.1, 1.0, 4.0, 20.0)
MOST_SEEDS = 10  # combined in one comparison
FRESH = 1.0  # seconds a look is shared between visitors
Name = TypeVar("Name")


@shared_for(FRESH)
def known() -> dict[RunConfig, dict[int, Run]]:
    """`by_configuration` of the runs that are done or under way; never changed."""
    return by_configuration(resources.store().runs(LOOKED_THROUGH, ("queued", "running", "done")))


def seeds_of(config: RunConfig) -> dict[int, Run]:
    """Runs with this configuration but for the seed, by seed."""
    return known().get(without_seed(config), {})


def with_every_beta(run: Run) -> dict[float, RunConfig]:
    """The run's VAE with each of BETAS, all else the same."""
    return {beta: run.config.model_copy(update={"variants": ("vae",), "beta": beta}) for beta in BETAS}


def under_way(configs: Iterable[RunConfig]) -> bool:
    """Whether some seed of one of them is being trained."""
    return any(run.active for config in configs for run in seeds_of(config).values())


def found(configs: Mapping[Name, RunConfig]) -> dict[Name, Run]:
    """Those of `configs` that were trained, or are being trained, under their names."""
    runs = {name: seeds_of(config).get(config.seed) for name, config in configs.items()}
    return {name: run for name, run in runs.items() if run is not None}


def last_by_seed(config: RunConfig, measure: str) -> dict[int, float]:
    """At the last epoch on the watched images: of runs that are done, and differ from `config` in their seed alone."""
    measured = {}
    for seed, seed_run in list(seeds_of(config).items())[:MOST_SEEDS]:
        if not seed_run.active:
            run, history = resources.progress(seed_run.id)
            rows = history[(history["split"] != "test") & (history["epoch"] == run.epoch)]
            measured[seed] = float(rows[measure].iloc[0])
    return measured


def epoch_of(other: Run, run: Run, epoch: int) -> int:
    """The epoch of `other` that goes with `epoch` of `run`: with its last the other's last, where one ended early."""
    return other.last_epoch if epoch == run.last_epoch and (run.ended_early or other.ended_early) else epoch


def queue(configs: Iterable[RunConfig]) -> list[str] | None:
    """Ids of the queued runs; None when one was refused, which is said, and stays queued what came before it."""
    try:
        return [actions.queue(config) for config in configs]
    except InputError as problem:
        st.error(escape_markdown(str(problem)))
        return None
    finally:
        forget()


def forget() -> None:
    """Something was queued: look at the store anew."""
    resources.forget()
    known.clear()


def offer(label: str, configs: Mapping[Name, RunConfig], icon: str = ":material/play_arrow:") -> None:
    """A button that queues those of `configs` that are not there yet."""
    there = found(configs)
    if (
        st.button(label, icon=icon)
        and queue(config for name, config in configs.items() if name not in there) is not None
    ):
        st.rerun()


def offer_seeds(configs: Sequence[RunConfig], key: str) -> None:
    """A button that queues the seeds that are lacking for a verdict on `configs`; nothing where none is lacking."""
    there = [seeds_of(config) for config in configs]
    seeds = lacking_seeds(there, configs[0].seed)
    if not seeds:
        return
    label = f"Train {len(seeds)} more seed{'s' * (len(seeds) > 1)} for a verdict"
    wanted = [
        config.model_copy(update={"seed": seed})
        for seed in seeds
        for config, found in zip(configs, there, strict=True)
        if seed not in found
    ]
    if st.button(label, icon=":material/add:", type="primary", key=key) and queue(wanted) is not None:
        st.rerun()  # else what was said stays
