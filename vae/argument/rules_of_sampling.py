"""From what was measured to a badge: the claims about the sample, the losses and the gradient, 7 to 11.

Read as `rules_of_codes`, which says what "clearly" means.
"""

from __future__ import annotations

from ..analysis.intervals import SEEDS_FOR_A_VERDICT
from ..choices.estimators import ESTIMATOR_SETUPS
from ..config import as_text
from .evidence import BETAS, Evidence, Seeds
from .findings import Finding
from .reading import (
    agreed,
    apart,
    badge,
    conclude,
    is_above,
    is_higher,
    listed,
    mean,
    not_measured,
    number,
    place,
    ratio,
    relations,
    shared,
    turn,
)

LEVELS = 255
SMALL = 0.1  # below which ε would be "very low", beside its standard deviation of 1; as in `claim_measures`
LARGE = 2.0
TRICK = "pathwise"


def diverse(evidence: Evidence) -> Finding:
    """Claim 7. How much pictures of one image's samples differ (pixel by pixel), beside a level (1 of 255).

    Clearly more than a level: holds. Clearly less: doesn't hold, nobody would see it.
    """
    spread, error = shared(evidence.of("spread", "vae"), evidence.of("rebuilt_rmse", "vae"))
    if not spread:
        return not_measured(evidence, "pictures of many samples of one image by a VAE with these settings")
    visible = number("Spread of the pictures of one image", spread, "levels of 255", ".3g", LEVELS)
    beside = ratio("Spread ÷ error of rebuilding", spread, error)
    numbers = [visible, beside, number("Error of rebuilding", error, "levels of 255", ".3g", LEVELS)]
    said = (
        f"The {evidence.vae}’s pictures of one image, from several samples z, differ by {visible.short} (standard "
        f"deviation of a pixel); rebuilding is wrong by {numbers[2].short}."
    )
    if ae := evidence.of("spread", "ae"):
        numbers.append(number("Spread of the AE’s pictures", ae, "levels of 255", ".3g", LEVELS))
        said += f" The AE’s pictures of one image differ by {numbers[3].short}."
    seen = is_above(visible, 1.0)
    verdict = badge([seen])
    turned_by = turn(
        verdict,
        "pictures differed clearly by more than a level of 255",
        "pictures of one image differed clearly by less",
    )
    than_error = {False: 1, True: 2, None: None}[is_above(beside, 1.0)]
    answer = {False: 0, True: than_error, None: None}[seen]
    return conclude(evidence, spread, verdict, said, numbers, turned_by, answer, on=evidence.on("spread"))


def log_variance(evidence: Evidence) -> Finding:
    """Claim 8. The share of the encoder's outputs for log σ² that are below 0: as a variance they would be impossible.

    Some in every seed: holds. None in any: doesn't hold here, a raw σ² would have served.
    """
    below = evidence.of("negative_share", "vae")
    if not below:
        return not_measured(evidence, "the log σ² of a VAE with these settings")
    share = number("Outputs log σ² below 0", below, "%", ".3g", 100, (0, 100))
    clear = agreed(value > 0 for value in below.values())
    said = f"{share.short} of the {evidence.vae}’s outputs for log σ² are below 0"
    said += (
        ", where no variance can be; exp makes each positive." if clear is not False else ": as variances all would do."
    )
    turned_by = turn(badge([clear]), "some outputs were below 0 in every seed", "no output were below 0 in any seed")
    answer = {False: 1, True: 2, None: None}[is_above(share, 50)] if clear else 0 if clear is False else None
    return conclude(evidence, below, badge([clear]), said, [share], turned_by, answer)


def two_losses(evidence: Evidence) -> Finding:
    """Claim 9. The VAE with β = 0, 1 and 20: distances of real images from the nearest drawn picture, squared errors.

    Clearly further with β = 0 than with 1 (the samples are lost without the KL), and a clearly higher error with β = 20
    (the reconstructions are lost with too much of it): holds. One of them: depends on the loss. None, and
    the reverse of one: doesn't hold.
    """
    none, usual, much = (as_text(beta) for beta in BETAS)
    here = {beta: evidence.of("mse", "vae", beta) for beta in (none, usual, much)}
    if lacking := [f"β = {beta}" for beta, values in here.items() if not values]:
        return not_measured(evidence, f"a VAE with {listed(lacking)}, all else the same")
    values = shared(*here.values(), *(evidence.of("coverage_distance", "vae", beta) for beta in here))
    errors, distances = dict(zip(here, values[:3], strict=True)), dict(zip(here, values[3:], strict=True))
    if not errors[usual]:
        return not_measured(evidence, "one seed with each β")
    lost = {
        "samples with β = 0": is_higher(apart(distances[usual], distances[none], ".4f")),
        f"reconstructions with β = {much}": is_higher(apart(errors[usual], errors[much], ".4f")),
    }
    numbers = [
        ratio("Samples: distance with β = 0 ÷ with β = 1", distances[none], distances[usual]),
        ratio(f"Reconstructions: error with β = {much} ÷ with β = 1", errors[much], errors[usual]),
        *(
            number(f"From real images to drawn ones, β = {beta}", of_one, "pixel RMSE")
            for beta, of_one in distances.items()
        ),
        *(number(f"Squared error, β = {beta}", of_one, "MSE per pixel", ".4f") for beta, of_one in errors.items()),
        *(
            number(f"From drawn images to real ones, β = {beta}", of_one, "pixel RMSE")
            for beta in here
            if (of_one := evidence.of("sample_distance", "vae", beta))
        ),
    ]
    said = (
        f"With β = {listed(list(here))}, real images are "
        f"{listed([f'{mean(of_one):.3f}' for of_one in distances.values()])} away from the nearest picture drawn from "
        f"N(0, I) (pixel RMSE), and are rebuilt with a squared error of "
        f"{listed([f'{mean(of_one):.4f}' for of_one in errors.values()])} per pixel."
    )
    if len(errors[usual]) >= SEEDS_FOR_A_VERDICT:
        said += " " + relations("Beside β = 1,", lost, "worse:", "better:")
    verdict = badge(lost.values())
    turned_by = turn(
        verdict,
        f"samples were clearly worse with β = 0, and reconstructions with β = {much}",
        "neither samples nor reconstructions were worse, and one of them clearly better",
        "the loss",
    )
    samples, reconstructions = (clear is True for clear in lost.values())
    answer = {(True, True): 3, (True, False): 1, (False, True): 2, (False, False): 0}[samples, reconstructions]
    return conclude(
        evidence,
        errors[usual],
        verdict,
        said,
        numbers,
        turned_by,
        None if verdict == "open" else answer,
        "the loss",
    )


def small_epsilon(evidence: Evidence) -> Finding:
    """Claim 10. The median of |ε|, drawn as in training.

    Clearly below 0.1: holds. Clearly above: doesn't hold.
    """
    size = evidence.of("eps_median")
    if not size:
        return not_measured(evidence, "ε, drawn as in training")
    median = number("Median of |ε|", size, "", ".3f")
    numbers = [median]
    numbers.append(number("Standard deviation of ε", evidence.of("eps_std"), "", ".3f"))
    numbers.append(number(f"|ε| below {SMALL:g}", evidence.of("eps_small_share"), "%", ".1f", 100, (0, 100)))
    said = f"Half of all ε are larger than {median.short} in size; {numbers[2].short} are smaller than {SMALL:g}."
    noise, means = shared(evidence.of("noise_rms", "vae"), evidence.of("code_std", "vae"))
    if noise:
        added = number(f"σ·ε of the {evidence.vae} (root mean square)", noise, "")
        numbers += [added, ratio("σ·ε ÷ spread of the means", noise, means)]
        said += f" What is added to μ is σ·ε, {added.short} (root mean square); σ alone scales it."
    large = is_above(median, SMALL)
    verdict = badge([None if large is None else not large])
    turned_by = turn(
        verdict,
        f"half of all ε were clearly below {SMALL:g} in size",
        f"half of all ε were clearly above {SMALL:g} in size",
    )
    on = f"{evidence.count('eps_median'):,} draws of the first epoch"
    return conclude(evidence, size, verdict, said, numbers, turned_by, place(median, (SMALL, LARGE)), on=on)


def without_the_trick(evidence: Evidence) -> Finding:
    """Claim 11. Norms of the reconstruction's gradient at μ and log σ², by each estimator but the trick.

    Exactly 0 in all: holds. In some: depends on the estimator. In none: doesn't hold.
    """
    by_setup = shared(*(_at_encoder(evidence, name) for name in ESTIMATOR_SETUPS))
    norms = dict(zip(ESTIMATOR_SETUPS, by_setup, strict=True))
    seeds = norms[TRICK]
    if not seeds:
        return not_measured(evidence, "the gradient of a VAE with these settings, by each estimator")
    arrives = {name: agreed(value > 0 for value in values.values()) for name, values in norms.items()}
    numbers = [
        number(f"Gradient at μ and log σ², {ESTIMATOR_SETUPS[name].title}", values, "")
        for name, values in norms.items()
    ]
    others = {name: clear for name, clear in arrives.items() if name != TRICK}
    numbers.sort(key=lambda norm: norm.value)  # what doesn't arrive comes first
    parts = [f"{ESTIMATOR_SETUPS[name].title} {mean(values):.3g}" for name, values in norms.items()]
    said = f"Norm of the reconstruction’s gradient that reaches μ and log σ²: {'; '.join(parts)}."
    none = [ESTIMATOR_SETUPS[name].title for name, clear in others.items() if clear is False]
    said += f" Exactly 0 with {listed(none)}." if none else " It is 0 with none of them."
    verdict = badge(None if clear is None else not clear for clear in others.values())
    turned_by = turn(
        verdict, "every estimator but the trick gave exactly 0", "none of the others gave exactly 0", "the estimator"
    )
    reached = {ESTIMATOR_SETUPS[name].estimator for name, clear in arrives.items() if clear}
    answers = ({TRICK}, {TRICK, "score_function"}, {TRICK, "score_function", "detached"})
    answer = answers.index(reached) if reached in answers and None not in arrives.values() else None
    on = evidence.on(f"gradient_mu_{TRICK}")
    return conclude(evidence, seeds, verdict, said, numbers, turned_by, answer, "the estimator", on)


def _at_encoder(evidence: Evidence, estimator: str) -> Seeds:
    """Norm at μ and log σ² together, by seed."""
    mu, logvar = shared(*(evidence.of(f"gradient_{place}_{estimator}", "vae") for place in ("mu", "logvar")))
    return {seed: (mu[seed] ** 2 + logvar[seed] ** 2) ** 0.5 for seed in mu}
