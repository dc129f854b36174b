"""From what was measured to a badge: the claims about codes and their number, 1, 2, 4 and 5.

"Clearly" means that the 95 % interval over seeds leaves no doubt: of the difference (or the ratio) seed by seed, by
Student's t. Each docstring says the whole rule. There is no verdict below three seeds.
"""

from __future__ import annotations

import math
from itertools import pairwise

from ..analysis.intervals import SEEDS_FOR_A_VERDICT
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
SHARES = (10**-0.8, 8**-0.5, 2**-0.5)  # half-way, as ratios, between a tenth, a quarter, a half and all
ALIKE = (1 / 3, 3.0)  # times the neighbour distance, between which σ is about as wide
A_POINT = 0.1  # of the neighbour distance, below which a distribution is as good as a point
ENOUGH = 0.1  # share of an error that a larger code must save, to be of use
COLLAPSED = 0.1  # spread of the means ÷ σ, below which all images share one distribution


def few_numbers(evidence: Evidence) -> Finding:
    """Claim 1. The AE's squared error is compared with the mean image's, and with that of PCA with as many numbers.

    Clearly below both: holds. Clearly below one: depends on the comparison. Below none, and clearly above
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
        verdict,
        "the AE’s error were clearly below both",
        "the AE’s error were clearly above one of them, and below neither",
        "the comparison",
    )
    answer = None if found is None else len(SHARES) - found
    return conclude(evidence, ae, verdict, said, numbers, turned_by, answer, "the comparison")


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
    of_mmd = [_mmd(f"MMD² to N(0, I), {name}", values) for name, values in zip(names, mmds, strict=True)]
    numbers = [*of_kl, *of_mmd]
    for title, measure, as_number in (("KL", "kl_to_prior", _nats), ("MMD²", "mmd_to_prior", _mmd)):
        if drawn := evidence.of(measure):
            numbers.append(as_number(f"{title}, draws of N(0, I) themselves", drawn))
    said = (
        f"KL of a Gaussian fitted to the codes, to N(0, I): {names[0]} {of_kl[0].short}, {names[1]} {of_kl[1].short}. "
        f"MMD² to N(0, I): {names[0]} {of_mmd[0].short}, {names[1]} {of_mmd[1].short}."
    )
    for name, values in zip(names, kls, strict=True):
        if infinite := sum(map(math.isinf, values.values())):
            said += f" The {name}’s KL is infinite in {infinite} of {len(values)} seeds: its codes fill no whole space."
    if len(kls[0]) >= SEEDS_FOR_A_VERDICT:
        said += " " + relations("The AE’s codes are", further, "further from N(0, I)", "nearer to N(0, I)")
    verdict = badge(further.values())
    turned_by = turn(
        verdict,
        "the AE’s codes were clearly further by both measures",
        "the AE’s codes were clearly nearer by one, and further by none",
        "the measure",
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


def _mmd(title: str, values: Seeds) -> Number:
    """Its estimate is unbiased, so that it may be below 0."""
    return number(title, values, "", within=(-math.inf, math.inf))


def more_dimensions(evidence: Evidence) -> Finding:
    """Claim 4. Squared errors from size to size. A model stops if its error falls clearly at an earlier step, and the
    last step saves less than a tenth: the whole interval of the ratio lies above 0.9. It goes on if it lies below 1.

    Both models stop: holds. One: depends on the model. None, and one goes on: doesn't hold.
    """
    sizes, models = list(FAMILIES["sizes"](evidence.base)), ("ae", "vae")
    here = {name: {size: evidence.of("mse", name, size) for size in sizes} for name in models}
    lacking = [size for size in sizes if not all(here[name][size] for name in models)]
    every = iter(shared(*(values for of_name in here.values() for values in of_name.values())))
    errors = {name: [next(every) for _ in sizes] for name in models}  # of the seeds that all have
    if lacking or len(sizes) < 2 or not errors["ae"][0]:
        numbers = [_at_size(name, size, values) for name in models for size, values in here[name].items() if values]
        wanted = listed(lacking or sizes)
        return not_measured(evidence, f"an AE and a VAE with {wanted} latent dimensions, from one seed", numbers)
    last = {name: log_ratio(values[-1], values[-2]) for name, values in errors.items()}
    stops = {VARIANTS[name].title: _stops(errors[name], as_times("", logs)) for name, logs in last.items()}
    numbers = [
        as_times(f"Last step, {VARIANTS[name].title}: error with {sizes[-1]} ÷ with {sizes[-2]}", logs)
        for name, logs in last.items()
    ]
    numbers += [_at_size(name, size, errors[name][place]) for name in models for place, size in enumerate(sizes)]
    said = f"Squared error per pixel with {listed(sizes)} latent dimensions: " + "; ".join(
        f"{VARIANTS[name].title} {listed([f'{mean(of_size):.4f}' for of_size in values])}"
        for name, values in errors.items()
    )
    step, seeds = f"from {sizes[-2]} to {sizes[-1]} latent dimensions", errors["ae"][0]
    if len(seeds) >= SEEDS_FOR_A_VERDICT:
        words = {
            True: f"falls by less than {100 * ENOUGH:g} %, if at all",
            False: "still falls clearly",
            None: "is unclear",
        }
        parts = [f"that of the {title} {words[stopped]}" for title, stopped in stops.items()]
        said += f". At the last step, {step}, {listed(parts)}"
    verdict = badge(stops.values())
    turned_by = turn(
        verdict,
        f"both errors, which fell before, stopped falling {step}",
        f"no model’s error stopped falling {step}, and one’s still fell clearly",
        "the model",
    )
    goes_on = tuple(None if stopped is None else not stopped for stopped in stops.values())
    answers = ((True, True), (True, False), (False, True), (False, False))
    answer = answers.index(goes_on) if goes_on in answers else None
    return conclude(evidence, seeds, verdict, f"{said}.", numbers, turned_by, answer, "the model")


def _at_size(name: str, size: str, values: Seeds) -> Number:
    return number(f"Squared error, {VARIANTS[name].title}, {size} latent dimensions", values, MSE, MSE_DIGITS)


def _stops(errors: list[dict[int, float]], last: Number) -> bool | None:
    """Whether errors, which fell clearly at some step before, stop at the `last`; None where that isn't clear."""
    falls = [is_higher(apart(after, before, MSE_DIGITS)) for before, after in pairwise(errors)]
    if True not in falls:
        return None
    return True if is_above(last, 1 - ENOUGH) else False if falls[-1] else None


def distribution(evidence: Evidence) -> Finding:
    """Claim 5. The VAE's σ beside the distance to the next image's code, and beside the spread of the means.

    σ clearly above a tenth of the neighbour distance, and the means' spread clearly above a tenth of σ: holds. The
    first clearly below: doesn't hold, it is as good as a point. The second: nor then, all images share one
    distribution.
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
    verdict = "fails" if False in (wide, differ) else badge([wide if differ else None])
    if verdict == "fails":
        said += " All images share one distribution." if differ is False else " That is as good as a point."
    turned_by = turn(
        verdict,
        f"σ were clearly above {A_POINT:g} of the neighbour distance, and the means’ spread above {COLLAPSED:g} of σ",
        f"σ were clearly below {A_POINT:g} of the neighbour distance, or the means’ spread below {COLLAPSED:g} of σ",
    )
    return conclude(evidence, std, verdict, said, numbers, turned_by, place(width, ALIKE))
