"""The sentence about a comparison, the same on every page: what was measured, on which images, over how many seeds.

Values are compared one by one wherever they belong together: by image, where models rebuild the same images; by seed,
where runs share one. What a pair has in common (a hard image, a lucky start) cancels in its difference, so the 95 %
interval of the *paired* difference decides, not whether the intervals of two means overlap: those are wide with what
cancels. Values that don't belong together, such as pictures that two models draw, are compared by Welch's interval.
Where the interval holds 0, or the digits shown are the same, there is no clear difference.

Images tell of this one run; only seeds tell how the next would come out. So below SEEDS_FOR_A_VERDICT seeds nothing is
concluded, and nothing is called best or worst. All are compared with the first, which is chosen before the numbers are
seen: the best of several is best by chance, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from .comparing import Difference, difference
from .intervals import CONFIDENCE, SEEDS_FOR_A_VERDICT

NO_CLEAR_DIFFERENCE = "no clear difference"


@dataclass(frozen=True)
class Quantity:
    """What is compared, as a reader sees it."""

    title: str  # with its unit: "Reconstruction, nats per image"
    on: str  # "200 validation images": as `images` has it
    digits: str = ".2f"

    @property
    def head(self) -> str:
        return f"{self.title} (mean over {self.on})"

    def text(self, value: float) -> str:
        return f"{value:{self.digits}}".replace("-", "−")


@dataclass(frozen=True)
class Mean:
    """Of values that have no partner in another set."""

    value: float
    standard_error: float
    count: int


def images(count: int, kind: str, of: int | None = None) -> str:
    """Which images: "200 validation images", "2,000 of 5,000 validation images"."""
    whole = "" if of is None or of == count else f" of {of:,}"
    return f"{count:,}{whole} {kind} image{'' if count == 1 and not whole else 's'}"


def conclusion(seeds: int) -> str:
    """What so few seeds allow to conclude; nothing to say from SEEDS_FOR_A_VERDICT on."""
    if seeds >= SEEDS_FOR_A_VERDICT:
        return ""
    return "Only one seed: not enough to conclude." if seeds == 1 else f"Only {seeds} seeds: not enough to conclude."


def together(*said: str) -> str:
    """One paragraph, which says only once, where it ends, that so few seeds conclude nothing."""
    whole = " ".join(filter(None, said))
    for warning in (conclusion(1), conclusion(2)):
        before, found, after = whole.rpartition(warning)
        whole = before.replace(f"{warning} ", "") + found + after
    return whole


def listed(quantity: Quantity, values: Mapping[str, float], seeds: int) -> str:
    """Values beside one another, of which nothing more is known than their means over `seeds`."""
    said = f"{quantity.head}: {_each(quantity, values)}."
    return together(said, conclusion(seeds)) if len(values) > 1 else said


def over_images(quantity: Quantity, values: Mapping[str, np.ndarray]) -> str:
    """Models of one run on the same images: `values` (N,) by title, compared with the first, image by image."""
    means = {title: float(np.mean(of_one)) for title, of_one in values.items()}
    first = next(iter(values))
    found = {
        title: difference(of_one - values[first], _tied(quantity, means, first, title))
        for title, of_one in values.items()
        if title != first
    }
    said = f"{quantity.head}: {_each(quantity, means)}."
    if found and len(values[first]) >= SEEDS_FOR_A_VERDICT:
        said += f" In this one run, image by image: {_relations(quantity, first, found)}."
    return together(said, conclusion(1)) if found else said


def over_seeds(quantity: Quantity, values: Mapping[str, Mapping[int, float]]) -> str:
    """Runs by seed: `values` by title and seed, compared with the first, seed by seed, over the seeds all have."""
    first, found = next(iter(values)), differences(quantity, values)
    seeds = common_seeds(values)
    if not seeds:
        return f"{quantity.head}: no seed has a value of each."
    means = {title: float(np.mean([by_seed[seed] for seed in seeds])) for title, by_seed in values.items()}
    said = f"{quantity.head}: {_each(quantity, means)}."
    if not found:
        return said
    if len(seeds) < SEEDS_FOR_A_VERDICT:
        return together(said, conclusion(len(seeds)))
    return f"{said} Over {len(seeds)} seeds, seed by seed: {_relations(quantity, first, found)}."


def common_seeds(values: Mapping[str, Mapping[int, float]]) -> list[int]:
    """Seeds for which every title has a value."""
    return sorted(
        set.intersection(
            *({seed for seed, value in by_seed.items() if np.isfinite(value)} for by_seed in values.values())
        )
    )


def differences(quantity: Quantity, values: Mapping[str, Mapping[int, float]]) -> dict[str, Difference]:
    """Each but the first, less the first, by seed; empty without a seed that all have."""
    seeds, first = common_seeds(values), next(iter(values))
    if not seeds:
        return {}
    of_all = {title: np.array([by_seed[seed] for seed in seeds], dtype=float) for title, by_seed in values.items()}
    means = {title: float(of_title.mean()) for title, of_title in of_all.items()}
    return {
        title: difference(of_title - of_all[first], _tied(quantity, means, first, title))
        for title, of_title in of_all.items()
        if title != first
    }


def over_drawn(quantity: Quantity, values: Mapping[str, Mean]) -> str:
    """What models of one run draw, compared with the first: no picture of one belongs to a picture of another."""
    means, first = {title: mean.value for title, mean in values.items()}, next(iter(values))
    found = {
        title: replace(welch(values[first], mean), tied=_tied(quantity, means, first, title))
        for title, mean in values.items()
        if title != first
    }
    said = f"{quantity.head}: {_each(quantity, means)}."
    return together(said, f"In this one run: {_relations(quantity, first, found)}.", conclusion(1)) if found else said


def welch(a: Mean, b: Mean) -> Difference:
    """B − A of means that are not paired, with its 95 % interval; Welch 1947, degrees of freedom by Satterthwaite."""
    from scipy.special import stdtrit

    variances = np.array([a.standard_error**2, b.standard_error**2])
    counts, apart = np.array([a.count, b.count]), b.value - a.value
    half = 0.0
    if variances.sum() > 0:
        freedom = variances.sum() ** 2 / (variances**2 / (counts - 1)).sum()
        half = float(stdtrit(freedom, 0.5 + CONFIDENCE / 2) * np.sqrt(variances.sum()))
    return Difference(apart, apart - half, apart + half, int(counts.min()))


def _tied(quantity: Quantity, means: Mapping[str, float], first: str, second: str) -> bool:
    return quantity.text(means[first]) == quantity.text(means[second])


def _each(quantity: Quantity, values: Mapping[str, float]) -> str:
    return "; ".join(f"{title} {quantity.text(value)}" for title, value in values.items())


def _relations(quantity: Quantity, first: str, found: Mapping[str, Difference]) -> str:
    """“VAE is higher than AE by 0.007 (95 % interval 0.006 to 0.008); no clear difference between …”."""
    return "; ".join(_relation(quantity, first, title, apart) for title, apart in found.items())


def _relation(quantity: Quantity, first: str, second: str, apart: Difference) -> str:
    direction = {"B is higher": "higher", "B is lower": "lower"}.get(apart.judgement)
    if direction is None:
        return f"{NO_CLEAR_DIFFERENCE} between {first} and {second}"
    low, high = sorted((abs(apart.low), abs(apart.high)))
    return (
        f"{second} is {direction} than {first} by {quantity.text(abs(apart.mean))} "
        f"(95 % interval {quantity.text(low)} to {quantity.text(high)})"
    )
