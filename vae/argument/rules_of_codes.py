"""From what was measured to a badge: the claims about codes, steps and sizes, 1 to 6.

"Clearly" means that the 95 % interval over seeds leaves no doubt: of the difference (or the ratio) seed by seed, by
Student's t. Each docstring says the whole rule. There is no verdict below three seeds.
"""

from __future__ import annotations

import math
from itertools import pairwise

import pandas as pd

from ..analysis.comparing import Difference, ratios
from ..analysis.intervals import SEEDS_FOR_A_VERDICT
from ..analysis.verdict import logarithm
from ..choices.nudge_units import NUDGE_UNITS
from ..choices.variants import VARIANTS
from .evidence import FAMILIES, Evidence, Seeds
from .findings import Finding, Number
from .reading import (
    apart,
    as_times,
    badge,
    conclude,
    is_above,
    is_higher,
    listed,
    log_ratio,
    mean,
    not_measured,
    number,
    place,
    ratio,
    relations,
    shared,
    turn,
)

MSE, MSE_DIGITS = "MSE per pixel", ".4f"
STEP = 0.1  # size of the nudge that claims 3 and 6 look at
SHARES = (10**-0.8, 8**-0.5, 2**-0.5)  # half-way, as ratios, between a tenth, a quarter, a half and all
ALIKE = (1 / 3, 3.0)  # times the neighbour distance, between which σ is about as wide
A_POINT = 0.1  # of the neighbour distance, below which a distribution is as good as a point
COLLAPSED = 0.1  # spread of the means ÷ σ, below which all images share one distribution


def few_numbers(evidence: Evidence) -> Finding:
    """Claim 1. The AE's squared error is compared with the mean image's, and with that of PCA with as many numbers.

    Clearly below both: holds. Clearly below one: depends on what it is compared with. Below none, and clearly above
    one: doesn't hold.
    """
    ae, mean_image, pca = shared(evidence.of("mse", "ae"), evidence.of("mean_image_mse"), evidence.of("pca_mse"))
    if not ae:
        return not_measured(evidence, "the squared error of an AE with these settings")
    below = {
        "the mean image’s": is_higher(apart(ae, mean_image, MSE_DIGITS)),
        "that of PCA with as many numbers": is_higher(apart(ae, pca, MSE_DIGITS)),
    }
    share = ratio("Share of the mean image’s error that is left, AE", ae, mean_image)
    vae = evidence.of("mse", "vae")
    numbers = [
        share,
        ratio("AE ÷ PCA with as many numbers", ae, pca),
        number("Squared error, AE", ae, MSE, MSE_DIGITS),
        *([number(f"Squared error, {evidence.vae}", vae, MSE, MSE_DIGITS)] if vae else []),
        number("Squared error, PCA", pca, MSE, MSE_DIGITS),
        number("Squared error, mean image", mean_image, MSE, MSE_DIGITS),
    ]
    count = evidence.base.latent_dim
    said = (
        f"Rebuilt from {count:,} number{'s' * (count > 1)}, images differ from the original by a squared error of "
        f"{mean(ae):.4f} per pixel (AE); the mean image by {mean(mean_image):.4f}, PCA by {mean(pca):.4f}."
    )
    if len(ae) >= SEEDS_FOR_A_VERDICT:
        said += " " + relations("The AE’s error is", below, "below", "above")
    verdict, found = badge(below.values()), place(share, SHARES)
    turned_by = turn(
        verdict, "the AE’s error were clearly below both", "it were below neither, and clearly above one of them"
    )
    answer = None if found is None else len(SHARES) - found
    return conclude(evidence, ae, verdict, said, numbers, turned_by, answer, "what it is compared with")


def layout(evidence: Evidence) -> Finding:
    """Claim 2. The codes that the decoder sees: KL of a fitted Gaussian to N(0, I), and MMD² to N(0, I), AE beside VAE.

    The AE's clearly above the VAE's in both: holds. In one: depends on the measure. In none, and clearly below in one:
    doesn't hold. An infinite KL (codes that fill less than the whole space) is above every finite one.
    """
    kls = shared(evidence.of("kl_to_prior", "ae"), evidence.of("kl_to_prior", "vae"))
    mmds = shared(evidence.of("mmd_to_prior", "ae"), evidence.of("mmd_to_prior", "vae"))
    if not (kls[0] and mmds[0]):
        return not_measured(evidence, "how far the codes of an AE and a VAE with these settings are from N(0, I)")
    further = {"by KL": _further(*kls), "by MMD²": is_higher(apart(mmds[1], mmds[0], ".3g"))}
    names = ("AE", evidence.vae)
    of_kl = [_nats(f"KL to N(0, I), {name}", values) for name, values in zip(names, kls, strict=True)]
    of_mmd = [number(f"MMD² to N(0, I), {name}", values, "") for name, values in zip(names, mmds, strict=True)]
    drawn = [(title, evidence.of(measure)) for title, measure in (("KL", "kl_to_prior"), ("MMD²", "mmd_to_prior"))]
    numbers = [
        *of_kl,
        *of_mmd,
        *(number(f"{title}, draws of N(0, I) themselves", values, "") for title, values in drawn if values),
    ]
    said = (
        f"KL of a Gaussian fitted to the codes, to N(0, I): {names[0]} {of_kl[0].short}, {names[1]} {of_kl[1].short}. "
        f"MMD² to N(0, I): {names[0]} {of_mmd[0].short}, {names[1]} {of_mmd[1].short}."
    )
    if len(kls[0]) >= SEEDS_FOR_A_VERDICT:
        said += " " + relations("The AE’s codes are", further, "further from N(0, I)", "nearer to N(0, I)")
    verdict = badge(further.values())
    turned_by = turn(
        verdict, "the AE’s codes were clearly further by both measures", "they were further by none, and nearer by one"
    )
    answer = {"holds": 1, "fails": 0, "open": 2}.get(verdict)
    return conclude(evidence, kls[0], verdict, said, numbers, turned_by, answer, "the measure")


def _further(of: Seeds, than: Seeds) -> bool | None:
    """Whether KLs are clearly higher. An infinite one has no ratio; in every seed, beside finite ones, it is higher."""
    infinite = [{math.isinf(value) for value in values.values()} for values in (of, than)]
    if infinite == [{False}, {False}]:
        return is_higher(log_ratio(of, than))
    clear = len(of) >= SEEDS_FOR_A_VERDICT and infinite in ([{True}, {False}], [{False}, {True}])
    return infinite[0] == {True} if clear else None


def _nats(title: str, values: Seeds) -> Number:
    """Of the seeds in which it is finite; infinite where it is so in every seed."""
    finite = {seed: value for seed, value in values.items() if math.isfinite(value)}
    return number(title, finite or values, "nats")


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
        verdict, "the AE’s pictures changed clearly more in every unit", "they did so in none, and clearly less in one"
    )
    answer = {"holds": 0, "depends": 2, "fails": None if None in more.values() else 1}.get(verdict)
    return conclude(evidence, seeds, verdict, said, numbers, turned_by, answer, "the unit")


def more_dimensions(evidence: Evidence) -> Finding:
    """Claim 4. Squared errors from size to size. A model stops if its error falls clearly at an earlier step, and not
    clearly at the last one.

    Both models stop: holds. One: depends on the model. None, and the error of one still falls clearly: doesn't hold.
    """
    sizes, models = list(FAMILIES["sizes"](evidence.base)), ("ae", "vae")
    here = {name: {size: evidence.of("mse", name, size) for size in sizes} for name in models}
    lacking = [size for size in sizes if not all(here[name][size] for name in models)]
    if lacking or len(sizes) < 2:
        numbers = [_at_size(name, size, values) for name in models for size, values in here[name].items() if values]
        return not_measured(evidence, f"an AE and a VAE with {listed(lacking or sizes)} latent dimensions", numbers)
    every = iter(shared(*(values for of_name in here.values() for values in of_name.values())))
    errors = {name: [next(every) for _ in sizes] for name in models}  # the seeds that all have
    falls = {
        name: [is_higher(apart(after, before, MSE_DIGITS)) for before, after in pairwise(values)]
        for name, values in errors.items()
    }
    step, seeds = f"from {sizes[-2]} to {sizes[-1]} latent dimensions", errors["ae"][0]
    numbers = [
        ratio(f"Last step, {VARIANTS[name].title}: error with {sizes[-1]} ÷ with {sizes[-2]}", values[-1], values[-2])
        for name, values in errors.items()
    ]
    if not seeds:
        return not_measured(evidence, f"one seed with {listed(sizes)} latent dimensions")
    numbers += [_at_size(name, size, errors[name][place]) for name in models for place, size in enumerate(sizes)]
    said = f"Squared error per pixel with {listed(sizes)} latent dimensions: " + "; ".join(
        f"{VARIANTS[name].title} {listed([f'{mean(of_size):.4f}' for of_size in values])}"
        for name, values in errors.items()
    )
    if len(seeds) >= SEEDS_FOR_A_VERDICT:
        parts = [
            f"that of the {VARIANTS[name].title} {'falls clearly' if steps[-1] else 'does not fall clearly'}"
            for name, steps in falls.items()
        ]
        said += f". At the last step, {step}, {listed(parts)}"
    verdict = badge(_stops(steps) for steps in falls.values())
    turned_by = turn(
        verdict,
        f"errors that fell before stopped falling {step}, in both models",
        "they stopped in none, and fell clearly in one",
    )
    answer = {(True, True): 0, (True, False): 1, (False, True): 2, (False, False): 3}
    falling = (falls["ae"][-1] is True, falls["vae"][-1] is True)
    return conclude(evidence, seeds, verdict, f"{said}.", numbers, turned_by, answer[falling], "the model")


def _at_size(name: str, size: str, values: Seeds) -> Number:
    return number(f"Squared error, {VARIANTS[name].title}, {size} latent dimensions", values, MSE, MSE_DIGITS)


def _stops(falls: list[bool | None]) -> bool | None:
    """Whether errors fall clearly, but not at the last step; None where they never do."""
    return falls[-1] is not True if True in falls else None


def distribution(evidence: Evidence) -> Finding:
    """Claim 5. The VAE's σ beside the distance to the next image's code, and beside the spread of the means.

    σ clearly above a tenth of the neighbour distance: holds. Clearly below: doesn't hold, it is as good as a point. Nor
    does it where the means spread clearly less than a tenth of σ: then all images share one distribution.
    """
    std, next_one, means = shared(
        evidence.of("posterior_std", "vae"), evidence.of("neighbour_distance", "vae"), evidence.of("code_std", "vae")
    )
    if not std:
        return not_measured(evidence, "the posterior of a VAE with these settings, and how far its codes are apart")
    width = ratio("σ ÷ distance to the next image’s code", std, next_one)
    own = ratio("Spread of the means ÷ σ", means, std)
    numbers = [
        width,
        number("σ (the prior’s is 1)", std, ""),
        number("Distance to the next image’s code", next_one, ""),
        own,
    ]
    said = (
        f"The {evidence.vae}’s σ is {mean(std):.3g}, and the next image’s code is {mean(next_one):.3g} away (medians; "
        f"root mean square over dimensions): σ is {width.value:.2f} times that. The means of all images spread "
        f"{own.value:.2f} times as far as σ."
    )
    wide, differ = is_above(width, A_POINT), is_above(own, COLLAPSED)
    verdict = "fails" if False in (wide, differ) else badge([wide])
    if verdict == "fails":
        said += " All images share one distribution." if differ is False else " That is as good as a point."
    turned_by = turn(
        verdict,
        f"σ were clearly above {A_POINT:g} of the neighbour distance, and the means apart",
        f"it were clearly below, or the means spread clearly less than {COLLAPSED:g} of σ",
    )
    return conclude(evidence, std, verdict, said, numbers, turned_by, place(width, ALIKE))


def sampling_smooths(evidence: Evidence) -> Finding:
    """Claim 6. How much a nudge of 0.1 changes the pictures, noise alone ÷ neither noise nor KL (the AE), in every unit
    that all four variants have.

    Noise alone clearly less in all units: holds. In some: depends on the unit. In none, and clearly more in one:
    doesn't hold.
    """
    names = {name: VARIANTS[name].title for name in VARIANTS}
    found = {
        name: _in_every_unit(evidence.nudges, name, "ae") for name in names if name != "ae"
    }  # by variant and unit, beside the AE
    units = [unit for unit in NUDGE_UNITS if all(unit in of_one for of_one in found.values())]
    seeds = _seeds(evidence.nudges, *names)
    if not (units and seeds):
        return not_measured(evidence, f"nudges of a run of all four variants ({listed(list(names.values()))})")
    less = {NUDGE_UNITS[unit].measured: _opposite(is_higher(found["noise_only"][unit])) for unit in units}
    numbers = [
        as_times(f"{names[name]} ÷ AE, {NUDGE_UNITS[unit].measured}", found[name][unit])
        for unit in units
        for name in found
    ]
    alone = [as_times("", found["noise_only"][unit]) for unit in units]
    parts = [f"{times.value:.2f} times as much {unit}" for times, unit in zip(alone, less, strict=True)]
    said = f"After a nudge of {STEP:g}, noise alone changes pictures, compared with the AE’s, {listed(parts)}."
    noisy, plain = shared(evidence.of("code_std", "noise_only"), evidence.of("code_std", "ae"))
    if noisy:
        numbers.append(ratio("Spread of the codes, noise only ÷ AE", noisy, plain))
        said += f" Its codes spread {mean(noisy):.3g}, the AE’s {mean(plain):.3g}."
    least = {unit: _least(evidence, unit) for unit in units}
    if len(seeds) >= SEEDS_FOR_A_VERDICT:
        said += " " + relations("Pictures change", less, "less with noise alone", "more with noise alone")
        said += " Least of all four: " + listed(
            [f"{names.get(name, 'none clearly')} {NUDGE_UNITS[unit].measured}" for unit, name in least.items()]
        )
        said += "."
    verdict = badge(less.values())
    turned_by = turn(
        verdict, "noise alone moved pictures clearly less in every unit", "it did so in none, and clearly more in one"
    )
    winners = set(least.values())
    answers = {"noise_only": 0, "kl_only": 1, "vae": 2}
    answer = answers.get(next(iter(winners))) if len(winners) == 1 else 3
    return conclude(evidence, seeds, verdict, said, numbers, turned_by, answer, "the unit")


def _opposite(clear: bool | None) -> bool | None:
    return None if clear is None else not clear


def _least(evidence: Evidence, unit: str) -> str:
    """The variant whose pictures change clearly less than every other's; "" where none does."""
    moved = {name: evidence.nudged(name, unit, STEP) for name in VARIANTS}
    for name, values in moved.items():
        if all(is_higher(log_ratio(other, values)) for title, other in moved.items() if title != name):
            return name
    return ""


def _in_every_unit(nudges: pd.DataFrame, of: str, to: str) -> dict[str, Difference]:
    """log(of ÷ to) of a nudge of STEP, in the units that both have."""
    rows = ratios(nudges[nudges["size"] == STEP], of, to)
    found = {str(row["unit"]): logarithm(row) for _, row in rows.iterrows()}
    return {unit: logs for unit, logs in found.items() if logs is not None}


def _seeds(nudges: pd.DataFrame, *variants: str) -> set[int]:
    """Seeds in which all of them were nudged."""
    return set.intersection(*(set(nudges.loc[nudges["variant"] == name, "seed"]) for name in variants))
