"""What the ratios say, in words that hold whichever way the numbers come out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from ..choices.nudge_units import NUDGE_UNITS
from ..choices.variants import VARIANTS
from .comparing import Difference, ratios
from .expectations import sentence
from .intervals import SEEDS_FOR_A_VERDICT
from .sentences import NO_CLEAR_DIFFERENCE, conclusion, together


def judgement(row: pd.Series, of: str = "ae", to: str = "vae") -> str:
    """What one row of `comparing.ratios` says: "AE moves more", "VAE moves more", "open", and two reasons why not.

    `of` and `to`: the variants that were compared.
    """
    if pd.isna(row["ratio"]):
        return "no ratio"
    if row["seeds"] < SEEDS_FOR_A_VERDICT:
        return "too few seeds"
    if row["low"] > 1 and not _tied(row):
        return _moves(of)
    return _moves(to) if row["high"] < 1 and not _tied(row) else "open"


def verdict(ratios: pd.DataFrame, size: float, of: str = "ae", to: str = "vae") -> str:
    """Whose pictures change more in the rows of `comparing.ratios` with this nudge size, in a sentence or two."""
    rows = ratios[ratios["size"] == size]
    if rows.empty:
        return "Nothing to compare: it takes two models."
    seeds = int(rows["seeds"].min())
    if seeds < SEEDS_FOR_A_VERDICT:
        return conclusion(seeds)
    found = {judgement(row, of, to) for _, row in rows.iterrows()} - {"no ratio"}
    if {_moves(of), _moves(to)} <= found:
        end = "Which of the two moves more depends on the unit."
    elif found == {_moves(of)}:
        end = f"The {_called(of)} moves more in every unit measured."
    elif found == {_moves(to)}:
        end = f"The {_called(to)} moves more in every unit measured."
    elif found <= {"open"}:
        end = "There is no clear difference in any unit."
    else:
        more = _called(of if _moves(of) in found else to)
        end = f"The {more} moves more in some units; in the others there is no clear difference."
    return f"{seeds} seeds. {end}"


def in_numbers(ratios: pd.DataFrame, size: float, on: str, of: str = "ae", to: str = "vae") -> str:
    """The same rows with all their numbers, and what the article leads us to expect; `on`: the images, in words."""
    rows = ratios[ratios["size"] == size]
    parts = "; ".join(_sentence(row) for _, row in rows.iterrows())
    whose, others = VARIANTS[of].noun, VARIANTS[to].noun
    change = f"After a nudge of {size:g}, the {whose}'s pictures change, compared with the {others}'s, {parts}."
    if (of, to) != ("ae", "vae"):  # the article speaks of these two alone
        return together(change, f"In pixel RMSE over {on}.", conclusion(int(rows["seeds"].min())))
    expected = sentence("nudge", {NUDGE_UNITS[row["unit"]].measured: logarithm(row) for _, row in rows.iterrows()})
    return together(change, f"In pixel RMSE over {on}.", expected)


def logarithm(row: pd.Series) -> Difference | None:
    """A row of `comparing.ratios` as a difference: log AE − log VAE, by seed. None where there is no ratio."""
    if pd.isna(row["ratio"]):
        return None
    mean, low, high = (float(np.log(row[name])) for name in ("ratio", "low", "high"))
    return Difference(mean, low, high, int(row["seeds"]), tied=_tied(row))


def _tied(row: pd.Series) -> bool:
    return f"{row['ratio']:.2f}" == "1.00"


def _sentence(row: pd.Series) -> str:
    if pd.isna(row["ratio"]):
        return f"by an unknown ratio {NUDGE_UNITS[row['unit']].measured} (one of the two does not change at all)"
    times = f"{row['ratio']:.2f} times as much {NUDGE_UNITS[row['unit']].measured}"
    if row["seeds"] < SEEDS_FOR_A_VERDICT:
        return times
    doubt = f": {NO_CLEAR_DIFFERENCE}" if judgement(row) == "open" else ""
    return f"{times} (95 % interval {row['low']:.2f} to {row['high']:.2f}{doubt})"


def _moves(variant: str) -> str:
    return f"{VARIANTS[variant].title} moves more"


def _called(variant: str) -> str:
    noun = VARIANTS[variant].noun
    return "autoencoder" if noun == "AE" else noun


def ways(measured: pd.DataFrame, size: float, of: str = "ae") -> str:
    """Every other variant beside `of` after a nudge of this size, in all units that both have.

    `measured`: the columns of `sensitivity.table`, over seeds. Sorted by what came out, whichever way that is.
    """
    sorts: dict[str, list[str]] = {}
    seeds = []
    for name in dict.fromkeys(measured["variant"]):
        rows = ratios(measured[measured["size"] == size], of, name) if name != of else measured.iloc[:0]
        found = {judgement(row, of, name) for _, row in rows.iterrows()} - {"no ratio"} if len(rows) else set()
        if not found:
            continue
        seeds.append(int(rows["seeds"].min()))
        less = {_moves(of): True, _moves(name): False}
        sorts.setdefault(sort({less.get(each) for each in found}), []).append(VARIANTS[name].title)
    if not seeds:
        return f"Nothing to compare with the {_called(of)}."
    if min(seeds) < SEEDS_FOR_A_VERDICT:
        return conclusion(min(seeds))
    return f"{min(seeds)} seeds. Compared with the {_called(of)}, pictures change {sorted_out(sorts)}."


def sorted_out(sorts: Mapping[str, Sequence[str]]) -> str:
    """Names by how `sort` says that their pictures change: "less in every unit: VAE, RAE; more in every unit: AE"."""
    return "; ".join(f"{sort}: {', '.join(sorts[sort])}" for sort in SORTS if sort in sorts)


SORTS = (
    "less in every unit",
    "less in some units, and in none clearly more",
    "less or more, as the unit is",
    "neither clearly less nor clearly more",
    "more in some units, and in none clearly less",
    "more in every unit",
)


def sort(less: Collection[bool | None]) -> str:
    """Which of SORTS it is; `less`: by unit, whether pictures change clearly less; False: more, None: unclear."""
    found = set(less)
    if found >= {True, False}:
        return SORTS[2]
    if True in found:
        return SORTS[0] if found == {True} else SORTS[1]
    if False in found:
        return SORTS[5] if found == {False} else SORTS[4]
    return SORTS[3]
