"""How rules read evidence: values by seed, compared seed by seed, and what several comparisons add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import replace

import numpy as np

from ..analysis.comparing import Difference, paired
from ..analysis.intervals import SEEDS_FOR_A_VERDICT, half_width
from ..analysis.sentences import conclusion, together
from .evidence import Evidence, Seeds
from .findings import Finding, Number

ENOUGH = f"{SEEDS_FOR_A_VERDICT} seeds allow a verdict."


def shared(*values: Seeds) -> tuple[dict[int, float], ...]:
    """The same values, of the seeds that all have."""
    seeds = sorted(set.intersection(*(set(of_one) for of_one in values)))
    return tuple({seed: of_one[seed] for seed in seeds} for of_one in values)


def mean(values: Seeds) -> float:
    """Over seeds."""
    return float(np.mean(list(values.values())))


def number(
    title: str,
    values: Seeds,
    unit: str,
    digits: str = ".3g",
    times: float = 1.0,
    within: tuple[float, float] = (0, float("inf")),
) -> Number:
    """The mean over seeds with its interval, `times` a factor of the unit.

    The interval ends where the quantity itself does, `within` in that unit: few seeds far apart would give more.
    """
    of_all = times * np.array(list(values.values()))
    middle = float(of_all.mean())
    half = half_width(of_all) if len(of_all) >= SEEDS_FOR_A_VERDICT and np.isfinite(of_all).all() else float("nan")
    low, high = np.clip([middle - half, middle + half], *within)
    return Number(title, middle, unit, float(low), float(high), digits)


def apart(a: Seeds, b: Seeds, digits: str) -> Difference | None:
    """B − A, seed by seed; tied where the means are the same in the digits that a reader sees."""
    found, (of_a, of_b) = paired(a, b), shared(a, b)
    return found and replace(found, tied=f"{mean(of_a):{digits}}" == f"{mean(of_b):{digits}}")


def log_ratio(of: Seeds, to: Seeds) -> Difference | None:
    """log(of ÷ to), seed by seed. None without a seed in which both are above 0 and finite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = [{seed: float(np.log(value)) for seed, value in values.items()} for values in (of, to)]
    found = paired(logs[1], logs[0])
    return found and replace(found, tied=f"{np.exp(found.mean):.2f}" == "1.00")


def ratio(title: str, of: Seeds, to: Seeds, digits: str = ".2f") -> Number:
    """of ÷ to: the geometric mean over seeds, with its interval; NaN where `log_ratio` has none."""
    return as_times(title, log_ratio(of, to), digits)


def as_times(title: str, logs: Difference | None, digits: str = ".2f") -> Number:
    """A difference of logarithms as a ratio."""
    if logs is None:
        return Number(title, float("nan"), "times", digits=digits)
    low, value, high = (float(np.exp(log)) for log in (logs.low, logs.mean, logs.high))
    if logs.pairs < SEEDS_FOR_A_VERDICT:
        low = high = float("nan")
    return Number(title, value, "times", low, high, digits)


def is_higher(found: Difference | None) -> bool | None:
    """Whether B is clearly higher than A: True, False where it is clearly lower, None where neither is clear."""
    return {"B is higher": True, "B is lower": False}.get(found.judgement) if found else None


def is_above(value: Number, bound: float) -> bool | None:
    """Whether the whole interval lies above the bound: True, False where it lies below, None where it holds it."""
    if value.low > bound:
        return True
    return False if value.high < bound else None


def agreed(values: Iterable[bool]) -> bool | None:
    """True where all are, False where none is, None where seeds differ."""
    found = set(values)
    return found.pop() if len(found) == 1 else None


def place(value: Number, bounds: Sequence[float]) -> int | None:
    """Between which of the ascending `bounds` the whole interval lies, from 0; None where it holds one of them."""
    low, high = (int(np.searchsorted(bounds, end)) for end in (value.low, value.high))
    return low if low == high and not np.isnan(value.low) else None


def badge(parts: Iterable[bool | None]) -> str:
    """What several comparisons say of a claim, each True where it agrees clearly, False where it contradicts clearly.

    All agree: it holds. Some agree: it depends. None agrees, and some contradict: it doesn't hold. Nothing clear: open.
    """
    found = set(parts)
    if True in found:
        return "holds" if found == {True} else "depends"
    return "fails" if False in found else "open"


def conclude(
    evidence: Evidence,
    seeds: Sized,
    verdict: str,
    said: str,
    numbers: Sequence[Number],
    turned_by: str,
    answer: int | None = None,
    depends_on: str = "",
    on: str = "",
) -> Finding:
    """The finding over so many seeds; below SEEDS_FOR_A_VERDICT no verdict, and no answer either.

    `on`: what it was measured on, if not all test images.
    """
    on = on or evidence.on()
    known = tuple(of_one for of_one in numbers if not np.isnan(of_one.value))
    if len(seeds) < SEEDS_FOR_A_VERDICT:
        return Finding("too_few", together(said, conclusion(len(seeds))), known, on, len(seeds), ENOUGH)
    depends_on = depends_on if verdict == "depends" else ""
    return Finding(verdict, said, known, on, len(seeds), turned_by, answer, depends_on)


def not_measured(evidence: Evidence, what: str, numbers: Sequence[Number] = ()) -> Finding:
    """`what` is lacking, as in "Not measured yet: …"."""
    said = f"Not measured yet: {what}."
    return Finding("not_measured", said, tuple(numbers), evidence.on(), 0, ENOUGH)


# Words


def listed(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def relations(subject: str, found: Mapping[str, bool | None], yes: str, no: str) -> str:
    """ "The AE's change is clearly larger in absolute units; no clear difference relative to the spread." """
    kinds = ((True, f"clearly {yes}"), (False, f"clearly {no}"), (None, "without a clear difference"))
    parts = [
        f"{words} {listed([name for name, clear in found.items() if clear is kind])}"
        for kind, words in kinds
        if kind in found.values()
    ]
    return f"{subject} {'; '.join(parts)}."


def turn(verdict: str, holds: str, fails: str, depends_on: str = "") -> str:
    """What would give another badge; `holds` and `fails` as they follow "if"."""
    if verdict == "holds":
        some = f"It would depend on {depends_on} if only a part of this were clear. " if depends_on else ""
        return f"{some}It would not hold if {fails}."
    if verdict == "fails":
        return f"It would hold if {holds}."
    return f"It would hold if {holds}. It would not if {fails}."
