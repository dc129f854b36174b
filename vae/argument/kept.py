"""What a store holds for the claims about one configuration, and what is lacking. Reads kept tables, never measures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..analysis.intervals import lacking_seeds
from ..config import RunConfig
from ..errors import InputError
from ..store import measurements, uploaded_images
from ..store.configurations import by_configuration, without_seed
from ..store.runs import Run, Store
from .claims import CLAIMS, Claim
from .evidence import FAMILIES, Evidence, holding
from .findings import Finding

LOOKED_THROUGH = 1000  # the newest runs
MOST_SEEDS = 10  # combined for one claim
MEASURES = ["member", "seed", "variant", "measure", "value", "n"]
WORDS = {"member", "variant", "measure", "unit"}  # columns that hold no numbers
NUDGES = ["member", "seed", "variant", "unit", "size", "rmse"]


@dataclass(frozen=True)
class Kept:
    """Runs and tables for the claims about one configuration."""

    base: RunConfig
    dataset: str  # its title
    known: Mapping[RunConfig, Mapping[int, Run]]  # runs that are done or under way, as `by_configuration` has them
    tables: Mapping[str, Mapping[str, pd.DataFrame]]  # by kind and run, measured at the run's last epoch


@dataclass(frozen=True)
class Lacking:
    """What it takes to judge a claim."""

    configs: tuple[RunConfig, ...]  # to train
    under_way: tuple[Run, ...]
    measurements: tuple[tuple[str, str, int], ...]  # kind, run and epoch, to make with `measuring.MEASUREMENTS`

    @property
    def nothing(self) -> bool:
        return not (self.configs or self.under_way or self.measurements)


def read(
    store: Store,
    base: RunConfig,
    numbers: Iterable[int] | None = None,
    known: Mapping[RunConfig, Mapping[int, Run]] | None = None,
) -> Kept:
    """All that is kept for these claims (all of them), read at once. `known`: from who has it already."""
    if known is None:
        known = by_configuration(store.runs(LOOKED_THROUGH, ("queued", "running", "done")))
    runs: dict[str, dict[str, Run]] = {}  # by kind and run
    for claim in (CLAIMS[number] for number in (CLAIMS if numbers is None else numbers)):
        for of_member in _runs(base, known, claim).values():
            for kind in kinds(claim):
                runs.setdefault(kind, {}).update({run.id: run for run in of_member.values() if run.status == "done"})
    tables = {kind: measurements.at_the_end(store, kind, of_kind.values()) for kind, of_kind in runs.items()}
    try:
        title = uploaded_images.lookup(store, base.dataset).title
    except InputError:  # images of somebody's own that are no longer here
        title = base.dataset
    return Kept(base, title, known, tables)


def kinds(claim: Claim) -> tuple[str, ...]:
    """Which measurements of `measuring.MEASUREMENTS` a claim needs."""
    return ("claims", "sensitivity") if claim.nudged else ("claims",)


def gather(kept: Kept, number: int) -> Evidence:
    """What was measured for one claim. Raises KeyError for a number that is none of CLAIMS."""
    claim = CLAIMS[number]
    tables: dict[str, list[pd.DataFrame]] = {"claims": [], "sensitivity": []}
    for member, runs in _runs(kept.base, kept.known, claim).items():
        for seed, run in runs.items():
            for kind in kinds(claim):
                table = kept.tables.get(kind, {}).get(run.id)
                if table is not None:
                    tables[kind].append(table.assign(member=member, seed=seed))
    measures = _stacked(tables["claims"], MEASURES)
    # A store keeps no infinity: what has a row but no value is the KL of codes that fill less than the whole space.
    infinite = measures["value"].isna() & (measures["measure"] == "kl_to_prior")
    measures["value"] = measures["value"].astype(float).mask(infinite, np.inf)
    return Evidence(kept.base, measures, _stacked(tables["sensitivity"], NUDGES), kept.dataset)


def _stacked(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """All rows; without a table none, in columns of numbers as of words."""
    if tables:
        return pd.concat(tables, ignore_index=True)
    return pd.DataFrame({name: pd.Series(dtype=str if name in WORDS else float) for name in columns})


def findings(kept: Kept, numbers: Iterable[int] | None = None) -> dict[int, Finding]:
    """What follows for these claims (all of them) from what is kept."""
    return {number: CLAIMS[number].rule(gather(kept, number)) for number in (CLAIMS if numbers is None else numbers)}


def lacking(kept: Kept, number: int) -> Lacking:
    """What to train and to measure, so that the claim can be judged over enough seeds."""
    claim = CLAIMS[number]
    family, runs = FAMILIES[claim.family](kept.base), _runs(kept.base, kept.known, claim)
    seeds = lacking_seeds([set(of_member) for of_member in runs.values()], kept.base.seed)
    configs = [
        config.model_copy(update={"seed": seed})
        for seed in seeds
        for member, config in family.items()
        if seed not in runs[member]
    ]
    all_runs = [run for of_member in runs.values() for run in of_member.values()]
    wanted = [
        (kind, run.id, run.last_epoch)
        for run in all_runs
        for kind in kinds(claim)
        if run.status == "done" and run.id not in kept.tables.get(kind, {})
    ]
    return Lacking(tuple(configs), tuple(run for run in all_runs if run.active), tuple(wanted))


def _runs(base: RunConfig, known: Mapping[RunConfig, Mapping[int, Run]], claim: Claim) -> dict[str, dict[int, Run]]:
    """By member of the claim's family and by seed: its runs that are done or under way, MOST_SEEDS at the most."""
    found = {}
    for member, config in FAMILIES[claim.family](base).items():
        runs: dict[int, Run] = {}
        for each in holding(claim.family, config):
            for seed, run in known.get(without_seed(each), {}).items():
                if seed not in runs or (run.status == "done" and runs[seed].status != "done"):
                    runs[seed] = run
        found[member] = {seed: runs[seed] for seed in sorted(runs)[:MOST_SEEDS]}
    return found
