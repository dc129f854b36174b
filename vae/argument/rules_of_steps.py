"""From what was measured to a badge: the claims about small steps of a code, 3 and 6.

Read as `rules_of_codes`, which says what "clearly" means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from ..analysis.comparing import Difference, ratios
from ..analysis.intervals import SEEDS_FOR_A_VERDICT
from ..analysis.verdict import logarithm, sort, sorted_out
from ..choices.nudge_units import NUDGE_UNITS
from ..choices.variants import VARIANTS, ingredients, other_ways
from .evidence import Evidence
from .findings import Finding, Number
from .reading import (
    as_times,
    badge,
    conclude,
    is_higher,
    listed,
    log_ratio,
    mean,
    not_measured,
    ratio,
    relations,
    shared,
    turn,
)

STEP = 0.1  # size of the nudge
INGREDIENTS = ("noise_only", "kl_only", "vae")  # in the order of claim 6's choices


def small_step(evidence: Evidence) -> Finding:
    """Claim 3. How much a nudge of 0.1 changes the pictures, AE ÷ VAE, in every unit that both models have.

    The AE's clearly more in all units: holds. In some: depends on the unit. In none, and clearly less in one: doesn't
    hold.
    """
    found = _in_every_unit(evidence.nudges, "ae", "vae")
    if not found:
        return not_measured(evidence, "nudges of an AE’s and a VAE’s codes with these settings")
    in_unit = {NUDGE_UNITS[unit].measured: logs for unit, logs in found.items()}
    numbers = [as_times(f"AE ÷ {evidence.vae}, {unit}", logs) for unit, logs in in_unit.items()]
    parts = [f"{times.value:.2f} times as much {unit}" for unit, times in zip(in_unit, numbers, strict=True)]
    said = f"After a nudge of {STEP:g}, the AE’s pictures change, compared with the VAE’s, {listed(parts)}."
    more, seeds = {unit: is_higher(logs) for unit, logs in in_unit.items()}, _seeds(evidence.nudges, "ae", "vae")
    if len(seeds) >= SEEDS_FOR_A_VERDICT:
        said += " " + relations("The AE’s pictures change", more, "more", "less")
    verdict = badge(more.values())
    turned_by = turn(
        verdict,
        "the AE’s pictures changed clearly more in every unit",
        "the AE’s changed clearly less in one unit, and more in none",
        "the unit",
    )
    answer = whose_picture(more.values())
    return conclude(evidence, seeds, verdict, said, numbers, turned_by, answer, "the unit")


def sampling_smooths(evidence: Evidence) -> Finding:
    """Claim 6. How much a nudge of 0.1 changes the pictures, noise alone ÷ neither noise nor KL (the AE), in every unit
    that all four variants have. What other ways to smooth do is said where it was measured; the badge is noise's.

    Noise alone clearly less in all units: holds. In some: depends on the unit. In none, and clearly more in one:
    doesn't hold.
    """
    names = {name: VARIANTS[name].title for name in ingredients()}
    found = {
        name: _in_every_unit(evidence.nudges, name, "ae") for name in names if name != "ae"
    }  # by variant and unit, beside the AE
    units = [unit for unit in NUDGE_UNITS if all(unit in of_one for of_one in found.values())]
    seeds = _seeds(evidence.nudges, *names)
    if not (units and seeds):
        return not_measured(evidence, f"nudges of a run of all four variants ({listed(list(names.values()))})")
    less = {NUDGE_UNITS[unit].measured: _opposite(is_higher(found["noise_only"][unit])) for unit in units}
    numbers = [
        as_times(f"{names[name]} ÷ AE, {NUDGE_UNITS[unit].measured}", of_one[unit])
        for name, of_one in found.items()  # noise alone is the first
        for unit in units
    ]
    alone = [as_times("", found["noise_only"][unit]) for unit in units]
    parts = [f"{times.value:.2f} times as much {unit}" for times, unit in zip(alone, less, strict=True)]
    said = f"After a nudge of {STEP:g}, noise alone changes pictures, compared with the AE’s, {listed(parts)}."
    noisy, plain = shared(evidence.of("code_std", "noise_only"), evidence.of("code_std", "ae"))
    if noisy:
        numbers.append(ratio("Spread of the codes, noise only ÷ AE", noisy, plain))
        said += f" Its codes spread {mean(noisy):.3g}, the AE’s {mean(plain):.3g}."
    moved = {unit: {name: evidence.nudged(name, unit, STEP) for name in names} for unit in units}
    least = {unit: _least(of_unit) for unit, of_unit in moved.items()}
    if len(seeds) >= SEEDS_FOR_A_VERDICT:
        said += " " + relations("Pictures change", less, "less with noise alone", "more with noise alone")
        said += " Least of all four: " + listed(
            [f"{names.get(name, 'none clearly')} {NUDGE_UNITS[unit].measured}" for unit, name in least.items()]
        )
        said += "."
    more_numbers, more_said = _other_ways(evidence)
    numbers, said = numbers + more_numbers, said + more_said
    verdict = badge(less.values())
    turned_by = turn(
        verdict,
        "noise alone moved pictures clearly less in every unit",
        "noise alone moved them clearly more in one unit, and less in none",
        "the unit",
    )
    return conclude(evidence, seeds, verdict, said, numbers, turned_by, least_moved(moved.values()), "the unit")


def _other_ways(evidence: Evidence) -> tuple[list[Number], str]:
    """What nudges did to the other ways to make a code smooth, beside the AE: numbers, and a sentence; or nothing."""
    numbers: list[Number] = []
    sorts: dict[str, list[str]] = {}
    for name in other_ways():
        found, title = _in_every_unit(evidence.nudges, name, "ae"), VARIANTS[name].title
        numbers += [as_times(f"{title} ÷ AE, {NUDGE_UNITS[unit].measured}", logs) for unit, logs in found.items()]
        if found and len(_seeds(evidence.nudges, name, "ae")) >= SEEDS_FOR_A_VERDICT:
            sorts.setdefault(sort([_opposite(is_higher(logs)) for logs in found.values()]), []).append(title)
    said = f" Other ways, compared with the AE: pictures change {sorted_out(sorts)}." if sorts else ""
    return numbers, said


def whose_picture(more: Iterable[bool | None]) -> int | None:
    """Claim 3's choice; `more`: by unit, whether the AE's picture clearly changes more; False: less, None: unclear."""
    found = set(more)
    if found >= {True, False}:
        return 2
    return 0 if found == {True} else 1 if found == {False} else None


def least_moved(units: Iterable[Mapping[str, Mapping[int, float]]]) -> int | None:
    """Claim 6's choice: whose pictures change clearly least of INGREDIENTS, in every unit, or that units disagree.

    `units`: for each unit the change of pictures, RMSE, by variant and seed.
    """
    least = {_least({name: of_unit[name] for name in INGREDIENTS}) for of_unit in units}
    if len(least - {""}) > 1:
        return len(INGREDIENTS)
    (name,) = least if len(least) == 1 else ("",)
    return INGREDIENTS.index(name) if name else None


def _opposite(clear: bool | None) -> bool | None:
    return None if clear is None else not clear


def _least(moved: Mapping[str, Mapping[int, float]]) -> str:
    """The variant whose pictures change clearly less than every other's; "" where none does. By variant and seed."""
    for name, values in moved.items():
        if all(is_higher(log_ratio(others, values)) for other, others in moved.items() if other != name):
            return name
    return ""


def _in_every_unit(nudges: pd.DataFrame, of: str, to: str) -> dict[str, Difference]:
    """log(of ÷ to) of a nudge of STEP, in the units that both have."""
    if nudges.empty:
        return {}
    rows = ratios(nudges[nudges["size"] == STEP], of, to)
    found = {str(row["unit"]): logarithm(row) for _, row in rows.iterrows()}
    return {unit: logs for unit, logs in found.items() if logs is not None}


def _seeds(nudges: pd.DataFrame, *variants: str) -> set[int]:
    """Seeds in which all of them were nudged."""
    return set.intersection(*(set(nudges.loc[nudges["variant"] == name, "seed"]) for name in variants))
